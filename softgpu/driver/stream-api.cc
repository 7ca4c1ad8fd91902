// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/green.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

using namespace vgpu::soft::driver;

namespace
{

constexpr int kLowest = 0;
constexpr int kHighest = -5;

/// The stream and its context, neither of which failed.
struct Open {
    std::shared_ptr<Stream> stream;
    std::shared_ptr<Context> context;
};

Open open(CUstream handle)
{
    auto stream = stream_of(handle, *current::get());
    auto context = stream->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    return {stream, context};
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    ENTRY({
        current::get();
        if (least)
            *least = kLowest;
        if (greatest)
            *greatest = kHighest;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamCreateWithPriority(CUstream *stream, unsigned int flags,
                                                        int priority)
{
    ENTRY({
        require(stream && !(flags & ~unsigned(CU_STREAM_NON_BLOCKING)));
        auto context = current::get();
        auto made = std::make_shared<Stream>(context, Stream::Role::created, flags,
                                             std::clamp(priority, kHighest, kLowest));
        machine().streams.add(made);
        context->adopt(made);
        *stream = handle_of<CUstream>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamCreate(CUstream *stream, unsigned int flags)
{
    return cuStreamCreateWithPriority(stream, flags, 0);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamDestroy_v2(CUstream handle)
{
    ENTRY({
        auto stream = machine().streams.get(handle);
        require(machine().streams.remove(stream->id), CUDA_ERROR_INVALID_HANDLE);
        spoil(*stream);
        // What is queued is still done, and the context still waits for it.
        auto context = stream->context.lock();
        if (!context)
            return;
        context->submit(*stream, {[context, raw = stream.get()] { context->disown(*raw); }, {}});
        stream->close();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamSynchronize(CUstream handle)
{
    ENTRY({
        auto [stream, context] = open(handle);
        forbid_while_capturing(*stream);
        context->wait_for(*stream);
        context->settle();
        context->check();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamQuery(CUstream handle)
{
    ENTRY({
        auto [stream, context] = open(handle);
        forbid_while_capturing(*stream);
        return context->settled(*stream) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWaitEvent(CUstream handle, CUevent event, unsigned int flags)
{
    ENTRY({
        require(!(flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)));
        auto [stream, context] = open(handle);
        auto which = machine().events.get(event);
        if (flags & CU_EVENT_WAIT_EXTERNAL) {
            require(captured(*stream), CUDA_ERROR_ILLEGAL_STATE);
            capture_node(*stream, WaitNode{which});
            return;
        }
        if (capture_wait(*stream, *which))
            return;
        auto recording = which->last();
        if (recording && !recording->point.reached())
            context->submit(*stream, {[] {}, {recording->point}});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamAddCallback(CUstream handle, CUstreamCallback callback,
                                                 void *data, unsigned int flags)
{
    ENTRY({
        require(callback && !flags);
        auto [stream, context] = open(handle);
        if (captured(*stream))
            forbid_while_capturing(*stream);
        Work work;
        work.application = true;
        work.run = [handle, callback, data, context = context] {
            callback(handle, context->broken() ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS, data);
        };
        context->submit(*stream, std::move(work));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data)
{
    ENTRY({
        require(function != nullptr);
        auto [stream, context] = open(handle);
        if (captured(*stream)) {
            capture_node(*stream, HostNode{{function, data}});
            return;
        }
        Work work;
        work.application = true;
        work.run = [function, data, context = context] {
            if (!context->broken())
                function(data);
        };
        context->submit(*stream, std::move(work));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetPriority(CUstream stream, int *priority)
{
    ENTRY({
        require(priority != nullptr);
        *priority = open(stream).stream->priority;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetFlags(CUstream stream, unsigned int *flags)
{
    ENTRY({
        require(flags != nullptr);
        *flags = open(stream).stream->flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetId(CUstream stream, unsigned long long *number)
{
    ENTRY({
        require(number != nullptr);
        *number = open(stream).stream->number;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    ENTRY({
        require(context != nullptr);
        *context = handle_of<CUcontext>(*open(stream).context);
    });
}

#if CUDA_VERSION >= 12050
SOFT_EXPORT CUresult CUDAAPI cuStreamGetCtx_v2(CUstream stream, CUcontext *context,
                                               CUgreenCtx *green)
{
    ENTRY({
        require(context && green);
        auto where = open(stream).context;
        auto own = GreenContext::of(*where);
        *context = handle_of<CUcontext>(*where);
        *green = own ? handle_of<CUgreenCtx>(*own) : nullptr;
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuStreamGetGreenCtx(CUstream handle, CUgreenCtx *green)
{
    ENTRY({
        require(green != nullptr);
        auto own = GreenContext::of(*open(handle).context);
        *green = own ? handle_of<CUgreenCtx>(*own) : nullptr;
    });
}

#if CUDA_VERSION >= 12080
SOFT_EXPORT CUresult CUDAAPI cuStreamGetDevice(CUstream stream, CUdevice *device)
{
    ENTRY({
        require(device != nullptr);
        *device = open(stream).context->device.ordinal;
    });
}
#endif
