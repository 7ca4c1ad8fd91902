// SPDX-License-Identifier: Apache-2.0
// The client's end of a session's bulk connection (HACKING.md, "Bulk"): large copies go there, so
// that no call stands behind them.
#pragma once

#include "remoting/api/params.h"
#include "remoting/client/connection.h"
#include "remoting/wire/bulk-stream.h"

#include <cuda.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace vgpu::client
{

class CopyOut;

class Bulk
{
public:
    Bulk(std::unique_ptr<wire::BulkStream> stream, Connection &connection)
        : stream_(std::move(stream)), connection_(connection)
    {
    }
    ~Bulk();

    // What is worth the way here.
    static bool takes(size_t bytes) noexcept { return bytes >= wire::kBulkLeast; }

    // In what pieces a copy goes: large ones, but so many that the device copies while more comes.
    static size_t piece_of(size_t bytes) noexcept
    {
        constexpr size_t kPieces = 16;
        return std::clamp<size_t>(bytes / kPieces & ~size_t(4095), api::kMaxPiece, wire::kBulkMost);
    }

    // Rows of the host's, of wire::kBulkMost bytes at most, on their way to the device: the bytes,
    // then the command that names their place. False when the peer is gone.
    struct Piece {
        const std::byte *from;
        size_t from_pitch, width, rows;
        CUdeviceptr to;
        size_t pitch;
        CUstream stream;
    };
    bool send(uint32_t word, const Piece &piece, Pending *marker);

    // A copy to the host whose bytes will come here, and its number there; until remove(), which
    // waits for the reader to be out of it. The reader, a thread, starts with the first.
    uint32_t add(CopyOut &copy);
    void remove(uint32_t number) noexcept;

    // From any thread: nothing more comes or goes.
    void shut_down() noexcept { stream_->shut_down(); }

    // For the child of a fork.
    void abandon_in_child() noexcept;

private:
    void read();
    bool read_frame();

    const std::unique_ptr<wire::BulkStream> stream_;
    Connection &connection_;

    std::mutex send_; // of the two below, and the order of bytes and commands
    uint64_t position_ = 0;
    std::vector<std::byte> packed_;

    std::mutex mutex_; // of what follows
    std::condition_variable left_;
    std::map<uint32_t, CopyOut *> copies_;
    uint32_t last_ = 0;
    uint32_t reading_ = 0; // the copy that the reader is in, 0 for none
    bool ended_ = false;   // the reader
    std::thread reader_;
};

} // namespace vgpu::client
