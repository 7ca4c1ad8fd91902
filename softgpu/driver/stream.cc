// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/stream.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/log.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/shared-event.h"
#include "softgpu/driver/thread-own.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <thread>

namespace vgpu::soft::driver
{
namespace
{

constexpr size_t kDeep = 1024;

thread_local bool performing =
    false; ///< this thread is inside a work: it must not help another stream
thread_local bool in_callback = false;
thread_local bool per_thread_default = false;

unsigned long long next_number()
{
    static std::atomic<unsigned long long> last{0};
    return ++last;
}

/// A thread's own default streams, by context. When the thread ends they finish what is queued, and
/// go.
struct OwnStreams {
    std::map<uint64_t, std::shared_ptr<Stream>> by_context;
    ~OwnStreams()
    {
        for (auto &[id, stream] : by_context)
            stream->close();
    }
};

std::shared_ptr<Stream> own_stream(Context &context)
{
    auto &stream = thread_own<OwnStreams>().by_context[context.id];
    if (!stream) {
        stream =
            std::make_shared<Stream>(context.shared_from_this(), Stream::Role::per_thread, 0, 0);
        context.adopt(stream);
    }
    return stream;
}

} // namespace

void Point::wait() const
{
    if (elsewhere)
        elsewhere->wait(sequence);
    else if (stream)
        stream->wait(sequence);
}

bool Point::reached() const
{
    if (elsewhere)
        return elsewhere->reached(sequence);
    return !stream || stream->reached(sequence);
}

std::shared_mutex &work_gate()
{
    static auto *gate = new std::shared_mutex; // threads may use it while the process exits
    return *gate;
}

void perform(Work &work) noexcept
{
    bool before = performing;
    performing = true;
    try {
        for (auto &point : work.after)
            point.wait();
        in_callback = work.application;
        std::shared_lock hold(work_gate());
        work.run();
    } catch (const std::exception &error) {
        log("work in a stream failed: %s", error.what());
    }
    performing = before;
    in_callback = false;
    work = Work();
}

bool inside_callback()
{
    return in_callback;
}

Stream::Stream(std::shared_ptr<Context> context, Role role, unsigned flags, int priority)
    : context(context), role(role), flags(flags), priority(priority), number(next_number())
{
}

Point Stream::push(Work work)
{
    std::lock_guard hold(lock_);
    queue_.push_back(std::move(work));
    issued_++;
    if (!started_)
        start();
    else
        work_.notify_one();
    return {shared_from_this(), issued_};
}

void Stream::start()
{
    // The application's signals are for its own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread([self = shared_from_this()] { self->serve(); }).detach();
        started_ = true;
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        queue_.pop_back();
        issued_--;
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Stream::serve()
{
    std::unique_lock hold(lock_);
    for (;;) {
        work_.wait(hold, [&] { return !busy_ && (closed_ || !queue_.empty()); });
        if (queue_.empty())
            return;
        perform_front(hold);
    }
}

void Stream::perform_front(std::unique_lock<std::mutex> &hold)
{
    busy_ = true;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    hold.unlock();
    perform(work);
    hold.lock();
    finish_one();
}

/// Wakes only who has what he waits for: a waiter for the last of many operations would be woken by
/// each, and take the next to another core, away from what its cache holds.
void Stream::finish_one()
{
    busy_ = false;
    finished_++;
    if (finished_ >= wanted_) {
        wanted_ = kNone;
        done_.notify_all();
    }
}

bool Stream::begin()
{
    std::lock_guard hold(lock_);
    if (busy_ || !queue_.empty())
        return false;
    busy_ = true;
    issued_++;
    return true;
}

void Stream::finish()
{
    std::lock_guard hold(lock_);
    finish_one();
    wake_server();
}

void Stream::wake_server()
{
    if (!queue_.empty() || closed_)
        work_.notify_one();
}

void Stream::wait(uint64_t sequence)
{
    std::unique_lock hold(lock_);
    bool helped = false;
    while (finished_ < sequence) {
        if (!busy_ && !queue_.empty() && !queue_.front().application && !performing) {
            perform_front(hold);
            helped = true;
        } else {
            if (std::exchange(helped, false))
                wake_server();
            wanted_ = std::min(wanted_, sequence);
            done_.wait(hold);
        }
    }
    if (helped)
        wake_server();
}

bool Stream::reached(uint64_t sequence) const
{
    std::lock_guard hold(lock_);
    return finished_ >= sequence;
}

Point Stream::last()
{
    std::lock_guard hold(lock_);
    return {shared_from_this(), issued_};
}

bool Stream::idle() const
{
    std::lock_guard hold(lock_);
    return finished_ == issued_;
}

void Stream::throttle()
{
    std::unique_lock hold(lock_);
    while (!performing && queue_.size() >= kDeep) {
        wanted_ = std::min(wanted_, issued_ - kDeep / 2);
        done_.wait(hold);
    }
}

void Stream::close()
{
    std::lock_guard hold(lock_);
    closed_ = true;
    work_.notify_one();
}

std::shared_ptr<Stream> stream_of(CUstream handle, Context &current)
{
    if (handle == nullptr)
        return per_thread_default ? own_stream(current) : current.legacy();
    if (handle == CU_STREAM_LEGACY)
        return current.legacy();
    if (handle == CU_STREAM_PER_THREAD)
        return own_stream(current);
    auto stream = machine().streams.get(handle);
    require(!stream->context.expired(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
    return stream;
}

PerThreadDefault::PerThreadDefault() : before_(per_thread_default)
{
    per_thread_default = true;
}

PerThreadDefault::~PerThreadDefault()
{
    per_thread_default = before_;
}

} // namespace vgpu::soft::driver
