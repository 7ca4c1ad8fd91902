// SPDX-License-Identifier: Apache-2.0
// One of the bulk connections of a session, at the worker's end. What comes is nothing but bytes:
// they are put into slots of host memory in the order in which they come, byte p of the connection
// at p modulo the slot's size of slot p / size, and stay there until the device has them.
#pragma once

#include "remoting/server/host-pool.h"
#include "remoting/server/pacer.h"
#include "remoting/wire/bulk-stream.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

namespace vgpu::server
{

// Why a session ends that has lost a bulk connection.
constexpr const char *kBytesLost = "bytes of a large copy were lost with their connection";

class BulkLane
{
public:
    // Slots are as large: a piece of a copy lies in two of them at most.
    static constexpr size_t kSlot = wire::kBulkMost;

    BulkLane(std::unique_ptr<wire::BulkStream> stream, HostPool &slots)
        : stream_(std::move(stream)), slots_(slots)
    {
    }
    ~BulkLane();

    // Reads what comes until the client closes the connection. Throws Error: ECONNRESET where that
    // is inside a copy, EPROTO where the client has more under way than it may. `observe` is called
    // now and then.
    template<class Observe>
    void read(Pacer &pace, Observe &&observe)
    {
        while (read_some(pace))
            observe();
    }
    void start(std::thread reader) { reader_ = std::move(reader); }
    void join(); // until the reader has ended: behind shut_down()

    // The connection has gone: the next one takes its place. False where bytes are missing that
    // were claimed, and nobody can send them again.
    bool lose() noexcept;
    bool lost() const noexcept;

    // Another connection goes on from this byte. First the old one is left; false where what comes
    // before has not come. Whoever comes beyond it will come again. One thread at a time.
    bool leave(uint64_t position);
    void go_on(std::unique_ptr<wire::BulkStream> stream, uint64_t position);

    // The next bytes that come are those of a copy. Dispatch thread. Throws EPROTO unless they are
    // those that the client may send next.
    void claim(uint64_t position, uint64_t bytes);
    uint64_t claimed() const noexcept { return claimed_; }

    // The place of what was claimed last from byte `at` on: up to `most` bytes. Dispatch thread.
    std::span<std::byte> place(uint64_t at, uint64_t most);

    // Bytes that have been claimed and not come.
    uint64_t missing() const noexcept;
    bool has(uint64_t end) const noexcept
    {
        return received_.load(std::memory_order_acquire) >= end; // partner: read()
    }
    bool wait_for(uint64_t end); // false: they will not come
    void free(uint64_t end);     // all before that is at the device. One thread at a time

    std::shared_ptr<wire::BulkStream> stream() const
    {
        std::lock_guard lock(mutex_);
        return stream_;
    }

    void shut_down() noexcept; // nothing more will come
    bool shut() const;
    void ended() noexcept; // the reader: likewise

private:
    bool read_some(Pacer &pace);
    std::byte *slot_at(uint64_t position);

    // Replaced with the lock, while there is no reader.
    std::shared_ptr<wire::BulkStream> stream_;
    HostPool &slots_;

    mutable std::mutex mutex_; // of the slots, and of waiting for bytes
    std::condition_variable arrived_;
    std::deque<std::byte *> used_; // from byte first_ on
    uint64_t first_ = 0;           // a multiple of kSlot
    uint64_t wanted_ = UINT64_MAX; // what somebody waits for, the least
    bool ended_ = false;           // no more bytes
    bool shut_ = false;            // since we closed it
    bool lost_ = false;            // no more, until another connection takes this one's place

    // Positions in the stream: freed <= received, freed <= claimed.
    std::atomic<uint64_t> received_{0}; // the reader's
    std::atomic<uint64_t> claimed_{0};  // the dispatch thread's; for missing()
    std::thread reader_;                // last
};

} // namespace vgpu::server
