// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects.
#include "remoting/cudart/array.h"

#include <string.h>

namespace vgpu::cudart
{
namespace
{

cudaError_t translate_resource(const cudaResourceDesc &from, CUDA_RESOURCE_DESC *to)
{
    memset(to, 0, sizeof *to);
    to->resType = CUresourcetype(from.resType);
    unsigned channels = 0;
    switch (from.resType) {
    case cudaResourceTypeArray:
        to->res.array.hArray = driver_array(from.res.array.array);
        return cudaSuccess;
    case cudaResourceTypeMipmappedArray:
        to->res.mipmap.hMipmappedArray = reinterpret_cast<CUmipmappedArray>(from.res.mipmap.mipmap);
        return cudaSuccess;
    case cudaResourceTypeLinear:
        if (!translate_format(from.res.linear.desc, &to->res.linear.format, &channels))
            return cudaErrorInvalidChannelDescriptor;
        to->res.linear.devPtr = address(from.res.linear.devPtr);
        to->res.linear.numChannels = channels;
        to->res.linear.sizeInBytes = from.res.linear.sizeInBytes;
        return cudaSuccess;
    case cudaResourceTypePitch2D:
        if (!translate_format(from.res.pitch2D.desc, &to->res.pitch2D.format, &channels))
            return cudaErrorInvalidChannelDescriptor;
        to->res.pitch2D.devPtr = address(from.res.pitch2D.devPtr);
        to->res.pitch2D.numChannels = channels;
        to->res.pitch2D.width = from.res.pitch2D.width;
        to->res.pitch2D.height = from.res.pitch2D.height;
        to->res.pitch2D.pitchInBytes = from.res.pitch2D.pitchInBytes;
        return cudaSuccess;
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t describe_resource(const CUDA_RESOURCE_DESC &from, cudaResourceDesc *to)
{
    memset(to, 0, sizeof *to);
    to->resType = cudaResourceType(from.resType);
    switch (from.resType) {
    case CU_RESOURCE_TYPE_ARRAY:
        to->res.array.array = reinterpret_cast<cudaArray_t>(from.res.array.hArray);
        return cudaSuccess;
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
        to->res.mipmap.mipmap =
            reinterpret_cast<cudaMipmappedArray_t>(from.res.mipmap.hMipmappedArray);
        return cudaSuccess;
    case CU_RESOURCE_TYPE_LINEAR:
        to->res.linear.devPtr = reinterpret_cast<void *>(from.res.linear.devPtr);
        to->res.linear.desc = describe_format(from.res.linear.format, from.res.linear.numChannels);
        to->res.linear.sizeInBytes = from.res.linear.sizeInBytes;
        return cudaSuccess;
    case CU_RESOURCE_TYPE_PITCH2D:
        to->res.pitch2D.devPtr = reinterpret_cast<void *>(from.res.pitch2D.devPtr);
        to->res.pitch2D.desc =
            describe_format(from.res.pitch2D.format, from.res.pitch2D.numChannels);
        to->res.pitch2D.width = from.res.pitch2D.width;
        to->res.pitch2D.height = from.res.pitch2D.height;
        to->res.pitch2D.pitchInBytes = from.res.pitch2D.pitchInBytes;
        return cudaSuccess;
    default:
        return cudaErrorInvalidValue;
    }
}

// The driver reads integers as they are or normalised by a flag, the runtime by a read mode.
bool is_wide_integer(const CUDA_RESOURCE_DESC &resource)
{
    CUarray_format format = CU_AD_FORMAT_FLOAT;
    if (resource.resType == CU_RESOURCE_TYPE_LINEAR)
        format = resource.res.linear.format;
    else if (resource.resType == CU_RESOURCE_TYPE_PITCH2D)
        format = resource.res.pitch2D.format;
    return format == CU_AD_FORMAT_UNSIGNED_INT32 || format == CU_AD_FORMAT_SIGNED_INT32;
}

CUDA_TEXTURE_DESC translate_texture(const cudaTextureDesc &from)
{
    CUDA_TEXTURE_DESC to = {};
    for (int i = 0; i < 3; i++)
        to.addressMode[i] = CUaddress_mode(from.addressMode[i]);
    to.filterMode = CUfilter_mode(from.filterMode);
    to.flags |= from.readMode == cudaReadModeElementType ? CU_TRSF_READ_AS_INTEGER : 0;
    to.flags |= from.normalizedCoords ? CU_TRSF_NORMALIZED_COORDINATES : 0;
    to.flags |= from.sRGB ? CU_TRSF_SRGB : 0;
    to.flags |= from.disableTrilinearOptimization ? CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION : 0;
    to.flags |= from.seamlessCubemap ? CU_TRSF_SEAMLESS_CUBEMAP : 0;
    to.maxAnisotropy = from.maxAnisotropy;
    to.mipmapFilterMode = CUfilter_mode(from.mipmapFilterMode);
    to.mipmapLevelBias = from.mipmapLevelBias;
    to.minMipmapLevelClamp = from.minMipmapLevelClamp;
    to.maxMipmapLevelClamp = from.maxMipmapLevelClamp;
    memcpy(to.borderColor, from.borderColor, sizeof to.borderColor);
    return to;
}

cudaTextureDesc describe_texture(const CUDA_TEXTURE_DESC &from)
{
    cudaTextureDesc to = {};
    auto has = [&](unsigned flag) { return (from.flags & flag) ? 1 : 0; };
    for (int i = 0; i < 3; i++)
        to.addressMode[i] = cudaTextureAddressMode(from.addressMode[i]);
    to.filterMode = cudaTextureFilterMode(from.filterMode);
    to.readMode =
        has(CU_TRSF_READ_AS_INTEGER) ? cudaReadModeElementType : cudaReadModeNormalizedFloat;
    to.normalizedCoords = has(CU_TRSF_NORMALIZED_COORDINATES);
    to.sRGB = has(CU_TRSF_SRGB);
    to.disableTrilinearOptimization = has(CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION);
    to.seamlessCubemap = has(CU_TRSF_SEAMLESS_CUBEMAP);
    to.maxAnisotropy = from.maxAnisotropy;
    to.mipmapFilterMode = cudaTextureFilterMode(from.mipmapFilterMode);
    to.mipmapLevelBias = from.mipmapLevelBias;
    to.minMipmapLevelClamp = from.minMipmapLevelClamp;
    to.maxMipmapLevelClamp = from.maxMipmapLevelClamp;
    memcpy(to.borderColor, from.borderColor, sizeof to.borderColor);
    return to;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

// Toolkit 12 leaves the driver's reserved end out.
static_assert(sizeof(cudaResourceViewDesc) <= sizeof(CUDA_RESOURCE_VIEW_DESC));

extern "C" {

cudaError_t cudaCreateTextureObject(cudaTextureObject_t *texture, const cudaResourceDesc *resource,
                                    const cudaTextureDesc *description,
                                    const cudaResourceViewDesc *view)
{
    if (!texture || !resource || !description)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_RESOURCE_DESC translated;
        cudaError_t error = translate_resource(*resource, &translated);
        if (error != cudaSuccess)
            return error;
        if (description->readMode == cudaReadModeNormalizedFloat && is_wide_integer(translated))
            return cudaErrorInvalidNormSetting;
        CUDA_TEXTURE_DESC sampling = translate_texture(*description);
        CUDA_RESOURCE_VIEW_DESC driver_view = {};
        if (view)
            memcpy(&driver_view, view, sizeof *view);
        return invoke(driver().cuTexObjectCreate, texture, &translated, &sampling,
                      view ? &driver_view : nullptr);
    });
}

cudaError_t cudaDestroyTextureObject(cudaTextureObject_t texture)
{
    return call(driver().cuTexObjectDestroy, texture);
}

cudaError_t cudaGetTextureObjectResourceDesc(cudaResourceDesc *resource,
                                             cudaTextureObject_t texture)
{
    if (!resource)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_RESOURCE_DESC found;
        cudaError_t error = invoke(driver().cuTexObjectGetResourceDesc, &found, texture);
        return error == cudaSuccess ? describe_resource(found, resource) : error;
    });
}

cudaError_t cudaGetTextureObjectTextureDesc(cudaTextureDesc *description,
                                            cudaTextureObject_t texture)
{
    if (!description)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_TEXTURE_DESC found;
        cudaError_t error = invoke(driver().cuTexObjectGetTextureDesc, &found, texture);
        if (error == cudaSuccess)
            *description = describe_texture(found);
        return error;
    });
}

