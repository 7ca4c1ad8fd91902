// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/array.h"
#include "softgpu/driver/copy.h"
#include "softgpu/driver/machine.h"

// Copies of rectangles and boxes, of memory and of arrays.

namespace vgpu::soft::driver
{
namespace
{

/// A box inside an array: its rows and slices say where it lies, the caller's pitch nothing.
Place place(CUarray handle, size_t x, size_t y, size_t z, const Box &box)
{
    auto array = machine().arrays.get(handle);
    auto &level = array->level;
    size_t element = array->element.bytes();
    require(x % element == 0 && box.width % element == 0);
    require(x <= level.pitch && box.width <= level.pitch - x && y <= level.height &&
            box.height <= level.height - y && z <= level.depth && box.depth <= level.depth - z);
    auto address = reinterpret_cast<uint64_t>(level.data) + z * level.slice + y * level.pitch + x;
    return {address, level.pitch, level.slice, Side::any, array, {x, y, z}};
}

Place place(CUmemorytype type, CUarray array, const void *host, CUdeviceptr device, size_t x,
            size_t y, size_t z, size_t pitch, size_t height, const Box &box)
{
    if (type == CU_MEMORYTYPE_ARRAY)
        return place(array, x, y, z, box);
    require(type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_DEVICE ||
            type == CU_MEMORYTYPE_UNIFIED);
    constexpr size_t kMostPitch = 2147483647; // CU_DEVICE_ATTRIBUTE_MAX_PITCH
    require(pitch <= kMostPitch);
    bool on_host = type == CU_MEMORYTYPE_HOST;
    uint64_t base = on_host ? reinterpret_cast<uint64_t>(host) : device;
    if (pitch == 0)
        pitch = x + box.width;
    if (height == 0)
        height = y + box.height;
    require(base && pitch >= box.width && x <= pitch - box.width &&
            (box.depth == 1 || y + box.height <= height));
    size_t plane = 0, planes = 0, rows = 0, offset = 0;
    require(!__builtin_mul_overflow(pitch, height, &plane) &&
            !__builtin_mul_overflow(plane, z, &planes) &&
            !__builtin_mul_overflow(pitch, y, &rows) &&
            !__builtin_add_overflow(planes, rows, &offset) &&
            !__builtin_add_overflow(offset, x, &offset) && offset <= UINT64_MAX - base);
    Side side = on_host ? Side::host : type == CU_MEMORYTYPE_DEVICE ? Side::device : Side::any;
    return {base + offset, pitch, plane, side};
}

template<class Description>
Transfer read(const Description &it)
{
    require(it.srcLOD == 0 && it.dstLOD == 0);
    Box box{it.WidthInBytes, it.Height, it.Depth};
    if (!box.width || !box.height || !box.depth)
        return {{}, {}, {}};
    return {place(it.dstMemoryType, it.dstArray, it.dstHost, it.dstDevice, it.dstXInBytes, it.dstY,
                  it.dstZ, it.dstPitch, it.dstHeight, box),
            place(it.srcMemoryType, it.srcArray, it.srcHost, it.srcDevice, it.srcXInBytes, it.srcY,
                  it.srcZ, it.srcPitch, it.srcHeight, box),
            box};
}

CUmemorytype type_of(Side side)
{
    return side == Side::device ? CU_MEMORYTYPE_DEVICE
           : side == Side::host ? CU_MEMORYTYPE_HOST
                                : CU_MEMORYTYPE_UNIFIED;
}

} // namespace

Transfer transfer_of(const CUDA_MEMCPY3D &description)
{
    return read(description);
}

CUDA_MEMCPY3D description_of(const Transfer &it)
{
    CUDA_MEMCPY3D out{};
    out.WidthInBytes = it.box.width;
    out.Height = it.box.height;
    out.Depth = it.box.depth;
    out.srcMemoryType = type_of(it.from.side);
    out.srcHost = reinterpret_cast<const void *>(it.from.address);
    out.srcDevice = it.from.address;
    out.srcPitch = it.from.pitch ? it.from.pitch : it.box.width;
    out.srcHeight = it.from.plane ? it.from.plane / out.srcPitch : it.box.height;
    out.dstMemoryType = type_of(it.to.side);
    out.dstHost = reinterpret_cast<void *>(it.to.address);
    out.dstDevice = it.to.address;
    out.dstPitch = it.to.pitch ? it.to.pitch : it.box.width;
    out.dstHeight = it.to.plane ? it.to.plane / out.dstPitch : it.box.height;
    if (it.from.array) {
        out.srcMemoryType = CU_MEMORYTYPE_ARRAY;
        out.srcArray = handle_of<CUarray>(*it.from.array);
        out.srcXInBytes = it.from.origin[0];
        out.srcY = it.from.origin[1];
        out.srcZ = it.from.origin[2];
    }
    if (it.to.array) {
        out.dstMemoryType = CU_MEMORYTYPE_ARRAY;
        out.dstArray = handle_of<CUarray>(*it.to.array);
        out.dstXInBytes = it.to.origin[0];
        out.dstY = it.to.origin[1];
        out.dstZ = it.to.origin[2];
    }
    return out;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

namespace
{

template<class Description>
void copy_3d(const Description *it, CUstream stream, bool synchronous)
{
    auto context = current::get();
    require(it != nullptr);
    auto [to, from, box] = read(*it);
    copy(*stream_of(stream, *context), to, from, box, synchronous);
}

void copy_2d(const CUDA_MEMCPY2D *it, CUstream stream, bool synchronous)
{
    auto context = current::get();
    require(it != nullptr);
    Box box{it->WidthInBytes, it->Height};
    if (!box.width || !box.height)
        return;
    Place from = place(it->srcMemoryType, it->srcArray, it->srcHost, it->srcDevice, it->srcXInBytes,
                       it->srcY, 0, it->srcPitch, 0, box);
    Place to = place(it->dstMemoryType, it->dstArray, it->dstHost, it->dstDevice, it->dstXInBytes,
                     it->dstY, 0, it->dstPitch, 0, box);
    copy(*stream_of(stream, *context), to, from, box, synchronous);
}

void copy_between(const CUDA_MEMCPY3D_PEER *it, CUstream stream, bool synchronous)
{
    require(it != nullptr);
    peers(it->dstContext, it->srcContext, synchronous);
    copy_3d(it, stream, synchronous);
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemcpy2D_v2(const CUDA_MEMCPY2D *description)
{
    ENTRY({ copy_2d(description, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *description)
{
    ENTRY({ copy_2d(description, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *description, CUstream stream)
{
    ENTRY({ copy_2d(description, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3D_v2(const CUDA_MEMCPY3D *description)
{
    ENTRY({ copy_3d(description, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *description, CUstream stream)
{
    ENTRY({ copy_3d(description, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER *description)
{
    ENTRY({ copy_between(description, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *description,
                                                 CUstream stream)
{
    ENTRY({ copy_between(description, stream, false); });
}
