// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/shared-file.h"

#include <cstring>

using namespace vgpu::soft::driver;

namespace
{

bool is_number64(CUmemPool_attribute attribute)
{
    return attribute >= CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
}

CUdeviceptr allocate(std::shared_ptr<Pool> pool, size_t bytes, CUstream handle)
{
    require(bytes != 0);
    auto stream = stream_of(handle, *current::get());
    auto context = stream->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    if (!pool)
        pool = context->device.current_pool();
    if (captured(*stream)) {
        AllocNode node;
        node.memory = GraphMemory::create(pool->device, bytes);
        CUdeviceptr address = node.memory->address;
        capture_node(*stream, std::move(node));
        return address;
    }
    return pool->allocate(*stream, bytes);
}

Device &device_of(const CUmemLocation &location)
{
    require(location.type == CU_MEM_LOCATION_TYPE_DEVICE, CUDA_ERROR_NOT_SUPPORTED);
    return machine().device(location.id);
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, CUstream stream)
{
    ENTRY({
        require(pointer != nullptr);
        *pointer = allocate(nullptr, bytes, stream);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t bytes,
                                                     CUmemoryPool pool, CUstream stream)
{
    ENTRY({
        require(pointer != nullptr);
        auto from = machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE);
        require(!from->imported);
        *pointer = allocate(from, bytes, stream);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemFreeAsync(CUdeviceptr pointer, CUstream handle)
{
    ENTRY({
        auto stream = stream_of(handle, *current::get());
        auto context = stream->context.lock();
        require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
        context->check();
        auto allocation = machine().allocations.find(pointer);
        require(allocation && allocation->address == pointer);
        if (allocation->origin == Allocation::Origin::graph) {
            auto memory = GraphMemory::find(pointer);
            require(memory != nullptr);
            if (captured(*stream)) {
                capture_node(*stream, FreeNode{pointer, memory});
                return CUDA_SUCCESS;
            }
            memory->free();
            context->submit(*stream, {[memory] { memory->end(); }, {}});
            return CUDA_SUCCESS;
        }
        // What a graph did not allocate cannot be freed by one.
        if (captured(*stream))
            forbid_while_capturing(*stream);
        if (allocation->origin == Allocation::Origin::plain ||
            allocation->origin == Allocation::Origin::imported)
            return cuMemFree_v2(pointer);
        require(allocation->origin == Allocation::Origin::pool);
        require(machine()
                    .pools.get(allocation->owner, CUDA_ERROR_INVALID_VALUE)
                    ->free(*stream, pointer));
        return CUDA_SUCCESS;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties)
{
    ENTRY({
        require(pool && properties && properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED);
        bool shared = properties->handleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
        require(shared || properties->handleTypes == CU_MEM_HANDLE_TYPE_NONE,
                CUDA_ERROR_NOT_SUPPORTED);
        size_t most = 0;
#if CUDA_VERSION >= 12020
        most = properties->maxSize;
#endif
        Device &device = device_of(properties->location);
        auto made = std::make_shared<Pool>(
            device, most, shared ? SharedFile::make(device.ordinal, kPage) : nullptr);
        machine().pools.add(made);
        *pool = handle_of<CUmemoryPool>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolDestroy(CUmemoryPool handle)
{
    ENTRY({
        auto pool = machine().pools.get(handle, CUDA_ERROR_INVALID_VALUE);
        Device &device = pool->device;
        require(pool != device.default_pool());
        device.synchronize();
        pool->trim(0);
        if (device.current_pool() == pool)
            device.set_current_pool(nullptr);
        // What is still allocated lives on until it is freed, so the pool then stays.
        if (pool->get(CU_MEMPOOL_ATTR_USED_MEM_CURRENT) == 0)
            machine().pools.remove(pool->id);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolTrimTo(CUmemoryPool pool, size_t keep)
{
    ENTRY({ machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE)->trim(keep); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute,
                                                   void *value)
{
    ENTRY({
        require(value != nullptr);
        uint64_t got = machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE)->get(attribute);
        int small = static_cast<int>(got);
        if (is_number64(attribute))
            memcpy(value, &got, sizeof got);
        else
            memcpy(value, &small, sizeof small);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute,
                                                   void *value)
{
    ENTRY({
        require(value != nullptr);
        uint64_t wide = 0;
        int small = 0;
        if (is_number64(attribute))
            memcpy(&wide, value, sizeof wide);
        else
            memcpy(&small, value, sizeof small);
        machine()
            .pools.get(pool, CUDA_ERROR_INVALID_VALUE)
            ->set(attribute, is_number64(attribute) ? wide : static_cast<uint64_t>(small != 0));
    });
}

// All devices are peers, so a pool's memory is always within reach of all.
SOFT_EXPORT CUresult CUDAAPI cuMemPoolSetAccess(CUmemoryPool pool,
                                                const CUmemAccessDesc *descriptions, size_t count)
{
    ENTRY({
        require(descriptions && count);
        auto which = machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE);
        for (size_t i = 0; i < count; i++)
            require(&device_of(descriptions[i].location) != &which->device ||
                    descriptions[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolGetAccess(CUmemAccess_flags *flags, CUmemoryPool pool,
                                                CUmemLocation *location)
{
    ENTRY({
        require(flags && location);
        machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE);
        device_of(*location);
        *flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    ENTRY({
        require(pool != nullptr);
        *pool = handle_of<CUmemoryPool>(*machine().device(device).default_pool());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    ENTRY({
        require(pool != nullptr);
        *pool = handle_of<CUmemoryPool>(*machine().device(device).current_pool());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceSetMemPool(CUdevice ordinal, CUmemoryPool handle)
{
    ENTRY({
        auto pool = machine().pools.get(handle, CUDA_ERROR_INVALID_VALUE);
        Device &device = machine().device(ordinal);
        require(&pool->device == &device && !pool->imported);
        device.set_current_pool(pool);
    });
}

#if CUDA_VERSION >= 13000
// The same by location; only devices have pools here, and only of pinned memory.
SOFT_EXPORT CUresult CUDAAPI cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location,
                                                    CUmemAllocationType type)
{
    ENTRY({
        require(pool && location);
        require(type == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_NOT_SUPPORTED);
        *pool = handle_of<CUmemoryPool>(*device_of(*location).default_pool());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location,
                                             CUmemAllocationType type)
{
    ENTRY({
        require(pool && location);
        require(type == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_NOT_SUPPORTED);
        *pool = handle_of<CUmemoryPool>(*device_of(*location).current_pool());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type,
                                             CUmemoryPool pool)
{
    ENTRY({
        require(location != nullptr);
        require(type == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_NOT_SUPPORTED);
        return cuDeviceSetMemPool(device_of(*location).ordinal, pool);
    });
}
#endif
