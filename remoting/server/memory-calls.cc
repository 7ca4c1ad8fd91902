// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/calls.h"
#include "remoting/server/graph-node.h"

#include <cstring>

namespace vgpu::server::calls
{

CUresult vgpuMemoryInfo(Session &session, uint32_t ordinal, uint64_t *free, uint64_t *total)
{
    if (ordinal >= session.slices.size())
        return CUDA_ERROR_INVALID_DEVICE;
    session.tidy();
    session.memory.info(ordinal, *free, *total);
    return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(Session &session, CUdeviceptr *pointer, size_t bytes)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    session.tidy();
    return session.memory.allocate(context->slice, context->word, bytes, pointer);
}

CUresult cuMemAllocPitch_v2(Session &session, CUdeviceptr *pointer, size_t *pitch, size_t width,
                            size_t height, unsigned element)
{
    if (width == 0 || height == 0 || (element != 4 && element != 8 && element != 16))
        return CUDA_ERROR_INVALID_VALUE;
    size_t row, bytes;
    if (__builtin_add_overflow(width, Memory::kAlignment - 1, &row))
        return CUDA_ERROR_OUT_OF_MEMORY;
    row -= row % Memory::kAlignment;
    if (__builtin_mul_overflow(row, height, &bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = cuMemAlloc_v2(session, pointer, bytes);
    *pitch = row;
    return result;
}

// Frees as the driver does: after everything that was asked for before, on any stream.
CUresult cuMemFree_v2(Session &session, CUdeviceptr pointer)
{
    Fence fence = session.contexts.fence();
    if (!session.captures.blocks.contains(pointer))
        return session.memory.free(pointer, std::move(fence));
    CUresult now;
    if (fence.done(now))
        return session.driver.cuMemFree_v2(pointer);
    session.retire(std::move(fence),
                   [&driver = session.driver, pointer] { driver.cuMemFree_v2(pointer); });
    return CUDA_SUCCESS;
}

// There at once, which is earlier than the stream asks for. What a graph allocates is the driver's.
CUresult cuMemAllocAsync(Session &session, CUdeviceptr *pointer, size_t bytes, CUstream stream)
{
    if (!session.captures.captures(stream))
        return cuMemAlloc_v2(session, pointer, bytes);
    Captures::State now;
    if (CUresult result = session.captures.state(stream, now); result != CUDA_SUCCESS)
        return result;
    if (now.status != CU_STREAM_CAPTURE_STATUS_ACTIVE || !session.driver.cuMemAllocAsync)
        return now.status == CU_STREAM_CAPTURE_STATUS_ACTIVE
                   ? CUDA_ERROR_NOT_SUPPORTED
                   : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    return allocate_in_graph(session, now.graph, bytes, [&] {
        CUresult result = session.driver.cuMemAllocAsync(pointer, bytes, stream);
        return std::pair(result, *pointer);
    });
}

CUresult cuMemFreeAsync(Session &session, CUdeviceptr pointer, CUstream stream)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (session.captures.blocks.contains(pointer))
        return session.driver.cuMemFreeAsync(pointer, stream);
    if (session.captures.captures(stream))
        return CUDA_ERROR_INVALID_VALUE;
    Fence fence(session.driver);
    if (CUresult result = fence.add(context->handle, context->events, stream);
        result != CUDA_SUCCESS)
        return result;
    return session.memory.free(pointer, std::move(fence));
}

CUresult vgpuGranularity(Session &session, uint32_t ordinal, uint32_t option, uint64_t *bytes)
{
    if (ordinal >= session.slices.size())
        return CUDA_ERROR_INVALID_DEVICE;
    CUmemAllocationProp prop = on_device(session.slices[ordinal].device);
    return session.driver.cuMemGetAllocationGranularity(bytes, &prop,
                                                        CUmemAllocationGranularity_flags(option));
}

CUresult vgpuAddressReserve(Session &session, uint64_t base, uint64_t bytes, uint64_t alignment)
{
    return session.physical.reserve(base, bytes, alignment);
}

CUresult vgpuAddressFree(Session &session, uint64_t base, uint64_t bytes)
{
    return session.physical.free(base, bytes);
}

CUresult vgpuAllocationCreate(Session &session, uint64_t allocation, uint32_t ordinal,
                              uint64_t bytes, uint32_t compression, uint32_t rdma, uint32_t usage,
                              uint32_t shareable)
{
    session.tidy();
    return session.physical.create(allocation, ordinal, bytes,
                                   {compression, rdma, usage, shareable != 0});
}

CUresult vgpuAllocationRelease(Session &session, uint64_t allocation)
{
    return session.physical.release(allocation);
}

CUresult vgpuAllocationMap(Session &session, uint64_t base, uint64_t bytes, uint64_t offset,
                           uint64_t allocation)
{
    return session.physical.map(base, bytes, offset, allocation);
}

CUresult vgpuAllocationUnmap(Session &session, uint64_t base, uint64_t bytes)
{
    session.contexts.let_ask();
    return session.physical.unmap(base, bytes);
}

CUresult vgpuAllocationAccess(Session &session, uint64_t base, uint64_t bytes, uint32_t ordinal,
                              uint32_t flags)
{
    session.contexts.let_ask();
    return session.physical.set_access(base, bytes, ordinal, flags);
}

// All that an operation reads and writes is on the device.
CUresult vgpuDecompress([[maybe_unused]] Session &session,
                        [[maybe_unused]] const unsigned char *operations,
                        [[maybe_unused]] uint64_t n, [[maybe_unused]] uint32_t flags,
                        [[maybe_unused]] CUstream stream, uint32_t *answer,
                        [[maybe_unused]] uint64_t *index)
{
#if CUDA_VERSION >= 12080
    std::vector<CUmemDecompressParams> list(n / sizeof(CUmemDecompressParams));
    if (list.empty() || n % sizeof list[0] != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (!session.driver.cuMemBatchDecompressAsync)
        return CUDA_ERROR_NOT_SUPPORTED;
    std::memcpy(list.data(), operations, n);
    for (auto &it : list)
        for (const void *at :
             {it.src, static_cast<const void *>(it.dst), static_cast<const void *>(it.dstActBytes)})
            if (CUresult result = session.handles.pointer(CUdeviceptr(at)); result != CUDA_SUCCESS)
                return result;
    size_t wrong = 0;
    *answer =
        session.driver.cuMemBatchDecompressAsync(list.data(), list.size(), flags, &wrong, stream);
    *index = wrong;
#else
    *answer = CUDA_ERROR_NOT_SUPPORTED;
#endif
    return CUDA_SUCCESS;
}

} // namespace vgpu::server::calls
