// SPDX-License-Identifier: Apache-2.0
// Jacobi's iteration for Laplace's equation: 10,000 small launches, two alternating kernels.
#include "check.h"

#include <cmath>
#include <utility>
#include <vector>

const char *const program = "jacobi";

constexpr int kSide = 32;
constexpr int kSteps = 10000;

__global__ void step(const float *from, float *to)
{
    int x = threadIdx.x, y = blockIdx.x * blockDim.y + threadIdx.y;
    int i = y * kSide + x;
    if (x == 0 || y == 0 || x == kSide - 1 || y == kSide - 1)
        to[i] = from[i];
    else
        to[i] = 0.25f * (from[i - 1] + from[i + 1] + from[i - kSide] + from[i + kSide]);
}

__global__ void largest_change(const float *a, const float *b, float *change)
{
    // Not negative, so that the order of the bits is the order of the numbers.
    float mine = 0;
    for (int i = threadIdx.x; i < kSide * kSide; i += blockDim.x)
        mine = fmaxf(mine, fabsf(a[i] - b[i]));
    atomicMax((int *)change, __float_as_int(mine));
}

static void host_step(const std::vector<float> &from, std::vector<float> &to)
{
    to = from;
    for (int y = 1; y < kSide - 1; y++)
        for (int x = 1; x < kSide - 1; x++) {
            int i = y * kSide + x;
            to[i] = 0.25f * (from[i - 1] + from[i + 1] + from[i - kSide] + from[i + kSide]);
        }
}

int main()
{
    std::vector<float> grid(kSide * kSide), other, result(kSide * kSide);
    // A harmonic function on the edge, nothing inside: the solution is that function.
    for (int y = 0; y < kSide; y++)
        for (int x = 0; x < kSide; x++)
            if (x == 0 || y == 0 || x == kSide - 1 || y == kSide - 1)
                grid[y * kSide + x] = float(x * x - y * y);
    size_t size = grid.size() * sizeof(float);
    float *a, *b, *change, last = -1;
    CUDA(cudaMalloc(&a, size));
    CUDA(cudaMalloc(&b, size));
    CUDA(cudaMalloc(&change, sizeof(float)));
    CUDA(cudaMemset(change, 0, sizeof(float)));
    CUDA(cudaMemcpy(a, grid.data(), size, cudaMemcpyHostToDevice));
    for (int i = 0; i < kSteps - 1; i++) {
        step<<<4, dim3(kSide, kSide / 4)>>>(a, b);
        std::swap(a, b);
    }
    largest_change<<<1, 128>>>(a, b, change);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(&last, change, sizeof last, cudaMemcpyDeviceToHost));
    CUDA(cudaMemcpy(result.data(), a, size, cudaMemcpyDeviceToHost));
    for (int i = 0; i < kSteps - 1; i++) {
        host_step(grid, other);
        std::swap(grid, other);
    }
    for (int y = 0; y < kSide; y++)
        for (int x = 0; x < kSide; x++) {
            float value = result[y * kSide + x];
            if (value != grid[y * kSide + x])
                fail("[%d][%d] is %g, not %g", y, x, value, grid[y * kSide + x]);
            if (std::fabs(value - float(x * x - y * y)) > 0.05f)
                fail("[%d][%d] is %g, far from the solution %d", y, x, value, x * x - y * y);
        }
    EXPECT(last >= 0 && last < 0.001f);
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
    CUDA(cudaFree(change));
    passed(checksum(result.data(), size));
    return 0;
}
