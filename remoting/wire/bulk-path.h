// SPDX-License-Identifier: Apache-2.0
// What is known of the network below the bulk connections, and what follows from it.
#pragma once

#include <cstdint>

namespace vgpu::wire
{

// Of one connection, as its end here sees it. All zero where there is no network.
struct BulkPath {
    uint64_t rtt_ns = 0;        // the shortest round trip lately: what the path itself takes
    uint64_t smooth_rtt_ns = 0; // and with what queues on it
    uint64_t busy_us = 0;       // so long there was something to send, since the start
    uint64_t limited_us = 0;    // of that, an end's buffer was all that kept more from going
    uint64_t unsent = 0;        // bytes that were written and not acknowledged
};

// What TCP knows of a socket; nothing of another one.
BulkPath tcp_path(int socket) noexcept;

// Whether sending is held up by the connections' buffers, so that one more connection would carry
// more, or by the network, where one more would only take from others.
class BulkLimits
{
public:
    // With the sums over all connections, from time to time; the answer is of the time since it was
    // last given.
    bool look(uint64_t busy_us, uint64_t limited_us) noexcept;

    // There is another connection now: what was before says nothing any more.
    void restart() noexcept { restarted_ = true; }

private:
    static constexpr uint64_t kEnoughUs = 50'000; // of being busy, to judge by
    uint64_t busy_us_ = 0, limited_us_ = 0;
    bool limited_ = false;
    bool restarted_ = false;
};

} // namespace vgpu::wire
