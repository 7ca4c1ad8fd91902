// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/cufft.h"

#include "remoting/libs/soft/fft-plan.h"

#include <new>
#include <vector>

namespace vgpu::soft::cufft
{
namespace
{

// By the handle, which counts from 1.
struct Table {
    std::mutex mutex;
    std::vector<std::shared_ptr<Plan>> plans;
};
Table &table = *new Table; // for ever: the program's destructors may call us

std::shared_ptr<Plan> find(int plan)
{
    std::lock_guard lock(table.mutex);
    return plan > 0 && size_t(plan) <= table.plans.size() ? table.plans[size_t(plan) - 1] : nullptr;
}

int number(std::shared_ptr<Plan> plan)
{
    std::lock_guard lock(table.mutex);
    for (size_t i = 0; i < table.plans.size(); ++i)
        if (!table.plans[i])
            return table.plans[i] = std::move(plan), int(i) + 1;
    table.plans.push_back(std::move(plan));
    return int(table.plans.size());
}

bool known(int type)
{
    return type == kC2C || type == kR2C || type == kC2R || type == kZ2Z || type == kD2Z ||
           type == kZ2D;
}

// Sizes whose bytes can be counted in any layout.
bool fits(const Shape &shape)
{
    int64_t all = shape.batch;
    for (int i = 0; i < shape.rank; ++i)
        if (shape.n[i] <= 0 || __builtin_mul_overflow(all, 2 * shape.n[i] + 2, &all))
            return false;
    return shape.batch > 0 && all <= INT64_MAX / 16;
}

// Strides along the dimensions of an array that the transforms are parts of.
template<class N>
bool lay(std::array<int64_t, 3> &steps, int rank, const N *embed, int64_t stride)
{
    int64_t step = stride;
    for (int i = rank - 1; i >= 0; --i) {
        steps[i] = step;
        if (i > 0 && (embed[i] <= 0 || __builtin_mul_overflow(step, int64_t(embed[i]), &step)))
            return false;
    }
    return stride > 0;
}

template<class N>
int describe(Shape &shape, int rank, const N *n, const N *inembed, int64_t istride, int64_t idist,
             const N *onembed, int64_t ostride, int64_t odist, int type, int64_t batch)
{
    if (!known(type))
        return kInvalidType;
    if (rank < 1 || rank > 3 || !n)
        return kInvalidValue;
    shape.type = type;
    shape.rank = rank;
    shape.batch = batch;
    for (int i = 0; i < rank; ++i)
        shape.n[i] = n[i];
    if (!fits(shape))
        return kInvalidSize;
    if (!inembed || !onembed)
        return kSuccess;
    shape.packed = false;
    shape.in_distance = idist;
    shape.out_distance = odist;
    return lay(shape.in, rank, inembed, istride) && lay(shape.out, rank, onembed, ostride)
               ? kSuccess
               : kInvalidValue;
}

template<class N>
int describe(Shape &shape, std::initializer_list<N> n, int type, int batch)
{
    return describe<N>(shape, int(n.size()), n.begin(), nullptr, 1, 0, nullptr, 1, 0, type, batch);
}

int say_size(void *size)
{
    if (size)
        *static_cast<size_t *>(size) = 0;
    return kSuccess;
}

// What is wrong with the size comes before what is wrong with the plan.
int make(int handle, int status, const Shape &shape, void *size)
{
    auto plan = find(handle);
    if (!plan || plan->made())
        return kInvalidPlan;
    if (status != kSuccess)
        return status;
    plan->make(shape);
    return say_size(size);
}

int create_made(void *to, int status, const Shape &shape)
{
    if (status != kSuccess || !to)
        return to ? status : kInvalidValue;
    auto plan = std::make_shared<Plan>();
    plan->make(shape);
    *static_cast<int *>(to) = number(std::move(plan));
    return kSuccess;
}

int exec(int handle, void *from, void *to, int direction, int type)
{
    auto plan = find(handle);
    if (!plan || !plan->made())
        return kInvalidPlan;
    if (!from || !to || (direction != -1 && direction != 1) || (type && plan->shape().type != type))
        return kInvalidValue;
    if (plan->shape().from_real() || plan->shape().to_real())
        direction = plan->shape().from_real() ? -1 : 1;
    void *fftw = plan->fftw(from == to, direction);
    if (!fftw)
        return kExecFailed;
    CUresult result = give(plan->stream, [=] { plan->run(fftw, from, to); });
    return result == CUDA_SUCCESS ? kSuccess : kExecFailed;
}

const int *ints(const void *p)
{
    return static_cast<const int *>(p);
}

const long long *longs(const void *p)
{
    return static_cast<const long long *>(p);
}

// The type of a transform between two cudaDataTypes: R_32F 0, R_64F 1, C_32F 4, C_64F 5. Those of
// other precisions need a GPU.
int type_between(int input, int output)
{
    struct Row {
        int input, output, type;
    };
    constexpr Row kRows[] = {{4, 4, kC2C}, {0, 4, kR2C}, {4, 0, kC2R},
                             {5, 5, kZ2Z}, {1, 5, kD2Z}, {5, 1, kZ2D}};
    for (const Row &row : kRows)
        if (row.input == input && row.output == output)
            return row.type;
    return 0;
}

int no_size(int status, void *size)
{
    if (status != kSuccess)
        return status;
    return size ? say_size(size) : int(kInvalidValue);
}

} // namespace

// ---- plans --------------------------------------------------------------------------------------

int create(void *plan)
{
    if (!plan)
        return kInvalidValue;
    *static_cast<int *>(plan) = number(std::make_shared<Plan>());
    return kSuccess;
}

// Work that is under way keeps what it needs.
int destroy(int plan)
{
    if (!find(plan))
        return kInvalidPlan;
    std::shared_ptr<Plan> last;
    std::lock_guard lock(table.mutex);
    last.swap(table.plans[size_t(plan) - 1]);
    return kSuccess;
}

int set_stream(int handle, CUstream stream)
{
    auto plan = find(handle);
    if (!plan)
        return kInvalidPlan;
    plan->stream = stream;
    return kSuccess;
}

#define VGPU_DESCRIBED(...)                                                                        \
    Shape shape;                                                                                   \
    int status = describe(shape, __VA_ARGS__)

int plan_1d(void *plan, int nx, int type, int batch)
{
    VGPU_DESCRIBED({nx}, type, batch);
    return create_made(plan, status, shape);
}

int plan_2d(void *plan, int nx, int ny, int type)
{
    VGPU_DESCRIBED({nx, ny}, type, 1);
    return create_made(plan, status, shape);
}

int plan_3d(void *plan, int nx, int ny, int nz, int type)
{
    VGPU_DESCRIBED({nx, ny, nz}, type, 1);
    return create_made(plan, status, shape);
}

int plan_many(void *plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch)
{
    VGPU_DESCRIBED(rank, ints(n), ints(inembed), istride, idist, ints(onembed), ostride, odist,
                   type, batch);
    return create_made(plan, status, shape);
}

int make_1d(int plan, int nx, int type, int batch, void *size)
{
    VGPU_DESCRIBED({nx}, type, batch);
    return make(plan, status, shape, size);
}

int make_2d(int plan, int nx, int ny, int type, void *size)
{
    VGPU_DESCRIBED({nx, ny}, type, 1);
    return make(plan, status, shape, size);
}

int make_3d(int plan, int nx, int ny, int nz, int type, void *size)
{
    VGPU_DESCRIBED({nx, ny, nz}, type, 1);
    return make(plan, status, shape, size);
}

int make_many(int plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch, void *size)
{
    VGPU_DESCRIBED(rank, ints(n), ints(inembed), istride, idist, ints(onembed), ostride, odist,
                   type, batch);
    return make(plan, status, shape, size);
}

int make_many_64(int plan, int rank, const void *n, const void *inembed, long long istride,
                 long long idist, const void *onembed, long long ostride, long long odist, int type,
                 long long batch, void *size)
{
    VGPU_DESCRIBED(rank, longs(n), longs(inembed), istride, idist, longs(onembed), ostride, odist,
                   type, batch);
    return make(plan, status, shape, size);
}

int make_many_xt(int plan, int rank, const void *n, const void *inembed, long long istride,
                 long long idist, int input, const void *onembed, long long ostride,
                 long long odist, int output, long long batch, void *size, int execution)
{
    int type = type_between(input, output);
    // The precision that it is computed in is that of its data.
    if (!type || execution != (type & 0x40 ? 5 : 4))
        return refused("transforms between these types");
    return make_many_64(plan, rank, n, inembed, istride, idist, onembed, ostride, odist, type,
                        batch, size);
}

// ---- work ---------------------------------------------------------------------------------------

int exec_c2c(int plan, void *from, void *to, int direction)
{
    return exec(plan, from, to, direction, kC2C);
}

int exec_r2c(int plan, void *from, void *to)
{
    return exec(plan, from, to, -1, kR2C);
}

int exec_c2r(int plan, void *from, void *to)
{
    return exec(plan, from, to, 1, kC2R);
}

int exec_z2z(int plan, void *from, void *to, int direction)
{
    return exec(plan, from, to, direction, kZ2Z);
}

int exec_d2z(int plan, void *from, void *to)
{
    return exec(plan, from, to, -1, kD2Z);
}

int exec_z2d(int plan, void *from, void *to)
{
    return exec(plan, from, to, 1, kZ2D);
}

int exec_any(int plan, void *from, void *to, int direction)
{
    return exec(plan, from, to, direction, 0);
}

// ---- sizes --------------------------------------------------------------------------------------

int set_work_area(int plan, void *)
{
    return find(plan) ? kSuccess : kInvalidPlan;
}

int set_automatic(int plan, int)
{
    return find(plan) ? kSuccess : kInvalidPlan;
}

int size_of_plan(int plan, void *size)
{
    return no_size(find(plan) ? kSuccess : kInvalidPlan, size);
}

int size_1d(int plan, int nx, int type, int batch, void *size)
{
    return find(plan) ? estimate_1d(nx, type, batch, size) : int(kInvalidPlan);
}

int size_2d(int plan, int nx, int ny, int type, void *size)
{
    return find(plan) ? estimate_2d(nx, ny, type, size) : int(kInvalidPlan);
}

int size_3d(int plan, int nx, int ny, int nz, int type, void *size)
{
    return find(plan) ? estimate_3d(nx, ny, nz, type, size) : int(kInvalidPlan);
}

int size_many(int plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch, void *size)
{
    return find(plan) ? estimate_many(rank, n, inembed, istride, idist, onembed, ostride, odist,
                                      type, batch, size)
                      : int(kInvalidPlan);
}

int estimate_1d(int nx, int type, int batch, void *size)
{
    VGPU_DESCRIBED({nx}, type, batch);
    return no_size(status, size);
}

int estimate_2d(int nx, int ny, int type, void *size)
{
    VGPU_DESCRIBED({nx, ny}, type, 1);
    return no_size(status, size);
}

int estimate_3d(int nx, int ny, int nz, int type, void *size)
{
    VGPU_DESCRIBED({nx, ny, nz}, type, 1);
    return no_size(status, size);
}

int estimate_many(int rank, const void *n, const void *inembed, int istride, int idist,
                  const void *onembed, int ostride, int odist, int type, int batch, void *size)
{
    VGPU_DESCRIBED(rank, ints(n), ints(inembed), istride, idist, ints(onembed), ostride, odist,
                   type, batch);
    return no_size(status, size);
}

int get_version(void *version)
{
    if (!version)
        return kInvalidValue;
    *static_cast<int *>(version) = (CUDA_VERSION / 1000 - 1) * 1000;
    return kSuccess;
}

int get_property(int type, void *value)
{
    if (!value || type < 0 || type > 2)
        return kInvalidValue;
    *static_cast<int *>(value) = type == 0 ? CUDA_VERSION / 1000 - 1 : 0;
    return kSuccess;
}

} // namespace vgpu::soft::cufft
