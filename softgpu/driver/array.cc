// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/array.h"
#include "softgpu/driver/capture.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/texture.h"

#include <algorithm>
#include <bit>

namespace vgpu::soft::driver
{
namespace
{

constexpr unsigned kKnown = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST |
                            CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_TEXTURE_GATHER |
                            CUDA_ARRAY3D_DEPTH_TEXTURE | CUDA_ARRAY3D_COLOR_ATTACHMENT;

/// The widest, highest and deepest array of a shape, by the limits of compute capability 8.0.
struct Extent {
    size_t width, height, depth;
};

Extent limit(ImageShape shape)
{
    switch (shape) {
    case ImageShape::one:
        return {131072, 1, 1};
    case ImageShape::two:
        return {131072, 65536, 1};
    case ImageShape::three:
        return {16384, 16384, 16384};
    case ImageShape::one_layered:
        return {32768, 1, 2048};
    case ImageShape::two_layered:
        return {32768, 32768, 2048};
    case ImageShape::cube:
        return {32768, 32768, 6};
    default:
        return {32768, 32768, 2046};
    }
}

ImageShape shape_of(const CUDA_ARRAY3D_DESCRIPTOR &it)
{
    bool layered = it.Flags & CUDA_ARRAY3D_LAYERED;
    if (it.Flags & CUDA_ARRAY3D_CUBEMAP)
        return layered ? ImageShape::cube_layered : ImageShape::cube;
    if (layered)
        return it.Height ? ImageShape::two_layered : ImageShape::one_layered;
    return it.Depth ? ImageShape::three : it.Height ? ImageShape::two : ImageShape::one;
}

void check(const CUDA_ARRAY3D_DESCRIPTOR &it)
{
    require(it.Width && !(it.Flags & CUDA_ARRAY3D_SPARSE),
            it.Width ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE);
    require(!(it.Flags & ~kKnown), CUDA_ERROR_NOT_SUPPORTED);
    bool layered = it.Flags & CUDA_ARRAY3D_LAYERED;
    require(!layered || it.Depth);
    require(!it.Depth || layered || it.Height);
    if (it.Flags & CUDA_ARRAY3D_CUBEMAP)
        require(it.Width == it.Height && it.Depth && it.Depth % 6 == 0 &&
                (layered || it.Depth == 6));
    if (it.Flags & CUDA_ARRAY3D_TEXTURE_GATHER)
        require(shape_of(it) == ImageShape::two);
    Extent most = limit(shape_of(it));
    require(it.Width <= most.width && it.Height <= most.height && it.Depth <= most.depth);
}

/// The layout of a level; `data` is set when there is memory.
ImageLevel lay_out(const CUDA_ARRAY3D_DESCRIPTOR &it, const Element &element)
{
    ImageLevel level;
    level.width = static_cast<uint32_t>(it.Width);
    level.height = static_cast<uint32_t>(std::max<size_t>(it.Height, 1));
    level.depth = static_cast<uint32_t>(std::max<size_t>(it.Depth, 1));
    level.pitch = level.width * element.bytes();
    level.slice = level.pitch * level.height;
    return level;
}

std::shared_ptr<Array> array_with(const Context &context, const CUDA_ARRAY3D_DESCRIPTOR &it)
{
    auto array = std::make_shared<Array>();
    array->description = it;
    array->context = context.id;
    array->element = element_of(it.Format, it.NumChannels);
    array->level = lay_out(it, array->element);
    return array;
}

} // namespace

Element element_of(CUarray_format format, unsigned channels)
{
    static constexpr struct {
        int id;
        ChannelFormat format;
        unsigned channels; ///< 0: as asked for
    } formats[] = {
        {CU_AD_FORMAT_UNSIGNED_INT8, ChannelFormat::u8, 0},
        {CU_AD_FORMAT_UNSIGNED_INT16, ChannelFormat::u16, 0},
        {CU_AD_FORMAT_UNSIGNED_INT32, ChannelFormat::u32, 0},
        {CU_AD_FORMAT_SIGNED_INT8, ChannelFormat::s8, 0},
        {CU_AD_FORMAT_SIGNED_INT16, ChannelFormat::s16, 0},
        {CU_AD_FORMAT_SIGNED_INT32, ChannelFormat::s32, 0},
        {CU_AD_FORMAT_HALF, ChannelFormat::f16, 0},
        {CU_AD_FORMAT_FLOAT, ChannelFormat::f32, 0},
        {CU_AD_FORMAT_UNORM_INT8X1, ChannelFormat::unorm8, 1},
        {CU_AD_FORMAT_UNORM_INT8X2, ChannelFormat::unorm8, 2},
        {CU_AD_FORMAT_UNORM_INT8X4, ChannelFormat::unorm8, 4},
        {CU_AD_FORMAT_UNORM_INT16X1, ChannelFormat::unorm16, 1},
        {CU_AD_FORMAT_UNORM_INT16X2, ChannelFormat::unorm16, 2},
        {CU_AD_FORMAT_UNORM_INT16X4, ChannelFormat::unorm16, 4},
        {CU_AD_FORMAT_SNORM_INT8X1, ChannelFormat::snorm8, 1},
        {CU_AD_FORMAT_SNORM_INT8X2, ChannelFormat::snorm8, 2},
        {CU_AD_FORMAT_SNORM_INT8X4, ChannelFormat::snorm8, 4},
        {CU_AD_FORMAT_SNORM_INT16X1, ChannelFormat::snorm16, 1},
        {CU_AD_FORMAT_SNORM_INT16X2, ChannelFormat::snorm16, 2},
        {CU_AD_FORMAT_SNORM_INT16X4, ChannelFormat::snorm16, 4},
    };
    for (auto &known : formats) {
        if (known.id != static_cast<int>(format))
            continue;
        unsigned count = known.channels ? known.channels : channels;
        require(count == 1 || count == 2 || count == 4);
        require(!known.channels || channels == known.channels);
        return {known.format, count};
    }
    constexpr int kFirst = CU_AD_FORMAT_BC1_UNORM, kLast = 0xff;
    require(int(format) >= kFirst && int(format) <= kLast);
    throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                  "compressed and planar image formats are not supported by the software GPU");
}

