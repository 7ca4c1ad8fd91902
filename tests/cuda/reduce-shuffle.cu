// SPDX-License-Identifier: Apache-2.0
// Sum, minimum and maximum by warp shuffles.
#include "check.h"

#include <algorithm>
#include <vector>

const char *const program = "reduce-shuffle";

struct Result {
    unsigned long long sum;
    int low;
    int high;
};

__global__ void reduce(const int *data, int n, Result *result)
{
    __shared__ long long sums[32];
    __shared__ int lows[32];
    __shared__ int highs[32];
    long long sum = 0;
    int low = INT_MAX, high = INT_MIN;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        sum += data[i];
        low = min(low, data[i]);
        high = max(high, data[i]);
    }
    for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_down_sync(0xffffffff, sum, offset);
        low = min(low, __shfl_xor_sync(0xffffffff, low, offset));
        high = max(high, __shfl_xor_sync(0xffffffff, high, offset));
    }
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0) {
        sums[warp] = sum;
        lows[warp] = low;
        highs[warp] = high;
    }
    __syncthreads();
    if (warp == 0) {
        int warps = blockDim.x / 32;
        sum = lane < warps ? sums[lane] : 0;
        low = lane < warps ? lows[lane] : INT_MAX;
        high = lane < warps ? highs[lane] : INT_MIN;
        for (int offset = 16; offset > 0; offset /= 2) {
            sum += __shfl_down_sync(0xffffffff, sum, offset);
            low = min(low, __shfl_down_sync(0xffffffff, low, offset));
            high = max(high, __shfl_down_sync(0xffffffff, high, offset));
        }
        if (lane == 0) {
            atomicAdd(&result->sum, (unsigned long long)sum);
            atomicMin(&result->low, low);
            atomicMax(&result->high, high);
        }
    }
}

int main()
{
    const int n = 1 << 21;
    std::vector<int> data(n);
    Result expected = {0, INT_MAX, INT_MIN};
    for (int i = 0; i < n; i++) {
        data[i] = int(scramble(i));
        expected.sum += (unsigned long long)(long long)data[i];
        expected.low = std::min(expected.low, data[i]);
        expected.high = std::max(expected.high, data[i]);
    }
    int *device;
    Result result = {0, INT_MAX, INT_MIN}, *device_result;
    CUDA(cudaMalloc(&device, n * sizeof(int)));
    CUDA(cudaMalloc(&device_result, sizeof result));
    CUDA(cudaMemcpy(device, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy(device_result, &result, sizeof result, cudaMemcpyHostToDevice));
    reduce<<<64, 256>>>(device, n, device_result);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(&result, device_result, sizeof result, cudaMemcpyDeviceToHost));
    EXPECT(result.sum == expected.sum);
    EXPECT(result.low == expected.low);
    EXPECT(result.high == expected.high);
    CUDA(cudaFree(device));
    CUDA(cudaFree(device_result));
    passed(checksum(&result, sizeof result));
    return 0;
}
