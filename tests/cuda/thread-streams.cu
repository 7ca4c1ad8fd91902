// SPDX-License-Identifier: Apache-2.0
// Each thread's default stream is its own: one thread's kernel runs until another thread, through
// its own, lets it end. Were both the same, nothing would ever end.
#include "check.h"

#include <thread>
#include <vector>

const char *const program = "thread-streams";

constexpr int kThreads = 4;

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
    wait_for<<<1, 1, 0, cudaStreamPerThread>>>(flag, out);
    CUDA(cudaGetLastError());
    EXPECT(cudaStreamQuery(cudaStreamPerThread) == cudaErrorNotReady);
    std::thread other([&] {
        CUDA(cudaStreamQuery(cudaStreamPerThread));
        static const int one = 41;
        CUDA(cudaMemcpyAsync(flag, &one, sizeof(int), cudaMemcpyHostToDevice, cudaStreamPerThread));
        CUDA(cudaStreamSynchronize(cudaStreamPerThread));
    });
    other.join();
    CUDA(cudaStreamSynchronize(cudaStreamPerThread));
    int result = 0;
    CUDA(cudaMemcpy(&result, out, sizeof(int), cudaMemcpyDeviceToHost));
    EXPECT(result == 42);

    // The legacy stream waits for all of them, also for those of threads that have ended.
    int *sums;
    CUDA(cudaMalloc(&sums, kThreads * sizeof(int)));
    CUDA(cudaMemset(sums, 0, kThreads * sizeof(int)));
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++)
        threads.emplace_back([=] {
            for (int k = 0; k < 100; k++)
                add<<<1, 1, 0, cudaStreamPerThread>>>(sums + i, i);
            CUDA(cudaGetLastError());
            if (i % 2 == 0)
                CUDA(cudaStreamSynchronize(cudaStreamPerThread));
        });
    for (auto &thread : threads)
        thread.join();
    int totals[kThreads];
    CUDA(cudaMemcpy(totals, sums, sizeof totals, cudaMemcpyDeviceToHost));
    for (int i = 0; i < kThreads; i++)
        EXPECT(totals[i] == 100 * i);

    // Events and waits between the streams of two threads.
    cudaEvent_t event;
    CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CUDA(cudaMemset(out, 0, sizeof(int)));
    CUDA(cudaDeviceSynchronize());
    add<<<1, 1, 0, cudaStreamPerThread>>>(out, 1);
    CUDA(cudaEventRecord(event, cudaStreamPerThread));
    std::thread([=] {
        CUDA(cudaStreamWaitEvent(cudaStreamPerThread, event, 0));
        add<<<1, 1, 0, cudaStreamPerThread>>>(out, 1);
        int sum = 0;
        CUDA(cudaMemcpyAsync(&sum, out, sizeof(int), cudaMemcpyDeviceToHost, cudaStreamPerThread));
        CUDA(cudaStreamSynchronize(cudaStreamPerThread));
        EXPECT(sum == 2);
    }).join();

    // A reset takes them all; the next use has new ones.
    CUDA(cudaDeviceReset());
    CUDA(cudaMalloc(&out, sizeof(int)));
    CUDA(cudaMemsetAsync(out, 0, sizeof(int), cudaStreamPerThread));
    add<<<1, 1, 0, cudaStreamPerThread>>>(out, 7);
    CUDA(cudaMemcpyAsync(&result, out, sizeof(int), cudaMemcpyDeviceToHost, cudaStreamPerThread));
    CUDA(cudaStreamSynchronize(cudaStreamPerThread));
    EXPECT(result == 7);
    passed(0);
    return 0;
}
