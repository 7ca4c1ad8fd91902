// SPDX-License-Identifier: Apache-2.0
// Threads that wait for the device, so that the dispatch thread never does. Jobs with one key run
// in order, those of different keys beside each other; a key is a stream or an event.
#pragma once

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

    Waiters() : lanes_(kLanes) {}
    ~Waiters() { finish(); }

    // A thread is started with the first job of its lane. Waits while very many are queued there: a
    // client that asks without reading the answers holds up nobody but itself.
    void add(uint64_t key, Job job);

    // Whether nothing of this key (or one that shares its lane) is queued or running.
    bool idle(uint64_t key);
    bool idle();

    // Runs `job` when everything that is queued now has run, in whichever thread comes last; at
    // once if nothing is.
    void after_all(Job job);

    // Waits until nothing is queued or running. Only when the device has nothing left to wait for.
    void drain();

    // Runs what is queued, then ends the threads.
    void finish();

private:
    // Enough that streams seldom share one: sharing only makes a reply later than it could be.
    static constexpr size_t kLanes = 32;
    static constexpr size_t kMostJobs = 4096; // of a lane

    struct Lane {
        std::mutex mutex;
        std::condition_variable wake;
        std::deque<Job> jobs;
        std::condition_variable fewer; // jobs than before
        bool busy = false;             // a job is running
        bool ending = false;
        std::thread thread;
        void run();
        bool idle();
        void add(Job job);
    };
    static size_t lane_of(uint64_t key) noexcept;
    std::vector<std::unique_ptr<Lane>> lanes_;
};

} // namespace vgpu::server
