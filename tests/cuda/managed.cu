// SPDX-License-Identifier: Apache-2.0
// Memory that the host and kernels share: managed, mapped, registered, and a managed variable.
#include "check.h"

#include <cstring>
#include <vector>

const char *const program = "managed";

constexpr int kCount = 10000;

__managed__ int total = 5;

__global__ void add(const int *in, int *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] += in[i];
        atomicAdd(&total, 1);
    }
}

int main()
{
    int *shared, *mapped, *mapped_on_device;
    CUDA(cudaMallocManaged(&shared, kCount * sizeof(int)));
    CUDA(cudaHostAlloc(&mapped, kCount * sizeof(int), cudaHostAllocMapped));
    CUDA(cudaHostGetDevicePointer(&mapped_on_device, mapped, 0));
    for (int i = 0; i < kCount; i++) {
        shared[i] = i;
        mapped[i] = 3 * i;
    }
    cudaMemLocation here = {};
    here.type = cudaMemLocationTypeDevice;
#if CUDART_VERSION >= 13000
    CUDA(cudaMemAdvise(shared, kCount * sizeof(int), cudaMemAdviseSetPreferredLocation, here));
    CUDA(cudaMemPrefetchAsync(shared, kCount * sizeof(int), here, 0));
#else
    CUDA(cudaMemPrefetchAsync(shared, kCount * sizeof(int), 0));
#endif
    add<<<(kCount + 255) / 256, 256>>>(mapped_on_device, shared, kCount);
    CUDA(cudaDeviceSynchronize());
    for (int i = 0; i < kCount; i++)
        if (shared[i] != 4 * i)
            fail("[%d] is %d, not %d", i, shared[i], 4 * i);
    EXPECT(total == 5 + kCount);
    total = 0;

    cudaPointerAttributes attributes;
    CUDA(cudaPointerGetAttributes(&attributes, shared + 1));
    EXPECT(attributes.type == cudaMemoryTypeManaged && attributes.hostPointer == shared + 1);
    CUDA(cudaPointerGetAttributes(&attributes, mapped));
    EXPECT(attributes.type == cudaMemoryTypeHost);

    std::vector<int> own(kCount, 7);
    int *own_on_device;
    CUDA(cudaHostRegister(own.data(), kCount * sizeof(int), cudaHostRegisterMapped));
    CUDA(cudaHostGetDevicePointer(&own_on_device, own.data(), 0));
    add<<<(kCount + 255) / 256, 256>>>(shared, own_on_device, kCount);
    CUDA(cudaDeviceSynchronize());
    for (int i = 0; i < kCount; i++)
        if (own[size_t(i)] != 4 * i + 7)
            fail("[%d] is %d, not %d", i, own[size_t(i)], 4 * i + 7);
    EXPECT(total == kCount);
    CUDA(cudaHostUnregister(own.data()));

    // Between managed memory and the host's, whichever way the program calls it.
    CUDA(cudaMemcpy(shared, own.data(), kCount * sizeof(int), cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(mapped, shared, kCount * sizeof(int), cudaMemcpyDefault));
    EXPECT(memcmp(mapped, own.data(), kCount * sizeof(int)) == 0);
    CUDA(cudaFree(shared));
    CUDA(cudaFreeHost(mapped));
    passed(checksum(own.data(), kCount * sizeof(int)));
    return 0;
}
