// SPDX-License-Identifier: Apache-2.0
// Giving a core up between two pieces of bulk bytes.
#pragma once

#include "remoting/base/clock.h"

#include <algorithm>
#include <cstdint>

#include <sched.h>

namespace vgpu::wire
{

// Who moves bulk bytes runs for as long as the kernel lets him, up to a tick of 4 ms, and where there
// are fewer cores than threads a small call stands behind that, though it was polling a moment ago: it
// has had its share. Only a yield lets it go first. Who yields to one that computes waits for the whole
// of his turn (EEVDF takes the rest of ours), so that is done less and less often while it takes long.
class GiveWay
{
public:
    // Between two pieces; one thread alone.
    void operator()() noexcept
    {
        if (skip_ > 0) {
            --skip_;
            return;
        }
        const uint64_t start = now_ns();
        sched_yield();
        took(now_ns() - start);
    }

    // The same, for who has yielded for so long.
    void took(uint64_t ns) noexcept
    {
        next_ = ns < kLongNs ? 1 : std::min(2 * next_, kMostSkipped);
        skip_ = next_ - 1;
    }

    unsigned skips() const noexcept { return skip_; }

private:
    // Calls that come and go take a fraction of it together.
    static constexpr uint64_t kLongNs = 1'000'000;
    static constexpr unsigned kMostSkipped = 256;

    unsigned next_ = 1, skip_ = 0;
};

} // namespace vgpu::wire