ArrayMemory::ArrayMemory(Device &device, size_t bytes)
    : device(device), bytes(bytes), mapped_(round_up(bytes, kPage))
{
    require(bytes <= device.memory, CUDA_ERROR_OUT_OF_MEMORY);
    device.charge(mapped_);
    try {
        address_ = map_pages(mapped_);
    } catch (...) {
        device.refund(mapped_);
        throw;
    }
}

ArrayMemory::~ArrayMemory()
{
    unmap_pages(address_, mapped_);
    device.refund(mapped_);
}

std::shared_ptr<Array> Array::create(Context &context, const CUDA_ARRAY3D_DESCRIPTOR &wanted)
{
    check(wanted);
    auto array = array_with(context, wanted);
    array->memory = std::make_shared<ArrayMemory>(context.device, array->bytes());
    array->level.data = array->memory->data();
    machine().arrays.add(array);
    return array;
}

Image Array::image() const
{
    Image image;
    image.shape = shape_of(description);
    image.format = element.format;
    image.channels = static_cast<uint8_t>(element.channels);
    image.levels = {level};
    image.owner = memory;
    return image;
}

std::shared_ptr<Mipmap> Mipmap::create(Context &context, const CUDA_ARRAY3D_DESCRIPTOR &wanted,
                                       unsigned count)
{
    check(wanted);
    auto mipmap = std::make_shared<Mipmap>();
    mipmap->context = context.id;
    bool solid = shape_of(wanted) == ImageShape::three;
    size_t largest = std::max({wanted.Width, wanted.Height, solid ? wanted.Depth : 0});
    // More levels than there can be are cut to those.
    count = std::clamp(count, 1u, static_cast<unsigned>(std::bit_width(largest)));
    size_t bytes = 0;
    std::vector<size_t> offsets;
    for (unsigned i = 0; i < count; i++) {
        auto smaller = [&](size_t size) { return size ? std::max<size_t>(size >> i, 1) : 0; };
        CUDA_ARRAY3D_DESCRIPTOR it = wanted;
        it.Width = smaller(wanted.Width);
        it.Height = smaller(wanted.Height);
        it.Depth = solid ? smaller(wanted.Depth) : wanted.Depth;
        mipmap->levels.push_back(array_with(context, it));
        offsets.push_back(bytes);
        bytes += round_up(mipmap->levels.back()->bytes(), 512);
    }
    auto memory = std::make_shared<ArrayMemory>(context.device, bytes);
    for (unsigned i = 0; i < count; i++) {
        Array &level = *mipmap->levels[i];
        level.memory = memory;
        level.level.data = memory->data() + offsets[i];
        level.of_mipmap = true;
        machine().arrays.add(mipmap->levels[i]);
    }
    machine().mipmaps.add(mipmap);
    return mipmap;
}

