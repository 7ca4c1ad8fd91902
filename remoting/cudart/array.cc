// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/array.h"

#include <string.h>

namespace vgpu::cudart
{
namespace
{

struct Format {
    CUarray_format format;
    cudaChannelFormatKind kind;
    int bits;
};

// The formats of plain elements; compressed and planar ones are refused.
const Format formats[] = {
    {CU_AD_FORMAT_UNSIGNED_INT8, cudaChannelFormatKindUnsigned, 8},
    {CU_AD_FORMAT_UNSIGNED_INT16, cudaChannelFormatKindUnsigned, 16},
    {CU_AD_FORMAT_UNSIGNED_INT32, cudaChannelFormatKindUnsigned, 32},
    {CU_AD_FORMAT_SIGNED_INT8, cudaChannelFormatKindSigned, 8},
    {CU_AD_FORMAT_SIGNED_INT16, cudaChannelFormatKindSigned, 16},
    {CU_AD_FORMAT_SIGNED_INT32, cudaChannelFormatKindSigned, 32},
    {CU_AD_FORMAT_HALF, cudaChannelFormatKindFloat, 16},
    {CU_AD_FORMAT_FLOAT, cudaChannelFormatKindFloat, 32},
};

int bits_of(CUarray_format format)
{
    for (const Format &entry : formats)
        if (entry.format == format)
            return entry.bits;
    return 0;
}

CUresult describe(CUarray array, CUDA_ARRAY3D_DESCRIPTOR *descriptor)
{
    memset(descriptor, 0, sizeof *descriptor);
    return driver().cuArray3DGetDescriptor(descriptor, array);
}

cudaError_t make_descriptor(const cudaChannelFormatDesc *format, cudaExtent extent, unsigned flags,
                            CUDA_ARRAY3D_DESCRIPTOR *descriptor)
{
    memset(descriptor, 0, sizeof *descriptor);
    if (!format || !translate_format(*format, &descriptor->Format, &descriptor->NumChannels))
        return cudaErrorInvalidChannelDescriptor;
    descriptor->Width = extent.width;
    descriptor->Height = extent.height;
    descriptor->Depth = extent.depth;
    descriptor->Flags = flags; // cudaArray* and CUDA_ARRAY3D_* are the same bits
    return cudaSuccess;
}

} // namespace

bool translate_format(const cudaChannelFormatDesc &description, CUarray_format *format,
                      unsigned *channels)
{
    const int bits[] = {description.x, description.y, description.z, description.w};
    unsigned used = 0;
    while (used < 4 && bits[used] == description.x && bits[used] != 0)
        used++;
    for (unsigned i = used; i < 4; i++)
        if (bits[i] != 0)
            return false;
    if (used == 0 || used == 3)
        return false;
    for (const Format &entry : formats)
        if (entry.kind == description.f && entry.bits == description.x) {
            *format = entry.format;
            *channels = used;
            return true;
        }
    return false;
}

cudaChannelFormatDesc describe_format(CUarray_format format, unsigned channels)
{
    cudaChannelFormatDesc description = {0, 0, 0, 0, cudaChannelFormatKindNone};
    for (const Format &entry : formats)
        if (entry.format == format) {
            description.f = entry.kind;
            description.x = entry.bits;
            description.y = channels > 1 ? entry.bits : 0;
            description.z = channels > 2 ? entry.bits : 0;
            description.w = channels > 3 ? entry.bits : 0;
        }
    return description;
}

cudaError_t element_size(CUarray array, size_t *size)
{
    CUDA_ARRAY3D_DESCRIPTOR descriptor;
    CUresult result = describe(array, &descriptor);
    if (result != CUDA_SUCCESS)
        return translate(result);
    *size = size_t(bits_of(descriptor.Format)) / 8 * descriptor.NumChannels;
    return *size ? cudaSuccess : cudaErrorInvalidChannelDescriptor;
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind kind)
{
    return {x, y, z, w, kind};
}

cudaError_t cudaGetChannelDesc(cudaChannelFormatDesc *description, cudaArray_const_t array)
{
    if (!description)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_ARRAY3D_DESCRIPTOR descriptor;
        CUresult result = describe(driver_array(array), &descriptor);
        if (result == CUDA_SUCCESS)
            *description = describe_format(descriptor.Format, descriptor.NumChannels);
        return result;
    });
}

