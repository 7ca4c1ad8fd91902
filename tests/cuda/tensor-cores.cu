// SPDX-License-Identifier: Apache-2.0
// Products on tensor cores, through <mma.h> and through mma.sync, ldmatrix and cp.async of a tiled
// kernel, against plain products. Whole numbers, so that every order of summing gives the same.
#include "check.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
#include <vector>

const char *const program = "tensor-cores";

using namespace nvcuda;

template<class T>
__host__ __device__ T number(int value)
{
    return T(value);
}
template<>
__host__ __device__ __half number(int value)
{
    return __int2half_rn(value);
}
template<>
__host__ __device__ __nv_bfloat16 number(int value)
{
    return __int2bfloat16_rn(value);
}

template<class T>
int whole(T value)
{
    return int(float(value));
}

// One tile of each block: c = a * b + c, with A by rows or columns and B by columns or rows.
template<int M, int N, int K, class In, class Held, class Out, class LayoutA, class LayoutB>
__global__ void tile(const In *a, const In *b, Out *c, int lda, int ldb)
{
    wmma::fragment<wmma::matrix_a, M, N, K, Held, LayoutA> fa;
    wmma::fragment<wmma::matrix_b, M, N, K, Held, LayoutB> fb;
    wmma::fragment<wmma::accumulator, M, N, K, Out> fc;
    wmma::load_matrix_sync(fa, a, lda);
    wmma::load_matrix_sync(fb, b, ldb);
    wmma::load_matrix_sync(fc, c, N, wmma::mem_row_major);
    wmma::mma_sync(fc, fa, fb, fc);
    for (int i = 0; i < fc.num_elements; i++) // element by element, wherever they lie
        fc.x[i] = fc.x[i] + fc.x[i];
    wmma::store_matrix_sync(c, fc, N, wmma::mem_row_major);
}

template<int M, int N, int K, class In, class Held, class Out, bool kColumnA, bool kColumnB>
void check_tile(const char *what)
{
    std::vector<In> a(M * K), b(K * N);
    std::vector<Out> c(M * N);
    auto value = [](uint32_t seed, bool positive) {
        int v = int(scramble(seed) % 7);
        return positive ? v : v - 3;
    };
    bool positive = In(0) - In(1) > In(0);
    auto ia = [&](int m, int k) { return kColumnA ? k * M + m : m * K + k; };
    auto ib = [&](int k, int n) { return kColumnB ? n * K + k : k * N + n; };
    for (int i = 0; i < M * K; i++)
        a[i] = number<In>(value(i, positive));
    for (int i = 0; i < K * N; i++)
        b[i] = number<In>(value(i + 1000, positive));
    for (int i = 0; i < M * N; i++)
        c[i] = number<Out>(value(i + 2000, false));
    In *da, *db;
    Out *dc;
    CUDA(cudaMalloc(&da, sizeof(In) * a.size()));
    CUDA(cudaMalloc(&db, sizeof(In) * b.size()));
    CUDA(cudaMalloc(&dc, sizeof(Out) * c.size()));
    CUDA(cudaMemcpy(da, a.data(), sizeof(In) * a.size(), cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(db, b.data(), sizeof(In) * b.size(), cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(dc, c.data(), sizeof(Out) * c.size(), cudaMemcpyHostToDevice));
    using LayoutA = std::conditional_t<kColumnA, wmma::col_major, wmma::row_major>;
    using LayoutB = std::conditional_t<kColumnB, wmma::col_major, wmma::row_major>;
    tile<M, N, K, In, Held, Out, LayoutA, LayoutB>
        <<<1, 32>>>(da, db, dc, kColumnA ? M : K, kColumnB ? K : N);
    CUDA(cudaGetLastError());
    std::vector<Out> got(M * N);
    CUDA(cudaMemcpy(got.data(), dc, sizeof(Out) * got.size(), cudaMemcpyDeviceToHost));
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            int sum = whole(c[m * N + n]);
            for (int k = 0; k < K; k++)
                sum += whole(a[ia(m, k)]) * whole(b[ib(k, n)]);
            if (whole(got[m * N + n]) != 2 * sum)
                fail("%s: (%d, %d) is %d, not %d", what, m, n, whole(got[m * N + n]), 2 * sum);
        }
    CUDA(cudaFree(da));
    CUDA(cudaFree(db));
    CUDA(cudaFree(dc));
}

template<int M, int N, int K, class In, class Held, class Out>
void check_layouts(const char *what)
{
    check_tile<M, N, K, In, Held, Out, false, false>(what);
    check_tile<M, N, K, In, Held, Out, false, true>(what);
    check_tile<M, N, K, In, Held, Out, true, false>(what);
    check_tile<M, N, K, In, Held, Out, true, true>(what);
}

// A tiled product as libraries write it: cp.async to shared memory, ldmatrix to registers,
// mma.m16n8k16. Each warp makes 16 x 8 of the block's 32 x 32.
constexpr int kSize = 64, kTile = 32, kStep = 16;

__device__ unsigned shared_address(const void *pointer)
{
    return unsigned(__cvta_generic_to_shared(pointer));
}

__global__ void tiled(const __half *a, const __half *b, float *c)
{
    __shared__ alignas(16) __half sa[kTile][kStep + 8], sb[kStep][kTile + 8];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = warp / 4 * 16, column = warp % 4 * 8;
    int top = blockIdx.y * kTile, left = blockIdx.x * kTile;
    float d[4] = {};
    for (int k = 0; k < kSize; k += kStep) {
        // 64 pieces of eight halves for each matrix, 256 threads.
        const __half *from = nullptr;
        unsigned to = 0;
        int piece = threadIdx.x % 64;
        if (threadIdx.x < 64) {
            from = a + (top + piece / 2) * kSize + k + piece % 2 * 8;
            to = shared_address(&sa[piece / 2][piece % 2 * 8]);
        } else if (threadIdx.x < 128) {
            from = b + (k + piece / 4) * kSize + left + piece % 4 * 8;
            to = shared_address(&sb[piece / 4][piece % 4 * 8]);
        }
        if (from)
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));
        asm volatile("cp.async.commit_group; cp.async.wait_group 0;" ::: "memory");
        __syncthreads();
        unsigned ra[4], rb[2];
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3])
                     : "r"(shared_address(&sa[row + lane % 16][lane / 16 * 8])));
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(rb[0]), "=r"(rb[1])
                     : "r"(shared_address(&sb[lane % 16][column])));
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                     "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]), "r"(rb[1]));
        __syncthreads();
    }
    for (int i = 0; i < 4; i++)
        c[(top + row + lane / 4 + i / 2 * 8) * kSize + left + column + lane % 4 * 2 + i % 2] = d[i];
}

