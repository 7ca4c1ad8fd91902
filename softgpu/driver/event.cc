// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/event.h"
#include "softgpu/driver/capture.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/shared-event.h"

#include <chrono>

namespace vgpu::soft::driver
{

void Recording::stamp()
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void Event::record(const std::function<Point(Work)> &push)
{
    auto recording = std::make_shared<Recording>();
    std::lock_guard hold(lock_);
    auto turn = shared ? shared->begin() : nullptr;
    recording->point = push({[recording, turn] {
                                 recording->stamp();
                                 if (turn)
                                     turn->finish();
                             },
                             {}});
    last_ = recording;
}

void Event::record(Context &context, Stream &stream)
{
    record([&](Work work) { return context.submit(stream, std::move(work)); });
}

void Event::record_here()
{
    auto recording = std::make_shared<Recording>();
    recording->stamp();
    std::lock_guard hold(lock_);
    if (shared)
        shared->begin(); // and over
    last_ = recording;
}

std::shared_ptr<Recording> Event::last() const
{
    if (shared) {
        // Of our own recording too, or what the others know already might not be so here.
        auto recording = std::make_shared<Recording>();
        recording->point = {nullptr, shared->last(), shared};
        return recording->point.sequence ? recording : nullptr;
    }
    std::lock_guard hold(lock_);
    return last_;
}

namespace
{

std::shared_ptr<Event> event_of(CUevent handle)
{
    auto event = machine().events.get(handle);
    auto context = event->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    return event;
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuEventCreate(CUevent *event, unsigned int flags)
{
    ENTRY({
        constexpr unsigned known =
            CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
        require(event && !(flags & ~known));
        const bool shared = flags & CU_EVENT_INTERPROCESS;
        require(!shared || flags & CU_EVENT_DISABLE_TIMING);
        auto context = current::get();
        auto made = std::make_shared<Event>(context, flags, shared ? SharedEvent::make() : nullptr);
        machine().events.add(made);
        *event = handle_of<CUevent>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuEventDestroy_v2(CUevent event)
{
    ENTRY({
        require(machine().events.remove(machine().events.get(event)->id),
                CUDA_ERROR_INVALID_HANDLE);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuEventRecordWithFlags(CUevent event, CUstream stream,
                                                    unsigned int flags)
{
    ENTRY({
        require(!(flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)));
        auto here = current::get();
        auto which = event_of(event);
        auto where = stream_of(stream, *here);
        auto context = where->context.lock();
        require(which->context.lock() == context, CUDA_ERROR_INVALID_HANDLE);
        // An external recording is a node of the graph; any other only marks where the stream is.
        if (flags & CU_EVENT_RECORD_EXTERNAL) {
            require(captured(*where), CUDA_ERROR_ILLEGAL_STATE);
            capture_node(*where, RecordNode{which});
            return;
        }
        if (capture_record(*where, *which))
            return;
        which->record(*context, *where);
    });
}

#if CUDA_VERSION >= 12050
SOFT_EXPORT CUresult CUDAAPI cuCtxRecordEvent(CUcontext handle, CUevent event)
{
    ENTRY({
        auto context = machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT);
        context->check();
        auto which = machine().events.get(event);
        auto made_in = which->context.lock();
        require(made_in && &made_in->device == &context->device, CUDA_ERROR_INVALID_HANDLE);
        which->record([&](Work work) { return context->submit_behind_all(std::move(work)); });
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxWaitEvent(CUcontext handle, CUevent event)
{
    ENTRY({
        auto context = machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT);
        context->check();
        auto recording = machine().events.get(event)->last();
        if (recording && !recording->point.reached())
            context->submit_everywhere(recording->point);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuEventRecord(CUevent event, CUstream stream)
{
    return cuEventRecordWithFlags(event, stream, 0);
}

SOFT_EXPORT CUresult CUDAAPI cuEventQuery(CUevent event)
{
    ENTRY({
        auto which = event_of(event);
        forbid_captured(*which);
        forbid_unsafe();
        auto recording = which->last();
        return !recording || recording->point.reached() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuEventSynchronize(CUevent event)
{
    ENTRY({
        auto which = event_of(event);
        auto context = which->context.lock();
        forbid_captured(*which);
        forbid_unsafe();
        if (auto recording = which->last())
            recording->point.wait();
        context->settle();
        context->check();
    });
}

// cuda.h renames cuEventElapsedTime to the newest version it knows; old-names.cc gives the other.
SOFT_EXPORT CUresult CUDAAPI cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    ENTRY({
        require(milliseconds != nullptr);
        auto from = event_of(start);
        auto to = event_of(end);
        require(from->timed() && to->timed() && from->context.lock() == to->context.lock(),
                CUDA_ERROR_INVALID_HANDLE);
        forbid_captured(*from);
        forbid_captured(*to);
        auto first = from->last();
        auto last = to->last();
        require(first && last, CUDA_ERROR_INVALID_HANDLE);
        if (!first->point.reached() || !last->point.reached())
            return CUDA_ERROR_NOT_READY;
        *milliseconds =
            static_cast<float>(static_cast<double>(last->nanoseconds - first->nanoseconds) / 1e6);
        return CUDA_SUCCESS;
    });
}
