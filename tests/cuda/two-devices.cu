// SPDX-License-Identifier: Apache-2.0
// Two devices in one process: work on both at once, copies between them, a thread for each, and
// kernels of one that read and write the memory of the other.
#include "check.h"

#include <cstring>
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

__global__ void add(const int *there, int *here, int *back, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        back[i] = here[i] = there[i] + here[i];
}

// What `call` answers is `code`; it leaves no error behind that sticks.
#define REFUSED(code, call)                                                                        \
    do {                                                                                           \
        EXPECT((call) == (code));                                                                  \
        EXPECT(cudaGetLastError() == (code) && cudaGetLastError() == cudaSuccess);                 \
    } while (0)

// Two vgpus may be slices of one device: no peers, and yet its memory is one.
static bool of_one()
{
    cudaDeviceProp one, other;
    CUDA(cudaGetDeviceProperties(&one, 0));
    CUDA(cudaGetDeviceProperties(&other, 1));
    return std::memcmp(&one.uuid, &other.uuid, sizeof one.uuid) == 0;
}

// A kernel on device 1 reads what device 0 holds, and writes there.
static uint64_t by_kernels_of_the_other()
{
    int can = 0, *at[3];
    bool peers = !of_one();
    CUDA(cudaDeviceCanAccessPeer(&can, 1, 0));
    EXPECT(can == peers);
    CUDA(cudaDeviceCanAccessPeer(&can, 1, 1));
    EXPECT(can == 0);
    CUDA(cudaSetDevice(0));
    for (int **one : {&at[0], &at[2]})
        CUDA(cudaMalloc(one, kCount * sizeof(int)));
    fill<<<kCount / 256, 256>>>(at[0], kCount, 5);
    CUDA(cudaMemset(at[2], 0, kCount * sizeof(int)));
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaSetDevice(1));
    CUDA(cudaMalloc(&at[1], kCount * sizeof(int)));
    fill<<<kCount / 256, 256>>>(at[1], kCount, -9);

    REFUSED(cudaErrorPeerAccessNotEnabled, cudaDeviceDisablePeerAccess(0));
    REFUSED(cudaErrorInvalidDevice, cudaDeviceEnablePeerAccess(1, 0));
    REFUSED(cudaErrorInvalidDevice, cudaDeviceEnablePeerAccess(1000, 0));
    REFUSED(cudaErrorInvalidValue, cudaDeviceEnablePeerAccess(0, 1));
    if (peers) {
        CUDA(cudaDeviceEnablePeerAccess(0, 0));
        REFUSED(cudaErrorPeerAccessAlreadyEnabled, cudaDeviceEnablePeerAccess(0, 0));
    } else {
        EXPECT(cudaDeviceEnablePeerAccess(0, 0) != cudaSuccess);
        EXPECT(cudaGetLastError() != cudaSuccess);
    }
    add<<<kCount / 256, 256>>>(at[0], at[1], at[2], kCount);
    CUDA(cudaDeviceSynchronize());
    if (peers)
        CUDA(cudaDeviceDisablePeerAccess(0));
    REFUSED(cudaErrorPeerAccessNotEnabled, cudaDeviceDisablePeerAccess(0));

    std::vector<int> sum(kCount), back(kCount);
    CUDA(cudaMemcpy(sum.data(), at[1], kCount * sizeof(int), cudaMemcpyDeviceToHost));
    CUDA(cudaMemcpy(back.data(), at[2], kCount * sizeof(int), cudaMemcpyDeviceToHost));
    for (int i = 0; i < kCount; i++)
        if (sum[i] != -4 + 5 * i) // the two have salts of 2 and 3
            fail("of both devices: [%d] is %d", i, sum[i]);
    EXPECT(back == sum);
    for (int *one : at)
        CUDA(cudaFree(one));
    return checksum(sum.data(), kCount * sizeof(int));
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
    uint64_t sums[3];
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < kCount; i++)
            if (results[d][i] != 7 - d + i * (d + 2))
                fail("thread of device %d: [%d] is %d", d, i, results[d][i]);
        sums[d] = checksum(results[d].data(), kCount * sizeof(int));
        CUDA(cudaSetDevice(d));
        CUDA(cudaFree(data[d]));
    }
    sums[2] = by_kernels_of_the_other();
    passed(checksum(sums, sizeof sums));
    return 0;
}
