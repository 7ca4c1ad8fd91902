// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/green.h"
#include "softgpu/driver/machine.h"

using namespace vgpu::soft::driver;

namespace
{

constexpr unsigned kFlags = CU_CTX_SCHED_MASK | CU_CTX_MAP_HOST | CU_CTX_LMEM_RESIZE_TO_MAX
#if CUDA_VERSION >= 12010
                            | CU_CTX_COREDUMP_ENABLE | CU_CTX_USER_COREDUMP_ENABLE |
                            CU_CTX_SYNC_MEMOPS
#endif
    ;

std::shared_ptr<Context> context_of(CUcontext handle)
{
    return handle ? machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT) : current::get();
}

void synchronize(Context &context)
{
    forbid_in_context(context);
    context.synchronize();
}

void create(CUcontext *context, unsigned flags, CUdevice ordinal)
{
    require(context && !(flags & ~kFlags));
    auto made = Context::create(machine().device(ordinal), flags, false);
    current::push(made);
    *context = handle_of<CUcontext>(*made);
}

void destroy(const std::shared_ptr<Context> &context)
{
    require(!context->primary && !GreenContext::of(*context), CUDA_ERROR_INVALID_CONTEXT);
    context->destroy();
    if (current::peek() == context)
        current::pop();
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuCtxCreate_v2(CUcontext *context, unsigned int flags,
                                            CUdevice ordinal)
{
    ENTRY({ create(context, flags, ordinal); });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxCreate_v3(CUcontext *context, CUexecAffinityParam *,
                                            int affinities, unsigned int flags, CUdevice ordinal)
{
    ENTRY({
        require(affinities == 0, CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY);
        create(context, flags, ordinal);
    });
}

#if CUDA_VERSION >= 12050
SOFT_EXPORT CUresult CUDAAPI cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *parameters,
                                            unsigned int flags, CUdevice ordinal)
{
    ENTRY({
        require(!parameters || (parameters->numExecAffinityParams == 0 && !parameters->cigParams),
                CUDA_ERROR_NOT_SUPPORTED);
        create(context, flags, ordinal);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuCtxDestroy_v2(CUcontext handle)
{
    ENTRY({ destroy(machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT)); });
}

// The last one that is attached destroys it.
SOFT_EXPORT CUresult CUDAAPI cuCtxAttach(CUcontext *handle, unsigned int flags)
{
    ENTRY({
        require(handle && !flags);
        auto context = current::get();
        context->attached++;
        *handle = handle_of<CUcontext>(*context);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxDetach(CUcontext handle)
{
    ENTRY({
        auto context = machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT);
        require(current::peek() == context, CUDA_ERROR_INVALID_CONTEXT);
        for (unsigned others = context->attached; others;)
            if (context->attached.compare_exchange_weak(others, others - 1))
                return;
        destroy(context);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetExecAffinity(CUexecAffinityParam *, CUexecAffinityType)
{
    ENTRY({
        current::get();
        return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY; // no context can be created with one
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxPushCurrent_v2(CUcontext handle)
{
    ENTRY({ current::push(machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT)); });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxPopCurrent_v2(CUcontext *context)
{
    ENTRY({
        auto top = current::pop();
        if (context)
            *context = handle_of<CUcontext>(*top);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSetCurrent(CUcontext handle)
{
    ENTRY({
        current::set(handle ? machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT) : nullptr);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetCurrent(CUcontext *context)
{
    ENTRY({
        require(context != nullptr);
        auto top = current::peek();
        *context = top ? handle_of<CUcontext>(*top) : nullptr;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetDevice(CUdevice *device)
{
    ENTRY({
        require(device != nullptr);
        auto top = current::peek();
        require(top != nullptr, CUDA_ERROR_INVALID_CONTEXT);
        *device = top->device.ordinal;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSynchronize(void)
{
    ENTRY({ synchronize(*current::get()); });
}

#if CUDA_VERSION >= 13000
SOFT_EXPORT CUresult CUDAAPI cuCtxGetDevice_v2(CUdevice *device, CUcontext context)
{
    ENTRY({
        require(device != nullptr);
        *device = context_of(context)->device.ordinal;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSynchronize_v2(CUcontext context)
{
    ENTRY({ synchronize(*context_of(context)); });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuCtxGetFlags(unsigned int *flags)
{
    ENTRY({
        require(flags != nullptr);
        *flags = current::get()->flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSetFlags(unsigned int flags)
{
    ENTRY({
        require(!(flags & ~kFlags));
        current::get()->flags = flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetId(CUcontext context, unsigned long long *number)
{
    ENTRY({
        require(number != nullptr);
        *number = context_of(context)->id;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetApiVersion(CUcontext context, unsigned int *version)
{
    ENTRY({
        require(version != nullptr);
        context_of(context);
        *version = 3020;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetLimit(size_t *value, CUlimit limit)
{
    ENTRY({
        require(value != nullptr);
        *value = current::get()->limit(limit);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSetLimit(CUlimit limit, size_t value)
{
    ENTRY({ current::get()->set_limit(limit, value); });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetCacheConfig(CUfunc_cache *config)
{
    ENTRY({
        require(config != nullptr);
        *config = static_cast<CUfunc_cache>(current::get()->cache_config.load());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSetCacheConfig(CUfunc_cache config)
{
    ENTRY({
        require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
        current::get()->cache_config = config;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxGetSharedMemConfig(CUsharedconfig *config)
{
    ENTRY({
        require(config != nullptr);
        *config = static_cast<CUsharedconfig>(current::get()->shared_config.load());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxSetSharedMemConfig(CUsharedconfig config)
{
    ENTRY({
        require(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE &&
                config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE);
        current::get(); // the banks have no widths here
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxResetPersistingL2Cache(void)
{
    ENTRY({ current::get(); });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags)
{
    ENTRY({
        require(flags == 0);
        current::get()->enable_peer(*machine().contexts.get(peer, CUDA_ERROR_INVALID_CONTEXT));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuCtxDisablePeerAccess(CUcontext peer)
{
    ENTRY({
        current::get()->disable_peer(*machine().contexts.get(peer, CUDA_ERROR_INVALID_CONTEXT));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuProfilerStart(void)
{
    ENTRY({ current::get(); });
}

SOFT_EXPORT CUresult CUDAAPI cuProfilerStop(void)
{
    ENTRY({ current::get(); });
}
