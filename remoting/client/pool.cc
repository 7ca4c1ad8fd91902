// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/pool.h"

#include "remoting/client/call.h"
#include "remoting/client/entry.h"
#include "remoting/client/memory.h"
#include "remoting/client/remote.h"

#include <cstring>

namespace vgpu::client
{

void Pool::charge(uint64_t bytes) noexcept
{
    uint64_t now = used.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    uint64_t high = used_high.load(std::memory_order_relaxed);
    while (now > high && !used_high.compare_exchange_weak(high, now, std::memory_order_relaxed))
        ;
}

} // namespace vgpu::client

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

template<class Body>
CUresult with_pool(CUmemoryPool handle, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        auto pool = session.pools.table.find(api::id_of(handle));
        return pool ? body(session, *pool) : CUDA_ERROR_INVALID_VALUE;
    });
}

CUresult get_pool(std::vector<uint64_t> Pools::*which, CUmemoryPool *pool, CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (!pool)
            return CUDA_ERROR_INVALID_VALUE;
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        std::lock_guard lock(session.pools.mutex);
        *pool = api::handle_of<CUmemoryPool>((session.pools.*which)[size_t(device)]);
        return CUDA_SUCCESS;
    });
}

// The three switches are consecutive numbers from 1.
static_assert(CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES == 1 &&
              CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES == 3);

bool is_switch(CUmemPool_attribute attribute)
{
    return attribute >= 1 && attribute <= 3;
}

// Pools are of devices' own memory only.
CUresult refuse_location()
{
    return refused("a memory pool of the host or of managed memory",
                   "it would be memory of the GPU's node");
}

} // namespace

VGPU_ENTRY cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    return get_pool(&Pools::defaults, pool, device);
}

VGPU_ENTRY cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    return get_pool(&Pools::current, pool, device);
}

VGPU_ENTRY cuDeviceSetMemPool(CUdevice device, CUmemoryPool handle)
{
    return with_pool(handle, [&](Session &session, Pool &pool) -> CUresult {
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        if (pool.device != device || pool.imported)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(session.pools.mutex);
        session.pools.current[size_t(device)] = api::id_of(handle);
        return CUDA_SUCCESS;
    });
}

#if CUDA_VERSION >= 13000
// The same by location.
static CUresult check_location(const CUmemLocation *location, CUmemAllocationType type)
{
    if (!location)
        return CUDA_ERROR_INVALID_VALUE;
    if (type != CU_MEM_ALLOCATION_TYPE_PINNED || location->type != CU_MEM_LOCATION_TYPE_DEVICE)
        return refuse_location();
    return CUDA_SUCCESS;
}

VGPU_ENTRY cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location,
                                  CUmemAllocationType type)
{
    CUresult result = check_location(location, type);
    return result == CUDA_SUCCESS ? cuDeviceGetDefaultMemPool(pool, location->id) : result;
}

VGPU_ENTRY cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type)
{
    CUresult result = check_location(location, type);
    return result == CUDA_SUCCESS ? cuDeviceGetMemPool(pool, location->id) : result;
}

VGPU_ENTRY cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool)
{
    CUresult result = check_location(location, type);
    return result == CUDA_SUCCESS ? cuDeviceSetMemPool(location->id, pool) : result;
}
#endif

VGPU_ENTRY cuMemPoolCreate(CUmemoryPool *handle, const CUmemPoolProps *properties)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle || !properties || properties->allocType != CU_MEM_ALLOCATION_TYPE_PINNED)
            return CUDA_ERROR_INVALID_VALUE;
        bool shareable = properties->handleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
        if (properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
            return refuse_location();
        if (!shareable && properties->handleTypes != CU_MEM_HANDLE_TYPE_NONE)
            return refused("cuMemPoolCreate with another handle than a file descriptor",
                           "no other is passed between the processes of a job");
        int device = properties->location.id;
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        auto pool = std::make_shared<Pool>();
        pool->device = device;
        pool->shareable = shareable;
        uint64_t id = session.new_id(api::Kind::pool);
        session.pools.table.add(id, pool);
        *handle = api::handle_of<CUmemoryPool>(id);
        return CUDA_SUCCESS;
    });
}

