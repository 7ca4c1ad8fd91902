// SPDX-License-Identifier: Apache-2.0
// cuEvent*.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr unsigned kCreateFlags =
    CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;

template<class Send>
CUresult record(CUevent handle, CUstream stream, Send send)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        auto event = session.events.find(api::id_of(handle));
        if (!event || !good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        CUresult result = send();
        if (result == CUDA_SUCCESS)
            event->recorded = true;
        return result;
    });
}

// A question about an event: nothing is under way before it is first recorded.
CUresult ask(CUevent handle, api::Call call)
{
    return entry([&](Session &session) -> CUresult {
        auto event = session.events.find(api::id_of(handle));
        if (!event)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!event->recorded)
            return CUDA_SUCCESS;
        uint32_t sequence = session.connection().last_sequence();
        CUresult result = call_in(session, current_word(), call, vgpu::client::handle(handle));
        return result == CUDA_ERROR_NOT_READY ? result : settle(session, sequence, result);
    });
}

} // namespace

VGPU_ENTRY cuEventCreate(CUevent *handle, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!handle || (flags & ~kCreateFlags) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (flags & CU_EVENT_INTERPROCESS)
            return refused("CU_EVENT_INTERPROCESS", "events cannot be shared with other processes");
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
    return record(handle, stream, [&] { return remote::cuEventRecord(handle, stream); });
}

VGPU_ENTRY cuEventRecord_ptsz(CUevent handle, CUstream stream)
{
    return cuEventRecord(handle, per_thread(stream));
}

VGPU_ENTRY cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags)
{
    if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL))
        return CUDA_ERROR_INVALID_VALUE;
    return record(handle, stream,
                  [&] { return remote::cuEventRecordWithFlags(handle, stream, flags); });
}

VGPU_ENTRY cuEventRecordWithFlags_ptsz(CUevent handle, CUstream stream, unsigned flags)
{
    return cuEventRecordWithFlags(handle, per_thread(stream), flags);
}

VGPU_ENTRY cuEventQuery(CUevent handle)
{
    return ask(handle, api::Call::cuEventQuery);
}

VGPU_ENTRY cuEventSynchronize(CUevent handle)
{
    return ask(handle, api::Call::cuEventSynchronize);
}

VGPU_ENTRY cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end)
{
    return entry([&](Session &session) -> CUresult {
        if (!milliseconds)
            return CUDA_ERROR_INVALID_VALUE;
        auto first = session.events.find(api::id_of(start));
        auto last = session.events.find(api::id_of(end));
        if (!first || !last || !first->recorded || !last->recorded ||
            ((first->flags | last->flags) & CU_EVENT_DISABLE_TIMING))
            return CUDA_ERROR_INVALID_HANDLE;
        return remote::cuEventElapsedTime_v2(milliseconds, start, end);
    });
}

VGPU_ENTRY cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    return cuEventElapsedTime_v2(milliseconds, start, end);
}
