// SPDX-License-Identifier: Apache-2.0
// Large copies that wait for a kernel hold up nobody else: another thread's calls go on, and one of
// them is what the kernel waits for.
#include "check.h"

#include <atomic>
#include <thread>
#include <vector>

const char *const program = "copy-behind-kernel";

constexpr size_t kWords = 10 << 20; // 40 MiB: more than what any end keeps on its way

__global__ void wait_for(volatile unsigned *flag)
{
    while (*flag == 0)
        ;
}

int main()
{
    unsigned *flag, *words;
    cudaStream_t held, other;
    CUDA(cudaMalloc(&flag, sizeof *flag));
    CUDA(cudaMalloc(&words, kWords * sizeof *words));
    CUDA(cudaMemset(flag, 0, sizeof *flag));
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaStreamCreateWithFlags(&held, cudaStreamNonBlocking));
    CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    std::vector<unsigned> there(kWords), back(kWords);
    for (size_t i = 0; i < kWords; i++)
        there[i] = unsigned(i) * 2654435761u;

    wait_for<<<1, 1, 0, held>>>(flag);
    CUDA(cudaGetLastError());
    std::atomic<bool> started{false};
    std::thread copier([&] {
        started = true;
        CUDA(cudaMemcpyAsync(words, there.data(), kWords * 4, cudaMemcpyHostToDevice, held));
        CUDA(cudaMemcpyAsync(back.data(), words, kWords * 4, cudaMemcpyDeviceToHost, held));
        CUDA(cudaStreamSynchronize(held));
    });
    while (!started)
        std::this_thread::yield();
    for (int i = 0; i < 300; i++) {
        size_t free, total;
        CUDA(cudaMemGetInfo(&free, &total));
        CUDA(cudaStreamSynchronize(other));
        std::this_thread::yield();
    }
    const unsigned one = 1;
    CUDA(cudaMemcpyAsync(flag, &one, sizeof one, cudaMemcpyHostToDevice, other));
    CUDA(cudaStreamSynchronize(other));
    copier.join();
    EXPECT(there == back);
    passed(checksum(back.data(), 4096));
    return 0;
}
