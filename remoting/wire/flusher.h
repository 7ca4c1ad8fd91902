// SPDX-License-Identifier: Apache-2.0
// A thread that writes through what senders have left in a buffer, so that a lone message starts on
// its way though nothing follows it, while those of a burst gather behind the write before them:
// the batch is as large as the peer is slow, and no timer is needed.
#pragma once

#include "remoting/wire/spin.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace vgpu::wire
{

class Flusher
{
public:
    // `flush` writes what there is; it must not throw. `waiting` says whether there is any: called
    // by any thread, without a lock.
    Flusher(std::function<bool()> waiting, std::function<void()> flush)
        : waiting_(std::move(waiting)), flush_(std::move(flush))
    {
    }
    ~Flusher() { stop(); }

    // After something was left. Cheap while the thread is awake; starts it at the first call.
    void nudge()
    {
        if (state_.load(std::memory_order_seq_cst) != State::awake) // partner: run()
            wake();
    }

    bool started() const noexcept { return thread_.joinable(); }
    void stop();

private:
    enum class State { absent, asleep, awake, ended };
    void wake();
    void run();

    const std::function<bool()> waiting_;
    const std::function<void()> flush_;
    std::atomic<State> state_{State::absent};
    std::mutex mutex_; // of sleeping, starting and stopping
    std::condition_variable changed_;
    std::thread thread_;
    Spin spin_;
};

} // namespace vgpu::wire
