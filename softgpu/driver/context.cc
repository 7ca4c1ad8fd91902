// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/log.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/module.h"
#include "softgpu/driver/thread-own.h"

#include <algorithm>
#include <cstdio>

namespace vgpu::soft::driver
{

Context::Context(Device &device, unsigned flags, bool primary, unsigned units)
    : device(device), primary(primary), units(units ? units : device.units), flags(flags)
{
    limits_ = {{CU_LIMIT_STACK_SIZE, 1024},
               {CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20},
               {CU_LIMIT_MALLOC_HEAP_SIZE, 8 << 20},
               {CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH, 2},
               {CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT, 2048},
               {CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64},
               {CU_LIMIT_PERSISTING_L2_CACHE_SIZE, 0}};
}

std::shared_ptr<Context> Context::create(Device &device, unsigned flags, bool primary,
                                         unsigned units)
{
    std::shared_ptr<Context> context(new Context(device, flags, primary, units));
    context->legacy_ = std::make_shared<Stream>(context, Stream::Role::legacy, 0, 0);
    machine().contexts.add(context);
    return context;
}

void Context::check() const
{
    require(alive_, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(!broken(), static_cast<CUresult>(error_.load()));
}

void Context::fault(CUresult code, const std::string &text)
{
    int none = CUDA_SUCCESS;
    if (error_.compare_exchange_strong(none, code))
        log("device %d: %s", device.ordinal, text.c_str());
}

void Context::adopt(std::shared_ptr<Stream> stream)
{
    std::lock_guard hold(lock_);
    streams_.push_back(std::move(stream));
}

void Context::disown(const Stream &stream)
{
    std::lock_guard hold(lock_);
    std::erase_if(streams_, [&](auto &other) { return other.get() == &stream; });
}

// The legacy default stream waits for all blocking streams, and they for it. Works are ordered as
// they are issued, so what a work waits for is always older and no circle can arise.
void Context::order(Stream &stream, Work &work)
{
    if (&stream == legacy_.get()) {
        for (auto &other : streams_)
            if (other->blocking() && !other->idle())
                work.after.push_back(other->last());
    } else if (stream.blocking() && !legacy_->idle()) {
        work.after.push_back(legacy_->last());
    }
}

Point Context::submit(Stream &stream, Work work)
{
    stream.throttle();
    std::lock_guard hold(lock_);
    order(stream, work);
    return stream.push(std::move(work));
}

void Context::perform_now(Stream &stream, Work work)
{
    std::unique_lock hold(lock_);
    order(stream, work);
    if (!stream.begin()) {
        Point point = stream.push(std::move(work));
        hold.unlock();
        point.wait();
        return;
    }
    hold.unlock();
    perform(work);
    stream.finish();
}

std::vector<Point> Context::meant_by(Stream &stream)
{
    std::lock_guard hold(lock_);
    Work work;
    if (&stream == legacy_.get())
        order(stream, work);
    work.after.push_back(stream.last());
    return work.after;
}

void Context::wait_for(Stream &stream)
{
    for (auto &point : meant_by(stream))
        point.wait();
}

bool Context::settled(Stream &stream)
{
    auto points = meant_by(stream);
    return std::all_of(points.begin(), points.end(), [](auto &point) { return point.reached(); });
}

std::vector<Point> Context::last_of_all()
{
    std::vector<Point> points{legacy_->last()};
    std::lock_guard hold(lock_);
    for (auto &stream : streams_)
        points.push_back(stream->last());
    return points;
}

Point Context::submit_behind_all(Work work)
{
    work.after = last_of_all();
    return submit(*legacy_, std::move(work));
}

void Context::submit_everywhere(const Point &point)
{
    for (auto &place : last_of_all())
        submit(*place.stream, {[] {}, {point}});
}

void Context::drain()
{
    for (auto &point : last_of_all())
        point.wait();
}

void Context::synchronize()
{
    drain();
    settle();
    check();
}

void Context::print(std::string_view text)
{
    std::lock_guard hold(state_);
    // As on a device, what does not fit pushes out what is oldest.
    size_t room = limits_[CU_LIMIT_PRINTF_FIFO_SIZE];
    printed_ += text;
    if (printed_.size() > room)
        printed_.erase(0, printed_.size() - room);
}

void Context::settle()
{
    std::string text;
    {
        std::lock_guard hold(state_);
        text.swap(printed_);
    }
    if (!text.empty()) {
        fwrite(text.data(), 1, text.size(), stdout);
        fflush(stdout);
    }
    device.trim_pools();
}

size_t Context::limit(CUlimit limit) const
{
    std::lock_guard hold(state_);
    auto it = limits_.find(limit);
    require(it != limits_.end(), CUDA_ERROR_UNSUPPORTED_LIMIT);
    return it->second;
}

void Context::set_limit(CUlimit limit, size_t value)
{
    std::lock_guard hold(state_);
    require(limit >= 0 && limit < CU_LIMIT_MAX);
    auto it = limits_.find(limit);
    require(it != limits_.end(), CUDA_ERROR_UNSUPPORTED_LIMIT);
    // The heap of device-side malloc cannot grow under a kernel that may use it.
    require(limit != CU_LIMIT_MALLOC_HEAP_SIZE || !heap_);
    it->second = value;
}

Heap &Context::heap()
{
    std::lock_guard hold(state_);
    if (!heap_)
        heap_ = std::make_unique<Heap>(machine().memory, limits_[CU_LIMIT_MALLOC_HEAP_SIZE]);
    return *heap_;
}

void Context::enable_peer(Context &peer)
{
    std::lock_guard hold(state_);
    require(&peer.device != &device, CUDA_ERROR_INVALID_CONTEXT);
    require(peers_.insert(peer.id).second, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
}

void Context::disable_peer(Context &peer)
{
    std::lock_guard hold(state_);
    require(peers_.erase(peer.id) != 0, CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
}

void Context::destroy()
{
    if (!alive_.exchange(false))
        return;
    machine().contexts.remove(id);
    drain();
    settle();
    std::vector<std::shared_ptr<Stream>> streams{legacy_};
    {
        std::lock_guard hold(lock_);
        for (auto &stream : streams_)
            streams.push_back(stream);
        streams_.clear();
    }
    for (auto &stream : streams) {
        machine().streams.remove(stream->id);
        stream->close();
    }
    for (auto &event : machine().events.all())
        if (event->context.lock().get() == this)
            machine().events.remove(event->id);
    unload_modules(*this);
    release_arrays(*this);
    release_memory(*this);
}

namespace current
{
namespace
{
using Stack = std::vector<std::shared_ptr<Context>>;
}

std::shared_ptr<Context> peek()
{
    const Stack &stack = thread_own<Stack>();
    return stack.empty() ? nullptr : stack.back();
}

std::shared_ptr<Context> get()
{
    Stack &stack = thread_own<Stack>();
    require(!stack.empty() && stack.back(), CUDA_ERROR_INVALID_CONTEXT);
    stack.back()->check();
    return stack.back();
}

void set(std::shared_ptr<Context> context)
{
    Stack &stack = thread_own<Stack>();
    if (!stack.empty())
        stack.pop_back();
    if (context)
        stack.push_back(std::move(context));
}

void push(std::shared_ptr<Context> context)
{
    thread_own<Stack>().push_back(std::move(context));
}

std::shared_ptr<Context> pop()
{
    Stack &stack = thread_own<Stack>();
    require(!stack.empty(), CUDA_ERROR_INVALID_CONTEXT);
    auto top = std::move(stack.back());
    stack.pop_back();
    return top;
}

} // namespace current
} // namespace vgpu::soft::driver
