// SPDX-License-Identifier: Apache-2.0
// The call path as the work grows: COUNT clients (processes) or threads of one client launch, or
// copy, at once for a while; prints how much they did together.
//
//   scale launch|copy|bare clients|threads COUNT MILLISECONDS
//
// Copies are 1 MiB each, and go through 64 MiB whoever makes them: one client has all of it, of 64
// each has one. Else 64 clients would be held against one whose copies never leave the caches.
// `bare`: no clients, but processes that copy as much within their own memory and take turns as
// clients do that wait for each copy: what the machine leaves of one's rate.
#include "bench/device.h"
#include "bench/measure.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace vgpu::bench;

namespace
{

constexpr size_t kBytes = size_t(1) << 20, kAll = 64 * kBytes;

// Where the next copy is, in one's part of all.
class Place
{
public:
    explicit Place(int count) : bytes(std::max(kAll / size_t(count), kBytes)) {}
    size_t next() { return at_ = (at_ + kBytes) % bytes; }
    const size_t bytes;

private:
    size_t at_ = 0;
};

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
void work(Shared &shared, Device &device, bool copy, int count)
{
    CU(cuCtxSetCurrent(device.context));
    CUfunction nothing = device.kernel("nothing");
    Place place(count);
    CUdeviceptr there = allocate(place.bytes);
    std::vector<char> here(place.bytes, 1);
    CUstream stream;
    CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CU(cuStreamSynchronize(stream));
    shared.ready.fetch_add(1);
    await(shared.go);
    while (!shared.stop.load(std::memory_order_acquire)) {
        constexpr int kBatch = 500;
        for (int i = 0; i < (copy ? 1 : kBatch); i++) {
            if (copy) {
                size_t at = place.next();
                CU(cuMemcpyHtoDAsync(there + at, here.data() + at, kBytes, stream));
            } else
                launch_nothing(nothing, stream);
        }
        CU(cuStreamSynchronize(stream));
        shared.done.fetch_add(copy ? kBytes : kBatch, std::memory_order_relaxed);
    }
}

// As many turns go around as there are cores.
class Turns
{
public:
    explicit Turns(int count) : count_(count), apart_(std::min(count, get_nprocs()))
    {
        for (int i = 0; i < count; i++)
            if (pipe(pipes_[i]) != 0)
                std::exit(1);
        for (int i = 0; i < apart_; i++)
            give(i);
    }
    void give(int i)
    {
        if (write(pipes_[i % count_][1], "", 1) != 1)
            std::exit(1);
    }
    void take(int i)
    {
        char turn;
        if (read(pipes_[i][0], &turn, 1) != 1)
            std::exit(1);
    }
    void pass_on(int i) { give(i + apart_); }

private:
    static constexpr int kMost = 256;
    int count_, apart_;
    int pipes_[kMost][2];
};

void copy_bare(Shared &shared, Turns &turns, int self, int count)
{
    Place place(count);
    std::vector<char> here(place.bytes, 1), there(place.bytes, 2);
    shared.ready.fetch_add(1);
    await(shared.go);
    while (!shared.stop.load(std::memory_order_acquire)) {
        turns.take(self);
        size_t at = place.next();
        std::memcpy(there.data() + at, here.data() + at, kBytes);
        asm volatile("" ::"r"(there.data()) : "memory");
        shared.done.fetch_add(kBytes, std::memory_order_relaxed);
        turns.pass_on(self);
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5)
        return std::fprintf(stderr, "bench/scale is run by bench/run\n"), 2;
    const bool copy = !std::strcmp(argv[1], "copy"), bare = !std::strcmp(argv[1], "bare");
    const bool threads = !std::strcmp(argv[2], "threads");
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
            workers.emplace_back([&] { work(shared, *device, copy, count); });
    }
    std::unique_ptr<Turns> turns;
    if (bare)
        turns = std::make_unique<Turns>(count);
    for (int i = 0; !threads && i < count; i++) {
        pid_t child = fork();
        if (child == 0 && bare) {
            copy_bare(shared, *turns, i, count);
            std::exit(0);
        }
        if (child == 0) {
            Device own;
            work(shared, own, copy, count);
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
    for (int i = 0; bare && i < count; i++)
        turns->give(i); // for who still waits for his
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
