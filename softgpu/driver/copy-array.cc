// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/array.h"
#include "softgpu/driver/copy.h"
#include "softgpu/driver/machine.h"

// Copies of bytes in a row from and to arrays. An array's rows follow each other without a gap, so
// an offset counts on over them.

using namespace vgpu::soft::driver;

namespace
{

Place in_array(CUarray handle, size_t offset, size_t bytes)
{
    auto array = machine().arrays.get(handle);
    size_t element = array->element.bytes();
    require(offset % element == 0 && bytes % element == 0);
    require(offset <= array->bytes() && bytes <= array->bytes() - offset);
    auto &level = array->level;
    size_t z = offset / level.slice, y = offset % level.slice / level.pitch;
    return {reinterpret_cast<uint64_t>(level.data) + offset,
            level.pitch,
            level.slice,
            Side::any,
            array,
            {offset % level.pitch, y, z}};
}

Place device(CUdeviceptr pointer)
{
    return {pointer, 0, 0, Side::device};
}

Place host(const void *pointer)
{
    return {reinterpret_cast<uint64_t>(pointer), 0, 0, Side::host};
}

void row(Place to, Place from, size_t bytes, CUstream stream, bool synchronous)
{
    auto context = current::get();
    copy(*stream_of(stream, *context), to, from, {bytes}, synchronous);
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoA_v2(CUarray to, size_t offset, CUdeviceptr from,
                                             size_t bytes)
{
    ENTRY({ row(in_array(to, offset, bytes), device(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyAtoD_v2(CUdeviceptr to, CUarray from, size_t offset,
                                             size_t bytes)
{
    ENTRY({ row(device(to), in_array(from, offset, bytes), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyHtoA_v2(CUarray to, size_t offset, const void *from,
                                             size_t bytes)
{
    ENTRY({ row(in_array(to, offset, bytes), host(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyAtoH_v2(void *to, CUarray from, size_t offset, size_t bytes)
{
    ENTRY({ row(host(to), in_array(from, offset, bytes), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyAtoA_v2(CUarray to, size_t to_offset, CUarray from,
                                             size_t from_offset, size_t bytes)
{
    ENTRY({
        row(in_array(to, to_offset, bytes), in_array(from, from_offset, bytes), bytes, nullptr,
            true);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyHtoAAsync_v2(CUarray to, size_t offset, const void *from,
                                                  size_t bytes, CUstream stream)
{
    ENTRY({ row(in_array(to, offset, bytes), host(from), bytes, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyAtoHAsync_v2(void *to, CUarray from, size_t offset,
                                                  size_t bytes, CUstream stream)
{
    ENTRY({ row(host(to), in_array(from, offset, bytes), bytes, stream, false); });
}