cudaError_t cudaGetTextureObjectResourceViewDesc(cudaResourceViewDesc *view,
                                                 cudaTextureObject_t texture)
{
    if (!view)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_RESOURCE_VIEW_DESC found = {};
        cudaError_t error = invoke(driver().cuTexObjectGetResourceViewDesc, &found, texture);
        if (error == cudaSuccess)
            memcpy(view, &found, sizeof *view);
        return error;
    });
}

cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t *surface, const cudaResourceDesc *resource)
{
    if (!surface || !resource)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_RESOURCE_DESC translated;
        cudaError_t error = translate_resource(*resource, &translated);
        return error == cudaSuccess ? invoke(driver().cuSurfObjectCreate, surface, &translated)
                                    : error;
    });
}

cudaError_t cudaDestroySurfaceObject(cudaSurfaceObject_t surface)
{
    return call(driver().cuSurfObjectDestroy, surface);
}

cudaError_t cudaGetSurfaceObjectResourceDesc(cudaResourceDesc *resource,
                                             cudaSurfaceObject_t surface)
{
    if (!resource)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_RESOURCE_DESC found;
        cudaError_t error = invoke(driver().cuSurfObjectGetResourceDesc, &found, surface);
        return error == cudaSuccess ? describe_resource(found, resource) : error;
    });
}
}
