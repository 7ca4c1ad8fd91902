// SPDX-License-Identifier: Apache-2.0
// Devices, the thread's choice among them, and what belongs to a device as a whole.
#include "remoting/cudart/runtime.h"

#include <string.h>

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaGetDeviceCount(int *count)
{
    if (!count)
        return finish(cudaErrorInvalidValue);
    *count = 0;
    cudaError_t error = start();
    if (error == cudaSuccess)
        *count = device_count();
    return finish(error);
}

cudaError_t cudaGetDevice(int *device)
{
    if (!device)
        return finish(cudaErrorInvalidValue);
    cudaError_t error = start();
    if (error == cudaSuccess)
        *device = current_device();
    return finish(error);
}

cudaError_t cudaSetDevice(int device)
{
    return finish(select_device(device));
}

cudaError_t cudaSetValidDevices(int *devices, int length)
{
    return finish(prefer_devices(devices, length));
}

cudaError_t cudaInitDevice(int device, unsigned int device_flags, unsigned int flags)
{
    return about_device(device, [&](CUdevice handle) {
        if (flags & cudaInitDeviceFlagsAreValid) {
            cudaError_t error = invoke(driver().cuDevicePrimaryCtxSetFlags, handle, device_flags);
            if (error != cudaSuccess)
                return error;
        }
        CUcontext context;
        return primary_context(device, &context);
    });
}

cudaError_t cudaSetDeviceFlags(unsigned int flags)
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return finish(error);
    // The runtime says itself whether host memory may be mapped; it always may.
    return about_device(current_device(), [&](CUdevice handle) {
        return driver().cuDevicePrimaryCtxSetFlags(handle, flags & ~unsigned(cudaDeviceMapHost));
    });
}

cudaError_t cudaGetDeviceFlags(unsigned int *flags)
{
    cudaError_t error = flags ? start() : cudaErrorInvalidValue;
    if (error != cudaSuccess)
        return finish(error);
    return about_device(current_device(), [&](CUdevice handle) {
        int active = 0;
        cudaError_t state = invoke(driver().cuDevicePrimaryCtxGetState, handle, flags, &active);
        *flags |= cudaDeviceMapHost;
        return state;
    });
}

cudaError_t cudaDeviceReset(void)
{
    return finish(reset_device());
}

cudaError_t cudaDeviceSynchronize(void)
{
    return call(driver().cuCtxSynchronize);
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value)
{
    return call(driver().cuCtxSetLimit, limit, value);
}

cudaError_t cudaDeviceGetLimit(size_t *value, cudaLimit limit)
{
    return call(driver().cuCtxGetLimit, value, limit);
}

cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache *config)
{
    return call(driver().cuCtxGetCacheConfig, config);
}

cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache config)
{
    return call(driver().cuCtxSetCacheConfig, config);
}

// Banks of eight bytes went with Kepler: one answer is left, and the setting has no effect.
cudaError_t cudaDeviceGetSharedMemConfig(cudaSharedMemConfig *config)
{
    if (config)
        *config = cudaSharedMemBankSizeFourByte;
    return finish(config ? attach() : cudaErrorInvalidValue);
}

cudaError_t cudaDeviceSetSharedMemConfig(cudaSharedMemConfig config)
{
    return finish(config <= cudaSharedMemBankSizeEightByte ? attach() : cudaErrorInvalidValue);
}

cudaError_t cudaCtxResetPersistingL2Cache(void)
{
    return call(driver().cuCtxResetPersistingL2Cache);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    return call(driver().cuCtxGetStreamPriorityRange, least, greatest);
}

cudaError_t cudaDeviceGetByPCIBusId(int *device, const char *bus_id)
{
    cudaError_t error = device && bus_id ? start() : cudaErrorInvalidValue;
    CUdevice handle;
    if (error == cudaSuccess)
        error = invoke(driver().cuDeviceGetByPCIBusId, &handle, bus_id);
    for (int i = 0; error == cudaSuccess && i < device_count(); i++)
        if (*find_device(i) == handle)
            *device = i;
    return finish(error);
}

cudaError_t cudaDeviceGetPCIBusId(char *bus_id, int length, int device)
{
    return about_device(device, [&](CUdevice handle) {
        return driver().cuDeviceGetPCIBusId(bus_id, length, handle);
    });
}

cudaError_t cudaDeviceGetTexture1DLinearMaxWidth(size_t *width, const cudaChannelFormatDesc *format,
                                                 int device)
{
    if (!width || !format)
        return finish(cudaErrorInvalidValue);
    return about_device(device, [&](CUdevice handle) {
        int elements = 0;
        CUresult result = driver().cuDeviceGetAttribute(
            &elements, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH, handle);
        *width = size_t(elements);
        return result;
    });
}

cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer)
{
    const CUdevice *other = start() == cudaSuccess ? find_device(peer) : nullptr;
    return about_device(device, [&](CUdevice handle) {
        return other && can ? invoke(driver().cuDeviceCanAccessPeer, can, handle, *other)
                            : (can ? cudaErrorInvalidDevice : cudaErrorInvalidValue);
    });
}

cudaError_t cudaDeviceGetP2PAttribute(int *value, cudaDeviceP2PAttr attribute, int source,
                                      int destination)
{
    const CUdevice *other = start() == cudaSuccess ? find_device(destination) : nullptr;
    return about_device(source, [&](CUdevice handle) {
        return other ? invoke(driver().cuDeviceGetP2PAttribute, value, attribute, handle, *other)
                     : cudaErrorInvalidDevice;
    });
}

#if CUDART_VERSION >= 13000
cudaError_t cudaDeviceGetHostAtomicCapabilities(unsigned int *capabilities,
                                                const cudaAtomicOperation *operations,
                                                unsigned int count, int device)
{
    return about_device(device, [&](CUdevice handle) {
        return invoke(driver().cuDeviceGetHostAtomicCapabilities, capabilities, operations, count,
                      handle);
    });
}

cudaError_t cudaDeviceGetP2PAtomicCapabilities(unsigned int *capabilities,
                                               const cudaAtomicOperation *operations,
                                               unsigned int count, int source, int destination)
{
    const CUdevice *other = start() == cudaSuccess ? find_device(destination) : nullptr;
    return about_device(source, [&](CUdevice handle) {
        return other ? invoke(driver().cuDeviceGetP2PAtomicCapabilities, capabilities, operations,
                              count, handle, *other)
                     : cudaErrorInvalidDevice;
    });
}
#endif

cudaError_t cudaDeviceRegisterAsyncNotification(int device, cudaAsyncCallback function, void *data,
                                                cudaAsyncCallbackHandle_t *handle)
{
    static_assert(sizeof(cudaAsyncNotificationInfo_t) == sizeof(CUasyncNotificationInfo));
    return about_device(device, [&](CUdevice ours) {
        return invoke(driver().cuDeviceRegisterAsyncNotification, ours, function, data, handle);
    });
}

cudaError_t cudaDeviceUnregisterAsyncNotification(int device, cudaAsyncCallbackHandle_t handle)
{
    return about_device(device, [&](CUdevice ours) {
        return invoke(driver().cuDeviceUnregisterAsyncNotification, ours, handle);
    });
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned int flags)
{
    return within_context([&] {
        CUcontext context;
        cudaError_t error =
            peer == current_device() ? cudaErrorInvalidDevice : primary_context(peer, &context);
        return error == cudaSuccess ? invoke(driver().cuCtxEnablePeerAccess, context, flags)
                                    : error;
    });
}

cudaError_t cudaDeviceDisablePeerAccess(int peer)
{
    return within_context([&] {
        CUcontext context;
        cudaError_t error =
            peer == current_device() ? cudaErrorInvalidDevice : primary_context(peer, &context);
        return error == cudaSuccess ? invoke(driver().cuCtxDisablePeerAccess, context) : error;
    });
}

cudaError_t cudaDriverGetVersion(int *version)
{
    if (!version)
        return finish(cudaErrorInvalidValue);
    *version = 0; // the answer where there is no driver
    return finish(open_driver() ? translate(driver().cuDriverGetVersion(version)) : cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    if (!version)
        return finish(cudaErrorInvalidValue);
    *version = CUDART_VERSION;
    return cudaSuccess;
}

// Tables of functions that are in no header. The runtime has none of its own; the driver may.
cudaError_t cudaGetExportTable(const void **table, const cudaUUID_t *id)
{
    return ask(driver().cuGetExportTable, table, id);
}

// Without a profiler these do nothing, and a driver that cannot have one may lack them.
static cudaError_t tell_profiler(CUresult (*const &function)())
{
    return within_context([&] {
        CUresult result = function();
        return result == CUDA_ERROR_NOT_SUPPORTED ? CUDA_SUCCESS : result;
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaProfilerStart(void)
{
    return tell_profiler(driver().cuProfilerStart);
}

VGPU_CUDART_ENTRY cudaError_t cudaProfilerStop(void)
{
    return tell_profiler(driver().cuProfilerStop);
}
}
