// SPDX-License-Identifier: Apache-2.0
// Threads that wait for the device, so that the dispatch thread never does. Jobs with one key run
// in order, those of different keys beside each other; a key is a stream or an event.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace vgpu::server
{

class Waiters
{
public:
    using Job = std::function<void()>;

    Waiters() : lanes_(kLanes + 1) {}
    ~Waiters() { finish(); }

    // A thread is started with the first job of its lane. Waits while very many are queued there: a
    // client that asks without reading the answers holds up nobody but itself.
    void add(uint64_t key, Job job);

    // Whether nothing of this key (or one that shares its lane) is queued or running.
    bool idle(uint64_t key) { return idle() || !busy_lane(key); }
    bool idle() const noexcept { return unfinished_.load(std::memory_order_acquire) == 0; }

    // Runs `job` when everything that is queued now has run, in whichever thread comes last; at
    // once if nothing is.
    void after_all(Job job);

    // Waits until nothing is queued or running. Only when the device has nothing left to wait for.
    void drain();

    // Runs what is queued, then ends the threads.
    void finish();

private:
    // A lane has one key at a time, since a wait behind another stream's may be one for ever; only
    // what is more than so many at once shares the last one.
    static constexpr size_t kLanes = 256;
    static constexpr size_t kMostJobs = 4096; // of a lane

    struct Lane {
        explicit Lane(std::atomic<size_t> &all) : unfinished(all) {}
        std::atomic<size_t> &unfinished;
        std::mutex mutex;
        std::condition_variable wake;
        std::deque<Job> jobs;
        std::condition_variable fewer; // jobs than before
        bool busy = false;             // a job is running
        bool ending = false;
        std::thread thread;
        uint64_t key = 0; // of its jobs; the dispatch thread's
        void run();
        bool idle();
        void add(Job job);
    };
    Lane *busy_lane(uint64_t key);
    Lane &lane_for(uint64_t key);
    // Jobs of all lanes. Written by add() and, when one has run, by its lane; partner: idle().
    std::atomic<size_t> unfinished_{0};
    std::vector<std::unique_ptr<Lane>> lanes_;
};

} // namespace vgpu::server
