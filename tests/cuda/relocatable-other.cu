// SPDX-License-Identifier: Apache-2.0
// The other file of relocatable.cu.
#include "check.h"

__device__ int offset;
__constant__ int factors[4];

__device__ int twisted(int value)
{
    return value ^ 0x55;
}

static __device__ int calls;
static __global__ void note(int *to)
{
    *to = calls;
}

static __global__ void lower(int *data, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    data[i] -= 2 * offset;
    atomicAdd(&calls, 2);
}

// How often this file's own variable was raised.
int run_other(int *data, int count)
{
    int start = 78, seen = 0, *to;
    CUDA(cudaMemcpyToSymbol(offset, &start, sizeof start));
    CUDA(cudaMalloc(&to, sizeof(int)));
    lower<<<(count + 63) / 64, 64>>>(data, count);
    note<<<1, 1>>>(to);
    CUDA(cudaMemcpy(&seen, to, sizeof(int), cudaMemcpyDeviceToHost));
    CUDA(cudaFree(to));
    return seen;
}
