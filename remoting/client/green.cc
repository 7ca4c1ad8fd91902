// SPDX-License-Identifier: Apache-2.0
// Green contexts: contexts with some of a device's units. Each is the worker's driver's; here it is
// one more context, whose streams know to whom they belong.
#include "remoting/client/call.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <cstring>
#include <vector>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

enum Of : uint32_t { kDevice, kContext, kGreen };

CUresult resource_of(Of of, uint64_t id, CUdevResource *resource, CUdevResourceType type)
{
    if (!resource)
        return CUDA_ERROR_INVALID_VALUE;
    return remote::vgpuResource(of, id, uint32_t(type), reinterpret_cast<unsigned char *>(resource),
                                sizeof *resource);
}

// body(Session &, GreenContext &)
template<class Body>
CUresult with_green(CUgreenCtx green, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        auto known = session.greens.find(api::id_of(green));
        return known ? body(session, *known) : CUDA_ERROR_INVALID_CONTEXT;
    });
}

} // namespace

namespace vgpu::client
{

CUgreenCtx green_of(const Session &session, uint64_t context)
{
    uint64_t found = 0;
    session.greens.each([&](uint64_t id, const GreenContext &green) {
        if (green.context == context)
            found = id;
    });
    return api::handle_of<CUgreenCtx>(found);
}

} // namespace vgpu::client

VGPU_ENTRY cuDeviceGetDevResource(CUdevice device, CUdevResource *resource, CUdevResourceType type)
{
    return resource_of(kDevice, uint64_t(device), resource, type);
}

VGPU_ENTRY cuCtxGetDevResource(CUcontext context, CUdevResource *resource, CUdevResourceType type)
{
    return entry([&](Session &session) -> CUresult {
        Context *known = context ? session.contexts.find(context) : current_context();
        return known ? resource_of(kContext, known->id, resource, type)
                     : CUDA_ERROR_INVALID_CONTEXT;
    });
}

VGPU_ENTRY cuGreenCtxGetDevResource(CUgreenCtx green, CUdevResource *resource,
                                    CUdevResourceType type)
{
    return with_green(green, [&](Session &, GreenContext &) {
        return resource_of(kGreen, api::id_of(green), resource, type);
    });
}

VGPU_ENTRY cuDevSmResourceSplitByCount(CUdevResource *groups, unsigned *count,
                                       const CUdevResource *input, CUdevResource *rest,
                                       unsigned flags, unsigned least)
{
    return entry([&](Session &) -> CUresult {
        constexpr unsigned kMost = 1024; // of a device's units
        if (!count || !input)
            return CUDA_ERROR_INVALID_VALUE;
        unsigned most = groups ? std::min(*count, kMost) : 0, made = 0;
        std::vector<CUdevResource> all(most + 1);
        CUresult result = remote::vgpuResourceSplit(
            reinterpret_cast<const unsigned char *>(input), sizeof *input, flags, least, most,
            &made, reinterpret_cast<unsigned char *>(all.data()), all.size() * sizeof all[0]);
        if (result != CUDA_SUCCESS)
            return result;
        *count = made;
        if (groups)
            std::copy_n(all.begin(), std::min(made, most), groups);
        if (groups && rest)
            *rest = all[most];
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDevResourceGenerateDesc(CUdevResourceDesc *description, CUdevResource *resources,
                                     unsigned count)
{
    constexpr unsigned kMost = 1024;
    if (!description || !resources || count == 0 || count > kMost)
        return CUDA_ERROR_INVALID_VALUE;
    return remote::vgpuResourceDescribe(
        description, reinterpret_cast<const unsigned char *>(resources), count * sizeof *resources);
}

VGPU_ENTRY cuGreenCtxCreate(CUgreenCtx *green, CUdevResourceDesc description, CUdevice device,
                            unsigned flags)
{
    return entry([&](Session &session) -> CUresult {
        CUgreenCtx made = nullptr;
        CUcontext context = nullptr;
        if (!green)
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = remote::cuGreenCtxCreate(&made, description, device, flags);
        if (result == CUDA_SUCCESS)
            result = remote::vgpuGreenContext(made, &context);
        if (result != CUDA_SUCCESS)
            return result;
        session.contexts.create(api::id_of(context), device, 0);
        auto known = std::make_shared<GreenContext>();
        known->context = api::id_of(context);
        session.greens.add(api::id_of(made), known);
        *green = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuGreenCtxDestroy(CUgreenCtx green)
{
    return entry([&](Session &session) -> CUresult {
        auto known = session.greens.remove(api::id_of(green));
        if (!known)
            return CUDA_ERROR_INVALID_CONTEXT;
        session.connection().complete_before(session.connection().last_sequence());
        CUresult result = remote::cuGreenCtxDestroy(green);
        if (Context *context = session.contexts.find(api::handle_of<CUcontext>(known->context)))
            context->alive.store(false, std::memory_order_release);
        session.forget_context(known->context);
        return result;
    });
}

VGPU_ENTRY cuCtxFromGreenCtx(CUcontext *context, CUgreenCtx green)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    return with_green(green, [&](Session &, GreenContext &known) {
        *context = api::handle_of<CUcontext>(known.context);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuGreenCtxRecordEvent(CUgreenCtx green, CUevent event)
{
    CUcontext context = nullptr;
    CUresult result = cuCtxFromGreenCtx(&context, green);
    return result == CUDA_SUCCESS ? cuCtxRecordEvent(context, event) : result;
}

VGPU_ENTRY cuGreenCtxWaitEvent(CUgreenCtx green, CUevent event)
{
    CUcontext context = nullptr;
    CUresult result = cuCtxFromGreenCtx(&context, green);
    return result == CUDA_SUCCESS ? cuCtxWaitEvent(context, event) : result;
}

VGPU_ENTRY cuStreamGetGreenCtx(CUstream stream, CUgreenCtx *green)
{
    if (!green)
        return CUDA_ERROR_INVALID_VALUE;
    CUcontext context = nullptr;
    CUresult result = cuStreamGetCtx(stream, &context);
    return result != CUDA_SUCCESS ? result : entry([&](Session &session) {
        *green = green_of(session, api::id_of(context));
        return CUDA_SUCCESS;
    });
}

#if CUDA_VERSION >= 12050
VGPU_ENTRY cuGreenCtxStreamCreate(CUstream *stream, CUgreenCtx green, unsigned flags, int priority)
{
    return with_green(green, [&](Session &session, GreenContext &known) -> CUresult {
        Context *context = session.contexts.find(api::handle_of<CUcontext>(known.context));
        if (!stream || flags != CU_STREAM_NON_BLOCKING || !context)
            return CUDA_ERROR_INVALID_VALUE;
        CUstream made = nullptr;
        push_context(context);
        CUresult result = remote::vgpuGreenStream(green, &made, flags, priority);
        pop_context();
        if (result != CUDA_SUCCESS)
            return result;
        auto own = std::make_shared<Stream>();
        own->context = context->id;
        own->device = context->device;
        own->flags = flags;
        own->priority = priority;
        session.streams.add(api::id_of(made), own);
        *stream = made;
        return CUDA_SUCCESS;
    });
}
#endif

#if CUDA_VERSION >= 12090
VGPU_ENTRY cuGreenCtxGetId(CUgreenCtx green, unsigned long long *id)
{
    CUcontext context = nullptr;
    CUresult result = id ? cuCtxFromGreenCtx(&context, green) : CUDA_ERROR_INVALID_VALUE;
    return result == CUDA_SUCCESS ? cuCtxGetId(context, id) : result;
}
#endif
