// SPDX-License-Identifier: Apache-2.0
// Variables of the device, constant and not, by their host names.
#include "check.h"

#include <vector>

const char *const program = "constant-memory";

constexpr int kDegree = 8;

__constant__ int coefficients[kDegree + 1];
__constant__ int initialised[4] = {3, 1, 4, 1};
__device__ unsigned calls = 5;

__global__ void evaluate(const int *x, int *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    int value = 0;
    for (int k = kDegree; k >= 0; k--)
        value = value * x[i] + coefficients[k];
    y[i] = value + initialised[i % 4];
    if (threadIdx.x == 0)
        atomicAdd(&calls, 1u);
}

int main()
{
    const int n = 1 << 16, blocks = n / 256;
    int host[kDegree + 1], back[kDegree + 1];
    for (int k = 0; k <= kDegree; k++)
        host[k] = int(scramble(k) % 100) - 50;
    // In two parts, the second by offset.
    CUDA(cudaMemcpyToSymbol(coefficients, host, 4 * sizeof(int)));
    CUDA(cudaMemcpyToSymbol(coefficients, host + 4, (kDegree - 3) * sizeof(int), 4 * sizeof(int)));
    CUDA(cudaMemcpyFromSymbol(back, coefficients, sizeof back));
    for (int k = 0; k <= kDegree; k++)
        EXPECT(back[k] == host[k]);
    size_t size = 0;
    CUDA(cudaGetSymbolSize(&size, coefficients));
    EXPECT(size == sizeof host);

    std::vector<int> x(n), y(n);
    for (int i = 0; i < n; i++)
        x[i] = int(scramble(i) % 64) - 32;
    int *dx, *dy;
    CUDA(cudaMalloc(&dx, n * sizeof(int)));
    CUDA(cudaMalloc(&dy, n * sizeof(int)));
    CUDA(cudaMemcpy(dx, x.data(), n * sizeof(int), cudaMemcpyHostToDevice));
    evaluate<<<blocks, 256>>>(dx, dy, n);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(y.data(), dy, n * sizeof(int), cudaMemcpyDeviceToHost));
    const int added[4] = {3, 1, 4, 1};
    for (int i = 0; i < n; i++) {
        unsigned value = 0;
        for (int k = kDegree; k >= 0; k--)
            value = value * unsigned(x[i]) + unsigned(host[k]);
        value += unsigned(added[i % 4]);
        if (unsigned(y[i]) != value)
            fail("y[%d] is %d, not %d", i, y[i], int(value));
    }
    unsigned *address, counted = 0;
    CUDA(cudaGetSymbolAddress((void **)&address, calls));
    CUDA(cudaMemcpy(&counted, address, sizeof counted, cudaMemcpyDeviceToHost));
    EXPECT(counted == 5u + blocks);
    CUDA(cudaFree(dx));
    CUDA(cudaFree(dy));
    passed(checksum(y.data(), n * sizeof(int)));
    return 0;
}
