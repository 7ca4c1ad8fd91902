// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/waiters.h"

#include "remoting/base/log.h"

#include <exception>

namespace vgpu::server
{

// Where jobs of this key are queued or running; null if none is.
Waiters::Lane *Waiters::busy_lane(uint64_t key)
{
    for (size_t i = 0; i < kLanes; ++i)
        if (lanes_[i] && lanes_[i]->key == key && !lanes_[i]->idle())
            return lanes_[i].get();
    Lane *shared = lanes_[kLanes].get(); // perhaps of this key too
    return shared && !shared->idle() ? shared : nullptr;
}

Waiters::Lane &Waiters::lane_for(uint64_t key)
{
    if (Lane *lane = busy_lane(key))
        return *lane;
    size_t i = 0;
    while (i < kLanes && lanes_[i] && !lanes_[i]->idle())
        ++i;
    auto &lane = lanes_[i];
    if (!lane) {
        lane = std::make_unique<Lane>(unfinished_);
        lane->thread = std::thread([lane = lane.get()] { lane->run(); });
    }
    lane->key = key;
    return *lane;
}

void Waiters::add(uint64_t key, Job job)
{
    lane_for(key).add(std::move(job));
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
    unfinished.fetch_add(1, std::memory_order_relaxed);
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
        unfinished.fetch_sub(1, std::memory_order_release);
        fewer.notify_all();
    }
}

} // namespace vgpu::server
