// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/copy-in-window.h"

namespace vgpu::client
{

void CopyInWindow::resize(size_t most)
{
    std::lock_guard lock(mutex_);
    most_ = most_small_ = most;
    moved_.notify_all();
}

bool CopyInWindow::enter(Connection &connection, size_t n, Pending *&marker)
{
    marker = nullptr;
    std::unique_lock lock(mutex_);
    while (bytes_ + n > (n <= kSmall ? most_small_ : most_) && !markers_.empty()) {
        if (lost_)
            return false;
        // One thread waits for an answer, the others for it.
        if (waiting_ || !markers_.front()->sent) {
            moved_.wait(lock);
            continue;
        }
        waiting_ = true;
        Marker &oldest = *markers_.front();
        lock.unlock();
        const bool there = connection.has_done(oldest);
        bool alive = connection.wait(oldest);
        if (passed_ && alive)
            passed_(oldest.bytes, !there);
        lock.lock();
        waiting_ = false;
        lost_ = !alive;
        bytes_ -= oldest.bytes;
        markers_.pop_front();
        moved_.notify_all();
    }
    if (lost_)
        return false;
    bytes_ += n;
    unmarked_ += n;
    if (unmarked_ >= kMarked) {
        markers_.push_back(std::make_unique<Marker>(unmarked_));
        marker = markers_.back().get();
        unmarked_ = 0;
    }
    return true;
}

void CopyInWindow::sent(Pending *marker, bool sent)
{
    if (!marker)
        return;
    std::lock_guard lock(mutex_);
    static_cast<Marker *>(marker)->sent = sent;
    lost_ = lost_ || !sent;
    moved_.notify_all();
}

} // namespace vgpu::client
