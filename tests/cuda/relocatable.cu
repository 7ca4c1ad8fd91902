// SPDX-License-Identifier: Apache-2.0
// Device code in two files (-rdc), which the device linker joins: a function, variables and a
// constant of the other file, names that both have for themselves, and kernels of both.
#include "check.h"

#include <vector>

const char *const program = "relocatable";

constexpr int kCount = 1000;

extern __device__ int twisted(int value);
extern __device__ int offset;
extern __constant__ int factors[4];
int run_other(int *data, int count);

// The other file has these two names too.
static __device__ int calls;
static __global__ void note(int *to)
{
    *to = calls;
}

__global__ void work(int *data, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    data[i] = twisted(i) * factors[i % 4] + offset;
    atomicAdd(&calls, 1);
}

int main()
{
    int *data, start = 77, table[4] = {3, 5, 7, 11}, seen[2] = {};
    CUDA(cudaMalloc(&data, kCount * sizeof(int)));
    CUDA(cudaMemcpyToSymbol(offset, &start, sizeof start));
    CUDA(cudaMemcpyToSymbol(factors, table, sizeof table));
    work<<<(kCount + 63) / 64, 64>>>(data, kCount);
    CUDA(cudaGetLastError());
    std::vector<int> first(kCount), then(kCount);
    CUDA(cudaMemcpy(first.data(), data, kCount * sizeof(int), cudaMemcpyDeviceToHost));
    note<<<1, 1>>>(data);
    CUDA(cudaMemcpy(&seen[0], data, sizeof(int), cudaMemcpyDeviceToHost));
    EXPECT(seen[0] == kCount);
    CUDA(cudaMemcpy(data, first.data(), kCount * sizeof(int), cudaMemcpyHostToDevice));
    seen[1] = run_other(data, kCount);
    EXPECT(seen[1] == 2 * kCount);
    CUDA(cudaMemcpy(then.data(), data, kCount * sizeof(int), cudaMemcpyDeviceToHost));
    CUDA(cudaMemcpyFromSymbol(&start, offset, sizeof start));
    EXPECT(start == 78);
    for (int i = 0; i < kCount; i++) {
        if (first[size_t(i)] != (i ^ 0x55) * table[i % 4] + 77)
            fail("[%d] is %d", i, first[size_t(i)]);
        if (then[size_t(i)] != first[size_t(i)] - 2 * 78)
            fail("then [%d] is %d", i, then[size_t(i)]);
    }
    CUDA(cudaFree(data));
    passed(checksum(then.data(), kCount * sizeof(int)));
    return 0;
}
