// SPDX-License-Identifier: Apache-2.0
// A large array of the device's, which is there once its module is loaded: used where there is room
// for it, refused as an allocation would be where there is not.
#include "check.h"

#include <vector>

const char *const program = "device-array";

constexpr size_t kMiB = 1 << 20;
constexpr size_t kWords = 24 * kMiB; // 96 MiB

__device__ unsigned large[kWords];

__global__ void fill(unsigned from)
{
    size_t i = from + blockIdx.x * blockDim.x + threadIdx.x;
    large[i] = unsigned(i) * 2654435761u;
}

int main()
{
    const unsigned n = 1 << 16, last = kWords - n;
    size_t before = 0, total = 0, after = 0;
    CUDA(cudaFree(nullptr));
    CUDA(cudaMemGetInfo(&before, &total));
    fill<<<n / 256, 256>>>(last);
    if (before < sizeof large) {
        EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
        CUDA(cudaMemGetInfo(&after, &total));
        EXPECT(after == before);
        std::printf("device-array: ok, refused\n");
        return 0;
    }
    CUDA(cudaGetLastError());
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(before - after >= sizeof large);
    void *more = nullptr;
    EXPECT(cudaMalloc(&more, after + kMiB) == cudaErrorMemoryAllocation);
    EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
    std::vector<unsigned> back(n);
    CUDA(cudaMemcpyFromSymbol(back.data(), large, n * sizeof(unsigned), last * sizeof(unsigned)));
    for (unsigned i = 0; i < n; i++)
        EXPECT(back[i] == (last + i) * 2654435761u);
    passed(checksum(back.data(), n * sizeof(unsigned)));
    return 0;
}
