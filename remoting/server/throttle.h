// SPDX-License-Identifier: Apache-2.0
// A slice's compute share: a token bucket of device time. Launches are charged what they took,
// measured by two events round each; a launch waits while the slice is in debt. The bucket is in
// the slice's page: all its workers share it.
#pragma once

#include "remoting/server/contexts.h"
#include "remoting/server/slice.h"

#include <deque>

namespace vgpu::server
{

class Throttle
{
public:
    static constexpr int64_t kBurstNs =
        20'000'000;                           // what an idle slice may save up, in device time
    static constexpr size_t kUnmeasured = 32; // launches on the way that are not yet charged,
    static constexpr uint64_t kFeedbackNs = 10'000'000; // and how old the oldest of them may become

    Throttle(const Driver &driver, const Slice &slice) : driver_(driver), slice_(slice) {}

    // Whether there is a share at all: 0 and 100 per cent are none, and cost nothing.
    bool on() const noexcept { return slice_.cores > 0 && slice_.cores < 100; }

    // Before a launch; waits for the slice's share. After it, the events go in by the stream it
    // went to.
    CUresult before(Context &context, CUstream stream, CUevent &start);
    void after(Context &context, CUstream stream, CUevent start);

    // Charges what is done. With `all`, waits for the rest first.
    void settle(bool all);

    // A context ends: what was launched in it is charged, and its events let go.
    void close() { settle(true); }

private:
    struct Span {
        CUcontext context;
        EventPoolPtr pool;
        CUevent start, end;
        uint64_t at_ns;
    };
    void charge(Span &span);
    void refill() noexcept;
    bool unmeasured(uint64_t now) const noexcept;

    const Driver &driver_;
    const Slice &slice_;
    std::deque<Span> spans_;
};

} // namespace vgpu::server
