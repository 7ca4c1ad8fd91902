// SPDX-License-Identifier: Apache-2.0
// 2-D and 3-D copies. Arrays are not carried; everything else is rows of bytes, a 3-D copy one
// after the other of its slices.
#include "remoting/client/copy.h"
#include "remoting/client/entry.h"

using namespace vgpu::client;

namespace
{

// One end of the vendor's structures: memory of a declared type with a pitch and an offset.
struct Side {
    CUmemorytype type;
    const void *host;
    CUdeviceptr device;
    size_t pitch;
    size_t height; // rows of a slice in memory; 0 for 2-D copies
    size_t x, y, z;
};

CUresult end_of(const Side &side, size_t width, size_t rows, size_t slice, End &end)
{
    size_t pitch = side.pitch ? side.pitch : side.x + width;
    if (pitch < side.x + width && (rows > 1 || side.height))
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
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (base == 0)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t rows_before = (side.z + slice) * (side.height ? side.height : rows) + side.y;
    end = {base + rows_before * pitch + side.x, pitch, hint};
    return CUDA_SUCCESS;
}

CUresult pitched(const Side &to, const Side &from, size_t width, size_t rows, size_t depth,
                 CUstream stream, bool waits)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if ((to.height && to.height < to.y + rows) || (from.height && from.height < from.y + rows))
            return CUDA_ERROR_INVALID_VALUE;
        for (size_t slice = 0; slice < depth; ++slice) {
            Copy one{.width = width, .rows = rows, .stream = stream, .waits = waits};
            CUresult result = end_of(to, width, rows, slice, one.to);
            if (result == CUDA_SUCCESS)
                result = end_of(from, width, rows, slice, one.from);
            if (result == CUDA_SUCCESS)
                result = copy(session, context, one);
            if (result != CUDA_SUCCESS)
                return result;
        }
        return CUDA_SUCCESS;
    });
}

CUresult flat(const CUDA_MEMCPY2D *c, CUstream stream, bool waits)
{
    if (!c)
        return CUDA_ERROR_INVALID_VALUE;
    Side to{c->dstMemoryType, c->dstHost, c->dstDevice, c->dstPitch, 0, c->dstXInBytes, c->dstY, 0};
    Side from{c->srcMemoryType, c->srcHost, c->srcDevice, c->srcPitch, 0, c->srcXInBytes,
              c->srcY,          0};
    return pitched(to, from, c->WidthInBytes, c->Height, 1, stream, waits);
}

// CUDA_MEMCPY3D and CUDA_MEMCPY3D_PEER have the same names for what counts here.
template<class Descriptor>
CUresult solid(const Descriptor *c, CUstream stream, bool waits)
{
    if (!c || c->srcLOD != 0 || c->dstLOD != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (c->Depth > 1 && ((c->dstHeight != 0 && c->dstHeight < c->Height) ||
                         (c->srcHeight != 0 && c->srcHeight < c->Height)))
        return CUDA_ERROR_INVALID_VALUE;
    Side to{c->dstMemoryType, c->dstHost,     c->dstDevice, c->dstPitch,
            c->dstHeight,     c->dstXInBytes, c->dstY,      c->dstZ};
    Side from{c->srcMemoryType, c->srcHost,     c->srcDevice, c->srcPitch,
              c->srcHeight,     c->srcXInBytes, c->srcY,      c->srcZ};
    return pitched(to, from, c->WidthInBytes, c->Height, c->Depth, stream, waits);
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
    return solid(copy, nullptr, true);
}

VGPU_ENTRY cuMemcpy3DPeer_ptds(const CUDA_MEMCPY3D_PEER *copy)
{
    return solid(copy, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *copy, CUstream stream)
{
    return solid(copy, stream, false);
}

VGPU_ENTRY cuMemcpy3DPeerAsync_ptsz(const CUDA_MEMCPY3D_PEER *copy, CUstream stream)
{
    return solid(copy, per_thread(stream), false);
}
