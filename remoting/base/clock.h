// SPDX-License-Identifier: Apache-2.0
// Monotonic time and the moment by which something must have happened.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <limits>

namespace vgpu
{

inline uint64_t now_ns() noexcept
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return uint64_t(time.tv_sec) * 1'000'000'000u + uint64_t(time.tv_nsec);
}

// A moment, not a span: it can be handed down through several blocking steps without adding up.
class Deadline
{
public:
    static Deadline never() noexcept { return Deadline(kNever); }

    // A negative span means never, as poll() has it.
    static Deadline after_ms(int64_t ms) noexcept
    {
        return ms < 0 ? never() : Deadline(now_ns() + uint64_t(ms) * 1'000'000u);
    }

    bool is_never() const noexcept { return at_ == kNever; }
    bool expired() const noexcept { return at_ != kNever && now_ns() >= at_; }

    uint64_t left_ns() const noexcept
    {
        if (at_ == kNever)
            return kNever;
        uint64_t now = now_ns();
        return now >= at_ ? 0 : at_ - now;
    }

    // What is left as poll()'s timeout: rounded up so that a wait never ends early, -1 for never.
    int poll_ms() const noexcept
    {
        if (at_ == kNever)
            return -1;
        uint64_t ms = (left_ns() + 999'999u) / 1'000'000u;
        return int(std::min<uint64_t>(ms, std::numeric_limits<int>::max()));
    }

private:
    static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
    explicit Deadline(uint64_t at) noexcept : at_(at) {}
    uint64_t at_;
};

} // namespace vgpu
