// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/waiters.h"

#include "remoting/base/log.h"

#include <atomic>
#include <exception>

namespace vgpu::server
{

// Handles are aligned pointers: mixed, or they would share few lanes.
size_t Waiters::lane_of(uint64_t key) noexcept
{
    return ((key * 0x9e3779b97f4a7c15u) >> 32) % kLanes;
}

void Waiters::add(uint64_t key, Job job)
{
    auto &lane = lanes_[lane_of(key)];
    if (!lane) {
        lane = std::make_unique<Lane>();
        lane->thread = std::thread([lane = lane.get()] { lane->run(); });
    }
    lane->add(std::move(job));
}

bool Waiters::idle(uint64_t key)
{
    auto &lane = lanes_[lane_of(key)];
    return !lane || lane->idle();
}

bool Waiters::idle()
{
    for (auto &lane : lanes_)
        if (lane && !lane->idle())
            return false;
    return true;
}

void Waiters::after_all(Job job)
{
    // One count is ours until all lanes have theirs, so that the job cannot run too early.
    auto left = std::make_shared<std::atomic<size_t>>(1);
    auto shared = std::make_shared<Job>(std::move(job));
    auto step = [left, shared] {
        if (left->fetch_sub(1, std::memory_order_acq_rel) == 1) // partner: the other lanes' steps
            (*shared)();
    };
    for (auto &lane : lanes_) {
        if (lane && !lane->idle()) {
            left->fetch_add(1, std::memory_order_relaxed);
            lane->add(step);
        }
    }
    step();
}

void Waiters::drain()
{
    for (auto &lane : lanes_) {
        if (!lane)
            continue;
        std::unique_lock lock(lane->mutex);
        lane->fewer.wait(lock, [&] { return lane->jobs.empty() && !lane->busy; });
    }
}

bool Waiters::Lane::idle()
{
    std::lock_guard lock(mutex);
    return jobs.empty() && !busy;
}

void Waiters::Lane::add(Job job)
{
    {
        std::unique_lock lock(mutex);
        fewer.wait(lock, [&] { return jobs.size() < kMostJobs; });
        jobs.push_back(std::move(job));
    }
    wake.notify_one();
}

void Waiters::finish()
{
    for (auto &lane : lanes_) {
        if (!lane)
            continue;
        {
            std::lock_guard lock(lane->mutex);
            lane->ending = true;
        }
        lane->wake.notify_one();
        lane->thread.join();
        lane.reset();
    }
}

void Waiters::Lane::run()
{
    std::unique_lock lock(mutex);
    for (;;) {
        wake.wait(lock, [&] { return ending || !jobs.empty(); });
        if (jobs.empty())
            return;
        Job job = std::move(jobs.front());
        jobs.pop_front();
        busy = true;
        lock.unlock();
        try {
            job();
        } catch (const std::exception &error) {
            log(Level::error, "a wait failed: %s", error.what());
        }
        job = nullptr; // what it holds is let go before the next wait
        lock.lock();
        busy = false;
        fewer.notify_all();
    }
}

} // namespace vgpu::server
