// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/stream.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace vgpu::soft::driver
{

/// One recording of an event; a later one replaces it but does not disturb who waits for this.
struct Recording {
    Point point;
    std::atomic<int64_t> nanoseconds{0};
};

class Event
{
public:
    Event(std::shared_ptr<Context> context, unsigned flags) : context(context), flags(flags) {}

    uint64_t id = 0;
    const std::weak_ptr<Context> context;
    const unsigned flags;

    bool timed() const { return !(flags & CU_EVENT_DISABLE_TIMING); }
    void record(Context &context, Stream &stream);
    std::shared_ptr<Recording> last() const; ///< null if it was never recorded

private:
    mutable std::mutex lock_;
    std::shared_ptr<Recording> last_;
};

} // namespace vgpu::soft::driver
