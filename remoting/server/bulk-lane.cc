// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/bulk-lane.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>

namespace vgpu::server
{

void BulkLane::join()
{
    if (reader_.joinable())
        reader_.join();
}

BulkLane::~BulkLane()
{
    shut_down();
    join();
    for (std::byte *slot : used_)
        slots_.give(slot);
}

// With the lock.
std::byte *BulkLane::slot_at(uint64_t position)
{
    while (first_ + used_.size() * kSlot <= position) {
        std::byte *slot = slots_.take();
        if (!slot)
            fail(EPROTO, "the client has more bytes in bulk under way at once than it may");
        used_.push_back(slot);
    }
    return used_[(position - first_) / kSlot] + position % kSlot;
}

bool BulkLane::read_some(Pacer &pace)
{
    const uint64_t at = received_.load(std::memory_order_relaxed);
    std::byte *place;
    {
        std::lock_guard lock(mutex_);
        place = slot_at(at);
    }
    const size_t most = pace.enter(size_t(kSlot - at % kSlot));
    const uint64_t before = stream_->bytes_in();
    const size_t n = stream_->read({place, most});
    if (n == 0)
        return false;
    pace.passed(n, stream_->bytes_in() - before);
    std::lock_guard lock(mutex_);
    received_.store(at + n, std::memory_order_release);
    if (at + n >= wanted_) {
        wanted_ = UINT64_MAX; // who waits for more says so again
        arrived_.notify_all();
    }
    return true;
}

void BulkLane::claim(uint64_t position, uint64_t bytes)
{
    const uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    if (bytes < wire::kBulkLeast || bytes > wire::kBulkMost || position != claimed)
        fail(EPROTO, "a bulk copy of %llu bytes at %llu, where %llu is next",
             (unsigned long long)bytes, (unsigned long long)position, (unsigned long long)claimed);
    std::lock_guard lock(mutex_);
    slot_at(position + bytes - 1);
    if (lost_ && !has(position + bytes))
        fail(EPROTO, "%s", kBytesLost);
    claimed_.store(position + bytes, std::memory_order_relaxed);
}

std::span<std::byte> BulkLane::place(uint64_t at, uint64_t most)
{
    std::lock_guard lock(mutex_);
    return {slot_at(at), size_t(std::min<uint64_t>(most, kSlot - at % kSlot))};
}

uint64_t BulkLane::missing() const noexcept
{
    const uint64_t received = received_.load(std::memory_order_relaxed);
    const uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    return claimed > received ? claimed - received : 0;
}

bool BulkLane::lose() noexcept
{
    std::lock_guard lock(mutex_);
    if (missing())
        return false;
    lost_ = true;
    return true;
}

bool BulkLane::lost() const noexcept
{
    std::lock_guard lock(mutex_);
    return lost_;
}

bool BulkLane::leave(uint64_t position)
{
    {
        std::lock_guard lock(mutex_);
        shut_ = true; // the reader has nobody to blame
        stream_->shut_down();
    }
    if (reader_.joinable())
        reader_.join(); // it takes in what had come
    {
        // Until go_on(), which the client may be faster than.
        std::lock_guard lock(mutex_);
        lost_ = true;
    }
    return position >= claimed_.load(std::memory_order_relaxed) && has(position);
}

void BulkLane::go_on(std::unique_ptr<wire::BulkStream> stream, uint64_t position)
{
    std::lock_guard lock(mutex_);
    stream_ = std::move(stream);
    received_.store(position, std::memory_order_release);
    ended_ = shut_ = lost_ = false;
}

bool BulkLane::wait_for(uint64_t end)
{
    if (has(end))
        return true;
    std::unique_lock lock(mutex_);
    while (!ended_ && !has(end)) {
        wanted_ = std::min(wanted_, end);
        arrived_.wait(lock);
    }
    return has(end);
}

void BulkLane::free(uint64_t end)
{
    std::lock_guard lock(mutex_);
    for (; first_ + kSlot <= end && !used_.empty(); first_ += kSlot) {
        slots_.give(used_.front());
        used_.pop_front();
    }
}

void BulkLane::shut_down() noexcept
{
    {
        std::lock_guard lock(mutex_);
        ended_ = shut_ = true;
        stream_->shut_down();
    }
    arrived_.notify_all();
}

bool BulkLane::shut() const
{
    std::lock_guard lock(mutex_);
    return shut_;
}

void BulkLane::ended() noexcept
{
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
    }
    arrived_.notify_all();
}

} // namespace vgpu::server
