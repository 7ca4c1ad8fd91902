// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"

// Host memory that kernels may touch: allocated here, or the application's own, registered. Its
// device address is its host address.

using namespace vgpu::soft::driver;

namespace
{

Allocation pinned(const void *pointer)
{
    auto allocation = machine().allocations.find(reinterpret_cast<uint64_t>(pointer));
    require(allocation && !allocation->on_device());
    return *allocation;
}

void free_host(void *pointer, Allocation::Origin origin, CUresult otherwise)
{
    auto address = reinterpret_cast<uint64_t>(pointer);
    auto known = machine().allocations.find(address);
    require(known && known->address == address && known->origin == origin, otherwise);
    forbid_unsafe();
    for (auto &device : machine().devices)
        device->synchronize();
    auto allocation = machine().allocations.take(address);
    require(allocation.has_value(), otherwise);
    release(*allocation);
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemHostAlloc(void **pointer, size_t bytes, unsigned int flags)
{
    ENTRY({
        constexpr unsigned known =
            CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
        require(pointer && bytes && !(flags & ~known));
        auto context = current::get();
        forbid_unsafe();
        *pointer = reinterpret_cast<void *>(allocate_host(*context, bytes, flags));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemAllocHost_v2(void **pointer, size_t bytes)
{
    return cuMemHostAlloc(pointer, bytes, 0);
}

SOFT_EXPORT CUresult CUDAAPI cuMemFreeHost(void *pointer)
{
    ENTRY({
        current::get();
        free_host(pointer, Allocation::Origin::host, CUDA_ERROR_INVALID_VALUE);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned int flags)
{
    ENTRY({
        constexpr unsigned known = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP |
                                   CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;
        auto context = current::get();
        auto address = reinterpret_cast<uint64_t>(pointer);
        require(pointer && bytes && !(flags & ~known) && bytes <= UINT64_MAX - address);
        require(!(flags & CU_MEMHOSTREGISTER_IOMEMORY), CUDA_ERROR_NOT_SUPPORTED);
        auto &allocations = machine().allocations;
        require(!allocations.find(address) && !allocations.find(address + bytes - 1),
                CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        bool writable = !(flags & CU_MEMHOSTREGISTER_READ_ONLY);
        machine().memory.add({address, address + bytes, writable});
        allocations.add({address, bytes, bytes, Allocation::Origin::registered,
                         context->device.ordinal, context->id, flags, writable});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemHostUnregister(void *pointer)
{
    ENTRY({
        current::get();
        require(pointer != nullptr);
        free_host(pointer, Allocation::Origin::registered, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *pointer,
                                                          unsigned int flags)
{
    ENTRY({
        current::get();
        require(device && !flags);
        pinned(pointer);
        *device = reinterpret_cast<CUdeviceptr>(pointer);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemHostGetFlags(unsigned int *flags, void *pointer)
{
    ENTRY({
        current::get();
        require(flags != nullptr);
        auto allocation = pinned(pointer);
        require(allocation.origin == Allocation::Origin::host);
        // With unified addressing all pinned memory is mapped.
        *flags = allocation.flags | CU_MEMHOSTALLOC_DEVICEMAP;
    });
}
