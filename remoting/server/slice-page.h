// SPDX-License-Identifier: Apache-2.0
// What the workers of one slice and vgpud know together: a page of shared memory for each slice.
// All of it is atomics, since any worker may be killed between two instructions; nothing here is a
// lock.
#pragma once

#include <atomic>
#include <cstdint>

namespace vgpu::server
{

constexpr uint32_t kSlicePageVersion = 1;
constexpr uint32_t kWorkersPerSlice = 128;

// A worker's own: only it adds to `bytes`, so that what it held is known when it is dead.
struct WorkerSlot {
    std::atomic<int32_t>
        pid; // claimed 0 -> pid by the worker, cleared by the worker or by vgpud's reaper
    std::atomic<uint64_t> bytes; // written by the worker, summed by the other workers and vgpud
};

struct alignas(4096) SlicePage {
    std::atomic<uint32_t> version;  // set by vgpud before a worker sees the page
    std::atomic<uint64_t> peak;     // bytes; raised by workers, read by vgpud
    std::atomic<uint64_t> launches; // counted by workers, read by vgpud
    std::atomic<uint64_t>
        device_ns; // measured by workers (only where a compute share is set), read by vgpud
    std::atomic<uint64_t> throttled_ns; // waited by workers for their share, read by vgpud

    // The slice's token bucket: filled and spent by its workers, nobody else's.
    std::atomic<int64_t> tokens_ns;
    std::atomic<uint64_t> refilled_at_ns; // CLOCK_MONOTONIC; 0 until the first launch

    WorkerSlot workers[kWorkersPerSlice];

    uint64_t used() const noexcept
    {
        uint64_t sum = 0;
        for (const WorkerSlot &worker : workers)
            sum += worker.bytes.load(std::memory_order_seq_cst);
        return sum;
    }

    // For vgpud, when the page is to be another slice's and no worker has it.
    void restart() noexcept
    {
        for (auto *count : {&peak, &launches, &device_ns, &throttled_ns, &refilled_at_ns})
            count->store(0, std::memory_order_relaxed);
        tokens_ns.store(0, std::memory_order_relaxed);
    }

    // For vgpud, when it has reaped a worker.
    void clear(int32_t pid) noexcept
    {
        for (WorkerSlot &worker : workers) {
            if (worker.pid.load(std::memory_order_acquire) == pid) {
                worker.bytes.store(0, std::memory_order_relaxed);
                worker.pid.store(0, std::memory_order_release); // partner: Quota's claim
            }
        }
    }
};
static_assert(sizeof(SlicePage) == 4096);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

} // namespace vgpu::server
