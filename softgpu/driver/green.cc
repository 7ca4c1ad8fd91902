// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/green.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/stream.h"

#include <algorithm>
#include <cstring>

// Green contexts: a device's units are split into groups, and a context gets one of them. A unit
// is a worker thread, so that its kernels have so many threads and no more.

namespace vgpu::soft::driver
{
namespace
{

/// What we keep in the part of a resource that is ours.
struct Inside {
    uint32_t mark;
    int32_t device;
    uint32_t first, count; ///< of the device's units
};
constexpr uint32_t kMark = 0x756e6974;

CUdevResource resource_of(const Device &device, uint32_t first, uint32_t count)
{
    CUdevResource resource{};
    Inside inside{kMark, device.ordinal, first, count};
    resource.type = CU_DEV_RESOURCE_TYPE_SM;
    memcpy(resource._internal_padding, &inside, sizeof inside);
    resource.sm.smCount = count;
    return resource;
}

Inside inside_of(const CUdevResource *resource)
{
    require(resource != nullptr);
    require(resource->type == CU_DEV_RESOURCE_TYPE_SM, CUDA_ERROR_INVALID_RESOURCE_TYPE);
    Inside inside;
    memcpy(&inside, resource->_internal_padding, sizeof inside);
    require(inside.mark == kMark && inside.count &&
                uint64_t(inside.first) + inside.count <= machine().device(inside.device).units,
            CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION);
    return inside;
}

void check_type(const void *out, CUdevResourceType type)
{
    require(out != nullptr);
    require(type == CU_DEV_RESOURCE_TYPE_SM, CUDA_ERROR_INVALID_RESOURCE_TYPE);
}

CUdevResource resource_of(const Context &context)
{
    auto green = GreenContext::of(context);
    return green ? green->resource : resource_of(context.device, 0, context.device.units);
}

} // namespace

std::shared_ptr<GreenContext> GreenContext::of(const Context &context)
{
    for (auto &green : machine().greens.all())
        if (green->context.get() == &context)
            return green;
    return nullptr;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetDevResource(CUdevice ordinal, CUdevResource *resource,
                                                    CUdevResourceType type)
{
    ENTRY({
        Device &device = machine().device(ordinal);
        check_type(resource, type);
        *resource = resource_of(device, 0, device.units);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetDevResource(CUcontext handle, CUdevResource *resource,
                                                 CUdevResourceType type)
{
    ENTRY({
        auto context =
            handle ? machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT) : current::get();
        check_type(resource, type);
        *resource = resource_of(*context);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGreenCtxGetDevResource(CUgreenCtx green, CUdevResource *resource,
                                                      CUdevResourceType type)
{
    ENTRY({
        auto own = machine().greens.get(green, CUDA_ERROR_INVALID_CONTEXT);
        check_type(resource, type);
        *resource = own->resource;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevSmResourceSplitByCount(CUdevResource *groups, unsigned int *count,
                                                         const CUdevResource *input,
                                                         CUdevResource *rest, unsigned int flags,
                                                         unsigned int least)
{
    ENTRY({
        constexpr unsigned known = CU_DEV_SM_RESOURCE_SPLIT_IGNORE_SM_COSCHEDULING |
                                   CU_DEV_SM_RESOURCE_SPLIT_MAX_POTENTIAL_CLUSTER_SIZE;
        require(count && !(flags & ~known));
        Inside inside = inside_of(input);
        unsigned each = std::max(least, 1u);
        require(each <= inside.count, CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION);
        unsigned most = inside.count / each;
        if (!groups) {
            *count = most;
            return CUDA_SUCCESS;
        }
        *count = std::min(*count, most);
        Device &device = machine().device(inside.device);
        for (unsigned i = 0; i < *count; i++)
            groups[i] = resource_of(device, inside.first + i * each, each);
        unsigned used = *count * each;
        if (rest)
            *rest = used == inside.count
                        ? CUdevResource{}
                        : resource_of(device, inside.first + used, inside.count - used);
        return CUDA_SUCCESS;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevResourceGenerateDesc(CUdevResourceDesc *description,
                                                       CUdevResource *resources, unsigned int count)
{
    ENTRY({
        require(description && resources && count);
        Inside all = inside_of(resources);
        for (unsigned i = 1; i < count; i++) { // side by side, of one split
            Inside next = inside_of(resources + i);
            require(next.device == all.device && next.first == all.first + all.count,
                    CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION);
            all.count += next.count;
        }
        auto made = std::make_shared<ResourceDesc>();
        made->resource = resource_of(machine().device(all.device), all.first, all.count);
        machine().resource_descs.add(made);
        *description = handle_of<CUdevResourceDesc>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGreenCtxCreate(CUgreenCtx *green, CUdevResourceDesc description,
                                              CUdevice ordinal, unsigned int flags)
{
    ENTRY({
        require(green && flags == CU_GREEN_CTX_DEFAULT_STREAM);
        Device &device = machine().device(ordinal);
        auto what = machine().resource_descs.get(description, CUDA_ERROR_INVALID_VALUE);
        Inside inside = inside_of(&what->resource);
        require(inside.device == ordinal);
        auto made = std::make_shared<GreenContext>();
        made->resource = what->resource;
        made->context = Context::create(device, 0, false, inside.count);
        machine().greens.add(made);
        *green = handle_of<CUgreenCtx>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGreenCtxDestroy(CUgreenCtx green)
{
    ENTRY({
        auto own = machine().greens.get(green, CUDA_ERROR_INVALID_CONTEXT);
        require(machine().greens.remove(own->id), CUDA_ERROR_INVALID_CONTEXT);
        own->context->destroy();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxFromGreenCtx(CUcontext *context, CUgreenCtx green)
{
    ENTRY({
        require(context != nullptr);
        auto own = machine().greens.get(green, CUDA_ERROR_INVALID_CONTEXT);
        *context = handle_of<CUcontext>(*own->context);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGreenCtxRecordEvent(CUgreenCtx green, CUevent event)
{
    CUcontext context = nullptr;
    CUresult result = cuCtxFromGreenCtx(&context, green);
    return result == CUDA_SUCCESS ? cuCtxRecordEvent(context, event) : result;
}

SOFT_EXPORT CUresult CUDAAPI cuGreenCtxWaitEvent(CUgreenCtx green, CUevent event)
{
    CUcontext context = nullptr;
    CUresult result = cuCtxFromGreenCtx(&context, green);
    return result == CUDA_SUCCESS ? cuCtxWaitEvent(context, event) : result;
}

#if CUDA_VERSION >= 12050
SOFT_EXPORT CUresult CUDAAPI cuGreenCtxStreamCreate(CUstream *stream, CUgreenCtx green,
                                                    unsigned int flags, int priority)
{
    ENTRY({
        require(stream && flags == CU_STREAM_NON_BLOCKING);
        auto own = machine().greens.get(green, CUDA_ERROR_INVALID_CONTEXT);
        current::push(own->context);
        CUresult result = cuStreamCreateWithPriority(stream, flags, priority);
        current::pop();
        return result;
    });
}
#endif

#if CUDA_VERSION >= 12090
SOFT_EXPORT CUresult CUDAAPI cuGreenCtxGetId(CUgreenCtx green, unsigned long long *id)
{
    ENTRY({
        require(id != nullptr);
        *id = machine().greens.get(green, CUDA_ERROR_INVALID_CONTEXT)->context->id;
    });
}
#endif
