// SPDX-License-Identifier: Apache-2.0
// Keeps one direction of the bulk connections to the pace that vgpud has set for the session: a
// token bucket of bytes. Who reads slowly makes TCP slow the client down, so that no client can
// cheat.
#pragma once

#include "remoting/server/traffic-page.h"

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace vgpu::server
{

class Pacer
{
public:
    // What may be made up for after a pause, such as one that the scheduler made: a tenth of a
    // second's bytes.
    static constexpr uint64_t kBurstPart = 10;
    static constexpr size_t kLeast = size_t(16) << 10; // that are let through at a time

    // Without a way it counts nothing and never waits. Before the first enter().
    void attach(TrafficWay *way) noexcept { way_ = way; }

    // Waits until bytes may pass; how many of `most` that are now, at least kLeast or `most`. What
    // is let through beyond the pace is waited for by the next. From any thread.
    size_t enter(size_t most);
    // So many have passed, and were `carried` on the network.
    void passed(size_t bytes, uint64_t carried) noexcept;

    // From any thread: nobody waits any more.
    void stop() noexcept;

private:
    void refill(uint64_t pace) noexcept;
    size_t chosen(size_t chunk, size_t most) noexcept;

    TrafficWay *way_ = nullptr;
    std::mutex mutex_;  // of what follows
    double tokens_ = 0; // bytes; below 0 is debt
    uint64_t refilled_ns_ = 0;
    std::condition_variable stops_;
    bool stopped_ = false;
};

} // namespace vgpu::server
