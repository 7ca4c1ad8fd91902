// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/stream.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace vgpu::soft::driver
{

struct CaptureMark;

/// One recording of an event; a later one replaces it but does not disturb who waits for this.
struct Recording {
    Point point;
    std::atomic<int64_t> nanoseconds{0};

    void stamp();
};

class Event
{
public:
    Event(std::shared_ptr<Context> context, unsigned flags,
          std::shared_ptr<SharedEvent> shared = nullptr, bool opened = false)
        : context(context), flags(flags), shared(std::move(shared)), opened(opened)
    {
    }

    uint64_t id = 0;
    const std::weak_ptr<Context> context;
    const unsigned flags;
    const std::shared_ptr<SharedEvent> shared; ///< of an event that other processes may have
    const bool opened;                         ///< it was made by another one

    bool timed() const { return !(flags & CU_EVENT_DISABLE_TIMING); }
    void record(Context &context, Stream &stream);
    /// The same, where `push` puts the recording's work somewhere and says where that is.
    void record(const std::function<Point(Work)> &push);
    void record_here();                      ///< the point is now
    std::shared_ptr<Recording> last() const; ///< null if it was never recorded, by any process

    /// Where a capturing stream stood when the event was recorded there last; guarded by the
    /// graphs' lock. Null if the last recording was a real one.
    std::shared_ptr<const CaptureMark> mark;

private:
    mutable std::mutex lock_;
    std::shared_ptr<Recording> last_; ///< of an event that is this process's alone
};

} // namespace vgpu::soft::driver
