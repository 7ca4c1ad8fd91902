// SPDX-License-Identifier: Apache-2.0
// cuCtx* and cuDevicePrimaryCtx*. The worker only hears of contexts that are opened, created and
// destroyed.
#include "remoting/client/call.h"
#include "remoting/client/entry.h"
#include "remoting/client/function.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr unsigned kContextFlags = CU_CTX_SCHED_MASK | CU_CTX_MAP_HOST | CU_CTX_LMEM_RESIZE_TO_MAX;

bool good_device(Session &session, CUdevice device)
{
    return device >= 0 && size_t(device) < session.devices().size();
}

CUresult reset_primary(Session &session, Context &context)
{
    context.alive.store(false, std::memory_order_release);
    context.fault.store(CUDA_SUCCESS, std::memory_order_release);
    session.forget_context(context.id);
    return remote::vgpuContextReset(uint32_t(context.device));
}

} // namespace

VGPU_ENTRY cuDevicePrimaryCtxRetain(CUcontext *handle, CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        Contexts &contexts = session.contexts;
        Context &context = *contexts.primary(device);
        std::lock_guard lock(contexts.mutex());
        if (!context.alive.load(std::memory_order_acquire)) {
            unsigned flags = contexts.primary_flags[size_t(device)];
            CUresult result = remote::vgpuContextOpen(uint32_t(device), flags);
            if (result != CUDA_SUCCESS)
                return result;
            context.flags = flags;
            context.alive.store(true, std::memory_order_release);
        }
        ++contexts.retained[size_t(device)];
        *handle = context.handle();
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        Contexts &contexts = session.contexts;
        std::lock_guard lock(contexts.mutex());
        unsigned &retained = contexts.retained[size_t(device)];
        if (retained == 0)
            return CUDA_ERROR_INVALID_CONTEXT;
        if (--retained > 0)
            return CUDA_SUCCESS;
        Context &context = *contexts.primary(device);
        return context.alive ? reset_primary(session, context) : CUDA_SUCCESS;
    });
}

