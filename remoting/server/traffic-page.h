// SPDX-License-Identifier: Apache-2.0
// What a worker and vgpud know together of a session's bulk connection: a page of shared memory for
// each session. The worker counts, vgpud divides the node's link and sets the pace. All of it is
// atomics that stand for themselves, since the worker may be killed between two instructions.
#pragma once

#include <atomic>
#include <cstdint>

namespace vgpu::server
{

constexpr uint32_t kTrafficPageVersion = 3;

// One direction, as the device sees it.
struct TrafficWay {
    std::atomic<uint64_t> bytes;     // on the network; counted by the worker, read by vgpud
    std::atomic<uint64_t> saved;     // by compression; likewise
    std::atomic<uint64_t> waited_ns; // for the pace; counted by the worker, read by vgpud
    std::atomic<uint64_t> pace;      // bytes a second, 0: any; set by vgpud, kept by the worker
    std::atomic<uint64_t> chunk;     // bytes let through at a time; the worker's choice
    std::atomic<uint64_t> queue;     // bytes that wait; told by the worker
    std::atomic<uint64_t> window;    // bytes under way at most; the client's choice
};

struct alignas(4096) TrafficPage {
    std::atomic<uint32_t> version; // set by vgpud before a worker sees the page
    TrafficWay in, out;
    std::atomic<uint64_t> rtt_us;      // of the bulk connections; told by the worker
    std::atomic<uint64_t> connections; // of bulk; told by the worker
    std::atomic<uint64_t> reconnects;  // of the session after losses; counted by the worker
};
static_assert(sizeof(TrafficPage) == 4096);

} // namespace vgpu::server
