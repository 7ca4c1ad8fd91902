// SPDX-License-Identifier: Apache-2.0
// The second connection of a session whose channel is a stream: the bytes of large copies, so that
// no call stands behind them (HACKING.md, "Bulk").
#pragma once

#include "remoting/wire/bulk-path.h"
#include "remoting/wire/stream-socket.h"

#include <cstdint>
#include <memory>
#include <span>

namespace vgpu::wire
{

// What may be under way in either direction at once, unless the worker allows more and the path
// holds more.
constexpr uint64_t kBulkWindow = uint64_t(12) << 20;

// Connections of a session at most; how many it has is the worker's word, and the path's.
constexpr unsigned kMostBulkLanes = 16;

// Smaller copies go with the calls, and so does the end of a copy: what arrives here is worth it.
constexpr uint64_t kBulkLeast = uint64_t(64) << 10;

// A larger copy goes in pieces of this at most: each costs a command, a wait for its bytes and a
// mark behind it.
constexpr uint64_t kBulkMost = uint64_t(1) << 20;

// From the worker: so many bytes of the copy to the host with that number, for this place among its
// packed rows, follow.
struct BulkFrame {
    uint32_t copy = 0;
    uint32_t bytes = 0;
    uint64_t offset = 0;
};
static_assert(sizeof(BulkFrame) == 16);

class BulkStream
{
public:
    virtual ~BulkStream() = default;

    // All of it. Callers serialise. Throws Error (ECONNRESET) when the peer is gone.
    virtual void write(std::span<iovec> pieces) = 0;

    // So much of what is written is given to the kernel at once; by who writes. Another thread that
    // wants the core gets it between two turns: 256 KiB are some 100 us.
    static constexpr size_t kTurn = size_t(256) << 10, kShortTurn = size_t(16) << 10;
    virtual void take_turns(size_t /*bytes*/) noexcept {}

    // At least one byte; 0 when the peer has closed. One reader at a time, beside a writer.
    virtual size_t read(std::span<std::byte> to) = 0;

    virtual int descriptor() const = 0;
    virtual bool is_sealed() const = 0;
    virtual bool is_compressed() const { return false; } // where that is worth it

    // What has gone over the connection: by the reader and the writer alone, each for his own.
    virtual uint64_t bytes_in() const = 0;
    virtual uint64_t bytes_out() const = 0;

    // From any thread.
    virtual BulkPath path() const noexcept = 0;

    // Ends both directions, from any thread.
    virtual void shut_down() noexcept = 0;

    // Throws ECONNRESET where the stream ends before that, or false if it ends before the first.
    bool read_exactly(std::span<std::byte> to);
};

std::unique_ptr<BulkStream> make_bulk_stream(StreamSocket socket);

// Of several, in turns from the one behind `last` on, the first whose buffer has room; waits until
// there is one.
size_t next_with_room(std::span<BulkStream *const> streams, size_t last);

// What the client has when the worker has let a connection in.
struct BulkConnection {
    std::unique_ptr<BulkStream> stream;
    unsigned number = 0;           // of those of the session, from 0
    unsigned most = 1;             // of them that the worker lets in
    uint64_t window = kBulkWindow; // the most that may be under way each way, over all of them
};

} // namespace vgpu::wire
