// SPDX-License-Identifier: Apache-2.0
// Poisson's equation by V-cycles over six grids: red-black relaxation, restriction, interpolation;
// memory comes from a pool in the order of the stream and goes back to it at each cycle.
#include "array.h"

const char *const program = "multigrid";

constexpr int kFinest = 65, kCycles = 8;
#define HERE                                                                                       \
    int x = blockIdx.x * blockDim.x + threadIdx.x + 1,                                             \
        y = blockIdx.y * blockDim.y + threadIdx.y + 1;                                             \
    if (x >= n - 1 || y >= n - 1)                                                                  \
        return;                                                                                    \
    int i = y * n + x

__host__ __device__ inline double residual(const double *u, const double *f, int n, int i)
{
    double h = 1.0 / (n - 1);
    return f[i] - (4 * u[i] - u[i - 1] - u[i + 1] - u[i - n] - u[i + n]) / (h * h);
}

__global__ void relax(double *u, const double *f, int n, int colour)
{
    HERE;
    double h = 1.0 / (n - 1);
    if ((x + y) % 2 == colour)
        u[i] += residual(u, f, n, i) * h * h / 4;
}

__global__ void restrict_to(const double *u, const double *f, int fine, double *coarse, int n)
{
    HERE;
    double sum = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            sum += (2 - abs(dx)) * (2 - abs(dy)) *
                   ((2 * x + dx) % (fine - 1) && (2 * y + dy) % (fine - 1)
                        ? residual(u, f, fine, (2 * y + dy) * fine + 2 * x + dx)
                        : 0);
    coarse[i] = sum / 16;
}

__global__ void correct(double *u, int n, const double *coarse)
{
    HERE;
    int m = n / 2 + 1, at = y / 2 * m + x / 2, right = x % 2, below = y % 2 * m;
    u[i] += (coarse[at] + coarse[at + right] + coarse[at + below] + coarse[at + right + below]) / 4;
}

static void cycle(double *u, const double *f, int n, cudaStream_t stream)
{
    dim3 block(16, 8), grid(blocks(size_t(n - 2), 16), blocks(size_t(n - 2), 8));
    auto smooth = [&](int times) {
        for (int i = 0; i < 2 * times; i++)
            relax<<<grid, block, 0, stream>>>(u, f, n, i % 2);
    };
    if (n == 3) {
        smooth(1);
        return;
    }
    smooth(2);
    int m = n / 2 + 1;
    double *error, *rest;
    size_t bytes = size_t(m) * size_t(m) * sizeof(double);
    CUDA(cudaMallocAsync(&error, bytes, stream));
    CUDA(cudaMallocAsync(&rest, bytes, stream));
    CUDA(cudaMemsetAsync(error, 0, bytes, stream));
    CUDA(cudaMemsetAsync(rest, 0, bytes, stream));
    dim3 smaller(blocks(size_t(m - 2), 16), blocks(size_t(m - 2), 8));
    restrict_to<<<smaller, block, 0, stream>>>(u, f, n, rest, m);
    cycle(error, rest, m, stream);
    correct<<<grid, block, 0, stream>>>(u, n, error);
    CUDA(cudaFreeAsync(error, stream));
    CUDA(cudaFreeAsync(rest, stream));
    smooth(2);
}

int main()
{
    constexpr size_t kAll = size_t(kFinest) * kFinest;
    Array<double> u(kAll), f(kAll);
    for (int y = 1; y < kFinest - 1; y++)
        for (int x = 1; x < kFinest - 1; x++)
            f[size_t(y * kFinest + x)] = double(unit(unsigned(y * kFinest + x))) - 0.5;
    u.put();
    f.put();
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    auto size = [&] {
        double sum = 0;
        for (int y = 1; y < kFinest - 1; y++)
            for (int x = 1; x < kFinest - 1; x++) {
                double r = residual(u.host.data(), f.host.data(), kFinest, y * kFinest + x);
                sum += r * r;
            }
        return std::sqrt(sum);
    };
    double first = size(), before = first;
    for (int i = 0; i < kCycles; i++) {
        cycle(u.at, f.at, kFinest, stream);
        CUDA(cudaStreamSynchronize(stream));
        u.get();
        double now = size();
        // What makes the method: each cycle takes as much away, whatever the size.
        EXPECT(now < before / 5);
        before = now;
    }
    EXPECT(before < first * 1e-6);
    CUDA(cudaStreamDestroy(stream));
    passed(uint64_t(kCycles));
}
