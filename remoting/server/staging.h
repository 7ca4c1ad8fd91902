// SPDX-License-Identifier: Apache-2.0
// Bounded host memory between the channel and the device, registered with the driver so that copies
// through it do not wait.
#pragma once

#include "remoting/api/params.h"
#include "remoting/server/contexts.h"
#include "remoting/server/host-pool.h"
#include "remoting/server/pinned.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace vgpu::server
{

// Towards the device: a ring, reclaimed in order as the device passes each piece's fence. Dispatch
// thread only.
class InStaging
{
public:
    static constexpr size_t kBytes = 16 << 20;

    explicit InStaging(const Driver &driver) : driver_(driver) {}

    // Room for n bytes (at most kBytes / 2). Waits for the device if there is none, which no client
    // that keeps to the rules (session.api, vgpuCopyIn) lets happen. The bytes are to be copied
    // there, given to the driver, and then committed with a fence behind that.
    std::byte *acquire(size_t n, Contexts &contexts);
    void commit(size_t n, Fence fence);

    // Of what has been committed since the last call, what the device may not have passed yet.
    std::vector<std::shared_ptr<const Fence>> take_committed();

private:
    struct Piece {
        size_t begin, end;
        std::shared_ptr<const Fence> fence;
    };
    const Driver &driver_;
    std::unique_ptr<Pinned> memory_; // made at the first copy
    std::deque<Piece> pieces_;
    size_t untaken_ = 0; // pieces, the last ones; some of them may be gone
    size_t head_ = 0;
};

// Towards the device, in memory that the client shares and looks after: of what was given to the
// device since the last call of take(), what it may not have passed yet. Dispatch thread only.
class SharedStaging
{
public:
    static constexpr size_t kMost = 64; // pieces that no answer was asked for

    bool full() const noexcept { return pieces_.size() >= kMost; }
    void add(Fence fence) { pieces_.push_back(std::make_shared<const Fence>(std::move(fence))); }
    std::vector<std::shared_ptr<const Fence>> take() { return std::exchange(pieces_, {}); }

private:
    std::vector<std::shared_ptr<const Fence>> pieces_;
};

// From the device: slots of one piece each, taken on the dispatch thread, given back by the waiters
// when the piece is sent.
class OutStaging
{
public:
    static constexpr size_t kSlots = 256;
    static constexpr size_t kGroup = 16; // slots registered at a time

    explicit OutStaging(const Driver &driver) : pool_(driver, {api::kMaxPiece, kGroup}, kSlots) {}

    // So many bytes more may be on their way than else.
    void allow(uint64_t more) { pool_.allow(kSlots + size_t(more / api::kMaxPiece)); }

    // A slot of api::kMaxPiece bytes. Waits for the waiters if there is none, which no client that
    // keeps to the rules (session.api, vgpuCopyOut) lets happen.
    std::byte *take();
    void give(std::byte *slot);

    void trim() noexcept { pool_.trim(); } // see HostPool

private:
    HostPool pool_;
    std::mutex mutex_; // of waiting
    std::condition_variable freed_;
};

} // namespace vgpu::server
