// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"

// The primary context of each device: shared by all who retain it, gone when the last releases it.

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice ordinal)
{
    ENTRY({
        require(context != nullptr);
        Device &device = machine().device(ordinal);
        std::lock_guard hold(device.primary_lock);
        if (!device.primary)
            device.primary = Context::create(device, device.primary_flags, true);
        device.primary_users++;
        *context = handle_of<CUcontext>(*device.primary);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice ordinal)
{
    ENTRY({
        Device &device = machine().device(ordinal);
        std::lock_guard hold(device.primary_lock);
        require(device.primary_users > 0, CUDA_ERROR_INVALID_CONTEXT);
        if (--device.primary_users == 0 && device.primary) {
            device.primary->destroy();
            device.primary = nullptr;
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxReset_v2(CUdevice ordinal)
{
    ENTRY({
        Device &device = machine().device(ordinal);
        std::lock_guard hold(device.primary_lock);
        if (device.primary)
            device.primary->destroy();
        device.primary = nullptr;
        device.primary_users = 0;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned int *flags,
                                                        int *active)
{
    ENTRY({
        require(flags && active);
        Device &device = machine().device(ordinal);
        std::lock_guard hold(device.primary_lock);
        *flags = device.primary ? device.primary->flags.load() : device.primary_flags;
        *active = device.primary != nullptr;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxSetFlags_v2(CUdevice ordinal, unsigned int flags)
{
    ENTRY({
        constexpr unsigned known = CU_CTX_SCHED_MASK | CU_CTX_MAP_HOST | CU_CTX_LMEM_RESIZE_TO_MAX;
        require(!(flags & ~known) && (flags & CU_CTX_SCHED_MASK) <= CU_CTX_SCHED_BLOCKING_SYNC);
        Device &device = machine().device(ordinal);
        std::lock_guard hold(device.primary_lock);
        device.primary_flags = flags;
        if (device.primary)
            device.primary->flags = flags;
    });
}
