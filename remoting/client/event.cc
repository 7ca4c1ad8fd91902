// SPDX-License-Identifier: Apache-2.0
// cuEvent*.
#include "remoting/client/event.h"
#include "remoting/base/clock.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

constexpr unsigned kCreateFlags =
    CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;

// A program that looks again sooner than this may be told what was so a moment ago, which costs it
// no round trip; one that looks seldom hears how it is.
constexpr uint64_t kLatelyNs = 20'000'000;

template<class Send>
CUresult record_in(Session &session, Event &event, CUstream stream, Send send)
{
    std::lock_guard lock(event.mutex);
    CUresult result = send();
    if (result == CUDA_SUCCESS)
        note_recording(session, event, stream);
    return result;
}

// `flags`: null for the call that has none.
CUresult record(CUevent handle, CUstream stream, const unsigned *flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        Event *event = find_event(session, handle);
        if (!event || !good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        return record_in(session, *event, stream, [&] {
            if (event->shared())
                return call_in(session, context.word(), api::Call::cuEventRecordWithFlags,
                               vgpu::client::handle(handle), vgpu::client::handle(stream),
                               val(flags ? *flags : 0u));
            return flags ? remote::cuEventRecordWithFlags(handle, stream, *flags)
                         : remote::cuEventRecord(handle, stream);
        });
    });
}

// An answer that comes by itself.
class Looking : public Pending
{
public:
    explicit Looking(std::shared_ptr<EventAnswer> answer) : answer_(std::move(answer)) {}
    bool arrived(const wire::Header &header, std::span<const std::byte>) override
    {
        answer_->result.store(int(header.word), std::memory_order_release);
        return true;
    }

private:
    std::shared_ptr<EventAnswer> answer_;
};

// With the lock. Whether it is known here that the latest recording is done.
bool is_done(const Session &session, const Event &event)
{
    return event.sequence <= event.done ||
           is_past(session, event.context, event.stream, event.sequence);
}

// With the lock. What the worker said of it a moment ago, and a new question behind that.
CUresult look(Session &session, CUevent handle, Event &event)
{
    session.connection().take_what_is_there();
    if (event.asked) {
        int answer = event.asked->result.load(std::memory_order_acquire);
        if (answer < 0)
            return CUDA_ERROR_NOT_READY;
        event.asked = nullptr;
        if (answer != CUDA_ERROR_NOT_READY)
            return CUresult(answer);
    }
    auto answer = std::make_shared<EventAnswer>();
    Request request;
    vgpu::client::handle(handle).put(request.out());
    if (!session.connection().send_casual(uint16_t(api::Call::vgpuEventLook), current_word(),
                                          request.bytes(), std::make_unique<Looking>(answer)))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    event.asked = std::move(answer);
    return CUDA_ERROR_NOT_READY;
}

// A question about an event: nothing is under way before it is first recorded.
CUresult ask(CUevent handle, bool waits)
{
    return entry([&](Session &session) -> CUresult {
        Event *event = find_event(session, handle);
        if (!event)
            return CUDA_ERROR_INVALID_HANDLE;
        if (Context *context = current_context())
            if (int fault = context->fault.load(std::memory_order_acquire); fault != CUDA_SUCCESS)
                return CUresult(fault);
        std::unique_lock lock(event->mutex);
        if (!event->captured)
            if (CUresult forbidden = session.captures.forbid_unsafe(session);
                forbidden != CUDA_SUCCESS)
                return forbidden;
        uint64_t sequence = event->sequence;
        CUresult result = CUDA_SUCCESS;
        uint64_t now = vgpu::now_ns();
        bool ours = !event->captured && !event->shared();
        bool done = ours && is_done(session, *event);
        if (!done && !waits && ours && now - event->looked_ns < kLatelyNs &&
            session.connection().has_room_for_casual()) {
            result = look(session, handle, *event);
        } else if (!done) {
            event->asked = nullptr;
            lock.unlock(); // others may ask while we wait
            result = call_in(session, current_word(),
                             waits ? api::Call::cuEventSynchronize : api::Call::cuEventQuery,
                             vgpu::client::handle(handle));
            lock.lock();
        }
        event->looked_ns = std::max(event->looked_ns, now);
        if (result == CUDA_ERROR_NOT_READY)
            return result;
        if (result == CUDA_SUCCESS)
            event->done = std::max(event->done, sequence);
        lock.unlock();
        return settle(session, sequence, result);
    });
}

} // namespace

