// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/ring.h"

#include "remoting/base/clock.h"
#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vgpu::wire
{

namespace
{

// While asleep, the watch is asked this often: a dead peer cannot wake us. Less often after a
// while, so that an idle session costs next to nothing.
constexpr uint64_t kSliceNs = 20'000'000;
constexpr uint64_t kIdleSliceNs = 100'000'000;
constexpr uint64_t kIdleAfterNs = 1'000'000'000;
// One nap follows another for so long.
constexpr uint64_t kNapsNs = 20'000'000;

// How somebody sleeps, in Control's words. Who naps is back soon by himself and is woken only for
// what somebody waits for: a worker on a busy machine takes in all that its client has queued
// meanwhile, instead of being woken for each message anew.
constexpr uint32_t kAwake = 0, kSleeps = 1, kNaps = 2;

// Not FUTEX_PRIVATE: the word is shared between processes. Spurious returns are fine everywhere
// here.
void futex_wait(std::atomic<uint32_t> &word, uint32_t expected, uint64_t ns) noexcept
{
    timespec timeout{time_t(ns / 1'000'000'000u), long(ns % 1'000'000'000u)};
    syscall(SYS_futex, &word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t> &word) noexcept
{
    syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// Store-then-load on both sides must not be reordered (one of the two sees the other's store),
// hence sequential consistency for the position and the flag alike.
void wake_if_asleep(std::atomic<uint32_t> &word, uint32_t but = kAwake) noexcept
{
    uint32_t how = word.load(std::memory_order_seq_cst);
    if (how != kAwake && how != but) {
        word.store(kAwake, std::memory_order_seq_cst);
        futex_wake(word);
    }
}

// Waits until ready() by polling for a moment, then asleep on `word`. False when the time is up.
// Who waits for one answer may not nap: nothing gathers meanwhile.
template<typename Ready>
bool wait_until(Ready ready, std::atomic<uint32_t> &word, Spin &spin, Deadline deadline,
                const Watch &watch, bool may_nap = false)
{
    const uint64_t start = now_ns();
    const Spin::Polled polled = spin.poll(start, deadline.left_ns(), 32, ready);
    if (polled == Spin::Polled::ready)
        return true;
    bool nap = polled == Spin::Polled::crowded && may_nap;
    for (;;) {
        uint32_t how = nap ? kNaps : kSleeps;
        word.store(how, std::memory_order_seq_cst);
        bool is_ready = ready();
        uint64_t left = deadline.left_ns();
        if (!is_ready && left != 0) {
            uint64_t slice = nap                               ? spin.nap_ns()
                             : now_ns() - start < kIdleAfterNs ? kSliceNs
                                                               : kIdleSliceNs;
            futex_wait(word, how, std::min(left, slice));
            is_ready = ready();
        }
        if (is_ready || left == 0) {
            word.store(kAwake, std::memory_order_relaxed);
            if (polled == Spin::Polled::in_vain)
                spin.slept(now_ns() - start);
            return is_ready;
        }
        if (nap) {
            nap = now_ns() - start < kNapsNs;
            continue;
        }
        try {
            watch();
        } catch (const Error &) {
            // What the peer published before it died is still to be had.
            if (ready())
                return true;
            throw;
        }
    }
}

// The two parts of a ring that n bytes from a position occupy; the second is mostly empty.
size_t first_part(uint64_t position, size_t n, size_t capacity) noexcept
{
    return std::min<size_t>(n, capacity - size_t(position & (capacity - 1)));
}

} // namespace

// ---- producer
// -------------------------------------------------------------------------------------

bool Writer::writable(size_t n)
{
    if (capacity_ - (tail_ - head_) >= n)
        return true;
    // Partner: the store in Reader::publish.
    uint64_t head = control_.head.load(std::memory_order_seq_cst);
    if (head < head_ || head > tail_)
        fail(EPROTO, "the ring's reader is at an impossible position");
    head_ = head;
    return capacity_ - (tail_ - head_) >= n;
}

void Writer::put(std::span<const std::byte> bytes) noexcept
{
    if (bytes.empty())
        return;
    size_t first = first_part(tail_, bytes.size(), capacity_);
    std::memcpy(bytes_ + (tail_ & (capacity_ - 1)), bytes.data(), first);
    if (first < bytes.size())
        std::memcpy(bytes_, bytes.data() + first, bytes.size() - first);
    tail_ += bytes.size();
}

void Writer::wait(size_t n, const Watch &watch)
{
    flush(); // room is waited for
    wait_until([&] { return writable(n); }, control_.producer_sleeps, spin_, Deadline::never(),
               watch);
}

void Writer::publish() noexcept
{
    // Partner: the load in Reader::readable. Half a word of a large message's head is kept back.
    control_.tail.store(tail_ & ~uint64_t(7), std::memory_order_seq_cst);
    wake_if_asleep(control_.consumer_sleeps, kNaps);
}

void Writer::flush() noexcept
{
    flushed_ = true;
    wake_if_asleep(control_.consumer_sleeps);
}

void Writer::go_back() noexcept
{
    size_t place = size_t(tail_ & (capacity_ - 1));
    // Partner: the store in Reader::publish.
    if (place < kWarmBytes || control_.head.load(std::memory_order_acquire) != tail_)
        return;
    std::memcpy(bytes_ + place, &kGap, sizeof kGap);
    head_ = tail_;
    tail_ += capacity_ - place;
    // At once: what comes next may have to wait for the gap's room.
    control_.tail.store(tail_, std::memory_order_seq_cst);
}

void Writer::put_as_room_comes(std::span<const std::byte> bytes, const Watch &watch)
{
    while (!bytes.empty()) {
        // A quarter at a time, so that the reader is not woken for next to nothing.
        size_t want = std::min(bytes.size(), capacity_ / 4);
        if (!writable(want))
            wait(want, watch);
        size_t n = std::min(bytes.size(), room());
        put(bytes.first(n));
        publish();
        bytes = bytes.subspan(n);
    }
}

void Writer::write(std::span<const std::byte> head, std::span<const std::byte> body,
                   const Watch &watch)
{
    if (flushed_) {
        flushed_ = false;
        go_back();
    }
    size_t n = head.size() + body.size();
    if (n > capacity_ / 2) {
        put_as_room_comes(head, watch);
        put_as_room_comes(body, watch);
        return;
    }
    if (!writable(n))
        wait(n, watch);
    put(head);
    put(body);
    publish();
}

// ---- consumer
// -------------------------------------------------------------------------------------

bool Reader::readable()
{
    if (tail_ != head_)
        return true;
    // Partner: the store in Writer::publish.
    uint64_t tail = control_.tail.load(std::memory_order_seq_cst);
    // A tail that went back is caught too: the unsigned difference is then enormous.
    if (tail - head_ > capacity_ || tail % 8 != 0)
        fail(EPROTO, "the ring's writer is at an impossible position");
    if (tail != head_ && have_ == 0)
        pass_gap(tail);
    tail_ = tail;
    return tail_ != head_;
}

// The ring was empty: the writer may have gone back to its beginning.
void Reader::pass_gap(uint64_t tail)
{
    size_t place = size_t(head_ & (capacity_ - 1));
    uint32_t size;
    std::memcpy(&size, bytes_ + place, sizeof size);
    if (size != kGap || place == 0)
        return;
    if (tail - head_ < capacity_ - place)
        fail(EPROTO, "the ring's writer left a gap with an end that is not there");
    head_ += capacity_ - place;
    if (head_ == tail)
        publish(); // he may be waiting for its room
}

void Reader::get(std::span<std::byte> bytes) noexcept
{
    size_t first = first_part(head_, bytes.size(), capacity_);
    std::memcpy(bytes.data(), bytes_ + (head_ & (capacity_ - 1)), first);
    if (first < bytes.size())
        std::memcpy(bytes.data() + first, bytes_, bytes.size() - first);
}

bool Reader::wait(Deadline deadline, const Watch &watch)
{
    bool there = wait_until([&] { return readable(); }, control_.consumer_sleeps, spin_, deadline,
                            watch, spin_.measures());
    if (there)
        spin_.came(tail_ - head_);
    return there;
}

void Reader::publish() noexcept
{
    // Partner: the load in Writer::writable.
    control_.head.store(head_, std::memory_order_seq_cst);
    published_ = head_;
    wake_if_asleep(control_.producer_sleeps);
}

// The producer needs to know of free room before it runs out of it, and whenever there is nothing
// left that we would come back for.
void Reader::publish_now_and_then() noexcept
{
    if (head_ == tail_ || head_ - published_ >= capacity_ / 8)
        publish();
}

bool Reader::read(std::vector<std::byte> &message, int timeout_ms, const Watch &watch)
{
    if (have_ == 0) {
        if (!readable() && (timeout_ms == 0 || !wait(Deadline::after_ms(timeout_ms), watch)))
            return false;
        std::byte copy[kHeaderSize];
        if (tail_ - head_ < kHeaderSize)
            fail(EPROTO, "a message in the ring is shorter than its header");
        get(copy);
        Header header = get_header(copy);
        bool whole = header.size <= tail_ - head_;
        if (!valid_size(header.size) || (!whole && header.size <= capacity_ / 2))
            fail(EPROTO, "a message in the ring says that it has %u bytes", header.size);
        if (whole) [[likely]] {
            message.resize(header.size);
            get(message);
            // The peer may have changed it between the two copies; the one that was checked counts.
            put_header(message.data(), header);
            head_ += header.size;
            publish_now_and_then();
            return true;
        }
        partial_.resize(header.size);
        std::memcpy(partial_.data(), copy, kHeaderSize);
        head_ += kHeaderSize;
        have_ = kHeaderSize;
    }
    if (!gather(Deadline::after_ms(timeout_ms), watch))
        return false;
    message.swap(partial_);
    have_ = 0;
    return true;
}

// The rest of a message that is larger than what was there of it.
bool Reader::gather(Deadline deadline, const Watch &watch)
{
    while (have_ < partial_.size()) {
        if (!readable() && !wait(deadline, watch))
            return false;
        size_t n = std::min<size_t>(partial_.size() - have_, tail_ - head_);
        get(std::span(partial_).subspan(have_, n));
        head_ += n;
        have_ += n;
        publish();
    }
    return true;
}

} // namespace vgpu::wire
