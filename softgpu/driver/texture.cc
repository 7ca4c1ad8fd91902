// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/texture.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/leaving.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

// Texture and surface objects: what the application describes, resolved into what kernels read.

namespace vgpu::soft::driver
{
namespace
{

constexpr size_t kLinearElements = size_t(1) << 28;
constexpr size_t kPitchedWidth = 131072, kPitchedHeight = 65000, kPitchedPitch = 2097120;
constexpr size_t kAlignment = 512, kPitchAlignment = 32;

/// Memory of the application's as an image: kernels check it against the map when they read.
Image plain_image(ImageShape shape, const Element &element, CUdeviceptr address, size_t width,
                  size_t height, size_t pitch)
{
    require(address && address % kAlignment == 0);
    auto &allocations = machine().allocations;
    size_t bytes = pitch * (height - 1) + width * element.bytes();
    require(allocations.extent(address, bytes) == bytes);
    Image image;
    image.shape = shape;
    image.format = element.format;
    image.channels = static_cast<uint8_t>(element.channels);
    ImageLevel level;
    level.data = reinterpret_cast<std::byte *>(address);
    level.width = static_cast<uint32_t>(width);
    level.height = static_cast<uint32_t>(height);
    level.pitch = pitch;
    level.slice = pitch * height;
    image.levels = {level};
    image.device_memory = true;
    return image;
}

Image image_of(const CUDA_RESOURCE_DESC &it)
{
    require(!it.flags);
    switch (it.resType) {
    case CU_RESOURCE_TYPE_ARRAY:
        return machine().arrays.get(it.res.array.hArray)->image();
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
        return machine().mipmaps.get(it.res.mipmap.hMipmappedArray)->image();
    case CU_RESOURCE_TYPE_LINEAR: {
        auto &linear = it.res.linear;
        Element element = element_of(linear.format, linear.numChannels);
        size_t count = linear.sizeInBytes / element.bytes();
        require(count && count <= kLinearElements);
        return plain_image(ImageShape::linear, element, linear.devPtr, count, 1,
                           count * element.bytes());
    }
    case CU_RESOURCE_TYPE_PITCH2D: {
        auto &plane = it.res.pitch2D;
        Element element = element_of(plane.format, plane.numChannels);
        require(plane.width && plane.height && plane.width <= kPitchedWidth &&
                plane.height <= kPitchedHeight && plane.pitchInBytes <= kPitchedPitch &&
                plane.pitchInBytes % kPitchAlignment == 0 &&
                plane.pitchInBytes >= plane.width * element.bytes());
        return plain_image(ImageShape::two, element, plane.devPtr, plane.width, plane.height,
                           plane.pitchInBytes);
    }
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}

/// The format of a view; its number says kind, channels and width in a fixed order.
Element element_of_view(CUresourceViewFormat format)
{
    constexpr ChannelFormat kinds[] = {ChannelFormat::u8,  ChannelFormat::s8,  ChannelFormat::u16,
                                       ChannelFormat::s16, ChannelFormat::u32, ChannelFormat::s32,
                                       ChannelFormat::f16, ChannelFormat::f32};
    constexpr unsigned channels[] = {1, 2, 4};
    require(format >= CU_RES_VIEW_FORMAT_UINT_1X8);
    require(format <= CU_RES_VIEW_FORMAT_FLOAT_4X32, CUDA_ERROR_NOT_SUPPORTED); // compressed
    unsigned at = static_cast<unsigned>(format) - CU_RES_VIEW_FORMAT_UINT_1X8;
    return {kinds[at / 3], channels[at % 3]};
}

/// Looks at some levels and layers only, and perhaps at the elements in another way.
void apply(const CUDA_RESOURCE_VIEW_DESC &view, const CUDA_RESOURCE_DESC &resource, Image &image)
{
    require(resource.resType == CU_RESOURCE_TYPE_ARRAY ||
            resource.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY);
    if (view.format != CU_RES_VIEW_FORMAT_NONE) {
        Element element = element_of_view(view.format);
        require(element.bytes() == image.element_bytes());
        image.format = element.format;
        image.channels = static_cast<uint8_t>(element.channels);
    }
    require(view.firstMipmapLevel <= view.lastMipmapLevel &&
            view.lastMipmapLevel < image.levels.size());
    image.levels = {image.levels.begin() + view.firstMipmapLevel,
                    image.levels.begin() + view.lastMipmapLevel + 1};
    ImageLevel &base = image.levels[0];
    require((!view.width || view.width == base.width) &&
            (view.height <= 1 || view.height == base.height));
    bool layers = image.shape == ImageShape::one_layered ||
                  image.shape == ImageShape::two_layered || image.shape == ImageShape::cube ||
                  image.shape == ImageShape::cube_layered;
    if (!layers) {
        require(!view.firstLayer && !view.lastLayer);
        return;
    }
    bool cube = image.shape == ImageShape::cube || image.shape == ImageShape::cube_layered;
    // All zeros: every layer.
    if (!view.firstLayer && !view.lastLayer && view.depth <= 1)
        return;
    unsigned count = view.lastLayer - view.firstLayer + 1;
    require(view.firstLayer <= view.lastLayer && view.lastLayer < base.depth &&
            (!cube || (view.firstLayer % 6 == 0 && count % 6 == 0)));
    for (ImageLevel &level : image.levels) {
        level.data += level.slice * view.firstLayer;
        level.depth = count;
    }
}

Sampler sampler_of(const CUDA_TEXTURE_DESC &it, const Image &image)
{
    constexpr unsigned known = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES |
                               CU_TRSF_SRGB | CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION
#if CUDA_VERSION >= 11060
                               | CU_TRSF_SEAMLESS_CUBEMAP
#endif
        ;
    require(!(it.flags & ~known) && it.maxAnisotropy <= 16);
    auto filter = [](CUfilter_mode mode) {
        require(mode == CU_TR_FILTER_MODE_POINT || mode == CU_TR_FILTER_MODE_LINEAR);
        return mode == CU_TR_FILTER_MODE_LINEAR ? FilterMode::linear : FilterMode::point;
    };
    Sampler out;
    for (size_t i = 0; i < 3; i++) {
        require(it.addressMode[i] >= CU_TR_ADDRESS_MODE_WRAP &&
                it.addressMode[i] <= CU_TR_ADDRESS_MODE_BORDER);
        out.address[i] = static_cast<AddressMode>(it.addressMode[i]);
    }
    out.normalized_coordinates = it.flags & CU_TRSF_NORMALIZED_COORDINATES;
    out.read_as_integer = it.flags & CU_TRSF_READ_AS_INTEGER;
    out.srgb = it.flags & CU_TRSF_SRGB;
    out.seamless_cubemap = it.flags & 0x40; // CU_TRSF_SEAMLESS_CUBEMAP
    out.filter = filter(it.filterMode);
    out.mipmap_filter = filter(it.mipmapFilterMode);
    out.level_bias = it.mipmapLevelBias;
    out.level_min = it.minMipmapLevelClamp;
    out.level_max = it.maxMipmapLevelClamp;
    std::copy(std::begin(it.borderColor), std::end(it.borderColor), out.border.begin());
    // Whole numbers cannot be mixed; 32-bit ones are never read as anything else.
    bool whole = image.format == ChannelFormat::u32 || image.format == ChannelFormat::s32 ||
                 (out.read_as_integer && image.format <= ChannelFormat::s32);
    require(!(whole && out.filter == FilterMode::linear));
    require(image.levels.size() == 1 || out.normalized_coordinates);
    return out;
}

std::shared_ptr<TextureObject> texture_of(CUtexObject handle)
{
    return machine().textures.get(handle, CUDA_ERROR_INVALID_VALUE);
}

// Never destroyed, like the machine.
template<class T>
Leaving<T> &leaving()
{
    static auto *list = new Leaving<T>;
    return *list;
}

template<class T>
std::shared_ptr<T> for_kernel(const Registry<T> &registry, uint64_t handle)
{
    auto object = registry.find(handle);
    return object ? object : leaving<T>().find(handle);
}

template<class T>
void destroy(Registry<T> &registry, const std::shared_ptr<T> &object)
{
    if (auto context = machine().contexts.find(object->context)) {
        auto until = context->last_of_all();
        if (!Leaving<T>::over(until))
            leaving<T>().keep(object, std::move(until));
    }
    require(registry.remove(object->id));
}

} // namespace

std::shared_ptr<TextureObject> texture_for_kernel(uint64_t handle)
{
    return for_kernel(machine().textures, handle);
}

std::shared_ptr<SurfaceObject> surface_for_kernel(uint64_t handle)
{
    return for_kernel(machine().surfaces, handle);
}

void sweep_destroyed_objects()
{
    leaving<TextureObject>().sweep();
    leaving<SurfaceObject>().sweep();
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetTexture1DLinearMaxWidth(size_t *elements,
                                                                CUarray_format format,
                                                                unsigned int channels,
                                                                CUdevice device)
{
    ENTRY({
        require(elements != nullptr);
        machine().device(device);
        element_of(format, channels);
        *elements = kLinearElements;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexObjectCreate(CUtexObject *object,
                                               const CUDA_RESOURCE_DESC *resource,
                                               const CUDA_TEXTURE_DESC *description,
                                               const CUDA_RESOURCE_VIEW_DESC *view)
{
    ENTRY({
        auto context = current::get();
        require(object && resource && description);
        auto made = std::make_shared<TextureObject>();
        made->context = context->id;
        made->resource = *resource;
        made->description = *description;
        made->texture.image = image_of(*resource);
        if (view) {
            apply(*view, *resource, made->texture.image);
            made->view = *view;
            made->viewed = true;
        }
        made->texture.sampler = sampler_of(*description, made->texture.image);
        machine().textures.add(made);
        *object = made->id;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexObjectDestroy(CUtexObject object)
{
    ENTRY({ destroy(machine().textures, texture_of(object)); });
}

SOFT_EXPORT CUresult CUDAAPI cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC *resource,
                                                        CUtexObject object)
{
    ENTRY({
        require(resource != nullptr);
        *resource = texture_of(object)->resource;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC *description,
                                                       CUtexObject object)
{
    ENTRY({
        require(description != nullptr);
        *description = texture_of(object)->description;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC *view,
                                                            CUtexObject object)
{
    ENTRY({
        auto it = texture_of(object);
        require(view && it->viewed);
        *view = it->view;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuSurfObjectCreate(CUsurfObject *object,
                                                const CUDA_RESOURCE_DESC *resource)
{
    ENTRY({
        auto context = current::get();
        require(object && resource && resource->resType == CU_RESOURCE_TYPE_ARRAY);
        auto array = machine().arrays.get(resource->res.array.hArray);
        require(array->description.Flags & CUDA_ARRAY3D_SURFACE_LDST);
        auto made = std::make_shared<SurfaceObject>();
        made->context = context->id;
        made->resource = *resource;
        made->image = image_of(*resource);
        machine().surfaces.add(made);
        *object = made->id;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuSurfObjectDestroy(CUsurfObject object)
{
    ENTRY(
        { destroy(machine().surfaces, machine().surfaces.get(object, CUDA_ERROR_INVALID_VALUE)); });
}

SOFT_EXPORT CUresult CUDAAPI cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC *resource,
                                                         CUsurfObject object)
{
    ENTRY({
        require(resource != nullptr);
        *resource = machine().surfaces.get(object, CUDA_ERROR_INVALID_VALUE)->resource;
    });
}
