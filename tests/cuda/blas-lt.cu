// SPDX-License-Identifier: Apache-2.0
// cuBLASLt: descriptors on the heap and the stack, products with bias and activation in several
// types and orders, a handle of cuBLAS in its place, scalars on the device. Numbers are small
// integers, so that every sum is exact. Declared here by the library's ABI: its headers are not
// everywhere.
#include "check.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstring>
#include <vector>

const char *const program = "blas-lt";

using Handle = struct LtHandle *;
struct Algorithm {
    uint64_t data[8];
};
struct Choice {
    Algorithm algorithm;
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};
extern "C" {
int cublasCreate_v2(Handle *);
int cublasDestroy_v2(Handle);
int cublasLtCreate(Handle *);
int cublasLtDestroy(Handle);
size_t cublasLtGetVersion();
const char *cublasLtGetStatusName(int);
int cublasLtMatmulDescCreate(void **, int, int);
int cublasLtMatmulDescInit_internal(void *, size_t, int, int);
int cublasLtMatmulDescDestroy(void *);
int cublasLtMatmulDescSetAttribute(void *, int, const void *, size_t);
int cublasLtMatmulDescGetAttribute(void *, int, void *, size_t, size_t *);
int cublasLtMatrixLayoutCreate(void **, int, uint64_t, uint64_t, int64_t);
int cublasLtMatrixLayoutInit_internal(void *, size_t, int, uint64_t, uint64_t, int64_t);
int cublasLtMatrixLayoutDestroy(void *);
int cublasLtMatrixLayoutSetAttribute(void *, int, const void *, size_t);
int cublasLtMatmulPreferenceCreate(void **);
int cublasLtMatmulPreferenceDestroy(void *);
int cublasLtMatmulPreferenceSetAttribute(void *, int, const void *, size_t);
int cublasLtMatmulPreferenceGetAttribute(void *, int, void *, size_t, size_t *);
int cublasLtMatmulAlgoGetHeuristic(Handle, void *, void *, void *, void *, void *, void *, int,
                                   Choice *, int *);
int cublasLtMatmulAlgoCheck(Handle, void *, void *, void *, void *, void *, const Algorithm *,
                            Choice *);
int cublasLtMatmul(Handle, void *, const void *, const void *, void *, const void *, void *,
                   const void *, const void *, void *, void *, void *, const Algorithm *, void *,
                   size_t, cudaStream_t);
}

#define LT(call) CHECK_WITH(call, 0, cublasLtGetStatusName)

constexpr int kRows = 24, kColumns = 20, kInner = 16, kBatch = 3;
enum Type { kFloat = 0, kDouble = 1, kHalf = 2, kBfloat = 14 };
enum Epilogue { kNone = 1, kRelu = 2, kBias = 4, kReluBias = 6, kGeluBias = 36 };

