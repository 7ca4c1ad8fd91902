// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/pacer.h"

#include "remoting/base/clock.h"

#include <algorithm>
#include <chrono>

namespace vgpu::server
{

void Pacer::refill(uint64_t pace) noexcept
{
    const uint64_t now = now_ns();
    const double most = std::max(double(pace) / kBurstPart, double(kLeast));
    if (refilled_ns_)
        tokens_ += double(now - refilled_ns_) * 1e-9 * double(pace);
    tokens_ = std::min(tokens_, most);
    refilled_ns_ = now;
}

size_t Pacer::enter(size_t most)
{
    if (!way_)
        return most;
    std::unique_lock lock(mutex_);
    for (;;) {
        // Partner: vgpud, which may set another pace at any time: none is waited for long.
        const uint64_t pace = way_->pace.load(std::memory_order_relaxed);
        if (pace == 0) {
            tokens_ = 0;
            refilled_ns_ = 0;
            return chosen(most, most);
        }
        refill(pace);
        if (tokens_ >= 0) // a sixteenth of the burst, so that both ends have something to do
            return chosen(std::max(size_t(pace / kBurstPart / 16), kLeast), most);
        constexpr uint64_t kLongestNs = 20'000'000;
        const auto ns =
            uint64_t(std::clamp(-tokens_ / double(pace) * 1e9, 100'000.0, double(kLongestNs)));
        if (stops_.wait_for(lock, std::chrono::nanoseconds(ns), [&] { return stopped_; }))
            return most;
        way_->waited_ns.fetch_add(ns, std::memory_order_relaxed); // partner: vgpud's look
    }
}

// What is left of a copy may be less, which says nothing of the pace.
size_t Pacer::chosen(size_t chunk, size_t most) noexcept
{
    way_->chunk.store(chunk, std::memory_order_relaxed); // partner: vgpud, for people
    return std::min(chunk, most);
}

void Pacer::passed(size_t bytes, uint64_t carried) noexcept
{
    if (!way_)
        return;
    way_->bytes.fetch_add(carried, std::memory_order_relaxed); // partner: vgpud's look
    // Below 0 for a moment, when a block has come of which a part is read.
    way_->saved.fetch_add(bytes - carried, std::memory_order_relaxed);
    std::lock_guard lock(mutex_);
    tokens_ -= double(carried);
}

void Pacer::stop() noexcept
{
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    stops_.notify_all();
}

} // namespace vgpu::server
