// SPDX-License-Identifier: Apache-2.0
// printf in a kernel. The lines of one thread come in order, before what the host prints after a
// synchronisation.
#include "check.h"

const char *const program = "device-printf";

__global__ void speak(int value, const char *unused)
{
    printf("device: int %d, negative %i, hex %#x, char %c\n", value, -value, value, 'g');
    printf("device: 64 bits %lld, unsigned %llu\n", -5000000000ll, 18446744073709551615ull);
    printf("device: float %.3f, exponent %e, short %g\n", 3.25f, 12345.678, 0.5);
    printf("device: string \"%s\", width [%6d] [%-6d], percent %%\n", "text", value, value);
    printf("device: no argument\n");
}

__global__ void count_lanes()
{
    for (int lane = 0; lane < blockDim.x; lane++) {
        if (lane == threadIdx.x)
            printf("device: lane %d of %d\n", lane, blockDim.x);
        __syncthreads();
    }
}

int main()
{
    speak<<<1, 1>>>(42, nullptr);
    CUDA(cudaGetLastError());
    CUDA(cudaDeviceSynchronize());
    count_lanes<<<1, 3>>>();
    CUDA(cudaGetLastError());
    CUDA(cudaDeviceSynchronize());
    passed(8);
    return 0;
}
