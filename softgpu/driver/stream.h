// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/entry.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace vgpu::soft::driver
{

class Context;
class SharedEvent;
class Stream;
struct CaptureMark;

/// A place in a stream's order: reached when the stream has finished `sequence` works. Or in that
/// of another process: the recording of that number.
struct Point {
    std::shared_ptr<Stream> stream;
    uint64_t sequence = 0;
    std::shared_ptr<const SharedEvent> elsewhere{};

    void wait() const;
    bool reached() const;
};

/// Something a stream does: a kernel, a copy, a host function.
struct Work {
    std::function<void()> run;
    std::vector<Point> after; ///< what must be reached before, in other streams
    bool application = false; ///< runs the application's code, so only on the stream's own thread
};

/// An ordered queue with one thread, started at the first work. Who waits for a stream runs its
/// work himself where he can, which saves the thread switch.
class Stream : public std::enable_shared_from_this<Stream>
{
public:
    enum class Role { legacy, per_thread, created };

    Stream(std::shared_ptr<Context> context, Role role, unsigned flags, int priority);

    uint64_t id = 0;
    const std::weak_ptr<Context> context;
    const Role role;
    const unsigned flags;
    const int priority;
    const unsigned long long number; ///< what cuStreamGetId reports

    std::shared_ptr<CaptureMark> mark; ///< while it is captured; guarded by the graphs' lock

    bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }

    Point push(Work work);

    /// If nothing is queued or running, takes the stream's turn for the caller: he runs one work
    /// himself, then calls `finish`.
    bool begin();
    void finish();

    void wait(uint64_t sequence);
    bool reached(uint64_t sequence) const;
    Point last();
    bool idle() const;
    void
    throttle(); ///< holds the caller up while very much is queued, as a device's full ring would
    CUstreamAttrValue attribute(CUstreamAttrID which) const;
    void set_attribute(CUstreamAttrID which, const CUstreamAttrValue &value);
    void copy_attributes(const Stream &other);

    void close(); ///< the thread ends when the queue is empty

private:
    void start();
    void serve();
    void perform_front(std::unique_lock<std::mutex> &hold);
    void finish_one();
    void wake_server();

    mutable std::mutex lock_;
    std::condition_variable work_; ///< to the stream's thread
    std::condition_variable done_; ///< to who waits
    std::deque<Work> queue_;
    uint64_t issued_ = 0;
    uint64_t finished_ = 0;
    static constexpr uint64_t kNone = UINT64_MAX;
    uint64_t wanted_ = kNone; ///< the first for which somebody waits on done_
    bool busy_ = false;
    bool started_ = false;
    bool closed_ = false;
    std::map<int, CUstreamAttrValue> attributes_;
};

/// Every work runs with this held in common. It prefers those, as the works of one stream may wait
/// for another's.
std::shared_mutex &work_gate();

/// Waits for what `work` depends on and runs it. Nothing thrown leaves.
void perform(Work &work) noexcept;

/// True on a thread that runs a host function of the application, where calls of the driver are not
/// permitted.
bool inside_callback();

/// The stream that a handle means to this thread. `current` is the context whose default streams
/// are meant.
std::shared_ptr<Stream> stream_of(CUstream handle, Context &current);

/// While one lives, stream 0 means this thread's own stream: the entry points that end in _ptsz and
/// _ptds.
class PerThreadDefault
{
public:
    PerThreadDefault();
    ~PerThreadDefault();
    PerThreadDefault(const PerThreadDefault &) = delete;
    PerThreadDefault &operator=(const PerThreadDefault &) = delete;

private:
    bool before_;
};

} // namespace vgpu::soft::driver
