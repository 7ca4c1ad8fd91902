// SPDX-License-Identifier: Apache-2.0
// The call path as the work grows: COUNT clients (processes) or threads of one client launch, or
// copy, at once for a while; prints how much they did together.
//
//   scale launch|copy clients|threads COUNT MILLISECONDS
#include "bench/device.h"
#include "bench/measure.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace vgpu::bench;

namespace
{

constexpr size_t kBytes = size_t(1) << 20;

struct Shared {
    std::atomic<int> ready{0};
    std::atomic<bool> go{false}, stop{false};
    std::atomic<uint64_t> done{0}; // launches or bytes
};

void await(std::atomic<bool> &flag)
{
    while (!flag.load(std::memory_order_acquire))
        usleep(200);
}

// Counts as it goes, in whole batches that the device has finished.
void work(Shared &shared, Device &device, bool copy)
{
    CU(cuCtxSetCurrent(device.context));
    CUfunction nothing = device.kernel("nothing");
    CUdeviceptr there = allocate(kBytes);
    std::vector<char> here(kBytes, 1);
    CUstream stream;
    CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CU(cuStreamSynchronize(stream));
    shared.ready.fetch_add(1);
    await(shared.go);
    while (!shared.stop.load(std::memory_order_acquire)) {
        constexpr int kBatch = 500;
        for (int i = 0; i < (copy ? 1 : kBatch); i++) {
            if (copy)
                CU(cuMemcpyHtoDAsync(there, here.data(), kBytes, stream));
            else
                launch_nothing(nothing, stream);
        }
        CU(cuStreamSynchronize(stream));
        shared.done.fetch_add(copy ? kBytes : kBatch, std::memory_order_relaxed);
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5)
        return std::fprintf(stderr, "bench/scale is run by bench/run\n"), 2;
    const bool copy = !std::strcmp(argv[1], "copy"), threads = !std::strcmp(argv[2], "threads");
    const int count = std::atoi(argv[3]);
    const useconds_t us = useconds_t(std::atoi(argv[4])) * 1000;
    void *memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    Shared &shared = *new (memory) Shared;

    std::vector<pid_t> children;
    std::vector<std::thread> workers;
    std::unique_ptr<Device> device;
    if (threads) {
        device = std::make_unique<Device>();
        device->kernel("nothing"); // loaded once, before the threads
        for (int i = 0; i < count; i++)
            workers.emplace_back([&] { work(shared, *device, copy); });
    }
    for (int i = 0; !threads && i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            Device own;
            work(shared, own, copy);
            std::exit(0);
        }
        children.push_back(child);
    }
    double patience = seconds() + 120;
    while (shared.ready.load() < count) {
        if (seconds() > patience || (!threads && waitpid(-1, nullptr, WNOHANG) > 0))
            return std::fprintf(stderr, "bench: not all of %d clients came up\n", count), 1;
        usleep(1000);
    }
    double start = seconds();
    shared.go = true;
    usleep(us);
    // Before the clients' ends, which take their time too.
    const double rate = double(shared.done.load()) / (seconds() - start);
    shared.stop = true;
    for (std::thread &one : workers)
        one.join();
    int bad = 0;
    for (pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    if (bad)
        return std::fprintf(stderr, "bench: %d of %d clients failed\n", bad, count), 1;
    std::printf("rate %.1f\n", rate);
    return 0;
}
