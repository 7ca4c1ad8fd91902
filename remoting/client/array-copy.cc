// SPDX-License-Identifier: Apache-2.0
// Copies of bytes in a row from and to arrays. An array's rows follow each other without a gap, so
// an offset counts on over them: the bytes are the end of a row, whole rows, and the beginning of
// one.
#include "remoting/client/array.h"
#include "remoting/client/call.h"
#include "remoting/client/entry.h"

#include <algorithm>
#include <vector>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

// Rows of one slice, and where their bytes are in the row of all.
struct Part {
    uint64_t x, y, z, width, rows;
};

struct Span {
    std::shared_ptr<Array> array;
    uint64_t offset;
};

CUresult find_span(Session &session, CUarray handle, uint64_t offset, uint64_t bytes, Span &span)
{
    span = {session.arrays.find(api::id_of(handle)), offset};
    if (!span.array)
        return CUDA_ERROR_INVALID_HANDLE;
    uint64_t element = span.array->element;
    auto &it = span.array->description;
    if (!element)
        return refused("a copy in a row from or to an array of a planar or compressed format",
                       "where its rows end is the driver's secret: copy a box (cuMemcpy2D)");
    uint64_t total = uint64_t(it.Width) * element * std::max<uint64_t>(it.Height, 1) *
                     std::max<uint64_t>(it.Depth, 1);
    if (offset % element != 0 || bytes % element != 0 || offset > total || bytes > total - offset)
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

// The first part of what is left: to the end of its row, or as many whole rows as the slice has.
Part first_part(const Span &span, uint64_t bytes)
{
    auto &it = span.array->description;
    uint64_t row = uint64_t(it.Width) * span.array->element;
    uint64_t height = std::max<uint64_t>(it.Height, 1);
    uint64_t x = span.offset % row, y = span.offset / row % height;
    Part part{x, y, span.offset / row / height, std::min(row - x, bytes), 1};
    if (x == 0 && bytes >= row)
        part.rows = std::min(bytes / row, height - y);
    return part;
}

End end_of(CUarray handle, const Span &span, const Part &part)
{
    End end;
    end.hint = Hint::array;
    end.place = {api::id_of(handle), span.array->context, part.x, part.y, part.z, true};
    return end;
}

// An array at one end; `memory` is the other's beginning.
CUresult copy_row(CUarray handle, uint64_t offset, End memory, uint64_t bytes, bool to_array,
                  CUstream stream, bool waits)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        Span span;
        CUresult result = find_span(session, handle, offset, bytes, span);
        while (result == CUDA_SUCCESS && bytes != 0) {
            Part part = first_part(span, bytes);
            End end = end_of(handle, span, part);
            memory.pitch = part.width;
            result = copy(session, context,
                          {.to = to_array ? end : memory,
                           .from = to_array ? memory : end,
                           .width = part.width,
                           .rows = part.rows,
                           .stream = stream,
                           .waits = waits});
            uint64_t done = part.width * part.rows;
            memory.address += done;
            span.offset += done;
            bytes -= done;
        }
        return result;
    });
}

CUresult copy_between(CUarray to, uint64_t to_offset, CUarray from, uint64_t from_offset,
                      uint64_t bytes, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        Span target, source;
        CUresult result = find_span(session, to, to_offset, bytes, target);
        if (result == CUDA_SUCCESS)
            result = find_span(session, from, from_offset, bytes, source);
        while (result == CUDA_SUCCESS && bytes != 0) {
            Part in = first_part(target, bytes), out = first_part(source, bytes);
            // Their rows may be of different lengths, or begin at different places.
            uint64_t width = std::min(in.width, out.width);
            uint64_t rows = in.width == out.width ? std::min(in.rows, out.rows) : 1;
            result = copy(session, context,
                          {.to = end_of(to, target, in),
                           .from = end_of(from, source, out),
                           .width = width,
                           .rows = rows,
                           .stream = stream,
                           .waits = true});
            target.offset += width * rows;
            source.offset += width * rows;
            bytes -= width * rows;
        }
        return result;
    });
}

} // namespace

VGPU_ENTRY cuMemcpyHtoA_v2(CUarray to, size_t offset, const void *from, size_t bytes)
{
    return copy_row(to, offset, host_end(from), bytes, true, nullptr, true);
}

VGPU_ENTRY cuMemcpyHtoA_v2_ptds(CUarray to, size_t offset, const void *from, size_t bytes)
{
    return copy_row(to, offset, host_end(from), bytes, true, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyHtoAAsync_v2(CUarray to, size_t offset, const void *from, size_t bytes,
                                CUstream stream)
{
    return copy_row(to, offset, host_end(from), bytes, true, stream, false);
}

VGPU_ENTRY cuMemcpyHtoAAsync_v2_ptsz(CUarray to, size_t offset, const void *from, size_t bytes,
                                     CUstream stream)
{
    return cuMemcpyHtoAAsync_v2(to, offset, from, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyAtoH_v2(void *to, CUarray from, size_t offset, size_t bytes)
{
    return copy_row(from, offset, host_end(to), bytes, false, nullptr, true);
}

VGPU_ENTRY cuMemcpyAtoH_v2_ptds(void *to, CUarray from, size_t offset, size_t bytes)
{
    return copy_row(from, offset, host_end(to), bytes, false, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyAtoHAsync_v2(void *to, CUarray from, size_t offset, size_t bytes,
                                CUstream stream)
{
    return copy_row(from, offset, host_end(to), bytes, false, stream, false);
}

VGPU_ENTRY cuMemcpyAtoHAsync_v2_ptsz(void *to, CUarray from, size_t offset, size_t bytes,
                                     CUstream stream)
{
    return cuMemcpyAtoHAsync_v2(to, from, offset, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyDtoA_v2(CUarray to, size_t offset, CUdeviceptr from, size_t bytes)
{
    return copy_row(to, offset, device_end(from), bytes, true, nullptr, true);
}

VGPU_ENTRY cuMemcpyDtoA_v2_ptds(CUarray to, size_t offset, CUdeviceptr from, size_t bytes)
{
    return copy_row(to, offset, device_end(from), bytes, true, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyAtoD_v2(CUdeviceptr to, CUarray from, size_t offset, size_t bytes)
{
    return copy_row(from, offset, device_end(to), bytes, false, nullptr, true);
}

VGPU_ENTRY cuMemcpyAtoD_v2_ptds(CUdeviceptr to, CUarray from, size_t offset, size_t bytes)
{
    return copy_row(from, offset, device_end(to), bytes, false, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyAtoA_v2(CUarray to, size_t to_offset, CUarray from, size_t from_offset,
                           size_t bytes)
{
    return copy_between(to, to_offset, from, from_offset, bytes, nullptr);
}

VGPU_ENTRY cuMemcpyAtoA_v2_ptds(CUarray to, size_t to_offset, CUarray from, size_t from_offset,
                                size_t bytes)
{
    return copy_between(to, to_offset, from, from_offset, bytes, CU_STREAM_PER_THREAD);
}
