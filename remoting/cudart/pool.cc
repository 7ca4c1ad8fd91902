// SPDX-License-Identifier: Apache-2.0
// Allocation in stream order, and the pools it comes from.
#include "remoting/cudart/runtime.h"

using namespace vgpu::cudart;

static_assert(sizeof(cudaMemPoolProps) == sizeof(CUmemPoolProps));
static_assert(sizeof(cudaMemAccessDesc) == sizeof(CUmemAccessDesc));
static_assert(sizeof(cudaMemPoolPtrExportData) == sizeof(CUmemPoolPtrExportData));

extern "C" {

cudaError_t cudaMallocAsync(void **pointer, size_t size, cudaStream_t stream)
{
    if (!pointer)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUdeviceptr address = 0;
        CUresult result = size ? driver().cuMemAllocAsync(&address, size, stream) : CUDA_SUCCESS;
        if (result == CUDA_SUCCESS)
            *pointer = reinterpret_cast<void *>(address);
        return result;
    });
}

cudaError_t cudaMallocFromPoolAsync(void **pointer, size_t size, cudaMemPool_t pool,
                                    cudaStream_t stream)
{
    if (!pointer)
        return finish(cudaErrorInvalidValue);
    return call(driver().cuMemAllocFromPoolAsync, pointer, size, pool, stream);
}

cudaError_t cudaFreeAsync(void *pointer, cudaStream_t stream)
{
    return within_context(
        [&] { return pointer ? driver().cuMemFreeAsync(address(pointer), stream) : CUDA_SUCCESS; });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device)
{
    return about_device(
        device, [&](CUdevice handle) { return driver().cuDeviceGetDefaultMemPool(pool, handle); });
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t *pool, int device)
{
    return about_device(device,
                        [&](CUdevice handle) { return driver().cuDeviceGetMemPool(pool, handle); });
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool)
{
    return about_device(device,
                        [&](CUdevice handle) { return driver().cuDeviceSetMemPool(handle, pool); });
}

#if CUDART_VERSION >= 13000
static_assert(sizeof(cudaMemLocation) == sizeof(CUmemLocation));

cudaError_t cudaMemGetDefaultMemPool(cudaMemPool_t *pool, cudaMemLocation *location,
                                     cudaMemAllocationType type)
{
    return call(driver().cuMemGetDefaultMemPool, pool, location, type);
}

cudaError_t cudaMemGetMemPool(cudaMemPool_t *pool, cudaMemLocation *location,
                              cudaMemAllocationType type)
{
    return call(driver().cuMemGetMemPool, pool, location, type);
}

cudaError_t cudaMemSetMemPool(cudaMemLocation *location, cudaMemAllocationType type,
                              cudaMemPool_t pool)
{
    return call(driver().cuMemSetMemPool, location, type, pool);
}
#endif

cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *properties)
{
    return call(driver().cuMemPoolCreate, pool, properties);
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool)
{
    return call(driver().cuMemPoolDestroy, pool);
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep)
{
    return call(driver().cuMemPoolTrimTo, pool, keep);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    return call(driver().cuMemPoolSetAttribute, pool, attribute, value);
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    return call(driver().cuMemPoolGetAttribute, pool, attribute, value);
}

cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc *accesses,
                                 size_t count)
{
    return call(driver().cuMemPoolSetAccess, pool, accesses, count);
}

cudaError_t cudaMemPoolGetAccess(cudaMemAccessFlags *flags, cudaMemPool_t pool,
                                 cudaMemLocation *location)
{
    return call(driver().cuMemPoolGetAccess, flags, pool, location);
}

cudaError_t cudaMemPoolExportToShareableHandle(void *handle, cudaMemPool_t pool,
                                               cudaMemAllocationHandleType type, unsigned int flags)
{
    return call(driver().cuMemPoolExportToShareableHandle, handle, pool, type, flags);
}

cudaError_t cudaMemPoolImportFromShareableHandle(cudaMemPool_t *pool, void *handle,
                                                 cudaMemAllocationHandleType type,
                                                 unsigned int flags)
{
    return call(driver().cuMemPoolImportFromShareableHandle, pool, handle, type, flags);
}

cudaError_t cudaMemPoolExportPointer(cudaMemPoolPtrExportData *data, void *pointer)
{
    return call(driver().cuMemPoolExportPointer, data, pointer);
}

cudaError_t cudaMemPoolImportPointer(void **pointer, cudaMemPool_t pool,
                                     cudaMemPoolPtrExportData *data)
{
    return call(driver().cuMemPoolImportPointer, pointer, pool, data);
}
}
