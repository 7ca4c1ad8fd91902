// SPDX-License-Identifier: Apache-2.0
// cuBLAS in one order with kernels, copies and events, in both pointer modes, captured into a
// graph. All numbers are small integers, so that every sum is exact. Declared here by the library's
// ABI: its headers are not everywhere.
#include "check.h"

#include <cuda_runtime.h>

#include <vector>

const char *const program = "blas";

using Blas = struct BlasHandle *;
extern "C" {
int cublasCreate_v2(Blas *);
int cublasDestroy_v2(Blas);
int cublasGetVersion_v2(Blas, int *);
int cublasSetStream_v2(Blas, cudaStream_t);
int cublasGetStream_v2(Blas, cudaStream_t *);
int cublasSetPointerMode_v2(Blas, int);
int cublasGetPointerMode_v2(Blas, int *);
const char *cublasGetStatusName(int);
int cublasSetVector(int, int, const void *, int, void *, int);
int cublasGetVector(int, int, const void *, int, void *, int);
int cublasSetMatrix(int, int, int, const void *, int, void *, int);
int cublasGetMatrix(int, int, int, const void *, int, void *, int);
int cublasSgemm_v2(Blas, int, int, int, int, int, const float *, const float *, int, const float *,
                   int, const float *, float *, int);
int cublasDgemm_v2_64(Blas, int, int, int64_t, int64_t, int64_t, const double *, const double *,
                      int64_t, const double *, int64_t, const double *, double *, int64_t);
int cublasZgemm_v2(Blas, int, int, int, int, int, const double2 *, const double2 *, int,
                   const double2 *, int, const double2 *, double2 *, int);
int cublasSgemmBatched(Blas, int, int, int, int, int, const float *, const float *const *, int,
                       const float *const *, int, const float *, float *const *, int, int);
int cublasSgemmStridedBatched(Blas, int, int, int, int, int, const float *, const float *, int,
                              long long, const float *, int, long long, const float *, float *, int,
                              long long, int);
int cublasGemmEx(Blas, int, int, int, int, int, const void *, const void *, int, int, const void *,
                 int, int, const void *, void *, int, int, int, int);
int cublasSaxpy_v2(Blas, int, const float *, const float *, int, float *, int);
int cublasSdot_v2(Blas, int, const float *, int, const float *, int, float *);
int cublasCdotc_v2(Blas, int, const float2 *, int, const float2 *, int, float2 *);
int cublasIsamax_v2(Blas, int, const float *, int, int *);
int cublasSasum_v2(Blas, int, const float *, int, float *);
int cublasSgemv_v2(Blas, int, int, int, const float *, const float *, int, const float *, int,
                   const float *, float *, int);
int cublasStrsm_v2(Blas, int, int, int, int, int, int, const float *, const float *, int, float *,
                   int);
int cublasSgeam(Blas, int, int, int, int, const float *, const float *, int, const float *,
                const float *, int, float *, int);
}

#define BLAS(call) CHECK_WITH(call, 0, cublasGetStatusName)

constexpr int kSide = 48;
constexpr int kAll = kSide * kSide;

__global__ void add_one(float *x, int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        x[i] += 1;
}