cudaError_t cudaArrayGetInfo(cudaChannelFormatDesc *description, cudaExtent *extent,
                             unsigned int *flags, cudaArray_t array)
{
    return within_context([&] {
        CUDA_ARRAY3D_DESCRIPTOR descriptor;
        CUresult result = describe(driver_array(array), &descriptor);
        if (result != CUDA_SUCCESS)
            return result;
        if (description)
            *description = describe_format(descriptor.Format, descriptor.NumChannels);
        if (extent)
            *extent = {descriptor.Width, descriptor.Height, descriptor.Depth};
        if (flags)
            *flags = descriptor.Flags;
        return result;
    });
}

cudaError_t cudaMalloc3DArray(cudaArray_t *array, const cudaChannelFormatDesc *format,
                              cudaExtent extent, unsigned int flags)
{
    if (!array)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_ARRAY3D_DESCRIPTOR descriptor;
        cudaError_t error = make_descriptor(format, extent, flags, &descriptor);
        return error == cudaSuccess ? invoke(driver().cuArray3DCreate, array, &descriptor) : error;
    });
}

cudaError_t cudaMallocArray(cudaArray_t *array, const cudaChannelFormatDesc *format, size_t width,
                            size_t height, unsigned int flags)
{
    return cudaMalloc3DArray(array, format, {width, height, 0}, flags);
}

cudaError_t cudaFreeArray(cudaArray_t array)
{
    return within_context(
        [&] { return array ? driver().cuArrayDestroy(driver_array(array)) : CUDA_SUCCESS; });
}

cudaError_t cudaArrayGetPlane(cudaArray_t *plane, cudaArray_t array, unsigned int index)
{
    return call(driver().cuArrayGetPlane, plane, array, index);
}

cudaError_t cudaArrayGetMemoryRequirements(cudaArrayMemoryRequirements *requirements,
                                           cudaArray_t array, int device)
{
    static_assert(sizeof *requirements == sizeof(CUDA_ARRAY_MEMORY_REQUIREMENTS));
    return within_context([&] {
        const CUdevice *handle = find_device(device);
        return handle ? invoke(driver().cuArrayGetMemoryRequirements, requirements, array, *handle)
                      : cudaErrorInvalidDevice;
    });
}

cudaError_t cudaArrayGetSparseProperties(cudaArraySparseProperties *properties, cudaArray_t array)
{
    static_assert(sizeof *properties == sizeof(CUDA_ARRAY_SPARSE_PROPERTIES));
    return call(driver().cuArrayGetSparseProperties, properties, array);
}

cudaError_t cudaMallocMipmappedArray(cudaMipmappedArray_t *array,
                                     const cudaChannelFormatDesc *format, cudaExtent extent,
                                     unsigned int levels, unsigned int flags)
{
    if (!array)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_ARRAY3D_DESCRIPTOR descriptor;
        cudaError_t error = make_descriptor(format, extent, flags, &descriptor);
        return error == cudaSuccess
                   ? invoke(driver().cuMipmappedArrayCreate, array, &descriptor, levels)
                   : error;
    });
}

cudaError_t cudaFreeMipmappedArray(cudaMipmappedArray_t array)
{
    return call(driver().cuMipmappedArrayDestroy, array);
}

cudaError_t cudaGetMipmappedArrayLevel(cudaArray_t *level, cudaMipmappedArray_const_t array,
                                       unsigned int index)
{
    return call(driver().cuMipmappedArrayGetLevel, level, array, index);
}

cudaError_t cudaMipmappedArrayGetMemoryRequirements(cudaArrayMemoryRequirements *requirements,
                                                    cudaMipmappedArray_t array, int device)
{
    return within_context([&] {
        const CUdevice *handle = find_device(device);
        return handle ? invoke(driver().cuMipmappedArrayGetMemoryRequirements, requirements, array,
                               *handle)
                      : cudaErrorInvalidDevice;
    });
}

cudaError_t cudaMipmappedArrayGetSparseProperties(cudaArraySparseProperties *properties,
                                                  cudaMipmappedArray_t array)
{
    return call(driver().cuMipmappedArrayGetSparseProperties, properties, array);
}
}