// The handle stays good for those who have retained it: the next retain opens the context anew.
VGPU_ENTRY cuDevicePrimaryCtxReset_v2(CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        Contexts &contexts = session.contexts;
        std::lock_guard lock(contexts.mutex());
        Context &context = *contexts.primary(device);
        return context.alive ? reset_primary(session, context) : CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags)
{
    return entry([&](Session &session) -> CUresult {
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        if (flags & ~CU_CTX_FLAGS_MASK)
            return CUDA_ERROR_INVALID_VALUE;
        Contexts &contexts = session.contexts;
        std::lock_guard lock(contexts.mutex());
        contexts.primary_flags[size_t(device)] = flags;
        contexts.primary(device)->flags = flags;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
    return entry([&](Session &session) -> CUresult {
        if (!flags || !active)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        Contexts &contexts = session.contexts;
        std::lock_guard lock(contexts.mutex());
        *flags = contexts.primary_flags[size_t(device)];
        *active = contexts.primary(device)->alive ? 1 : 0;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDevicePrimaryCtxRelease(CUdevice device)
{
    return cuDevicePrimaryCtxRelease_v2(device);
}

VGPU_ENTRY cuDevicePrimaryCtxReset(CUdevice device)
{
    return cuDevicePrimaryCtxReset_v2(device);
}

VGPU_ENTRY cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags)
{
    return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

VGPU_ENTRY cuCtxCreate_v2(CUcontext *handle, unsigned flags, CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle || (flags & ~CU_CTX_FLAGS_MASK) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_device(session, device))
            return CUDA_ERROR_INVALID_DEVICE;
        CUcontext made = nullptr;
        CUresult result = remote::cuCtxCreate_v2(&made, flags & kContextFlags, device);
        if (result != CUDA_SUCCESS)
            return result;
        push_context(session.contexts.create(api::id_of(made), device, flags));
        *handle = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxCreate(CUcontext *handle, unsigned flags, CUdevice device)
{
    return cuCtxCreate_v2(handle, flags, device);
}

// A share of the multiprocessors is the lease's to give, not the program's to take.
VGPU_ENTRY cuCtxCreate_v3(CUcontext *handle, CUexecAffinityParam *, int count, unsigned flags,
                          CUdevice device)
{
    return count == 0 ? cuCtxCreate_v2(handle, flags, device)
                      : CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
}

#if CUDA_VERSION >= 12050
VGPU_ENTRY cuCtxCreate_v4(CUcontext *handle, CUctxCreateParams *parameters, unsigned flags,
                          CUdevice device)
{
    if (parameters && parameters->numExecAffinityParams != 0)
        return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
    if (parameters && parameters->cigParams)
        return refused("cuCtxCreate for graphics", "the GPU's node has none of this process");
    return cuCtxCreate_v2(handle, flags, device);
}
#endif

VGPU_ENTRY cuCtxDestroy_v2(CUcontext handle)
{
    return entry([&](Session &session) -> CUresult {
        Context *context = session.contexts.find(handle);
        if (!context)
            return CUDA_ERROR_INVALID_CONTEXT;
        if (context->primary || green_of(session, context->id))
            return CUDA_ERROR_INVALID_CONTEXT; // it is released, or goes with the green one
        session.connection().complete_before(session.connection().last_sequence());
        CUresult result = remote::cuCtxDestroy_v2(handle);
        context->alive.store(false, std::memory_order_release);
        if (top_context() == context)
            pop_context();
        session.forget_context(context->id);
        return result;
    });
}

VGPU_ENTRY cuCtxDestroy(CUcontext handle)
{
    return cuCtxDestroy_v2(handle);
}

VGPU_ENTRY cuCtxAttach(CUcontext *handle, unsigned flags)
{
    return entry_about_context([&](Session &, Context &context) -> CUresult {
        if (!handle || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        context.attached++;
        *handle = context.handle();
        return CUDA_SUCCESS;
    });
}

// The last one that is attached destroys it.
VGPU_ENTRY cuCtxDetach(CUcontext handle)
{
    return entry([&](Session &session) -> CUresult {
        Context *context = session.contexts.find(handle);
        if (!context || context != current_context())
            return CUDA_ERROR_INVALID_CONTEXT;
        for (unsigned others = context->attached; others;)
            if (context->attached.compare_exchange_weak(others, others - 1))
                return CUDA_SUCCESS;
        return cuCtxDestroy_v2(handle);
    });
}

VGPU_ENTRY cuCtxPushCurrent_v2(CUcontext handle)
{
    return entry([&](Session &session) -> CUresult {
        Context *context = session.contexts.find(handle);
        if (!context)
            return CUDA_ERROR_INVALID_CONTEXT;
        push_context(context);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxPopCurrent_v2(CUcontext *handle)
{
    return entry([&](Session &) -> CUresult {
        Context *context = pop_context();
        if (!context)
            return CUDA_ERROR_INVALID_CONTEXT;
        if (handle)
            *handle = context->handle();
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxPushCurrent(CUcontext handle)
{
    return cuCtxPushCurrent_v2(handle);
}

VGPU_ENTRY cuCtxPopCurrent(CUcontext *handle)
{
    return cuCtxPopCurrent_v2(handle);
}

VGPU_ENTRY cuCtxSetCurrent(CUcontext handle)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle) {
            set_context(nullptr);
            return CUDA_SUCCESS;
        }
        // What runtimes do at each call: no lookup when nothing changes.
        Context *top = current_context();
        if (top && top->handle() == handle)
            return CUDA_SUCCESS;
        Context *context = session.contexts.find(handle);
        if (!context)
            return CUDA_ERROR_INVALID_CONTEXT;
        set_context(context);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxGetCurrent(CUcontext *handle)
{
    return entry([&](Session &) -> CUresult {
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        Context *context = top_context();
        *handle = context ? context->handle() : nullptr;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxGetDevice(CUdevice *device)
{
    return entry_about_context([&](Session &, Context &context) -> CUresult {
        if (!device)
            return CUDA_ERROR_INVALID_VALUE;
        *device = context.device;
        return CUDA_SUCCESS;
    });
}

#if CUDA_VERSION >= 13000
VGPU_ENTRY cuCtxGetDevice_v2(CUdevice *device, CUcontext handle)
{
    if (!handle)
        return cuCtxGetDevice(device);
    return entry([&](Session &session) -> CUresult {
        Context *context = session.contexts.find(handle);
        if (!device || !context)
            return device ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_VALUE;
        *device = context->device;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxSynchronize_v2(CUcontext handle)
{
    if (!handle)
        return cuCtxSynchronize();
    return entry([&](Session &session) -> CUresult {
        Context *context = session.contexts.find(handle);
        return context ? synchronize_context(session, context->word()) : CUDA_ERROR_INVALID_CONTEXT;
    });
}
#endif

VGPU_ENTRY cuCtxSynchronize()
{
    return entry_in_context([](Session &session, Context &context) {
        return synchronize_context(session, context.word());
    });
}

VGPU_ENTRY cuCtxGetFlags(unsigned *flags)
{
    return entry_about_context([&](Session &, Context &context) -> CUresult {
        if (!flags)
            return CUDA_ERROR_INVALID_VALUE;
        *flags = context.flags;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxSetFlags(unsigned flags)
{
    return entry_about_context([&](Session &, Context &context) -> CUresult {
        if (flags & ~CU_CTX_FLAGS_MASK)
            return CUDA_ERROR_INVALID_VALUE;
        context.flags = flags;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxGetId(CUcontext handle, unsigned long long *id)
{
    return entry([&](Session &session) -> CUresult {
        Context *context = handle ? session.contexts.find(handle) : current_context();
        if (!id || !context)
            return id ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_VALUE;
        *id = context->id;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxGetApiVersion(CUcontext handle, unsigned *version)
{
    return entry([&](Session &session) -> CUresult {
        Context *context = handle ? session.contexts.find(handle) : current_context();
        if (!version || !context)
            return version ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_VALUE;
        *version = 3020; // of the interface of contexts, since the `_v2` functions
        return CUDA_SUCCESS;
    });
}

// Banks have been of one size since Kepler; both calls are deprecated.
VGPU_ENTRY cuCtxGetSharedMemConfig(CUsharedconfig *config)
{
    return entry_about_context([&](Session &, Context &) -> CUresult {
        if (!config)
            return CUDA_ERROR_INVALID_VALUE;
        *config = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuCtxSetSharedMemConfig(CUsharedconfig config)
{
    return entry_about_context([&](Session &, Context &) {
        return is_bank_size(config) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuCtxGetExecAffinity(CUexecAffinityParam *, CUexecAffinityType)
{
    return entry_about_context(
        [](Session &, Context &) { return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY; });
}
