// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/staging.h"

#include <algorithm>
#include <utility>

namespace vgpu::server
{

std::byte *InStaging::acquire(size_t n, Contexts &contexts)
{
    if (!memory_)
        memory_ = std::make_unique<Pinned>(driver_, kBytes);
    CUresult ignored; // of the device's work, which is reported where that was asked for
    while (!pieces_.empty() && pieces_.front().fence->done(ignored))
        pieces_.pop_front();
    for (;;) {
        if (pieces_.empty()) {
            head_ = 0;
            return memory_->data();
        }
        size_t tail = pieces_.front().begin;
        if (head_ >= tail) { // the free part is after head and before tail
            if (head_ > tail && kBytes - head_ >= n)
                return memory_->data() + head_;
            if (head_ > tail && tail > n) {
                head_ = 0;
                return memory_->data();
            }
        } else if (tail - head_ > n) {
            return memory_->data() + head_;
        }
        pieces_.front().fence->wait();
        contexts.restore();
        pieces_.pop_front();
    }
}

void InStaging::commit(size_t n, Fence fence)
{
    pieces_.push_back({head_, head_ + n, std::make_shared<const Fence>(std::move(fence))});
    ++untaken_;
    head_ += n;
}

std::vector<std::shared_ptr<const Fence>> InStaging::take_committed()
{
    std::vector<std::shared_ptr<const Fence>> fences;
    size_t n = std::min(std::exchange(untaken_, 0), pieces_.size());
    for (auto piece = pieces_.end() - ptrdiff_t(n); piece != pieces_.end(); ++piece)
        fences.push_back(piece->fence);
    return fences;
}

std::byte *OutStaging::take()
{
    std::unique_lock lock(mutex_);
    std::byte *slot;
    freed_.wait(lock, [&] { return (slot = pool_.take()) != nullptr; });
    pool_.pin();
    return slot;
}

void OutStaging::give(std::byte *slot)
{
    {
        std::lock_guard lock(mutex_);
        pool_.give(slot);
    }
    freed_.notify_one();
}

} // namespace vgpu::server
