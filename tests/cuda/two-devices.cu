// SPDX-License-Identifier: Apache-2.0
// Two devices in one process: work on both at once, copies between them, and a thread for each.
#include "check.h"

#include <thread>
#include <vector>

const char *const program = "two-devices";

constexpr int kCount = 1 << 16;

__device__ int salt = 1;

__global__ void fill(int *data, int n, int start)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        data[i] = start + i * salt;
}

int main()
{
    int devices = 0;
    CUDA(cudaGetDeviceCount(&devices));
    if (devices < 2) {
        std::printf("two-devices: skipped, there is one device\n");
        return 77;
    }
    int *data[2];
    std::vector<int> host[2];
    for (int d = 0; d < 2; d++) {
        CUDA(cudaSetDevice(d));
        int salt_here = d + 2; // each device has its own variable
        CUDA(cudaMemcpyToSymbol(salt, &salt_here, sizeof salt_here));
        CUDA(cudaMalloc(&data[d], kCount * sizeof(int)));
        fill<<<kCount / 256, 256>>>(data[d], kCount, 1000 * d);
        CUDA(cudaGetLastError());
    }
    for (int d = 0; d < 2; d++) {
        int current = -1;
        CUDA(cudaSetDevice(d));
        CUDA(cudaGetDevice(&current));
        EXPECT(current == d);
        host[d].resize(kCount);
        CUDA(cudaMemcpy(host[d].data(), data[d], kCount * sizeof(int), cudaMemcpyDeviceToHost));
        for (int i = 0; i < kCount; i++)
            if (host[d][i] != 1000 * d + i * (d + 2))
                fail("device %d: [%d] is %d", d, i, host[d][i]);
        cudaPointerAttributes attributes;
        CUDA(cudaPointerGetAttributes(&attributes, data[d]));
        EXPECT(attributes.type == cudaMemoryTypeDevice && attributes.device == d);
    }
    // What device 0 computed, onto device 1, whatever device is current.
    CUDA(cudaMemcpyPeer(data[1], 1, data[0], 0, kCount * sizeof(int)));
    std::vector<int> copied(kCount);
    CUDA(cudaMemcpy(copied.data(), data[1], kCount * sizeof(int), cudaMemcpyDefault));
    EXPECT(copied == host[0]);

    // A new thread begins on device 0; each chooses for itself.
    std::vector<int> results[2];
    std::thread threads[2];
    for (int d = 0; d < 2; d++)
        threads[d] = std::thread([d, &results, &data] {
            int current = -1;
            CUDA(cudaGetDevice(&current));
            EXPECT(current == 0);
            CUDA(cudaSetDevice(d));
            fill<<<kCount / 256, 256>>>(data[d], kCount, 7 - d);
            CUDA(cudaGetLastError());
            results[d].resize(kCount);
            CUDA(cudaMemcpy(results[d].data(), data[d], kCount * sizeof(int),
                            cudaMemcpyDeviceToHost));
        });
    for (std::thread &thread : threads)
        thread.join();
    uint64_t sums[2];
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < kCount; i++)
            if (results[d][i] != 7 - d + i * (d + 2))
                fail("thread of device %d: [%d] is %d", d, i, results[d][i]);
        sums[d] = checksum(results[d].data(), kCount * sizeof(int));
        CUDA(cudaSetDevice(d));
        CUDA(cudaFree(data[d]));
    }
    passed(checksum(sums, sizeof sums));
    return 0;
}