Image Mipmap::image() const
{
    Image image = levels[0]->image();
    image.levels.clear();
    for (auto &level : levels)
        image.levels.push_back(level->level);
    return image;
}

void release_arrays(const Context &context)
{
    for (auto &mipmap : machine().mipmaps.all())
        if (mipmap->context == context.id)
            machine().mipmaps.remove(mipmap->id);
    for (auto &array : machine().arrays.all())
        if (array->context == context.id)
            machine().arrays.remove(array->id);
    for (auto &texture : machine().textures.all())
        if (texture->context == context.id)
            machine().textures.remove(texture->id);
    for (auto &surface : machine().surfaces.all())
        if (surface->context == context.id)
            machine().surfaces.remove(surface->id);
    sweep_destroyed_objects();
}

namespace
{

std::shared_ptr<Array> array_of(CUarray handle)
{
    return machine().arrays.get(handle);
}

CUarray create(const CUDA_ARRAY3D_DESCRIPTOR &wanted)
{
    auto context = current::get();
    forbid_unsafe();
    return handle_of<CUarray>(*Array::create(*context, wanted));
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuArrayCreate_v2(CUarray *array,
                                              const CUDA_ARRAY_DESCRIPTOR *description)
{
    ENTRY({
        require(array && description);
        *array = create({description->Width, description->Height, 0, description->Format,
                         description->NumChannels, 0});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArray3DCreate_v2(CUarray *array,
                                                const CUDA_ARRAY3D_DESCRIPTOR *description)
{
    ENTRY({
        require(array && description);
        *array = create(*description);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR *description,
                                                     CUarray array)
{
    ENTRY({
        require(description != nullptr);
        auto &it = array_of(array)->description;
        *description = {it.Width, it.Height, it.Format, it.NumChannels};
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *description,
                                                       CUarray array)
{
    ENTRY({
        require(description != nullptr);
        *description = array_of(array)->description;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArrayDestroy(CUarray handle)
{
    ENTRY({
        auto array = array_of(handle);
        require(!array->of_mipmap);
        forbid_unsafe();
        for (auto &device : machine().devices)
            device->synchronize();
        sweep_destroyed_objects();
        require(machine().arrays.remove(array->id), CUDA_ERROR_INVALID_HANDLE);
    });
}

// Only sparse arrays have tiles, and only those whose memory comes later say what they need.
SOFT_EXPORT CUresult CUDAAPI cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *,
                                                        CUarray array)
{
    ENTRY({
        array_of(array);
        return CUDA_ERROR_INVALID_VALUE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *,
                                                          CUarray array, CUdevice device)
{
    ENTRY({
        array_of(array);
        machine().device(device);
        return CUDA_ERROR_INVALID_VALUE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *,
                                                                 CUmipmappedArray mipmap)
{
    ENTRY({
        machine().mipmaps.get(mipmap);
        return CUDA_ERROR_INVALID_VALUE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *,
                                                                   CUmipmappedArray mipmap,
                                                                   CUdevice device)
{
    ENTRY({
        machine().mipmaps.get(mipmap);
        machine().device(device);
        return CUDA_ERROR_INVALID_VALUE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuArrayGetPlane(CUarray *, CUarray array, unsigned int)
{
    ENTRY({
        array_of(array);
        return CUDA_ERROR_INVALID_VALUE; // only planar formats have planes
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMipmappedArrayCreate(CUmipmappedArray *mipmap,
                                                    const CUDA_ARRAY3D_DESCRIPTOR *description,
                                                    unsigned int levels)
{
    ENTRY({
        require(mipmap && description && levels);
        auto context = current::get();
        forbid_unsafe();
        *mipmap = handle_of<CUmipmappedArray>(*Mipmap::create(*context, *description, levels));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMipmappedArrayGetLevel(CUarray *array, CUmipmappedArray handle,
                                                      unsigned int level)
{
    ENTRY({
        auto mipmap = machine().mipmaps.get(handle);
        require(array && level < mipmap->levels.size());
        *array = handle_of<CUarray>(*mipmap->levels[level]);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMipmappedArrayDestroy(CUmipmappedArray handle)
{
    ENTRY({
        auto mipmap = machine().mipmaps.get(handle);
        forbid_unsafe();
        for (auto &device : machine().devices)
            device->synchronize();
        sweep_destroyed_objects();
        require(machine().mipmaps.remove(mipmap->id), CUDA_ERROR_INVALID_HANDLE);
        for (auto &level : mipmap->levels)
            machine().arrays.remove(level->id);
    });
}
