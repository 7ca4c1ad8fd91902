// SPDX-License-Identifier: Apache-2.0
// A shared object with device code, for plugins.cu: PLUGIN is its number.
#include "plugin.h"

#include <cstdio>

static __managed__ int calls = 100 * PLUGIN;
static __device__ char large[kPluginBytes];
static __constant__ int offset = PLUGIN;

static __global__ void count()
{
    large[calls] = 1;
    calls += large[calls];
}

// scale<int>'s twofold, with the plugin's own offset; and how often it was called.
extern "C" int run(int value)
{
    int *on_device, own = 0, result = 0;
    if (cudaMalloc(&on_device, sizeof(int)) != cudaSuccess ||
        cudaMemcpyFromSymbol(&own, offset, sizeof own) != cudaSuccess)
        return 0;
    cudaMemcpy(on_device, &value, sizeof value, cudaMemcpyHostToDevice);
    scale<<<1, 1>>>(on_device, 2);
    count<<<1, 1>>>();
    cudaMemcpy(&result, on_device, sizeof result, cudaMemcpyDeviceToHost);
    cudaFree(on_device);
    cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess)
        return std::printf("plugin %d: %s\n", PLUGIN, cudaGetErrorName(error)), 0;
    return result * 10000 + calls * 10 + own;
}
