// SPDX-License-Identifier: Apache-2.0
// Matrix product by tiles in shared memory, with barriers.
#include "check.h"

#include <vector>

const char *const program = "matmul-tiled";

constexpr int kTile = 16;

__global__ void multiply(const float *a, const float *b, float *c, int n)
{
    __shared__ float as[kTile][kTile];
    __shared__ float bs[kTile][kTile];
    int row = blockIdx.y * kTile + threadIdx.y;
    int column = blockIdx.x * kTile + threadIdx.x;
    float sum = 0;
    for (int tile = 0; tile < n / kTile; tile++) {
        as[threadIdx.y][threadIdx.x] = a[row * n + tile * kTile + threadIdx.x];
        bs[threadIdx.y][threadIdx.x] = b[(tile * kTile + threadIdx.y) * n + column];
        __syncthreads();
        for (int k = 0; k < kTile; k++)
            sum += as[threadIdx.y][k] * bs[k][threadIdx.x];
        __syncthreads();
    }
    c[row * n + column] = sum;
}

int main()
{
    const int n = 240;
    std::vector<float> a(n * n), b(n * n), c(n * n);
    // Small whole numbers: every order of summation gives the same float.
    for (int i = 0; i < n * n; i++) {
        a[i] = float(scramble(i) % 15) - 7;
        b[i] = float(scramble(i + n * n) % 15) - 7;
    }
    float *da, *db, *dc;
    size_t size = n * n * sizeof(float);
    CUDA(cudaMalloc(&da, size));
    CUDA(cudaMalloc(&db, size));
    CUDA(cudaMalloc(&dc, size));
    CUDA(cudaMemcpy(da, a.data(), size, cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(db, b.data(), size, cudaMemcpyHostToDevice));
    multiply<<<dim3(n / kTile, n / kTile), dim3(kTile, kTile)>>>(da, db, dc, n);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(c.data(), dc, size, cudaMemcpyDeviceToHost));
    for (int row = 0; row < n; row++)
        for (int column = 0; column < n; column++) {
            float sum = 0;
            for (int k = 0; k < n; k++)
                sum += a[row * n + k] * b[k * n + column];
            if (c[row * n + column] != sum)
                fail("c[%d][%d] is %g, not %g", row, column, c[row * n + column], sum);
        }
    CUDA(cudaFree(da));
    CUDA(cudaFree(db));
    CUDA(cudaFree(dc));
    passed(checksum(c.data(), size));
    return 0;
}
