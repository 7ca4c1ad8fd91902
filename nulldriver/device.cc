// SPDX-License-Identifier: Apache-2.0
// One device that looks like a part of compute capability 8.0, its contexts, streams and events.
#include "nulldriver/null.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace null = vgpu::null;

namespace
{

struct Attribute {
    int id, value;
};

// An attribute that is not here is 0.
constexpr Attribute kAttributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 48 << 10},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 163 << 10},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 164 << 10},
    {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1 << 10},
    {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 64 << 10},
    {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
    {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 2147483647},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
    {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 108},
    {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},
    {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 40 << 20},
    {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 512},
    {CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT, 32},
    {CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT, 512},
    {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 3},
    {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
    {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
    {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 1},
    {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
    {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_NUMA_ID, -1},
    {CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID, -1},
};

struct Error {
    int code;
    struct {
        const char *name, *text;
    } what;
};

constexpr Error kErrors[] = {
#include "nulldriver/errors.inc"
};

const Error *find_error(CUresult code)
{
    auto it = std::find_if(std::begin(kErrors), std::end(kErrors),
                           [&](const Error &error) { return error.code == int(code); });
    return it == std::end(kErrors) ? nullptr : it;
}

const auto kPrimary = reinterpret_cast<CUcontext>(uintptr_t(0x1000));
thread_local CUcontext current = nullptr;
thread_local std::vector<CUcontext> below; // the stack of cuCtxPushCurrent

CUresult make_context(const char *call, CUcontext *context)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    null::create(context);
    below.push_back(current);
    current = *context;
    return null::accept(call, "ctx", *context);
}

} // namespace

NULL_EXPORT cuInit(unsigned int flags)
{
    return flags ? CUDA_ERROR_INVALID_VALUE : null::accept("cuInit", "Flags", flags);
}

NULL_EXPORT cuDriverGetVersion(int *version)
{
    *version = CUDA_VERSION;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGetCount(int *count)
{
    *count = 1;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGet(CUdevice *device, int ordinal)
{
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    *device = 0;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGetName(char *name, int size, CUdevice)
{
    strncpy(name, "Null GPU", size_t(size));
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice)
{
    memcpy(uuid->bytes, "vgpu-null-gpu-0", 16);
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
    return cuDeviceGetUuid_v2(uuid, device);
}

NULL_EXPORT cuDeviceGetPCIBusId(char *text, int size, CUdevice)
{
    strncpy(text, "0000:00:00.0", size_t(size));
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice)
{
    auto it = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                           [&](const Attribute &known) { return known.id == int(attribute); });
    *value = it == std::end(kAttributes) ? 0 : it->value;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuDeviceComputeCapability(int *major, int *minor, CUdevice)
{
    *major = 8;
    *minor = 0;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuGetErrorName(CUresult code, const char **name)
{
    const Error *error = find_error(code);
    *name = error ? error->what.name : nullptr;
    return error ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

NULL_EXPORT cuGetErrorString(CUresult code, const char **text)
{
    const Error *error = find_error(code);
    *text = error ? error->what.text : nullptr;
    return error ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

NULL_EXPORT cuGetExportTable(const void **table, const CUuuid *)
{
    *table = nullptr;
    return CUDA_ERROR_NOT_FOUND;
}

NULL_EXPORT cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    *context = kPrimary;
    return null::accept("cuDevicePrimaryCtxRetain", "dev", device);
}

NULL_EXPORT cuDevicePrimaryCtxGetState(CUdevice, unsigned int *flags, int *active)
{
    *flags = 0;
    *active = 1;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuCtxCreate_v2(CUcontext *context, unsigned int, CUdevice)
{
    return make_context("cuCtxCreate_v2", context);
}

NULL_EXPORT cuCtxCreate_v3(CUcontext *context, CUexecAffinityParam *, int, unsigned int, CUdevice)
{
    return make_context("cuCtxCreate_v3", context);
}

#if CUDA_VERSION >= 12050
NULL_EXPORT cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *, unsigned int, CUdevice)
{
    return make_context("cuCtxCreate_v4", context);
}
#endif

NULL_EXPORT cuCtxSetCurrent(CUcontext context)
{
    current = context;
    return null::accept("cuCtxSetCurrent", "ctx", context);
}

NULL_EXPORT cuCtxGetCurrent(CUcontext *context)
{
    *context = current;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuCtxPushCurrent_v2(CUcontext context)
{
    below.push_back(current);
    current = context;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuCtxPopCurrent_v2(CUcontext *context)
{
    if (context)
        *context = current;
    current = below.empty() ? nullptr : below.back();
    if (!below.empty())
        below.pop_back();
    return CUDA_SUCCESS;
}

NULL_EXPORT cuCtxGetDevice(CUdevice *device)
{
    *device = 0;
    return current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

NULL_EXPORT cuCtxGetApiVersion(CUcontext, unsigned int *version)
{
    *version = 3020;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuStreamGetCtx(CUstream, CUcontext *context)
{
    *context = current;
    return CUDA_SUCCESS;
}

// Whoever waits for them would wait for ever.
NULL_EXPORT cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void *data,
                                unsigned int)
{
    CUresult result = null::accept("cuStreamAddCallback", "hStream", stream);
    callback(stream, CUDA_SUCCESS, data);
    return result;
}
