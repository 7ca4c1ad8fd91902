// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

// Older names of functions whose parameters did not change. cuda.h renames them to the newer ones,
// so it must forget that here; the declarations that would check them are gone with it.
#undef cuCtxDestroy
#undef cuCtxPopCurrent
#undef cuCtxPushCurrent
#undef cuDevicePrimaryCtxRelease
#undef cuDevicePrimaryCtxReset
#undef cuDevicePrimaryCtxSetFlags
#undef cuDeviceGetUuid
#undef cuEventDestroy
#undef cuEventElapsedTime
#undef cuGetProcAddress
#undef cuMemHostRegister
#undef cuStreamDestroy

SOFT_EXPORT CUresult CUDAAPI cuCtxDestroy(CUcontext context)
{
    return cuCtxDestroy_v2(context);
}

SOFT_EXPORT CUresult CUDAAPI cuCtxPopCurrent(CUcontext *context)
{
    return cuCtxPopCurrent_v2(context);
}

SOFT_EXPORT CUresult CUDAAPI cuCtxPushCurrent(CUcontext context)
{
    return cuCtxPushCurrent_v2(context);
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxRelease(CUdevice device)
{
    return cuDevicePrimaryCtxRelease_v2(device);
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxReset(CUdevice device)
{
    return cuDevicePrimaryCtxReset_v2(device);
}

SOFT_EXPORT CUresult CUDAAPI cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned int flags)
{
    return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
    return cuDeviceGetUuid_v2(uuid, device);
}

SOFT_EXPORT CUresult CUDAAPI cuEventDestroy(CUevent event)
{
    return cuEventDestroy_v2(event);
}

#if CUDA_VERSION >= 12080
SOFT_EXPORT CUresult CUDAAPI cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    return cuEventElapsedTime_v2(milliseconds, start, end);
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuMemHostRegister(void *pointer, size_t bytes, unsigned int flags)
{
    return cuMemHostRegister_v2(pointer, bytes, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamDestroy(CUstream stream)
{
    return cuStreamDestroy_v2(stream);
}

SOFT_EXPORT CUresult CUDAAPI cuGetProcAddress(const char *name, void **function, int version,
                                              cuuint64_t flags)
{
    return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
