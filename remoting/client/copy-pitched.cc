// SPDX-License-Identifier: Apache-2.0
// 2-D and 3-D copies: rows of bytes in memory or in an array, a 3-D copy one after the other of its
// slices.
#include "remoting/client/array.h"
#include "remoting/client/entry.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;

namespace
{

// One end of the vendor's structures: memory of a declared type with a pitch and an offset, or an
// array with an offset.
struct Side {
    CUmemorytype type;
    const void *host;
    CUdeviceptr device;
    CUarray array;
    size_t pitch;
    size_t height; // rows of a slice in memory; 0 for 2-D copies
    size_t x, y, z;
};

size_t rows_of_slice(const Side &side, const Box &box)
{
    return side.height ? side.height : side.y + box.rows;
}

CUresult end_of(Session &session, const Side &side, const Box &box, End &end)
{
    if (side.type == CU_MEMORYTYPE_ARRAY)
        return find_in_array(session, side.array, side.x, side.y, side.z, box, end);
    size_t least, last_row;
    if (__builtin_add_overflow(side.x, box.width, &least) ||
        __builtin_add_overflow(side.y, box.rows, &last_row))
        return CUDA_ERROR_INVALID_VALUE;
    constexpr size_t kMostPitch = 2147483647; // CU_DEVICE_ATTRIBUTE_MAX_PITCH of every device
    size_t pitch = side.pitch ? side.pitch : least;
    if (pitch < least || side.pitch > kMostPitch ||
        (box.depth > 1 && side.height && side.height < last_row))
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t base;
    Hint hint;
    switch (side.type) {
    case CU_MEMORYTYPE_HOST:
        base = reinterpret_cast<uint64_t>(side.host);
        hint = Hint::host;
        break;
    case CU_MEMORYTYPE_DEVICE:
        base = side.device;
        hint = Hint::device;
        break;
    case CU_MEMORYTYPE_UNIFIED:
        base = side.device;
        hint = Hint::unified;
        break;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (base == 0)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t rows, offset;
    if (__builtin_mul_overflow(side.z, rows_of_slice(side, box), &rows) ||
        __builtin_add_overflow(rows, side.y, &rows) ||
        __builtin_mul_overflow(rows, pitch, &offset) ||
        __builtin_add_overflow(offset, side.x, &offset) ||
        __builtin_add_overflow(base, offset, &end.address))
        return CUDA_ERROR_INVALID_VALUE;
    end.pitch = pitch;
    end.hint = hint;
    return CUDA_SUCCESS;
}

void to_next_slice(const Side &side, const Box &box, End &end)
{
    if (end.hint == Hint::array)
        ++end.place.z;
    else
        end.address += rows_of_slice(side, box) * end.pitch;
}

CUresult pitched(const Side &to, const Side &from, const Box &box, CUstream stream, bool waits)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (box.width == 0 || box.rows == 0 || box.depth == 0)
            return CUDA_SUCCESS;
        Copy one{.to = {},
                 .from = {},
                 .width = box.width,
                 .rows = box.rows,
                 .stream = stream,
                 .waits = waits};
        CUresult result = end_of(session, to, box, one.to);
        if (result == CUDA_SUCCESS)
            result = end_of(session, from, box, one.from);
        for (size_t slice = 0; slice < box.depth && result == CUDA_SUCCESS; ++slice) {
            result = copy(session, context, one);
            to_next_slice(to, box, one.to);
            to_next_slice(from, box, one.from);
        }
        return result;
    });
}

CUresult flat(const CUDA_MEMCPY2D *c, CUstream stream, bool waits)
{
    if (!c)
        return CUDA_ERROR_INVALID_VALUE;
    Side to{c->dstMemoryType, c->dstHost, c->dstDevice, c->dstArray, c->dstPitch, 0, c->dstXInBytes,
            c->dstY,          0};
    Side from{c->srcMemoryType, c->srcHost,  c->srcDevice,
              c->srcArray,      c->srcPitch, 0,
              c->srcXInBytes,   c->srcY,     0};
    return pitched(to, from, {c->WidthInBytes, c->Height, 1}, stream, waits);
}

// CUDA_MEMCPY3D and CUDA_MEMCPY3D_PEER have the same names for what counts here.
template<class Descriptor>
CUresult solid(const Descriptor *c, CUstream stream, bool waits)
{
    if (!c || c->srcLOD != 0 || c->dstLOD != 0)
        return CUDA_ERROR_INVALID_VALUE;
    Side to{c->dstMemoryType, c->dstHost,     c->dstDevice, c->dstArray, c->dstPitch,
            c->dstHeight,     c->dstXInBytes, c->dstY,      c->dstZ};
    Side from{c->srcMemoryType, c->srcHost,     c->srcDevice, c->srcArray, c->srcPitch,
              c->srcHeight,     c->srcXInBytes, c->srcY,      c->srcZ};
    return pitched(to, from, {c->WidthInBytes, c->Height, c->Depth}, stream, waits);
}

CUresult solid_between(const CUDA_MEMCPY3D_PEER *c, CUstream stream, bool waits)
{
    if (!c)
        return CUDA_ERROR_INVALID_VALUE;
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!session.contexts.find(c->srcContext) || !session.contexts.find(c->dstContext))
            return CUDA_ERROR_INVALID_CONTEXT;
        auto one = [&] { return solid(c, stream, waits); };
        return waits ? between_contexts(session, context, c->dstContext, c->srcContext, one)
                     : one();
    });
}

} // namespace

VGPU_ENTRY cuMemcpy2D_v2(const CUDA_MEMCPY2D *copy)
{
    return flat(copy, nullptr, true);
}

VGPU_ENTRY cuMemcpy2D_v2_ptds(const CUDA_MEMCPY2D *copy)
{
    return flat(copy, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *copy)
{
    return flat(copy, nullptr, true);
}

VGPU_ENTRY cuMemcpy2DUnaligned_v2_ptds(const CUDA_MEMCPY2D *copy)
{
    return flat(copy, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    return flat(copy, stream, false);
}

VGPU_ENTRY cuMemcpy2DAsync_v2_ptsz(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    return flat(copy, per_thread(stream), false);
}

VGPU_ENTRY cuMemcpy3D_v2(const CUDA_MEMCPY3D *copy)
{
    return solid(copy, nullptr, true);
}

VGPU_ENTRY cuMemcpy3D_v2_ptds(const CUDA_MEMCPY3D *copy)
{
    return solid(copy, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *copy, CUstream stream)
{
    return solid(copy, stream, false);
}

VGPU_ENTRY cuMemcpy3DAsync_v2_ptsz(const CUDA_MEMCPY3D *copy, CUstream stream)
{
    return solid(copy, per_thread(stream), false);
}

VGPU_ENTRY cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER *copy)
{
    return solid_between(copy, nullptr, true);
}

VGPU_ENTRY cuMemcpy3DPeer_ptds(const CUDA_MEMCPY3D_PEER *copy)
{
    return solid_between(copy, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *copy, CUstream stream)
{
    return solid_between(copy, stream, false);
}

VGPU_ENTRY cuMemcpy3DPeerAsync_ptsz(const CUDA_MEMCPY3D_PEER *copy, CUstream stream)
{
    return solid_between(copy, per_thread(stream), false);
}