void check_tiled()
{
    std::vector<__half> a(kSize * kSize), b(kSize * kSize);
    for (int i = 0; i < kSize * kSize; i++) {
        a[i] = __int2half_rn(int(scramble(i) % 9) - 4);
        b[i] = __int2half_rn(int(scramble(i + 5000) % 9) - 4);
    }
    __half *da, *db;
    float *dc;
    CUDA(cudaMalloc(&da, sizeof(__half) * a.size()));
    CUDA(cudaMalloc(&db, sizeof(__half) * b.size()));
    CUDA(cudaMalloc(&dc, sizeof(float) * a.size()));
    CUDA(cudaMemcpy(da, a.data(), sizeof(__half) * a.size(), cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(db, b.data(), sizeof(__half) * b.size(), cudaMemcpyHostToDevice));
    tiled<<<dim3(kSize / kTile, kSize / kTile), 256>>>(da, db, dc);
    CUDA(cudaGetLastError());
    std::vector<float> got(kSize * kSize);
    CUDA(cudaMemcpy(got.data(), dc, sizeof(float) * got.size(), cudaMemcpyDeviceToHost));
    for (int m = 0; m < kSize; m++)
        for (int n = 0; n < kSize; n++) {
            int sum = 0;
            for (int k = 0; k < kSize; k++)
                sum += whole(a[m * kSize + k]) * whole(b[k * kSize + n]);
            if (got[m * kSize + n] != float(sum))
                fail("tiled: (%d, %d) is %g, not %d", m, n, got[m * kSize + n], sum);
        }
}

int main()
{
    check_layouts<16, 16, 16, __half, __half, float>("f16 to f32, 16x16x16");
    check_layouts<32, 8, 16, __half, __half, float>("f16 to f32, 32x8x16");
    check_layouts<8, 32, 16, __half, __half, float>("f16 to f32, 8x32x16");
    check_layouts<16, 16, 16, __half, __half, __half>("f16 to f16, 16x16x16");
    check_layouts<16, 16, 16, __nv_bfloat16, __nv_bfloat16, float>("bf16, 16x16x16");
    check_layouts<32, 8, 16, __nv_bfloat16, __nv_bfloat16, float>("bf16, 32x8x16");
    check_layouts<16, 16, 8, float, wmma::precision::tf32, float>("tf32, 16x16x8");
    check_layouts<8, 8, 4, double, double, double>("f64, 8x8x4");
    check_layouts<16, 16, 16, signed char, signed char, int>("s8, 16x16x16");
    check_layouts<8, 32, 16, unsigned char, unsigned char, int>("u8, 8x32x16");
    check_tiled();
    passed(11);
    return 0;
}
