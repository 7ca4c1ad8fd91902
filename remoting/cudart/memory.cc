// SPDX-License-Identifier: Apache-2.0
// Device, host and managed memory.
#include "remoting/cudart/runtime.h"

#include <string.h>

using namespace vgpu::cudart;

// The driver wants to know the widest access that will be made; it only affects how rows are
// aligned.
static constexpr unsigned kPitchElement = 4;

static CUresult allocate_pitch(void **pointer, size_t *pitch, size_t width, size_t height)
{
    CUdeviceptr address = 0;
    *pointer = nullptr;
    if (width == 0 || height == 0) {
        *pitch = 0;
        return CUDA_SUCCESS;
    }
    CUresult result = driver().cuMemAllocPitch(&address, pitch, width, height, kPitchElement);
    *pointer = reinterpret_cast<void *>(address);
    return result;
}

extern "C" {

cudaError_t cudaMalloc(void **pointer, size_t size)
{
    if (!pointer)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUdeviceptr address = 0;
        // Nothing is a valid size here, but not for the driver.
        CUresult result = size ? driver().cuMemAlloc(&address, size) : CUDA_SUCCESS;
        *pointer = reinterpret_cast<void *>(address);
        return result;
    });
}

cudaError_t cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height)
{
    if (!pointer || !pitch)
        return finish(cudaErrorInvalidValue);
    return within_context([&] { return allocate_pitch(pointer, pitch, width, height); });
}

cudaError_t cudaMalloc3D(cudaPitchedPtr *pitched, cudaExtent extent)
{
    if (!pitched)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        pitched->xsize = extent.width;
        pitched->ysize = extent.height;
        return allocate_pitch(&pitched->ptr, &pitched->pitch, extent.width,
                              extent.height * extent.depth);
    });
}

cudaError_t cudaFree(void *pointer)
{
    return within_context(
        [&] { return pointer ? driver().cuMemFree(address(pointer)) : CUDA_SUCCESS; });
}

cudaError_t cudaMallocManaged(void **pointer, size_t size, unsigned int flags)
{
    if (!pointer || size == 0)
        return finish(cudaErrorInvalidValue);
    return call(driver().cuMemAllocManaged, pointer, size, flags);
}

cudaError_t cudaHostAlloc(void **pointer, size_t size, unsigned int flags)
{
    if (!pointer)
        return finish(cudaErrorInvalidValue);
    *pointer = nullptr;
    // Addresses are unified, so host memory is always portable and mapped.
    return within_context([&] {
        return size ? driver().cuMemHostAlloc(pointer, size,
                                              flags | CU_MEMHOSTALLOC_PORTABLE |
                                                  CU_MEMHOSTALLOC_DEVICEMAP)
                    : CUDA_SUCCESS;
    });
}

cudaError_t cudaMallocHost(void **pointer, size_t size)
{
    return cudaHostAlloc(pointer, size, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *pointer)
{
    return within_context([&] { return pointer ? driver().cuMemFreeHost(pointer) : CUDA_SUCCESS; });
}

cudaError_t cudaHostRegister(void *pointer, size_t size, unsigned int flags)
{
    return call(driver().cuMemHostRegister, pointer, size, flags);
}

cudaError_t cudaHostUnregister(void *pointer)
{
    return call(driver().cuMemHostUnregister, pointer);
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned int flags)
{
    return call(driver().cuMemHostGetDevicePointer, device, host, flags);
}

cudaError_t cudaHostGetFlags(unsigned int *flags, void *host)
{
    return call(driver().cuMemHostGetFlags, flags, host);
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    size_t unused;
    return call(driver().cuMemGetInfo, available ? available : &unused, total ? total : &unused);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer)
{
    if (!attributes)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUmemorytype type = CUmemorytype(0);
        unsigned managed = 0;
        int ordinal = cudaInvalidDeviceId;
        CUdeviceptr device = 0;
        void *host = nullptr;
        CUpointer_attribute wanted[] = {
            CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED,
            CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
            CU_POINTER_ATTRIBUTE_HOST_POINTER};
        void *answers[] = {&type, &managed, &ordinal, &device, &host};
        CUresult result = driver().cuPointerGetAttributes(5, wanted, answers, address(pointer));
        if (result != CUDA_SUCCESS)
            return result;
        memset(attributes, 0, sizeof *attributes);
        attributes->device = ordinal;
        attributes->devicePointer = reinterpret_cast<void *>(device);
        attributes->hostPointer = host;
        if (managed)
            attributes->type = cudaMemoryTypeManaged;
        else if (type == CU_MEMORYTYPE_HOST)
            attributes->type = cudaMemoryTypeHost;
        else if (type == CU_MEMORYTYPE_DEVICE)
            attributes->type = cudaMemoryTypeDevice;
        else {
            attributes->type = cudaMemoryTypeUnregistered;
            attributes->device = cudaInvalidDeviceId;
            attributes->hostPointer = const_cast<void *>(pointer);
        }
        return CUDA_SUCCESS;
    });
}

static CUmemLocation location_of(cudaMemLocation location)
{
    CUmemLocation translated = {};
    translated.type = CUmemLocationType(location.type);
    translated.id = location.id;
    return translated;
}

cudaError_t VGPU_SECOND(cudaMemAdvise)(const void *pointer, size_t size, cudaMemoryAdvise advice,
                                       cudaMemLocation location)
{
    return within_context([&] {
        return driver().VGPU_SECOND(cuMemAdvise)(address(pointer), size, CUmem_advise(advice),
                                                 location_of(location));
    });
}

cudaError_t VGPU_SECOND(cudaMemPrefetchAsync)(const void *pointer, size_t size,
                                              cudaMemLocation location, unsigned int flags,
                                              cudaStream_t stream)
{
    return within_context([&] {
        return driver().VGPU_SECOND(cuMemPrefetchAsync)(address(pointer), size,
                                                        location_of(location), flags, stream);
    });
}

#if CUDART_VERSION < 13000
cudaError_t cudaMemAdvise(const void *pointer, size_t size, cudaMemoryAdvise advice, int device)
{
    return call(driver().cuMemAdvise, pointer, size, advice, device);
}

cudaError_t cudaMemPrefetchAsync(const void *pointer, size_t size, int device, cudaStream_t stream)
{
    return call(driver().cuMemPrefetchAsync, pointer, size, device, stream);
}
#endif

cudaError_t cudaMemRangeGetAttribute(void *data, size_t data_size, cudaMemRangeAttribute attribute,
                                     const void *pointer, size_t size)
{
    return call(driver().cuMemRangeGetAttribute, data, data_size, attribute, pointer, size);
}

cudaError_t cudaMemRangeGetAttributes(void **data, size_t *data_sizes,
                                      cudaMemRangeAttribute *attributes, size_t count,
                                      const void *pointer, size_t size)
{
    return call(driver().cuMemRangeGetAttributes, data, data_sizes, attributes, count, pointer,
                size);
}

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *pointer)
{
    return call(driver().cuIpcGetMemHandle, handle, pointer);
}

cudaError_t cudaIpcOpenMemHandle(void **pointer, cudaIpcMemHandle_t handle, unsigned int flags)
{
    return within_context([&] {
        CUipcMemHandle translated;
        static_assert(sizeof translated == sizeof handle);
        memcpy(&translated, &handle, sizeof translated);
        return driver().cuIpcOpenMemHandle(reinterpret_cast<CUdeviceptr *>(pointer), translated,
                                           flags);
    });
}

cudaError_t cudaIpcCloseMemHandle(void *pointer)
{
    return call(driver().cuIpcCloseMemHandle, pointer);
}
}
