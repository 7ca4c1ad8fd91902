// SPDX-License-Identifier: Apache-2.0
// Host memory that the worker has mapped too, where the channel passes descriptors: pageable memory
// goes to the device through it, so that the client copies the bytes once and the device takes them
// from there.
#pragma once

#include "remoting/client/connection.h"
#include "remoting/client/rows-in.h"

#include <cuda.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

namespace vgpu::client
{

class Session;

class SharedStaging
{
public:
    static constexpr size_t kBytes = size_t(8) << 20;
    // Less than that goes with the call. It is let through where others wait for room, too: it may
    // be what the device waits for.
    static constexpr size_t kLeast = (size_t(64) << 10) + 1;

    // Made at the first use, by a call to the worker. False where there is none to be had.
    bool open(Session &session);

    // Rows, together kLeast to api::kMaxPiece bytes; waits for room. It goes into the stream behind
    // all that was sent before.
    CUresult send(Session &session, uint32_t word, const RowsIn &piece);

private:
    // The answer to a piece: the device has taken it, and all before it.
    struct Marker : Pending {
        bool arrived(const wire::Header &, std::span<const std::byte>) override
        {
            there.store(true, std::memory_order_release);
            return true;
        }
        std::atomic<bool> there{false}; // partner: make_room(); wait() is short then
        size_t bytes = 0;
    };
    static constexpr size_t kMarked = size_t(1) << 20; // one answer for so many

    bool map(Session &session);
    bool make_room(Connection &connection, size_t n);

    std::atomic<int> state_{0}; // 0: not tried, 1: there, -1: none
    std::mutex mutex_;          // of what follows, and of the order of places and pieces
    std::byte *data_ = nullptr; // never unmapped, as the session is never deleted
    uint64_t host_ = 0;         // its id
    size_t head_ = 0;           // where the next piece goes
    size_t used_ = 0;           // before it, cyclically, what the device may not have taken
    size_t unmarked_ = 0;       // of these, since the last marker
    std::deque<std::unique_ptr<Marker>> markers_; // in order
};

} // namespace vgpu::client