template<class T>
T *on_device(const std::vector<T> &values)
{
    T *memory;
    CUDA(cudaMalloc(&memory, values.size() * sizeof(T)));
    CUDA(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return memory;
}

template<class T>
std::vector<T> numbers(size_t n, uint32_t seed)
{
    std::vector<T> all(n);
    for (size_t i = 0; i < n; ++i)
        all[i] = T(float(int(scramble(uint32_t(i) + seed * 7919) % 7) - 3));
    return all;
}

// The descriptors of one product, the layouts on the stack.
struct Product {
    Product(int type, int compute, bool by_rows)
    {
        LT(cublasLtMatmulDescCreate(&operation, compute, type == kDouble ? kDouble : kFloat));
        int transposed = 1;
        LT(cublasLtMatmulDescSetAttribute(operation, 3, &transposed, sizeof transposed));
        layout(a, type, kInner, kRows, by_rows);
        layout(b, type, kInner, kColumns, by_rows);
        layout(c, type, kRows, kColumns, by_rows);
        LT(cublasLtMatmulPreferenceCreate(&preference));
        uint64_t workspace = 1 << 20;
        LT(cublasLtMatmulPreferenceSetAttribute(preference, 1, &workspace, sizeof workspace));
    }
    ~Product()
    {
        LT(cublasLtMatmulDescDestroy(operation));
        LT(cublasLtMatmulPreferenceDestroy(preference));
    }
    static void layout(uint64_t (&to)[8], int type, int rows, int columns, bool by_rows)
    {
        LT(cublasLtMatrixLayoutInit_internal(to, sizeof to, type, rows, columns,
                                             by_rows ? columns : rows));
        int order = by_rows, batch = kBatch;
        int64_t stride = int64_t(rows) * columns;
        LT(cublasLtMatrixLayoutSetAttribute(to, 1, &order, sizeof order));
        LT(cublasLtMatrixLayoutSetAttribute(to, 5, &batch, sizeof batch));
        LT(cublasLtMatrixLayoutSetAttribute(to, 6, &stride, sizeof stride));
    }

    void *operation, *preference;
    uint64_t a[8], b[8], c[8];
};

double expected(double sum, double c, double bias, int epilogue)
{
    double x = 2 * sum - c + (epilogue & kBias ? bias : 0);
    if (epilogue == kGeluBias)
        return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    return epilogue & kRelu && x < 0 ? 0 : x;
}

template<class T, class S>
void product(Handle handle, int type, int compute, int epilogue, bool by_rows, bool scalars_there,
             cudaStream_t stream)
{
    auto a = numbers<T>(kBatch * kInner * kRows, 1), b = numbers<T>(kBatch * kInner * kColumns, 2);
    auto c = numbers<T>(kBatch * kRows * kColumns, 3), bias = numbers<T>(kRows, 4);
    std::vector<T> d(c.size());
    T *da = on_device(a), *db = on_device(b), *dc = on_device(c), *dbias = on_device(bias);
    T *dd = on_device(d);
    S alpha = 2, beta = -1;
    S *factors = on_device(std::vector<S>{alpha, beta});
    CUDA(cudaDeviceSynchronize()); // the copies may be under way, and the stream waits for none
    Product p(type, compute, by_rows);
    if (epilogue != kNone)
        LT(cublasLtMatmulDescSetAttribute(p.operation, 7, &epilogue, sizeof epilogue));
    if (epilogue & kBias)
        LT(cublasLtMatmulDescSetAttribute(p.operation, 8, &dbias, sizeof dbias));
    int mode = scalars_there;
    LT(cublasLtMatmulDescSetAttribute(p.operation, 2, &mode, sizeof mode));
    Choice choice, again;
    int found = 0;
    LT(cublasLtMatmulAlgoGetHeuristic(handle, p.operation, p.a, p.b, p.c, p.c, p.preference, 1,
                                      &choice, &found));
    EXPECT(found == 1 && choice.status == 0);
    LT(cublasLtMatmulAlgoGetHeuristic(handle, p.operation, p.a, p.b, p.c, p.c, p.preference, 1,
                                      &again, &found));
    EXPECT(found == 1 && !memcmp(&choice.algorithm, &again.algorithm, sizeof(Algorithm)));
    LT(cublasLtMatmulAlgoCheck(handle, p.operation, p.a, p.b, p.c, p.c, &choice.algorithm, &again));
    LT(cublasLtMatmul(handle, p.operation, scalars_there ? factors : &alpha, da, p.a, db, p.b,
                      scalars_there ? factors + 1 : &beta, dc, p.c, dd, p.c, &choice.algorithm,
                      nullptr, 0, stream));
    CUDA(cudaMemcpyAsync(d.data(), dd, d.size() * sizeof(T), cudaMemcpyDeviceToHost, stream));
    CUDA(cudaStreamSynchronize(stream));
    auto at = [&](int rows, int columns, int batch, int i, int j) {
        return size_t(batch) * rows * columns + (by_rows ? i * columns + j : j * rows + i);
    };
    for (int batch = 0; batch < kBatch; ++batch)
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < kColumns; ++j) {
                double sum = 0;
                for (int k = 0; k < kInner; ++k)
                    sum += double(float(a[at(kInner, kRows, batch, k, i)])) *
                           double(float(b[at(kInner, kColumns, batch, k, j)]));
                size_t place = at(kRows, kColumns, batch, i, j);
                double wanted = expected(sum, float(c[place]), float(bias[i]), epilogue);
                double got = float(d[place]);
                // Exact where no root or tanh is in it.
                double slack = epilogue == kGeluBias ? 0.02 * (1 + std::fabs(wanted)) : 0;
                if (!(std::fabs(got - wanted) <= slack))
                    fail("type %d, epilogue %d, by rows %d: %g for %g at %d,%d,%d", type, epilogue,
                         int(by_rows), got, wanted, batch, i, j);
            }
    for (void *one :
         {(void *)da, (void *)db, (void *)dc, (void *)dd, (void *)dbias, (void *)factors})
        CUDA(cudaFree(one));
}