// Allocations that are still there stay good until they are freed, as documented.
VGPU_ENTRY cuMemPoolDestroy(CUmemoryPool handle)
{
    return with_pool(handle, [&](Session &session, Pool &pool) -> CUresult {
        if (pool.is_default)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = api::id_of(handle);
        size_t device = size_t(pool.device);
        {
            std::lock_guard lock(session.pools.mutex);
            if (session.pools.current[device] == id)
                session.pools.current[device] = session.pools.defaults[device];
        }
        session.pools.table.remove(id);
        std::lock_guard lock(pool.mutex);
        return pool.exported ? remote::vgpuPoolWithdraw(id) : CUDA_SUCCESS;
    });
}

// Nothing is held back from the worker's arena.
VGPU_ENTRY cuMemPoolTrimTo(CUmemoryPool handle, size_t)
{
    return with_pool(handle, [](Session &, Pool &) { return CUDA_SUCCESS; });
}

VGPU_ENTRY cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value)
{
    return with_pool(handle, [&](Session &, Pool &pool) -> CUresult {
        if (!value)
            return CUDA_ERROR_INVALID_VALUE;
        cuuint64_t number = 0;
        if (is_switch(attribute)) {
            int on;
            std::memcpy(&on, value, sizeof(on));
            pool.reuse[attribute - 1] = on != 0;
            return CUDA_SUCCESS;
        }
        std::memcpy(&number, value, sizeof(number));
        switch (attribute) {
        case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
            pool.release_threshold = number;
            return CUDA_SUCCESS;
        case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
            if (number != 0) // only a reset is allowed
                return CUDA_ERROR_INVALID_VALUE;
            pool.used_high = pool.used.load();
            return CUDA_SUCCESS;
        default:
            return CUDA_ERROR_INVALID_VALUE;
        }
    });
}

VGPU_ENTRY cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value)
{
    return with_pool(handle, [&](Session &, Pool &pool) -> CUresult {
        if (!value)
            return CUDA_ERROR_INVALID_VALUE;
        if (is_switch(attribute)) {
            int on = pool.reuse[attribute - 1];
            std::memcpy(value, &on, sizeof(on));
            return CUDA_SUCCESS;
        }
        cuuint64_t number;
        switch (attribute) {
        case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
            number = pool.release_threshold;
            break;
        case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
        case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
            number = pool.used;
            break;
        case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
            number = pool.used_high;
            break;
        default:
            return CUDA_ERROR_INVALID_VALUE;
        }
        std::memcpy(value, &number, sizeof(number));
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc *map, size_t count)
{
    return with_pool(handle, [&](Session &session, Pool &pool) -> CUresult {
        if (count != 0 && !map)
            return CUDA_ERROR_INVALID_VALUE;
        for (size_t i = 0; i < count; ++i)
            if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE || map[i].location.id < 0 ||
                size_t(map[i].location.id) >= session.devices().size())
                return CUDA_ERROR_INVALID_DEVICE;
        std::lock_guard lock(pool.mutex);
        for (size_t i = 0; i < count; ++i) {
            if (map[i].location.id == pool.device && map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE)
                return CUDA_ERROR_INVALID_VALUE; // its own device keeps access
            std::erase_if(pool.access, [&](auto &row) { return row.first == map[i].location.id; });
            pool.access.emplace_back(map[i].location.id, int(map[i].flags));
        }
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemPoolGetAccess(CUmemAccess_flags *flags, CUmemoryPool handle,
                              CUmemLocation *location)
{
    return with_pool(handle, [&](Session &, Pool &pool) -> CUresult {
        if (!flags || !location || location->type != CU_MEM_LOCATION_TYPE_DEVICE)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(pool.mutex);
        *flags = location->id == pool.device ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
                                             : CU_MEM_ACCESS_FLAGS_PROT_NONE;
        for (auto &[device, granted] : pool.access)
            if (device == location->id)
                *flags = CUmemAccess_flags(granted);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, CUmemoryPool handle,
                                   CUstream stream)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        uint64_t id = api::id_of(handle);
        auto pool = session.pools.table.find(id);
        if (!pool || pool->imported)
            return CUDA_ERROR_INVALID_VALUE;
        return allocate_in_order(session, context, address, bytes, id, stream);
    });
}

VGPU_ENTRY cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *address, size_t bytes, CUmemoryPool pool,
                                        CUstream stream)
{
    return cuMemAllocFromPoolAsync(address, bytes, pool, per_thread(stream));
}
