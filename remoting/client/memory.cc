// SPDX-License-Identifier: Apache-2.0
// Device memory: taken and given back on the worker, known here by address.
#include "remoting/client/memory.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

namespace vgpu::client
{

CUresult note_allocation(Session &session, const Context &context, CUdeviceptr address,
                         size_t bytes, uint64_t pool, bool graph)
{
    Range range{.base = address,
                .bytes = bytes,
                .context = context.id,
                .device = context.device,
                .owner = pool,
                .graph = graph};
    if (session.ranges.add(range))
        return CUDA_SUCCESS;
    session.connection().give_up("it gave an address out twice");
    return CUDA_ERROR_DEVICE_UNAVAILABLE;
}

CUresult allocate_in_order(Session &session, Context &context, CUdeviceptr *address, size_t bytes,
                           uint64_t pool, CUstream stream)
{
    if (!address || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (!good_stream(session, stream))
        return CUDA_ERROR_INVALID_HANDLE;
    bool captured = false;
    CUresult result = session.captures.ask(session, stream_word(session, context.word(), stream),
                                           stream, captured);
    if (result == CUDA_SUCCESS)
        result = remote::cuMemAllocAsync(address, bytes, stream);
    if (result == CUDA_SUCCESS)
        result = note_allocation(session, context, *address, bytes, captured ? 0 : pool, captured);
    if (captured)
        return result;
    if (auto owner = session.pools.table.find(pool); owner && result == CUDA_SUCCESS)
        owner->charge(bytes);
    return result;
}

namespace
{

// Takes an allocation that begins at `address` out of the books.
bool forget_allocation(Session &session, CUdeviceptr address)
{
    auto range = session.ranges.find(address);
    if (!range || range->base != address || range->kind != Range::Kind::device)
        return false;
    if (range->imported) { // by a pool, or to be closed by cuIpcCloseMemHandle
        if (range->owner)
            session.ranges.remove(address);
        return range->owner != 0;
    }
    if (range->graph)
        return true; // it goes with the graph
    session.ranges.remove(address);
    if (auto pool = range->owner ? session.pools.table.find(range->owner) : nullptr)
        pool->credit(range->bytes);
    return true;
}

// As the driver does, whoever frees managed memory waits for the device: it is used again at once.
bool free_managed(Session &session, CUdeviceptr address)
{
    auto range = session.ranges.find(address);
    if (!range || range->base != address || range->kind != Range::Kind::managed || range->owner)
        return false;
    call_in(session, uint32_t(vgpu::api::counter_of(range->context)),
            vgpu::api::Call::cuCtxSynchronize);
    session.ranges.remove(address);
    session.managed.free(session, range->context, address);
    return true;
}

} // namespace

} // namespace vgpu::client

using namespace vgpu::client;

VGPU_ENTRY cuMemAlloc_v2(CUdeviceptr *address, size_t bytes)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || bytes == 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        CUresult result = remote::cuMemAlloc_v2(address, bytes);
        return result == CUDA_SUCCESS ? note_allocation(session, context, *address, bytes, 0)
                                      : result;
    });
}

VGPU_ENTRY cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height,
                              unsigned element)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || !pitch || width == 0 || height == 0 ||
            (element != 4 && element != 8 && element != 16))
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        CUresult result = remote::cuMemAllocPitch_v2(address, pitch, width, height, element);
        return result == CUDA_SUCCESS
                   ? note_allocation(session, context, *address, *pitch * height, 0)
                   : result;
    });
}

// What is found out at home is told at once; the rest of the freeing needs no answer. Work under
// way that uses the memory is waited for by the worker.
VGPU_ENTRY cuMemFree_v2(CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        if (address == 0)
            return CUDA_SUCCESS;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        if (forget_allocation(session, address))
            return remote::cuMemFree_v2(address);
        return free_managed(session, address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &context) {
        uint64_t pool;
        {
            std::lock_guard lock(session.pools.mutex);
            pool = session.pools.current[size_t(context.device)];
        }
        return allocate_in_order(session, context, address, bytes, pool, stream);
    });
}

VGPU_ENTRY cuMemAllocAsync_ptsz(CUdeviceptr *address, size_t bytes, CUstream stream)
{
    return cuMemAllocAsync(address, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemFreeAsync(CUdeviceptr address, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (!forget_allocation(session, address))
            return CUDA_ERROR_INVALID_VALUE;
        return post_in(session, stream_word(session, context.word(), stream),
                       vgpu::api::Call::cuMemFreeAsync, at(address), handle(stream));
    });
}

VGPU_ENTRY cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream)
{
    return cuMemFreeAsync(address, per_thread(stream));
}

VGPU_ENTRY cuMemGetInfo_v2(size_t *free, size_t *total)
{
    return entry_in_context([&](Session &, Context &context) -> CUresult {
        if (!free || !total)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t free_bytes = 0, total_bytes = 0;
        CUresult result =
            remote::vgpuMemoryInfo(uint32_t(context.device), &free_bytes, &total_bytes);
        if (result == CUDA_SUCCESS) {
            *free = free_bytes;
            *total = total_bytes;
        }
        return result;
    });
}

VGPU_ENTRY cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        auto range = session.ranges.find(address);
        if (!range || range->kind == Range::Kind::registered)
            return CUDA_ERROR_NOT_FOUND;
        if (base)
            *base = range->base;
        if (bytes)
            *bytes = range->bytes;
        return CUDA_SUCCESS;
    });
}
