// SPDX-License-Identifier: Apache-2.0
// Several threads at once, each with a stream of its own, on managed memory of their own, and side
// by side on memory that they share: no write of any of them, on either side, may be lost.
#include "check.h"

#include <thread>
#include <vector>

const char *const program = "managed-threads";

constexpr int kThreads = 4, kRounds = 25, kCount = 3000, kShared = 1024;

__global__ void step(int *own, int *shared, int n, int thread, int threads, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        own[i] = own[i] * 3 + 1;
    if (i < count && i % threads == thread)
        shared[i] += thread + 1;
}

static void work(int thread, int *shared)
{
    int *own;
    cudaStream_t stream;
    CUDA(cudaMallocManaged(&own, kCount * sizeof(int)));
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for (int i = 0; i < kCount; i++)
        own[i] = i + thread;
    for (int round = 0; round < kRounds; round++) {
        // Its own elements of the shared memory, while the others' kernels run.
        for (int i = thread; i < kShared; i += kThreads)
            shared[i] += 1000;
        step<<<(kCount + 127) / 128, 128, 0, stream>>>(own, shared, kCount, thread, kThreads,
                                                       kShared);
        CUDA(cudaGetLastError());
        CUDA(cudaStreamSynchronize(stream));
        for (int i = 0; i < kCount; i++)
            own[i] %= 1000;
    }
    std::vector<int> expected(kCount);
    for (int i = 0; i < kCount; i++) {
        int value = i + thread;
        for (int round = 0; round < kRounds; round++)
            value = (value * 3 + 1) % 1000;
        if (own[i] != value)
            fail("thread %d: [%d] is %d, not %d", thread, i, own[i], value);
    }
    CUDA(cudaStreamDestroy(stream));
    CUDA(cudaFree(own));
}

static uint64_t run(int *shared)
{
    for (int i = 0; i < kShared; i++)
        shared[i] = i;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++)
        threads.emplace_back(work, i, shared);
    for (auto &thread : threads)
        thread.join();
    for (int i = 0; i < kShared; i++)
        if (shared[i] != i + kRounds * (1001 + i % kThreads))
            fail("shared [%d] is %d, not %d", i, shared[i], i + kRounds * (1001 + i % kThreads));
    return checksum(shared, kShared * sizeof(int));
}

int main()
{
    int *managed, *mapped, *on_device;
    CUDA(cudaMallocManaged(&managed, kShared * sizeof(int)));
    uint64_t sum = run(managed);
    CUDA(cudaHostAlloc(&mapped, kShared * sizeof(int), cudaHostAllocMapped));
    CUDA(cudaHostGetDevicePointer(&on_device, mapped, 0));
    // What the host sees and what kernels see have two names where they are two copies.
    static int *device_view;
    device_view = on_device;
    for (int i = 0; i < kShared; i++)
        mapped[i] = i;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; t++)
        threads.emplace_back([=] {
            cudaStream_t stream;
            CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
            for (int round = 0; round < kRounds; round++) {
                for (int i = t; i < kShared; i += kThreads)
                    mapped[i] += 1000;
                step<<<kShared / 128, 128, 0, stream>>>(device_view, device_view, 0, t, kThreads,
                                                        kShared);
                CUDA(cudaStreamSynchronize(stream));
            }
            CUDA(cudaStreamDestroy(stream));
        });
    for (auto &thread : threads)
        thread.join();
    for (int i = 0; i < kShared; i++)
        if (mapped[i] != i + kRounds * (1001 + i % kThreads))
            fail("mapped [%d] is %d", i, mapped[i]);
    CUDA(cudaFreeHost(mapped));
    CUDA(cudaFree(managed));
    passed(sum);
    return 0;
}
