// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/flusher.h"

#include "remoting/base/clock.h"

#include <csignal>

#include <pthread.h>
#include <sched.h>

namespace vgpu::wire
{

void Flusher::wake()
{
    std::lock_guard lock(mutex_);
    State state = state_.load(std::memory_order_relaxed);
    if (state == State::absent) {
        // The application's signals are not for a thread it does not know of.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        state_.store(State::awake, std::memory_order_seq_cst);
        try {
            thread_ = std::thread([this] { run(); });
        } catch (...) {
            // Without a thread the caller writes by himself, slower but as surely.
            state_.store(State::absent, std::memory_order_seq_cst);
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            flush_();
            return;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    } else if (state == State::asleep) {
        state_.store(State::awake, std::memory_order_seq_cst);
        changed_.notify_one();
    }
}

void Flusher::stop()
{
    {
        std::lock_guard lock(mutex_);
        state_.store(State::ended, std::memory_order_seq_cst);
        changed_.notify_one();
    }
    if (thread_.joinable())
        thread_.join();
}

void Flusher::run()
{
    pthread_setname_np(pthread_self(), "vgpu-flush");
    uint64_t since = now_ns();
    while (state_.load(std::memory_order_relaxed) != State::ended) {
        if (waiting_()) {
            flush_();
            since = now_ns();
            continue;
        }
        if (now_ns() - since < spin_.limit_ns()) {
            for (int i = 0; i < 16 && !waiting_(); ++i)
                relax();
            if (waiting_())
                spin_.paid_off();
            else
                sched_yield(); // to whom the processor may be of more use
            continue;
        }
        spin_.was_in_vain();
        std::unique_lock lock(mutex_);
        if (state_.load(std::memory_order_relaxed) == State::ended)
            return;
        // Partner: nudge(), which looks at the state after something was left. One of the two sees
        // the other.
        state_.store(State::asleep, std::memory_order_seq_cst);
        if (waiting_())
            state_.store(State::awake, std::memory_order_relaxed);
        changed_.wait(lock,
                      [&] { return state_.load(std::memory_order_relaxed) != State::asleep; });
        since = now_ns();
    }
}

} // namespace vgpu::wire
