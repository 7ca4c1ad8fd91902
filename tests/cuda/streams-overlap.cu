// SPDX-License-Identifier: Apache-2.0
// Copies that overlap kernels in several streams, order between streams by events, and times that
// make sense.
#include "check.h"

#include <atomic>

const char *const program = "streams-overlap";

constexpr int kStreams = 4;
constexpr int kChunk = 1 << 17;
constexpr int kTotal = kStreams * kChunk;

__global__ void transform(const int *in, int *out, int n, int rounds)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    unsigned value = unsigned(in[i]);
    for (int round = 0; round < rounds; round++)
        value = value * 1664525u + 1013904223u;
    out[i] = int(value);
}

__global__ void sum(const int *data, int n, unsigned long long *total)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        atomicAdd(total, (unsigned long long)(unsigned)data[i]);
}

static std::atomic<int> notified{0};

static void CUDART_CB notify(void *data)
{
    notified += *static_cast<int *>(data);
}

static unsigned expected(unsigned value, int rounds)
{
    for (int round = 0; round < rounds; round++)
        value = value * 1664525u + 1013904223u;
    return value;
}

int main()
{
    const int rounds = 16;
    int *in, *out, *device_in, *device_out;
    unsigned long long *device_total, total = 0;
    CUDA(cudaMallocHost(&in, kTotal * sizeof(int)));
    CUDA(cudaHostAlloc(&out, kTotal * sizeof(int), cudaHostAllocDefault));
    CUDA(cudaMalloc(&device_in, kTotal * sizeof(int)));
    CUDA(cudaMalloc(&device_out, kTotal * sizeof(int)));
    CUDA(cudaMalloc(&device_total, sizeof total));
    for (int i = 0; i < kTotal; i++)
        in[i] = int(scramble(i));

    cudaStream_t streams[kStreams];
    cudaEvent_t begun, done[kStreams], all;
    for (int s = 0; s < kStreams; s++) {
        CUDA(cudaStreamCreateWithFlags(&streams[s], cudaStreamNonBlocking));
        CUDA(cudaEventCreate(&done[s]));
    }
    CUDA(cudaEventCreate(&begun));
    CUDA(cudaEventCreateWithFlags(&all, cudaEventDefault));

    CUDA(cudaMemsetAsync(device_total, 0, sizeof total, streams[0]));
    CUDA(cudaEventRecord(begun, streams[0]));
    int one = 1;
    for (int s = 0; s < kStreams; s++) {
        int from = s * kChunk;
        CUDA(cudaStreamWaitEvent(streams[s], begun, 0));
        CUDA(cudaMemcpyAsync(device_in + from, in + from, kChunk * sizeof(int),
                             cudaMemcpyHostToDevice, streams[s]));
        transform<<<kChunk / 256, 256, 0, streams[s]>>>(device_in + from, device_out + from, kChunk,
                                                        rounds);
        CUDA(cudaGetLastError());
        CUDA(cudaMemcpyAsync(out + from, device_out + from, kChunk * sizeof(int),
                             cudaMemcpyDeviceToHost, streams[s]));
        CUDA(cudaLaunchHostFunc(streams[s], notify, &one));
        CUDA(cudaEventRecord(done[s], streams[s]));
    }
    // The last step, in stream 0, waits for all the others.
    for (int s = 1; s < kStreams; s++)
        CUDA(cudaStreamWaitEvent(streams[0], done[s], 0));
    sum<<<kTotal / 256, 256, 0, streams[0]>>>(device_out, kTotal, device_total);
    CUDA(cudaGetLastError());
    CUDA(cudaEventRecord(all, streams[0]));
    cudaError_t query = cudaEventQuery(all);
    EXPECT(query == cudaSuccess || query == cudaErrorNotReady);
    (void)cudaGetLastError();
    CUDA(cudaEventSynchronize(all));
    CUDA(cudaEventQuery(all));
    CUDA(cudaMemcpy(&total, device_total, sizeof total, cudaMemcpyDeviceToHost));

    EXPECT(notified == kStreams);
    unsigned long long expected_total = 0;
    for (int i = 0; i < kTotal; i++) {
        unsigned value = expected(unsigned(in[i]), rounds);
        if (unsigned(out[i]) != value)
            fail("out[%d] is %u, not %u", i, unsigned(out[i]), value);
        expected_total += value;
    }
    EXPECT(total == expected_total);

    // Sane times: no event before the first, none after the last, none a minute away.
    float whole = -1;
    CUDA(cudaEventElapsedTime(&whole, begun, all));
    EXPECT(whole >= 0 && whole < 60000);
    for (int s = 0; s < kStreams; s++) {
        float part = -1;
        CUDA(cudaEventElapsedTime(&part, begun, done[s]));
        EXPECT(part >= 0 && part <= whole + 0.01f);
    }

    for (int s = 0; s < kStreams; s++) {
        CUDA(cudaStreamQuery(streams[s]));
        CUDA(cudaStreamSynchronize(streams[s]));
        CUDA(cudaStreamDestroy(streams[s]));
        CUDA(cudaEventDestroy(done[s]));
    }
    CUDA(cudaEventDestroy(begun));
    CUDA(cudaEventDestroy(all));
    uint64_t result = checksum(out, kTotal * sizeof(int));
    CUDA(cudaFreeHost(in));
    CUDA(cudaFreeHost(out));
    CUDA(cudaFree(device_in));
    CUDA(cudaFree(device_out));
    CUDA(cudaFree(device_total));
    passed(result);
    return 0;
}