namespace vgpu::client
{

Event *find_event(const Session &session, CUevent handle)
{
    return session.events.find_again(api::id_of(handle), thread_state().events);
}

void note_recording(Session &session, Event &event, CUstream stream)
{
    event.stream = stream;
    event.sequence = session.connection().last_sequence();
    event.looked_ns = vgpu::now_ns();
    event.asked = nullptr;
    event.captured = session.captures.any();
}

} // namespace vgpu::client

VGPU_ENTRY cuEventCreate(CUevent *handle, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!handle || (flags & ~kCreateFlags) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if ((flags & CU_EVENT_INTERPROCESS) != 0 && (flags & CU_EVENT_DISABLE_TIMING) == 0)
            return CUDA_ERROR_INVALID_VALUE;
        CUevent made = nullptr;
        CUresult result = remote::cuEventCreate(&made, flags);
        if (result != CUDA_SUCCESS)
            return result;
        auto event = std::make_shared<Event>();
        event->context = context.id;
        event->flags = flags;
        session.events.add(api::id_of(made), event);
        *handle = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuEventDestroy_v2(CUevent handle)
{
    return entry([&](Session &session) -> CUresult {
        return session.events.remove(api::id_of(handle)) ? remote::cuEventDestroy_v2(handle)
                                                         : CUDA_ERROR_INVALID_HANDLE;
    });
}

VGPU_ENTRY cuEventDestroy(CUevent handle)
{
    return cuEventDestroy_v2(handle);
}

VGPU_ENTRY cuEventRecord(CUevent handle, CUstream stream)
{
    return record(handle, stream, nullptr);
}

VGPU_ENTRY cuEventRecord_ptsz(CUevent handle, CUstream stream)
{
    return cuEventRecord(handle, per_thread(stream));
}

VGPU_ENTRY cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags)
{
    if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL))
        return CUDA_ERROR_INVALID_VALUE;
    return record(handle, stream, &flags);
}

VGPU_ENTRY cuEventRecordWithFlags_ptsz(CUevent handle, CUstream stream, unsigned flags)
{
    return cuEventRecordWithFlags(handle, per_thread(stream), flags);
}

#if CUDA_VERSION >= 12050
// Of all streams of a context, as of one that is no stream here: only what waits for the whole
// context tells that it is done.
VGPU_ENTRY cuCtxRecordEvent(CUcontext context, CUevent handle)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        Event *event = find_event(session, handle);
        if (!event)
            return CUDA_ERROR_INVALID_HANDLE;
        const auto none = api::handle_of<CUstream>(api::kSpecialHandles - 1);
        return record_in(session, *event, none,
                         [&] { return remote::cuCtxRecordEvent(context, handle); });
    });
}
#endif

VGPU_ENTRY cuEventQuery(CUevent handle)
{
    return ask(handle, false);
}

VGPU_ENTRY cuEventSynchronize(CUevent handle)
{
    return ask(handle, true);
}

VGPU_ENTRY cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end)
{
    return entry([&](Session &session) -> CUresult {
        if (!milliseconds)
            return CUDA_ERROR_INVALID_VALUE;
        auto first = session.events.find(api::id_of(start));
        auto last = session.events.find(api::id_of(end));
        if (!first || !last || !is_recorded(*first) || !is_recorded(*last) ||
            ((first->flags | last->flags) & CU_EVENT_DISABLE_TIMING))
            return CUDA_ERROR_INVALID_HANDLE;
        return remote::cuEventElapsedTime_v2(milliseconds, start, end);
    });
}

VGPU_ENTRY cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    return cuEventElapsedTime_v2(milliseconds, start, end);
}
