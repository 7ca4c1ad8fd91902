// SPDX-License-Identifier: Apache-2.0
// Each thread's default stream is its own: one thread's kernel runs until another thread, through
// its own, lets it end. Were both the same, nothing would ever end. Compiled once more with
// -default-stream per-thread, where it is the stream of all that names none.
#include "check.h"

#include <thread>
#include <vector>

const char *const program = "thread-streams";

constexpr int kThreads = 4;

#ifdef CUDA_API_PER_THREAD_DEFAULT_STREAM
static const cudaStream_t own = nullptr;
#else
static const cudaStream_t own = cudaStreamPerThread;
#endif

__global__ void wait_for(volatile int *flag, int *out)
{
    while (*flag == 0)
        __nanosleep(1000);
    *out = *flag + 1;
}

__global__ void add(int *out, int n)
{
    *out += n;
}

int main()
{
    int *flag, *out;
    CUDA(cudaMalloc(&flag, sizeof(int)));
    CUDA(cudaMalloc(&out, sizeof(int)));
    CUDA(cudaMemset(flag, 0, sizeof(int)));
    CUDA(cudaDeviceSynchronize());
    wait_for<<<1, 1, 0, own>>>(flag, out);
    CUDA(cudaGetLastError());
    EXPECT(cudaStreamQuery(own) == cudaErrorNotReady);
    std::thread other([&] {
        CUDA(cudaStreamQuery(own));
        static const int one = 41;
#ifdef CUDA_API_PER_THREAD_DEFAULT_STREAM
        // All of these would wait for the kernel in the legacy stream.
        int *cell, sum = -1;
        cudaEvent_t here;
        CUDA(cudaMallocAsync(&cell, sizeof(int), 0));
        CUDA(cudaMemset(cell, 0, sizeof(int)));
        add<<<1, 1>>>(cell, 5);
        CUDA(cudaEventCreate(&here));
        CUDA(cudaEventRecord(here));
        CUDA(cudaEventSynchronize(here));
        CUDA(cudaEventDestroy(here));
        CUDA(cudaMemcpy(&sum, cell, sizeof(int), cudaMemcpyDeviceToHost));
        EXPECT(sum == 5);
        CUDA(cudaFreeAsync(cell, 0));
        CUDA(cudaMemcpy(flag, &one, sizeof(int), cudaMemcpyHostToDevice));
#else
        CUDA(cudaMemcpyAsync(flag, &one, sizeof(int), cudaMemcpyHostToDevice, own));
        CUDA(cudaStreamSynchronize(own));
#endif
    });
    other.join();
    CUDA(cudaStreamSynchronize(own));
    int result = 0;
    CUDA(cudaMemcpy(&result, out, sizeof(int), cudaMemcpyDeviceToHost));
    EXPECT(result == 42);

    // The legacy stream waits for all of them, also for those of threads that have ended.
    int *sums;
    CUDA(cudaMalloc(&sums, kThreads * sizeof(int)));
    CUDA(cudaMemset(sums, 0, kThreads * sizeof(int)));
    CUDA(cudaDeviceSynchronize());
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++)
        threads.emplace_back([=] {
            for (int k = 0; k < 100; k++)
                add<<<1, 1, 0, own>>>(sums + i, i);
            CUDA(cudaGetLastError());
            if (i % 2 == 0)
                CUDA(cudaStreamSynchronize(own));
        });
    for (auto &thread : threads)
        thread.join();
    int totals[kThreads];
    CUDA(cudaStreamSynchronize(cudaStreamLegacy));
    CUDA(cudaMemcpy(totals, sums, sizeof totals, cudaMemcpyDeviceToHost));
    for (int i = 0; i < kThreads; i++)
        EXPECT(totals[i] == 100 * i);

    // Events and waits between the streams of two threads.
    cudaEvent_t event;
    CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CUDA(cudaMemset(out, 0, sizeof(int)));
    CUDA(cudaDeviceSynchronize());
    add<<<1, 1, 0, own>>>(out, 1);
    CUDA(cudaEventRecord(event, own));
    std::thread([=] {
        CUDA(cudaStreamWaitEvent(own, event, 0));
        add<<<1, 1, 0, own>>>(out, 1);
        int sum = 0;
        CUDA(cudaMemcpyAsync(&sum, out, sizeof(int), cudaMemcpyDeviceToHost, own));
        CUDA(cudaStreamSynchronize(own));
        EXPECT(sum == 2);
    }).join();

    // A reset takes them all; the next use has new ones.
    CUDA(cudaDeviceReset());
    CUDA(cudaMalloc(&out, sizeof(int)));
    CUDA(cudaMemsetAsync(out, 0, sizeof(int), own));
    add<<<1, 1, 0, own>>>(out, 7);
    CUDA(cudaMemcpyAsync(&result, out, sizeof(int), cudaMemcpyDeviceToHost, own));
    CUDA(cudaStreamSynchronize(own));
    EXPECT(result == 7);
    passed(0);
    return 0;
}
