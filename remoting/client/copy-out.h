// SPDX-License-Identifier: Apache-2.0
// A copy to the host that travels in messages. Its bytes are written where they belong as they
// arrive, by whoever receives.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/client/bulk.h"
#include "remoting/client/connection.h"

#include <cuda.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vgpu::client
{

// Unread copies at most (session.api, vgpuCopyOut): the worker has room for as many without waiting
// for this side to read.
constexpr uint64_t kMaxUnreadBytes = uint64_t(8) << 20;
constexpr unsigned kMaxUnread = 64;

class CopyOut : public Pending
{
public:
    // Counts itself among the outstanding ones of the process for as long as it lives. With `bulk`,
    // its bytes come there.
    CopyOut(Connection &connection, Bulk *bulk, void *to, size_t pitch, size_t width, size_t rows);
    ~CopyOut() override;

    bool arrived(const wire::Header &header, std::span<const std::byte> body) override;

    // Failures are reported as those of an asynchronous call: nobody waits for this copy.
    void defer_failure() noexcept { defers_ = true; }

    // Of a copy whose bytes come in bulk: its number there; and whether these are among those that
    // are still to come, which they are no more.
    api::Call call() const noexcept
    {
        return bulk_ ? api::Call::vgpuBulkOut : api::Call::vgpuCopyOut;
    }
    uint32_t number() const noexcept { return number_; }
    // One thread at a time.
    bool reserve(uint64_t offset, uint64_t n) noexcept
    {
        if (offset > total() || n > total() - offset || n > total() - reserved_)
            return false;
        reserved_ += n;
        return true;
    }

    // What n bytes from `offset` on are for, in order, piece by piece.
    template<class Function>
    void each_row(uint64_t offset, size_t n, Function &&function)
    {
        for (size_t part; n; offset += part, n -= part) {
            const bool packed = pitch_ == width_;
            const uint64_t row = packed ? 0 : offset / width_;
            const uint64_t column = packed ? offset : offset % width_;
            part = packed ? n : std::min<size_t>(width_ - column, n);
            function(std::span(to_ + row * pitch_ + column, part));
        }
    }

    CUresult result = CUDA_ERROR_DEVICE_UNAVAILABLE;

    uint64_t total() const noexcept { return uint64_t(width_) * rows_; }
    uint64_t first() const noexcept { return reinterpret_cast<uint64_t>(to_); }
    uint64_t last() const noexcept { return first() + (rows_ - 1) * pitch_ + width_; }

protected:
    void advanced(uint64_t bytes) override { received_ += bytes; }
    bool missing() const override { return received_ < announced_; }

private:
    Connection &connection_;
    Bulk *const bulk_;
    uint32_t number_ = 0;
    std::byte *to_;
    size_t pitch_, width_, rows_;
    uint64_t reserved_ = 0; // of the bytes that come, or have come
    uint64_t received_ = 0;
    uint64_t announced_ = 0; // of those that come in bulk
    bool defers_ = false;
};

// Whether a copy under way writes into [first, last).
bool copy_out_overlaps(uint64_t first, uint64_t last) noexcept;

// Whether another copy of so many bytes may be left unread.
bool copy_out_has_room(uint64_t bytes) noexcept;

// Room for a part of a copy that is waited for, until copy_out_leave(). Of all threads' together so
// much is on its way at once. With `alone`, the caller has no part on its way itself: it waits for
// the other threads', and the answer is true.
constexpr uint64_t kMaxWaitedBytes = uint64_t(12) << 20; // among the replies; in bulk: the path's
bool copy_out_enter(uint64_t bytes, bool alone, uint64_t most = kMaxWaitedBytes);
void copy_out_leave(uint64_t bytes) noexcept;

} // namespace vgpu::client
