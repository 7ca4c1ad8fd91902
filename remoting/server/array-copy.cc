// SPDX-License-Identifier: Apache-2.0
// Copies from and to arrays: rows of one slice or layer.
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"
#include "remoting/server/decode.h"

namespace vgpu::server
{
namespace
{

// Rows from (x, y) on in slice z, x in bytes.
struct InArrayAt {
    CUarray array;
    CUcontext owner;
    uint64_t x, y, z;
};

// Rows in memory of this process or the device's.
struct InMemory {
    CUmemorytype type;
    const void *host;
    CUdeviceptr device;
    uint64_t pitch;
};

InMemory host_rows(const void *host, uint64_t pitch)
{
    return {CU_MEMORYTYPE_HOST, host, 0, pitch};
}

InMemory device_rows(CUdeviceptr device, uint64_t pitch)
{
    return {CU_MEMORYTYPE_DEVICE, nullptr, device, pitch};
}

// CUDA_MEMCPY3D and CUDA_MEMCPY3D_PEER have the same names for all of this.
void set_source(auto &copy, const InArrayAt &from)
{
    copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.srcArray = from.array;
    copy.srcXInBytes = from.x;
    copy.srcY = from.y;
    copy.srcZ = from.z;
}

void set_source(auto &copy, const InMemory &from)
{
    copy.srcMemoryType = from.type;
    copy.srcHost = from.host;
    copy.srcDevice = from.device;
    copy.srcPitch = from.pitch;
}

void set_target(auto &copy, const InArrayAt &to)
{
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.dstArray = to.array;
    copy.dstXInBytes = to.x;
    copy.dstY = to.y;
    copy.dstZ = to.z;
}

void set_target(auto &copy, const InMemory &to)
{
    copy.dstMemoryType = to.type;
    copy.dstHost = const_cast<void *>(to.host);
    copy.dstDevice = to.device;
    copy.dstPitch = to.pitch;
}

CUcontext owner_of(const InArrayAt &end, CUcontext)
{
    return end.owner;
}

CUcontext owner_of(const InMemory &, CUcontext current)
{
    return current;
}

CUresult copy_rows(Session &session, const auto &to, const auto &from, uint64_t width,
                   uint64_t rows, CUstream stream)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (width == 0 || rows == 0)
        return CUDA_SUCCESS;
    auto describe = [&](auto copy) {
        copy.WidthInBytes = width;
        copy.Height = rows;
        copy.Depth = 1;
        set_target(copy, to);
        set_source(copy, from);
        return copy;
    };
    const Driver &driver = session.driver;
    CUcontext current = context->handle;
    CUcontext target = owner_of(to, current), source = owner_of(from, current);
    if (target == current && source == current) {
        auto copy = describe(CUDA_MEMCPY3D{});
        return driver.cuMemcpy3DAsync_v2 ? driver.cuMemcpy3DAsync_v2(&copy, stream)
                                         : CUDA_ERROR_NOT_SUPPORTED;
    }
    auto copy = describe(CUDA_MEMCPY3D_PEER{});
    copy.dstContext = target;
    copy.srcContext = source;
    return driver.cuMemcpy3DPeerAsync ? driver.cuMemcpy3DPeerAsync(&copy, stream)
                                      : CUDA_ERROR_NOT_SUPPORTED;
}

} // namespace

namespace calls
{

using api::Handle;
using api::InArray;
using api::Val;

void vgpuArrayIn(Session &session, Request &request)
{
    std::tuple<Handle<CUarray>::Server, Handle<CUcontext>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Handle<CUstream>::Server, InArray<std::byte>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[array, owner, x, y, z, width, rows, stream, data] = all;
    if (result == CUDA_SUCCESS) {
        // clang 14 captures no structured bindings.
        const InArrayAt to{array.arg(), owner.arg(), x.arg(), y.arg(), z.arg()};
        const uint64_t bytes = width.arg(), count = rows.arg();
        const CUstream on = stream.arg();
        result = stage_in(session, bytes, count, on, data.bytes, [&](const std::byte *place) {
            return copy_rows(session, to, host_rows(place, bytes), bytes, count, on);
        });
    }
    answer_when_taken(session, session.in_staging, request, result);
}

void vgpuArrayOut(Session &session, Request &request)
{
    std::tuple<Handle<CUarray>::Server, Handle<CUcontext>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Handle<CUstream>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[array, owner, x, y, z, width, rows, stream] = all;
    InArrayAt from{array.arg(), owner.arg(), x.arg(), y.arg(), z.arg()};
    send_out(session, request, result, width.arg(), rows.arg(), stream.arg(),
             [&session, from, stream = stream.arg()](std::byte *to, uint64_t row, uint64_t column,
                                                     uint64_t width, uint64_t rows) {
                 InArrayAt part = from;
                 part.x += column;
                 part.y += row;
                 return copy_rows(session, host_rows(to, width), part, width, rows, stream);
             });
}

CUresult vgpuArrayFromHost(Session &session, CUarray array, CUcontext owner, uint64_t x, uint64_t y,
                           uint64_t z, uint64_t host, uint64_t offset, uint64_t host_pitch,
                           uint64_t width, uint64_t rows, CUstream stream)
{
    const std::byte *from = session.host_memory.rows(host, offset, host_pitch, width, rows);
    if (!from)
        return CUDA_ERROR_INVALID_VALUE;
    return copy_rows(session, InArrayAt{array, owner, x, y, z}, host_rows(from, host_pitch), width,
                     rows, stream);
}

CUresult vgpuArrayToHost(Session &session, uint64_t host, uint64_t offset, uint64_t host_pitch,
                         CUarray array, CUcontext owner, uint64_t x, uint64_t y, uint64_t z,
                         uint64_t width, uint64_t rows, CUstream stream)
{
    std::byte *to = session.host_memory.rows(host, offset, host_pitch, width, rows);
    if (!to)
        return CUDA_ERROR_INVALID_VALUE;
    return copy_rows(session, host_rows(to, host_pitch), InArrayAt{array, owner, x, y, z}, width,
                     rows, stream);
}

CUresult vgpuArrayFromDevice(Session &session, CUarray array, CUcontext owner, uint64_t x,
                             uint64_t y, uint64_t z, CUdeviceptr src, uint64_t pitch,
                             uint64_t width, uint64_t rows, CUstream stream)
{
    return copy_rows(session, InArrayAt{array, owner, x, y, z}, device_rows(src, pitch), width,
                     rows, stream);
}

CUresult vgpuArrayToDevice(Session &session, CUdeviceptr dst, uint64_t pitch, CUarray array,
                           CUcontext owner, uint64_t x, uint64_t y, uint64_t z, uint64_t width,
                           uint64_t rows, CUstream stream)
{
    return copy_rows(session, device_rows(dst, pitch), InArrayAt{array, owner, x, y, z}, width,
                     rows, stream);
}

CUresult vgpuArrayToArray(Session &session, CUarray to, CUcontext to_owner, uint64_t to_x,
                          uint64_t to_y, uint64_t to_z, CUarray from, CUcontext from_owner,
                          uint64_t from_x, uint64_t from_y, uint64_t from_z, uint64_t width,
                          uint64_t rows, CUstream stream)
{
    return copy_rows(session, InArrayAt{to, to_owner, to_x, to_y, to_z},
                     InArrayAt{from, from_owner, from_x, from_y, from_z}, width, rows, stream);
}

} // namespace calls
} // namespace vgpu::server
