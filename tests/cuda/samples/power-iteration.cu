// SPDX-License-Identifier: Apache-2.0
// The largest eigenvalue of a matrix in one cooperative launch of as many blocks as the device
// holds: the whole grid meets between the steps, and ends when the value no longer moves.
#include "array.h"

#include <cooperative_groups.h>

namespace cg = cooperative_groups;
const char *const program = "power-iteration";

constexpr int kN = 160, kThreads = 128;

__device__ double block_sum(double mine)
{
    __shared__ double sums[kThreads / 32];
    for (int offset = 16; offset; offset /= 2)
        mine += __shfl_down_sync(~0u, mine, offset);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = mine;
    __syncthreads();
    double sum = 0;
    for (int w = 0; w < kThreads / 32; w++)
        sum += sums[w];
    __syncthreads();
    return sum;
}

__global__ void iterate(const double *a, double *x, double *y, double *norms, double *value,
                        int *steps)
{
    auto grid = cg::this_grid();
    double before = 0;
    for (int step = 1; step <= 500; step++) {
        // A row for each block in turns; then the norm, which every block sums up for itself.
        for (int row = blockIdx.x; row < kN; row += gridDim.x) {
            double sum = 0;
            for (int i = threadIdx.x; i < kN; i += kThreads)
                sum += a[row * kN + i] * x[i];
            sum = block_sum(sum);
            if (threadIdx.x == 0)
                y[row] = sum;
        }
        grid.sync();
        double square = 0, dot = 0;
        for (int i = threadIdx.x; i < kN; i += kThreads) {
            square += y[i] * y[i];
            dot += y[i] * x[i];
        }
        double norm = sqrt(block_sum(square)), now = block_sum(dot);
        grid.sync();
        for (int i = grid.thread_rank(); i < kN; i += grid.size())
            x[i] = y[i] / norm;
        if (grid.thread_rank() == 0) {
            norms[step % 2] = norm;
            *value = now;
            *steps = step;
        }
        grid.sync();
        if (fabs(now - before) < 1e-13 * fabs(now))
            return;
        before = now;
    }
}

int main()
{
    // Symmetrical, with one eigenvalue far above the others.
    Array<double> a(kN * kN), x(kN, 1), y(kN), norms(2), value(1);
    Array<int> steps(1);
    for (unsigned i = 0; i < kN; i++)
        for (unsigned j = 0; j <= i; j++)
            a[i * kN + j] = a[j * kN + i] = unit(i * kN + j);
    a.put();
    x.put();
    int device = 0, can = 0, units = 0, each = 0;
    CUDA(cudaDeviceGetAttribute(&can, cudaDevAttrCooperativeLaunch, device));
    CUDA(cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device));
    EXPECT(can == 1);
    CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, iterate, kThreads, 0));
    int grid = std::min(units * each, 40);
    void *arguments[] = {&a.at, &x.at, &y.at, &norms.at, &value.at, &steps.at};
    CUDA(cudaLaunchCooperativeKernel(reinterpret_cast<void *>(iterate), dim3(unsigned(grid)),
                                     dim3(kThreads), arguments, 0, nullptr));
    x.get();
    value.get();
    steps.get();
    EXPECT(steps[0] > 3 && steps[0] < 500);
    for (unsigned i = 0; i < kN; i++) {
        double sum = 0;
        for (unsigned j = 0; j < kN; j++)
            sum += a[i * kN + j] * x[j];
        EXPECT(near(sum, value[0] * x[i], 1e-5));
    }
    // More blocks than fit cannot meet.
    cudaError_t code = cudaLaunchCooperativeKernel(reinterpret_cast<void *>(iterate),
                                                   dim3(unsigned(units * each + 1)), dim3(kThreads),
                                                   arguments, 0, nullptr);
    EXPECT(code == cudaErrorCooperativeLaunchTooLarge && cudaGetLastError() == code);
    passed(uint64_t(value[0] * 1e6));
}
