// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/texref.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/module.h"

#include <algorithm>

// Texture references, which texture objects have replaced: what is set is kept and told. A module
// that declares one does not load here, so that none is ever found in a module and no kernel reads
// by one.

using namespace vgpu::soft::driver;

namespace
{

std::shared_ptr<TextureReference> texref(CUtexref handle)
{
    return machine().texrefs.get(handle);
}

constexpr size_t kAlignment = 512;

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuTexRefCreate(CUtexref *handle)
{
    ENTRY({
        require(handle != nullptr);
        auto made = std::make_shared<TextureReference>();
        machine().texrefs.add(made);
        *handle = handle_of<CUtexref>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefDestroy(CUtexref handle)
{
    ENTRY({ machine().texrefs.remove(texref(handle)->id); });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleGetTexRef(CUtexref *handle, CUmodule module, const char *name)
{
    ENTRY({
        require(handle && name);
        machine().modules.get(module);
        return CUDA_ERROR_NOT_FOUND;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleGetSurfRef(CUsurfref *handle, CUmodule module,
                                                const char *name)
{
    ENTRY({
        require(handle && name);
        machine().modules.get(module);
        return CUDA_ERROR_NOT_FOUND;
    });
}

// Of surface references a program can have none that are not in a module.
SOFT_EXPORT CUresult CUDAAPI cuSurfRefSetArray(CUsurfref, CUarray, unsigned int)
{
    ENTRY({ return CUDA_ERROR_INVALID_HANDLE; });
}

SOFT_EXPORT CUresult CUDAAPI cuSurfRefGetArray(CUarray *array, CUsurfref)
{
    ENTRY({
        require(array != nullptr);
        return CUDA_ERROR_INVALID_HANDLE;
    });
}

// Deprecated since modules name their own: nothing but a check is left.
SOFT_EXPORT CUresult CUDAAPI cuParamSetTexRef(CUfunction function, int unit, CUtexref handle)
{
    ENTRY({
        function_of(function);
        texref(handle);
        require(unit == CU_PARAM_TR_DEFAULT);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetArray(CUtexref handle, CUarray array, unsigned int flags)
{
    ENTRY({
        auto own = texref(handle);
        require(flags == CU_TRSA_OVERRIDE_FORMAT);
        machine().arrays.get(array);
        own->array = array;
        own->mipmap = nullptr;
        own->address = 0;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetMipmappedArray(CUtexref handle, CUmipmappedArray mipmap,
                                                       unsigned int flags)
{
    ENTRY({
        auto own = texref(handle);
        require(flags == CU_TRSA_OVERRIDE_FORMAT);
        machine().mipmaps.get(mipmap);
        own->mipmap = mipmap;
        own->array = nullptr;
        own->address = 0;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetAddress_v2(size_t *offset, CUtexref handle,
                                                   CUdeviceptr address, size_t bytes)
{
    ENTRY({
        auto own = texref(handle);
        // What is not aligned is reached by an offset that the program adds itself.
        require(address && bytes && (offset || address % kAlignment == 0));
        require(machine().allocations.extent(address, bytes) == bytes);
        own->address = address - address % kAlignment;
        own->array = nullptr;
        own->mipmap = nullptr;
        if (offset)
            *offset = address % kAlignment;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetAddress2D_v3(CUtexref handle,
                                                     const CUDA_ARRAY_DESCRIPTOR *description,
                                                     CUdeviceptr address, size_t pitch)
{
    ENTRY({
        auto own = texref(handle);
        require(description && description->Width && description->Height && address &&
                address % kAlignment == 0 && pitch % 32 == 0);
        size_t width = description->Width;
        width *= element_of(description->Format, description->NumChannels).bytes();
        require(width <= pitch);
        size_t bytes = pitch * (description->Height - 1) + width;
        require(machine().allocations.extent(address, bytes) == bytes);
        own->address = address;
        own->array = nullptr;
        own->mipmap = nullptr;
        own->format = description->Format;
        own->channels = static_cast<int>(description->NumChannels);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetFormat(CUtexref handle, CUarray_format format, int channels)
{
    ENTRY({
        auto own = texref(handle);
        element_of(format, static_cast<unsigned>(channels));
        own->format = format;
        own->channels = channels;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetAddressMode(CUtexref handle, int dim, CUaddress_mode mode)
{
    ENTRY({
        auto own = texref(handle);
        require(dim >= 0 && dim < 3 && unsigned(mode) <= CU_TR_ADDRESS_MODE_BORDER);
        own->modes[dim] = mode;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetFilterMode(CUtexref handle, CUfilter_mode mode)
{
    ENTRY({
        require(unsigned(mode) <= CU_TR_FILTER_MODE_LINEAR);
        texref(handle)->filter = mode;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetMipmapFilterMode(CUtexref handle, CUfilter_mode mode)
{
    ENTRY({
        require(unsigned(mode) <= CU_TR_FILTER_MODE_LINEAR);
        texref(handle)->mipmap_filter = mode;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetMipmapLevelBias(CUtexref handle, float bias)
{
    ENTRY({ texref(handle)->bias = bias; });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetMipmapLevelClamp(CUtexref handle, float least, float most)
{
    ENTRY({
        auto own = texref(handle);
        own->clamp[0] = least;
        own->clamp[1] = most;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetMaxAnisotropy(CUtexref handle, unsigned int most)
{
    ENTRY({ texref(handle)->anisotropy = std::min(most, 16u); });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetBorderColor(CUtexref handle, float *colour)
{
    ENTRY({
        require(colour != nullptr);
        std::copy_n(colour, 4, texref(handle)->border);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefSetFlags(CUtexref handle, unsigned int flags)
{
    ENTRY({
        constexpr unsigned known = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES |
                                   CU_TRSF_SRGB | CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION;
        require(!(flags & ~known));
        texref(handle)->flags = flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetAddress_v2(CUdeviceptr *address, CUtexref handle)
{
    ENTRY({
        require(address != nullptr);
        auto own = texref(handle);
        require(own->address != 0);
        *address = own->address;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetArray(CUarray *array, CUtexref handle)
{
    ENTRY({
        require(array != nullptr);
        auto own = texref(handle);
        require(own->array != nullptr);
        *array = own->array;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetMipmappedArray(CUmipmappedArray *mipmap, CUtexref handle)
{
    ENTRY({
        require(mipmap != nullptr);
        auto own = texref(handle);
        require(own->mipmap != nullptr);
        *mipmap = own->mipmap;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetAddressMode(CUaddress_mode *mode, CUtexref handle, int dim)
{
    ENTRY({
        require(mode && dim >= 0 && dim < 3);
        *mode = texref(handle)->modes[dim];
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetFilterMode(CUfilter_mode *mode, CUtexref handle)
{
    ENTRY({
        require(mode != nullptr);
        *mode = texref(handle)->filter;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetFormat(CUarray_format *format, int *channels,
                                               CUtexref handle)
{
    ENTRY({
        require(format && channels);
        auto own = texref(handle);
        *format = own->format;
        *channels = own->channels;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetMipmapFilterMode(CUfilter_mode *mode, CUtexref handle)
{
    ENTRY({
        require(mode != nullptr);
        *mode = texref(handle)->mipmap_filter;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetMipmapLevelBias(float *bias, CUtexref handle)
{
    ENTRY({
        require(bias != nullptr);
        *bias = texref(handle)->bias;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetMipmapLevelClamp(float *least, float *most, CUtexref handle)
{
    ENTRY({
        require(least && most);
        auto own = texref(handle);
        *least = own->clamp[0];
        *most = own->clamp[1];
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetMaxAnisotropy(int *most, CUtexref handle)
{
    ENTRY({
        require(most != nullptr);
        *most = static_cast<int>(texref(handle)->anisotropy);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetBorderColor(float *colour, CUtexref handle)
{
    ENTRY({
        require(colour != nullptr);
        std::copy_n(texref(handle)->border, 4, colour);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuTexRefGetFlags(unsigned int *flags, CUtexref handle)
{
    ENTRY({
        require(flags != nullptr);
        *flags = texref(handle)->flags;
    });
}
