// SPDX-License-Identifier: Apache-2.0
// Bounded host memory between the channel and the device, registered with the driver so that copies
// through it do not wait.
#pragma once

#include "remoting/server/contexts.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::server
{

// Memory of ours that the driver may know. It outlives the contexts under which it was registered:
// it is only slower then.
class Pinned
{
public:
    // Known to the driver from pin() on, which the constructor does unless it is told not to.
    Pinned(const Driver &driver, size_t bytes, bool pin_now = true);
    ~Pinned();
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;
    void pin(); // dispatch thread, in a context
    std::byte *data() const noexcept { return data_; }
    size_t size() const noexcept { return bytes_; }

private:
    const Driver &driver_;
    std::byte *data_;
    size_t bytes_;
    bool registered_ = false;
};

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

// From the device: slots of one piece each, taken on the dispatch thread, given back by the waiters
// when the piece is sent.
class OutStaging
{
public:
    static constexpr size_t kSlots = 256;
    static constexpr size_t kGroup = 16; // slots registered at a time

    explicit OutStaging(const Driver &driver) : driver_(driver) {}

    // A slot of api::kMaxPiece bytes. Waits for the waiters if there is none, which no client that
    // keeps to the rules (session.api, vgpuCopyOut) lets happen.
    std::byte *take();
    void give(std::byte *slot);

private:
    const Driver &driver_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<Pinned>> groups_;
    std::vector<std::byte *> free_;
};

} // namespace vgpu::server
