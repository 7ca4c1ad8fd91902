// SPDX-License-Identifier: Apache-2.0
// Histogram by atomics in shared and in global memory.
#include "check.h"

#include <vector>

const char *const program = "histogram";

constexpr int kBins = 256;

__global__ void count(const unsigned char *data, int n, unsigned *bins)
{
    __shared__ unsigned mine[kBins];
    for (int i = threadIdx.x; i < kBins; i += blockDim.x)
        mine[i] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        atomicAdd(&mine[data[i]], 1u);
    __syncthreads();
    for (int i = threadIdx.x; i < kBins; i += blockDim.x)
        atomicAdd(&bins[i], mine[i]);
}

int main()
{
    const int n = 1 << 20;
    std::vector<unsigned char> data(n);
    std::vector<unsigned> expected(kBins), bins(kBins);
    for (int i = 0; i < n; i++) {
        // Uneven, so that some bins are contended.
        data[i] = (unsigned char)((scramble(i) & 0xff) & (scramble(i + n) & 0xff));
        expected[data[i]]++;
    }
    unsigned char *device;
    unsigned *device_bins;
    CUDA(cudaMalloc(&device, n));
    CUDA(cudaMalloc(&device_bins, kBins * sizeof(unsigned)));
    CUDA(cudaMemcpy(device, data.data(), n, cudaMemcpyHostToDevice));
    CUDA(cudaMemset(device_bins, 0, kBins * sizeof(unsigned)));
    count<<<32, 256>>>(device, n, device_bins);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(bins.data(), device_bins, kBins * sizeof(unsigned), cudaMemcpyDeviceToHost));
    for (int i = 0; i < kBins; i++)
        if (bins[i] != expected[i])
            fail("bin %d holds %u, not %u", i, bins[i], expected[i]);
    CUDA(cudaFree(device));
    CUDA(cudaFree(device_bins));
    passed(checksum(bins.data(), kBins * sizeof(unsigned)));
    return 0;
}
