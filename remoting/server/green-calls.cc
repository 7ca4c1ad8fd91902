// SPDX-License-Identifier: Apache-2.0
// Green contexts: contexts that have some of a device's units. To everything else here theirs is a
// context like others, but that it ends with the green one.
#include "remoting/server/calls.h"
#include "remoting/server/green.h"

#include <cstring>
#include <vector>

namespace vgpu::server::calls
{
namespace
{

template<class Function, class... Arguments>
CUresult ask(Function function, Arguments... arguments)
{
    return function ? function(arguments...) : CUDA_ERROR_NOT_SUPPORTED;
}

// Those that were given out; the others are somebody's invention.
CUresult read(Session &session, const unsigned char *bytes, uint64_t n,
              std::vector<CUdevResource> &resources)
{
    if (n == 0 || n % sizeof(CUdevResource) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    resources.resize(size_t(n) / sizeof(CUdevResource));
    std::memcpy(resources.data(), bytes, size_t(n));
    for (const CUdevResource &one : resources)
        if (!session.resources.knows(one))
            return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
    return CUDA_SUCCESS;
}

} // namespace

CUresult vgpuResource(Session &session, uint32_t of, uint64_t id, uint32_t type,
                      unsigned char *resource, uint64_t n)
{
    enum : uint32_t { kDevice, kContext, kGreen };
    const Driver &driver = session.driver;
    CUdevResource own{};
    if (n != sizeof own || type == CU_DEV_RESOURCE_TYPE_INVALID)
        return n == sizeof own ? CUDA_ERROR_INVALID_RESOURCE_TYPE : CUDA_ERROR_INVALID_VALUE;
    CUresult result = CUDA_ERROR_INVALID_VALUE;
    auto kind = CUdevResourceType(type);
    void *handle = nullptr;
    CUdevice device;
    if (of == kDevice) {
        result = session.handles.device(int32_t(id), device);
        if (result == CUDA_SUCCESS)
            result = ask(driver.cuDeviceGetDevResource, device, &own, kind);
    } else if (of == kContext || of == kGreen) {
        result = session.handles.find(of == kContext ? api::Kind::context : api::Kind::green, id,
                                      handle);
        if (result == CUDA_SUCCESS)
            result = of == kContext
                         ? ask(driver.cuCtxGetDevResource, CUcontext(handle), &own, kind)
                         : ask(driver.cuGreenCtxGetDevResource, CUgreenCtx(handle), &own, kind);
    }
    if (result == CUDA_SUCCESS)
        session.resources.note(own);
    std::memcpy(resource, &own, sizeof own);
    return result;
}

CUresult vgpuResourceSplit(Session &session, const unsigned char *resource, uint64_t n,
                           uint32_t flags, uint32_t least, uint32_t most, uint32_t *groups,
                           unsigned char *made, uint64_t m)
{
    if (n != sizeof(CUdevResource) || m != (uint64_t(most) + 1) * sizeof(CUdevResource))
        return CUDA_ERROR_INVALID_VALUE;
    std::vector<CUdevResource> input, output(size_t(most) + 1);
    if (CUresult result = read(session, resource, n, input); result != CUDA_SUCCESS)
        return result;
    unsigned count = most;
    CUresult result =
        ask(session.driver.cuDevSmResourceSplitByCount, most ? output.data() : nullptr, &count,
            input.data(), most ? &output[most] : nullptr, flags, least);
    *groups = count;
    for (size_t i = 0; result == CUDA_SUCCESS && i < output.size(); ++i)
        if (i < count || i == most)
            session.resources.note(output[i]);
    std::memcpy(made, output.data(), size_t(m));
    return result;
}

CUresult vgpuResourceDescribe(Session &session, CUdevResourceDesc *description,
                              const unsigned char *bytes, uint64_t n)
{
    std::vector<CUdevResource> resources;
    CUresult result = read(session, bytes, n, resources);
    return result == CUDA_SUCCESS ? ask(session.driver.cuDevResourceGenerateDesc, description,
                                        resources.data(), unsigned(resources.size()))
                                  : result;
}

CUresult cuGreenCtxCreate(Session &session, CUgreenCtx *green, CUdevResourceDesc description,
                          CUdevice device, unsigned flags)
{
    size_t slice = session.handles.slice_named();
    CUresult result = ask(session.driver.cuGreenCtxCreate, green, description, device, flags);
    if (result == CUDA_SUCCESS)
        session.resources.greens[*green] = {slice, nullptr};
    return result;
}

CUresult vgpuGreenContext(Session &session, CUgreenCtx green, CUcontext *context)
{
    auto &known = session.resources.greens[green];
    if (known.context)
        return CUDA_ERROR_INVALID_VALUE; // it has its number
    CUresult result = ask(session.driver.cuCtxFromGreenCtx, context, green);
    if (result == CUDA_SUCCESS) {
        known.context = *context;
        session.contexts.create_green(known.slice);
    }
    return result;
}

CUresult cuGreenCtxDestroy(Session &session, CUgreenCtx green)
{
    auto known = session.resources.greens.extract(green);
    if (known && known.mapped().context)
        if (Context *context = session.contexts.find(known.mapped().context))
            session.close_context(context->word);
    return ask(session.driver.cuGreenCtxDestroy, green);
}

// The request's context is the green one's.
CUresult vgpuGreenStream(Session &session, CUgreenCtx green, CUstream *stream, uint32_t flags,
                         int priority)
{
    Context *context = session.contexts.current();
    if (!context || context->handle != session.resources.greens[green].context)
        return CUDA_ERROR_INVALID_CONTEXT;
#if CUDA_VERSION >= 12050
    CUresult result = ask(session.driver.cuGreenCtxStreamCreate, stream, green, flags, priority);
    if (result == CUDA_SUCCESS)
        context->non_blocking.push_back(*stream);
    return result;
#else
    return CUDA_ERROR_NOT_SUPPORTED;
#endif
}

} // namespace vgpu::server::calls
