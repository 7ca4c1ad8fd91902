// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/quota.h"

#include "remoting/base/error.h"

#include <cerrno>
#include <unistd.h>

namespace vgpu::server
{

Quota::Quota(SlicePage &page, uint64_t limit) : page_(page), limit_(limit)
{
    // Partner: vgpud, which sets it before a worker starts.
    if (page_.version.load(std::memory_order_acquire) != kSlicePageVersion)
        fail(EPROTO, "vgpud and vgpustepd are of different versions: restart vgpud");
    for (WorkerSlot &slot : page_.workers) {
        int32_t free = 0;
        // Partner: SlicePage::clear(), which leaves no bytes behind.
        if (slot.pid.compare_exchange_strong(free, int32_t(getpid()), std::memory_order_acquire)) {
            slot_ = &slot;
            return;
        }
    }
    fail(EAGAIN,
         "%u processes use this slice already: start fewer of them on it, or ask for more slices",
         kWorkersPerSlice);
}

Quota::~Quota()
{
    slot_->bytes.store(0, std::memory_order_relaxed);
    slot_->pid.store(0, std::memory_order_release);
}

bool Quota::charge(uint64_t bytes) noexcept
{
    if (bytes > limit_)
        return false;
    // Added first, looked at second: whoever comes later sees it, so that the sum never passes the
    // limit.
    slot_->bytes.fetch_add(bytes, std::memory_order_seq_cst);
    uint64_t used = page_.used();
    if (used > limit_) {
        slot_->bytes.fetch_sub(bytes, std::memory_order_seq_cst);
        return false;
    }
    uint64_t peak = page_.peak.load(std::memory_order_relaxed);
    while (used > peak && !page_.peak.compare_exchange_weak(peak, used, std::memory_order_relaxed))
        ;
    return true;
}

void Quota::release(uint64_t bytes) noexcept
{
    slot_->bytes.fetch_sub(bytes, std::memory_order_seq_cst);
}

void Quota::take_over(uint64_t bytes) noexcept
{
    slot_->bytes.fetch_add(bytes, std::memory_order_seq_cst);
}

uint64_t Quota::left() const noexcept
{
    uint64_t used = page_.used();
    return used < limit_ ? limit_ - used : 0;
}

} // namespace vgpu::server
