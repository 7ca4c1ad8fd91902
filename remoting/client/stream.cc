// SPDX-License-Identifier: Apache-2.0
// cuStream*: made and destroyed without an answer, remembered here.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

// body(Session &, const Stream &); the driver's own streams belong to the current context.
template<class Body>
CUresult with_stream(CUstream &handle, Body &&body)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, handle))
            return CUDA_ERROR_INVALID_HANDLE;
        if (api::id_of(handle) < api::kSpecialHandles)
            return body(session, Stream{.context = context.id, .device = context.device});
        auto stream = session.streams.find(api::id_of(handle));
        return stream ? body(session, *stream) : CUDA_ERROR_INVALID_HANDLE;
    });
}

} // namespace

VGPU_ENTRY cuStreamCreateWithPriority(CUstream *handle, unsigned flags, int priority)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!handle || (flags & ~unsigned(CU_STREAM_NON_BLOCKING)) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        CUstream made = nullptr;
        CUresult result = remote::cuStreamCreateWithPriority(&made, flags, priority);
        if (result != CUDA_SUCCESS)
            return result;
        auto stream = std::make_shared<Stream>();
        stream->context = context.id;
        stream->device = context.device;
        stream->flags = flags;
        stream->priority = priority;
        session.streams.add(api::id_of(made), stream);
        *handle = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamCreate(CUstream *handle, unsigned flags)
{
    return cuStreamCreateWithPriority(handle, flags, 0);
}

VGPU_ENTRY cuStreamDestroy_v2(CUstream handle)
{
    return entry([&](Session &session) -> CUresult {
        if (!session.streams.remove(api::id_of(handle)))
            return CUDA_ERROR_INVALID_HANDLE;
        CUresult result = remote::cuStreamDestroy_v2(handle);
        session.captures.ended(handle);
        return result;
    });
}

VGPU_ENTRY cuStreamDestroy(CUstream handle)
{
    return cuStreamDestroy_v2(handle);
}

VGPU_ENTRY cuStreamSynchronize(CUstream handle)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        return good_stream(session, handle) ? synchronize_stream(session, context.word(), handle)
                                            : CUDA_ERROR_INVALID_HANDLE;
    });
}

VGPU_ENTRY cuStreamSynchronize_ptsz(CUstream handle)
{
    return cuStreamSynchronize(per_thread(handle));
}

VGPU_ENTRY cuStreamQuery(CUstream handle)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, handle))
            return CUDA_ERROR_INVALID_HANDLE;
        uint64_t sequence = session.connection().last_sequence();
        uint32_t word = stream_word(session, context.word(), handle);
        if (CUresult result = session.captures.forbid_wait(session, word, handle);
            result != CUDA_SUCCESS)
            return result;
        if (is_past(session, session.contexts.find(word)->id, handle, sequence))
            return settle(session, sequence, CUDA_SUCCESS);
        CUresult result =
            call_in(session, word, api::Call::cuStreamQuery, vgpu::client::handle(handle));
        return result == CUDA_SUCCESS ? settle(session, sequence, result) : result;
    });
}

VGPU_ENTRY cuStreamQuery_ptsz(CUstream handle)
{
    return cuStreamQuery(per_thread(handle));
}

VGPU_ENTRY cuStreamWaitEvent(CUstream handle, CUevent event, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto known = session.events.find(api::id_of(event));
        if (!good_stream(session, handle) || !known)
            return CUDA_ERROR_INVALID_HANDLE;
        if (flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL))
            return CUDA_ERROR_INVALID_VALUE;
        if (known->shared())
            return call_in(session, context.word(), api::Call::cuStreamWaitEvent,
                           vgpu::client::handle(handle), vgpu::client::handle(event), val(flags));
        // An event that was never recorded has nothing to wait for.
        return is_recorded(*known) ? remote::cuStreamWaitEvent(handle, event, flags) : CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamWaitEvent_ptsz(CUstream handle, CUevent event, unsigned flags)
{
    return cuStreamWaitEvent(per_thread(handle), event, flags);
}

VGPU_ENTRY cuStreamGetPriority(CUstream handle, int *priority)
{
    return with_stream(handle, [&](Session &, const Stream &stream) -> CUresult {
        if (!priority)
            return CUDA_ERROR_INVALID_VALUE;
        *priority = stream.priority;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetPriority_ptsz(CUstream handle, int *priority)
{
    return cuStreamGetPriority(per_thread(handle), priority);
}

VGPU_ENTRY cuStreamGetFlags(CUstream handle, unsigned *flags)
{
    return with_stream(handle, [&](Session &, const Stream &stream) -> CUresult {
        if (!flags)
            return CUDA_ERROR_INVALID_VALUE;
        *flags = stream.flags;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetFlags_ptsz(CUstream handle, unsigned *flags)
{
    return cuStreamGetFlags(per_thread(handle), flags);
}

VGPU_ENTRY cuStreamGetCtx(CUstream handle, CUcontext *context)
{
    return with_stream(handle, [&](Session &, const Stream &stream) -> CUresult {
        if (!context)
            return CUDA_ERROR_INVALID_VALUE;
        *context = api::handle_of<CUcontext>(stream.context);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetCtx_ptsz(CUstream handle, CUcontext *context)
{
    return cuStreamGetCtx(per_thread(handle), context);
}

#if CUDA_VERSION >= 12050
VGPU_ENTRY cuStreamGetCtx_v2(CUstream handle, CUcontext *context, CUgreenCtx *green)
{
    CUresult result = cuStreamGetCtx(handle, context);
    if (result == CUDA_SUCCESS && green)
        result = cuStreamGetGreenCtx(handle, green);
    return result;
}

VGPU_ENTRY cuStreamGetCtx_v2_ptsz(CUstream handle, CUcontext *context, CUgreenCtx *green)
{
    return cuStreamGetCtx_v2(per_thread(handle), context, green);
}
#endif

#if CUDA_VERSION >= 12080
VGPU_ENTRY cuStreamGetDevice(CUstream handle, CUdevice *device)
{
    return with_stream(handle, [&](Session &, const Stream &stream) -> CUresult {
        if (!device)
            return CUDA_ERROR_INVALID_VALUE;
        *device = stream.device;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetDevice_ptsz(CUstream handle, CUdevice *device)
{
    return cuStreamGetDevice(per_thread(handle), device);
}
#endif

VGPU_ENTRY cuStreamGetId(CUstream handle, unsigned long long *id)
{
    return with_stream(handle, [&](Session &, const Stream &stream) -> CUresult {
        if (!id)
            return CUDA_ERROR_INVALID_VALUE;
        // Unique among the streams of all contexts: the driver's own ones by their context, whose
        // kind is another.
        uint64_t special = api::id_of(handle);
        *id = special < api::kSpecialHandles ? stream.context << 4 | special : special;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetId_ptsz(CUstream handle, unsigned long long *id)
{
    return cuStreamGetId(per_thread(handle), id);
}
