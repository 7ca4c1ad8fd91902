// SPDX-License-Identifier: Apache-2.0
// One direction of a ring channel: a byte ring with a single producer and a single consumer in
// memory shared between two processes that do not trust each other.
//
// Memory of a pair, all of it one sealed memfd: a page with the Control of the ring client ->
// worker, a page for worker -> client, then the bytes of the first, then the bytes of the second.
// Positions count bytes since the start and only grow; the place in the ring is position modulo
// capacity. A message of at most half the ring is published whole; a larger one as room comes, so
// that the smallest ring carries the largest message and both sides copy at the same time.
//
// A writer that begins anew after an answer goes back to the ring's beginning where the reader has
// taken everything: a client that waits now and then uses some warm pages over and over, however
// large its ring is. Otherwise the rings of many clients would push one another out of the cache.
//
// The peer can write anything anywhere in this memory at any time. Therefore each side keeps its
// own position privately, checks the other's against it at each use, and copies a header out once
// before it believes it. The worst a hostile peer can cause is an Error or garbage in its own
// messages.
#pragma once

#include "remoting/base/clock.h"
#include "remoting/wire/message.h"
#include "remoting/wire/spin.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace vgpu::wire
{

struct alignas(4096) Control {
    // Written by the producer, read by the consumer (its partner is the load in Reader::readable).
    alignas(64) std::atomic<uint64_t> tail;
    // Written by the consumer, read by the producer (its partner is the load in Writer::writable).
    alignas(64) std::atomic<uint64_t> head;
    // Futex words. 1: the consumer (producer) sleeps or is about to; the other side then sets 0 and
    // wakes it. 2: it naps, and is woken only when an answer or room is waited for. Partners:
    // Reader::wait with Writer::publish and flush, Writer::wait with Reader::publish.
    alignas(64) std::atomic<uint32_t> consumer_sleeps;
    alignas(64) std::atomic<uint32_t> producer_sleeps;
};
static_assert(sizeof(Control) == 4096);
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

// Bytes of one direction.
constexpr size_t kMinRing = size_t(4) << 10;
constexpr size_t kDefaultRing = size_t(2) << 20;
constexpr size_t kMaxRing = size_t(64) << 20;

// A power of two from kMinRing to kMaxRing.
constexpr bool valid_ring(uint64_t capacity) noexcept
{
    return capacity >= kMinRing && capacity <= kMaxRing && (capacity & (capacity - 1)) == 0;
}

constexpr size_t ring_pair_bytes(size_t capacity) noexcept
{
    return 2 * (sizeof(Control) + capacity);
}

// How far a writer goes on before he goes back, and the u32 that he leaves in place of a message's
// size: whatever is between it and the ring's end means nothing. It stands only where the ring was
// empty, so that the reader looks for it only there.
constexpr size_t kWarmBytes = size_t(64) << 10;
constexpr uint32_t kGap = 0;

// Called between the slices of a long wait; throws when there is no point in waiting on.
using Watch = std::function<void()>;

class Writer
{
public:
    Writer(Control &control, std::byte *bytes, size_t capacity) noexcept
        : control_(control), bytes_(bytes), capacity_(capacity)
    {
    }

    // Waits for room and publishes both pieces as one message. Throws EPROTO when the consumer's
    // position is impossible, and what `watch` throws.
    void write(std::span<const std::byte> head, std::span<const std::byte> body,
               const Watch &watch);

    // The reader is awake, or wakes up, also from a nap: before waiting for an answer.
    void flush() noexcept;

private:
    size_t room() const noexcept { return capacity_ - size_t(tail_ - head_); }
    void go_back() noexcept;
    bool writable(size_t n);
    void put(std::span<const std::byte> bytes) noexcept;
    void put_as_room_comes(std::span<const std::byte> bytes, const Watch &watch);
    void wait(size_t n, const Watch &watch);
    void publish() noexcept;

    Control &control_;
    std::byte *bytes_;
    size_t capacity_;
    uint64_t tail_ = 0; // ours; never read back from shared memory
    uint64_t head_ = 0; // the consumer's when last seen
    bool flushed_ = false;
    Spin spin_;
};

class Reader
{
public:
    // `spin`: how to wait for a message.
    Reader(Control &control, const std::byte *bytes, size_t capacity, Spin spin = Spin()) noexcept
        : control_(control), bytes_(bytes), capacity_(capacity), spin_(std::move(spin))
    {
    }

    // False when the time is up; what there is of a large message is kept. Throws EPROTO when the
    // producer's position or a message's size is impossible, and what `watch` throws once there is
    // nothing left to read.
    bool read(std::vector<std::byte> &message, int timeout_ms, const Watch &watch);

private:
    bool readable();
    void pass_gap(uint64_t tail);
    void get(std::span<std::byte> bytes) noexcept;
    bool gather(Deadline deadline, const Watch &watch);
    bool wait(Deadline deadline, const Watch &watch);
    void publish() noexcept;
    void publish_now_and_then() noexcept;

    Control &control_;
    const std::byte *bytes_;
    size_t capacity_;
    uint64_t head_ = 0; // ours
    uint64_t published_ = 0;
    uint64_t tail_ = 0; // the producer's when last seen
    // A message that is larger than what is there of it; its checked header is in place.
    std::vector<std::byte> partial_;
    size_t have_ = 0; // bytes of it; 0 when there is none
    Spin spin_;
};

} // namespace vgpu::wire