template<class T>
T *device(const std::vector<T> &from)
{
    T *memory;
    CUDA(cudaMalloc(&memory, from.size() * sizeof(T)));
    CUDA(cudaMemcpy(memory, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
    CUDA(cudaDeviceSynchronize()); // streams that do not wait for the default one shall see it too
    return memory;
}

template<class T>
std::vector<T> host(const T *from, size_t n)
{
    std::vector<T> to(n);
    CUDA(cudaMemcpy(to.data(), from, n * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
}

template<class T>
std::vector<T> numbers(unsigned seed, size_t n = kAll)
{
    std::vector<T> made(n);
    for (size_t i = 0; i < n; i++)
        made[i] = T(int(scramble(unsigned(i) + 1000 * seed) % 7) - 3);
    return made;
}

// op(a) * op(b), column by column.
template<class T>
std::vector<T> product(const std::vector<T> &a, bool ta, const std::vector<T> &b, bool tb)
{
    std::vector<T> c(kAll);
    for (int j = 0; j < kSide; j++)
        for (int i = 0; i < kSide; i++)
            for (int k = 0; k < kSide; k++)
                c[i + j * kSide] +=
                    a[ta ? k + i * kSide : i + k * kSide] * b[tb ? j + k * kSide : k + j * kSide];
    return c;
}

void products(Blas blas)
{
    auto a = numbers<float>(1), b = numbers<float>(2), c = numbers<float>(3);
    float *x = device(a), *y = device(b), *z = device(c);
    const float two = 2, three = 3, one = 1, zero = 0;
    for (int turned = 0; turned < 4; turned++) {
        BLAS(cublasSgemm_v2(blas, turned & 1, turned >> 1, kSide, kSide, kSide, &two, x, kSide, y,
                            kSide, &three, z, kSide));
        auto ab = product(a, turned & 1, b, turned >> 1);
        for (int i = 0; i < kAll; i++)
            c[i] = 2 * ab[i] + 3 * c[i];
        EXPECT(host(z, kAll) == c);
    }

    // Three thirds of the matrices, by a step and by addresses.
    const int third = kAll / 3, rows = kSide / 3;
    BLAS(cublasSgemmStridedBatched(blas, 0, 0, rows, rows, kSide, &one, x, rows, third, y, kSide,
                                   third, &zero, z, rows, rows * rows, 3));
    auto strided = host(z, size_t(3 * rows * rows));
    std::vector<float *> pointers[3];
    for (int i = 0; i < 3; i++) {
        pointers[0].push_back(x + i * third);
        pointers[1].push_back(y + i * third);
        pointers[2].push_back(z + 3 * rows * rows + i * rows * rows);
    }
    float **lists[3] = {device(pointers[0]), device(pointers[1]), device(pointers[2])};
    BLAS(cublasSgemmBatched(blas, 0, 0, rows, rows, kSide, &one, lists[0], rows, lists[1], kSide,
                            &zero, lists[2], rows, 3));
    EXPECT(host(z + 3 * rows * rows, size_t(3 * rows * rows)) == strided);
    EXPECT(strided[0] != 0 || strided[1] != 0);

    auto da = numbers<double>(4), db = numbers<double>(5);
    double *dx = device(da), *dy = device(db), *dz = device(da);
    const double done = 1, dzero = 0;
    BLAS(cublasDgemm_v2_64(blas, 0, 1, kSide, kSide, kSide, &done, dx, kSide, dy, kSide, &dzero, dz,
                           kSide));
    EXPECT(host(dz, kAll) == product(da, false, db, true));

    // (1 + 2i) (3 - i) = 5 + 5i, conjugated on the left: (1 - 2i) (3 - i) = 1 - 7i.
    std::vector<double2> left{{1, 2}}, right{{3, -1}}, out{{0, 0}};
    double2 *l = device(left), *r = device(right), *o = device(out);
    const double2 unit{1, 0}, none{0, 0};
    BLAS(cublasZgemm_v2(blas, 2, 0, 1, 1, 1, &unit, l, 1, r, 1, &none, o, 1));
    out = host(o, 1);
    EXPECT(out[0].x == 1 && out[0].y == -7);

    // Halves, 1 and 2 by their bits, into single precision: 2 x 2 products of 2.
    std::vector<uint16_t> ones(4, 0x3c00), twos(4, 0x4000);
    uint16_t *h = device(ones), *g = device(twos);
    BLAS(cublasGemmEx(blas, 0, 0, 2, 2, 2, &one, h, 2, 2, g, 2, 2, &zero, z, 0, 2, 68, -1));
    for (float value : host(z, 4))
        EXPECT(value == 4);
    BLAS(cublasGemmEx(blas, 0, 0, 2, 2, 2, &one, h, 2, 2, g, 2, 2, &one, h, 2, 2, 68, -1));
    for (uint16_t value : host(h, 4))
        EXPECT(value == 0x4500); // 5
    for (void *p :
         {(void *)x, (void *)y, (void *)z, (void *)dx, (void *)dy, (void *)dz, (void *)l, (void *)r,
          (void *)o, (void *)h, (void *)g, (void *)lists[0], (void *)lists[1], (void *)lists[2]})
        CUDA(cudaFree(p));
}

void scalars(Blas blas, cudaStream_t stream)
{
    auto a = numbers<float>(6), b = numbers<float>(7);
    a[17] = -9;
    float *x = device(a), *y = device(b), *results;
    CUDA(cudaMalloc(&results, 64));
    float expected = 0, sum = 0;
    for (int i = 0; i < kAll; i++) {
        expected += a[i] * b[i];
        sum += a[i] < 0 ? -a[i] : a[i];
    }
    float dot = 0, total = 0;
    int largest = 0;
    BLAS(cublasSdot_v2(blas, kAll, x, 1, y, 1, &dot));
    BLAS(cublasSasum_v2(blas, kAll, x, 1, &total));
    BLAS(cublasIsamax_v2(blas, kAll, x, 1, &largest));
    EXPECT(dot == expected && total == sum && largest == 18);
    float2 pair{};
    BLAS(cublasCdotc_v2(blas, kAll / 2, (float2 *)x, 1, (float2 *)x, 1, &pair));
    EXPECT(pair.x > 0 && pair.y == 0);

    // The result of one call is the factor of the next, and never on the host.
    int mode = 0;
    BLAS(cublasSetPointerMode_v2(blas, 1));
    BLAS(cublasGetPointerMode_v2(blas, &mode));
    EXPECT(mode == 1);
    BLAS(cublasSdot_v2(blas, kAll, x, 1, y, 1, results));
    BLAS(cublasSaxpy_v2(blas, kAll, results, x, 1, y, 1));
    BLAS(cublasIsamax_v2(blas, kAll, x, 1, (int *)results + 1));
    BLAS(cublasSetPointerMode_v2(blas, 0));
    CUDA(cudaStreamSynchronize(stream));
    auto got = host(y, kAll);
    for (int i = 0; i < kAll; i++)
        EXPECT(got[i] == b[i] + expected * a[i]);
    EXPECT(host((int *)results, 2)[1] == 18);
    CUDA(cudaFree(x));
    CUDA(cudaFree(y));
    CUDA(cudaFree(results));
}

// A kernel before and behind, and another stream that waits for an event.
void order(Blas blas, cudaStream_t stream)
{
    std::vector<float> zeros(kAll);
    float *x = device(zeros), *y = device(zeros), *z = device(zeros);
    const float two = 2, one = 1;
    cudaStream_t other;
    cudaEvent_t done;
    CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    CUDA(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
    for (int i = 0; i < 20; i++) {
        add_one<<<4, 64, 0, stream>>>(x, kAll);
        BLAS(cublasSaxpy_v2(blas, kAll, &two, x, 1, y, 1)); // y += 2 (i + 1)
        CUDA(cudaEventRecord(done, stream));
        CUDA(cudaStreamWaitEvent(other, done, 0));
        BLAS(cublasSetStream_v2(blas, other));
        BLAS(cublasSaxpy_v2(blas, kAll, &one, y, 1, z, 1));
        CUDA(cudaEventRecord(done, other));
        CUDA(cudaStreamWaitEvent(stream, done, 0));
        BLAS(cublasSetStream_v2(blas, stream));
    }
    float sum = 0, last = 0;
    for (int i = 1; i <= 20; i++)
        sum += last += float(2 * i);
    CUDA(cudaStreamSynchronize(stream));
    for (float value : host(z, kAll))
        EXPECT(value == sum);

    // Captured: y is 1, then doubled by each launch.
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaMemcpy(y, std::vector<float>(kAll, 1).data(), kAll * 4, cudaMemcpyHostToDevice));
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    BLAS(cublasSaxpy_v2(blas, kAll, &one, y, 1, y, 1));
    add_one<<<4, 64, 0, stream>>>(x, kAll);
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphDestroy(graph));
    for (int i = 0; i < 5; i++)
        CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    for (float value : host(y, kAll))
        EXPECT(value == 32);
    EXPECT(host(x, 1)[0] == 25);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaEventDestroy(done));
    CUDA(cudaStreamDestroy(other));
    CUDA(cudaFree(x));
    CUDA(cudaFree(y));
    CUDA(cudaFree(z));
}

void others(Blas blas)
{
    // An upper triangle of ones: its inverse takes differences.
    std::vector<float> triangle(16), b{10, 6, 3, 1}, out(4);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i <= j; i++)
            triangle[i + j * 4] = 1;
    float *t, *x;
    CUDA(cudaMalloc(&t, 64 * sizeof(float)));
    CUDA(cudaMalloc(&x, 64 * sizeof(float)));
    const float one = 1, zero = 0;
    BLAS(cublasSetMatrix(4, 4, sizeof(float), triangle.data(), 4, t, 8)); // apart on the device
    BLAS(cublasSetVector(4, sizeof(float), b.data(), 1, x, 2));
    BLAS(cublasGetVector(4, sizeof(float), x, 2, out.data(), 1));
    EXPECT(out == b);
    BLAS(cublasSetVector(4, sizeof(float), b.data(), 1, x, 1));
    BLAS(cublasStrsm_v2(blas, 0, 1, 0, 0, 4, 1, &one, t, 8, x, 4));
    EXPECT((host(x, 4) == std::vector<float>{4, 3, 2, 1}));
    BLAS(cublasSgemv_v2(blas, 0, 4, 4, &one, t, 8, x, 1, &zero, x + 8, 1));
    EXPECT(host(x + 8, 4) == b);
    BLAS(cublasSgeam(blas, 1, 0, 4, 4, &one, t, 8, &one, t, 8, x + 16, 4));
    std::vector<float> both(16), back(16);
    BLAS(cublasGetMatrix(4, 4, sizeof(float), x + 16, 4, both.data(), 4));
    for (int i = 0; i < 16; i++)
        EXPECT(both[i] == (i % 5 == 0 ? 2 : 1));
    BLAS(cublasGetMatrix(4, 4, sizeof(float), t, 8, back.data(), 4));
    EXPECT(back == triangle);
    CUDA(cudaFree(t));
    CUDA(cudaFree(x));
}

void codes(Blas blas)
{
    float one = 1, *memory;
    int version = 0;
    cudaStream_t stream;
    CUDA(cudaMalloc(&memory, 4096));
    EXPECT(cublasSgemm_v2(nullptr, 0, 0, 1, 1, 1, &one, memory, 1, memory, 1, &one, memory, 1) ==
           1);
    EXPECT(cublasSgemm_v2(blas, 0, 0, -1, 1, 1, &one, memory, 1, memory, 1, &one, memory, 1) == 7);
    EXPECT(cublasSgemm_v2(blas, 0, 0, 1, 1, 1, nullptr, memory, 1, memory, 1, &one, memory, 1) ==
           7);
    EXPECT(cublasGetVersion_v2(blas, &version) == 0 && version >= 100000);
    EXPECT(cublasGetVersion_v2(blas, nullptr) == 7);
    EXPECT(cublasGetStream_v2(blas, &stream) == 0);
    EXPECT(cublasCreate_v2(nullptr) == 7);
    CUDA(cudaFree(memory));
}

int main()
{
    Blas blas;
    cudaStream_t stream, same;
    BLAS(cublasCreate_v2(&blas)); // the first call there is
    products(blas);
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    BLAS(cublasSetStream_v2(blas, stream));
    BLAS(cublasGetStream_v2(blas, &same));
    EXPECT(same == stream);
    scalars(blas, stream);
    order(blas, stream);
    BLAS(cublasSetStream_v2(blas, nullptr));
    others(blas);
    codes(blas);
    BLAS(cublasDestroy_v2(blas));
    CUDA(cudaStreamDestroy(stream));
    CUDA(cudaDeviceSynchronize());
    passed(0);
}