void descriptors()
{
    uint64_t room[32];
    EXPECT(cublasLtMatmulDescInit_internal(room, 8, 68, 0) == 3);
    LT(cublasLtMatmulDescInit_internal(room, sizeof room, 68, kFloat));
    int32_t value = -1;
    size_t written = 0;
    LT(cublasLtMatmulDescGetAttribute(room, 0, &value, sizeof value, &written));
    EXPECT(value == 68 && written == 4);
    LT(cublasLtMatmulDescGetAttribute(room, 7, &value, sizeof value, &written));
    EXPECT(value == kNone);
    LT(cublasLtMatmulDescGetAttribute(room, 8, nullptr, 0, &written));
    EXPECT(written == 8);
    EXPECT(cublasLtMatmulDescSetAttribute(room, 3, &value, 8) == 7);
    EXPECT(cublasLtMatmulDescSetAttribute(room, 3, nullptr, 4) == 7);
    EXPECT(cublasLtMatmulDescSetAttribute(room, 999, &value, 4) == 7);
    EXPECT(cublasLtMatmulDescGetAttribute(room, 3, &value, 2, nullptr) == 7);
    void *preference;
    uint32_t least = 0;
    LT(cublasLtMatmulPreferenceCreate(&preference));
    LT(cublasLtMatmulPreferenceGetAttribute(preference, 6, &least, sizeof least, nullptr));
    EXPECT(least == 256);
    LT(cublasLtMatmulPreferenceDestroy(preference));
    EXPECT(cublasLtMatrixLayoutCreate(nullptr, 0, 1, 1, 1) == 7);
}

int main()
{
    Handle handle, blas;
    EXPECT(cublasLtCreate(nullptr) == 7);
    LT(cublasLtCreate(&handle));
    EXPECT(cublasLtGetVersion() >= 120000);
    descriptors();
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for (int epilogue : {kNone, kRelu, kBias, kReluBias, kGeluBias}) {
        bool by_rows = epilogue == kRelu || epilogue == kReluBias;
        product<float, float>(handle, kFloat, 68, epilogue, by_rows, false, stream);
        product<__half, float>(handle, kHalf, 68, epilogue, by_rows, true, stream);
        product<__nv_bfloat16, float>(handle, kBfloat, 68, epilogue, by_rows, false, nullptr);
    }
    LT(cublasCreate_v2(&blas));
    product<double, double>(blas, kDouble, 70, kNone, false, false, stream);
    LT(cublasDestroy_v2(blas));
    float one = 1;
    Product p(kFloat, 68, false);
    EXPECT(cublasLtMatmul(nullptr, p.operation, &one, &one, p.a, &one, p.b, &one, &one, p.c, &one,
                          p.c, nullptr, nullptr, 0, stream) == 1);
    EXPECT(cublasLtMatmul(handle, p.operation, nullptr, &one, p.a, &one, p.b, &one, &one, p.c, &one,
                          p.c, nullptr, nullptr, 0, stream) == 7);
    LT(cublasLtDestroy(handle));
    CUDA(cudaStreamDestroy(stream));
    CUDA(cudaDeviceSynchronize());
    passed(0);
}
