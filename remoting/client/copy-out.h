// SPDX-License-Identifier: Apache-2.0
// A copy to the host that travels in messages. Its bytes are written where they belong as they
// arrive, by whoever receives.
#pragma once

#include "remoting/client/connection.h"

#include <cuda.h>

#include <cstddef>
#include <cstdint>

namespace vgpu::client
{

// Unread copies at most (session.api, vgpuCopyOut): the worker has room for as many without waiting
// for this side to read.
constexpr uint64_t kMaxUnreadBytes = uint64_t(8) << 20;
constexpr unsigned kMaxUnread = 64;

class CopyOut : public Pending
{
public:
    // Counts itself among the outstanding ones of the process for as long as it lives.
    CopyOut(Connection &connection, void *to, size_t pitch, size_t width, size_t rows);
    ~CopyOut() override;

    bool arrived(const wire::Header &header, std::span<const std::byte> body) override;

    // Failures are reported as those of an asynchronous call: nobody waits for this copy.
    void defer_failure() noexcept { defers_ = true; }

    CUresult result = CUDA_ERROR_DEVICE_UNAVAILABLE;

    uint64_t total() const noexcept { return uint64_t(width_) * rows_; }
    uint64_t first() const noexcept { return reinterpret_cast<uint64_t>(to_); }
    uint64_t last() const noexcept { return first() + (rows_ - 1) * pitch_ + width_; }

private:
    void scatter(uint64_t offset, std::span<const std::byte> bytes) noexcept;

    Connection &connection_;
    std::byte *to_;
    size_t pitch_, width_, rows_;
    uint64_t received_ = 0;
    bool defers_ = false;
};

// Whether a copy under way writes into [first, last).
bool copy_out_overlaps(uint64_t first, uint64_t last) noexcept;

// Whether another copy of so many bytes may be left unread.
bool copy_out_has_room(uint64_t bytes) noexcept;

// Room for a part of a copy that is waited for, until copy_out_leave(). Of all threads' together so
// much is on its way at once. With `alone`, the caller has no part on its way itself: it waits for
// the other threads', and the answer is true.
constexpr uint64_t kMaxWaitedBytes = uint64_t(12) << 20;
bool copy_out_enter(uint64_t bytes, bool alone);
void copy_out_leave(uint64_t bytes) noexcept;

} // namespace vgpu::client
