// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/memory.h"
#include "softgpu/driver/capture.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/pool.h"

#include <sys/mman.h>

namespace vgpu::soft::driver
{

uint64_t map_pages(size_t bytes)
{
    void *mapping = mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(mapping != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    return reinterpret_cast<uint64_t>(mapping);
}

void unmap_pages(uint64_t address, size_t bytes)
{
    munmap(reinterpret_cast<void *>(address), bytes + kPage);
}

uint64_t allocate_device(Device &device, size_t bytes, Allocation::Origin origin, uint64_t context,
                         uint64_t owner, bool constant)
{
    require(bytes <= device.memory, CUDA_ERROR_OUT_OF_MEMORY);
    size_t mapped = round_up(bytes, kPage);
    device.charge(mapped);
    uint64_t address = 0;
    try {
        address = map_pages(mapped);
        machine().memory.add({address, address + bytes, !constant});
    } catch (...) {
        if (address)
            unmap_pages(address, mapped);
        device.refund(mapped);
        throw;
    }
    machine().allocations.add({address, bytes, mapped, origin, device.ordinal, context, 0, true,
                               owner, 0, origin == Allocation::Origin::managed});
    return address;
}

uint64_t allocate_host(Context &context, size_t bytes, unsigned flags)
{
    require(bytes <= SIZE_MAX / 2, CUDA_ERROR_OUT_OF_MEMORY);
    size_t mapped = round_up(bytes, kPage);
    uint64_t address = map_pages(mapped);
    machine().memory.add({address, address + bytes, true});
    machine().allocations.add({address, bytes, mapped, Allocation::Origin::host,
                               context.device.ordinal, context.id, flags});
    return address;
}

void release(const Allocation &allocation)
{
    machine().memory.remove(allocation.address);
    if (allocation.origin == Allocation::Origin::registered)
        return;
    unmap_pages(allocation.address, allocation.charged);
    if (allocation.on_device() && allocation.origin != Allocation::Origin::imported)
        machine().device(allocation.device).refund(allocation.charged);
}

void release_memory(Context &context)
{
    // Kernels of other contexts may reach this memory too: devices are peers.
    for (auto &device : machine().devices)
        device->synchronize();
    for (auto &allocation : machine().allocations.of_context(context.id))
        if (machine().allocations.take(allocation.address))
            release(allocation);
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes)
{
    ENTRY({
        require(pointer && bytes);
        auto context = current::get();
        forbid_unsafe();
        *pointer = allocate_device(context->device, bytes, Allocation::Origin::plain, context->id);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemAllocPitch_v2(CUdeviceptr *pointer, size_t *pitch, size_t width,
                                                size_t height, unsigned int element)
{
    ENTRY({
        require(pointer && pitch && width && height &&
                (element == 4 || element == 8 || element == 16));
        auto context = current::get();
        forbid_unsafe();
        require(width <= context->device.memory, CUDA_ERROR_OUT_OF_MEMORY);
        size_t row = round_up(width, 512);
        require(height <= context->device.memory / row, CUDA_ERROR_OUT_OF_MEMORY);
        *pointer =
            allocate_device(context->device, row * height, Allocation::Origin::plain, context->id);
        *pitch = row;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemFree_v2(CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        if (!pointer)
            return;
        forbid_unsafe();
        auto known = machine().allocations.find(pointer);
        using enum Allocation::Origin;
        require(known && known->address == pointer &&
                (known->origin == plain || known->origin == managed || known->origin == pool ||
                 known->origin == graph || (known->origin == imported && known->owner)));
        for (auto &device : machine().devices)
            device->synchronize();
        if (known->origin == graph) {
            auto memory = GraphMemory::find(pointer);
            require(memory != nullptr);
            memory->free();
            memory->end();
            return;
        }
        if (known->origin == pool) {
            auto owner = machine().pools.get(known->owner, CUDA_ERROR_INVALID_VALUE);
            require(owner->free(*current::get()->legacy(), pointer));
            return;
        }
        auto allocation = machine().allocations.take(pointer);
        require(allocation.has_value());
        release(*allocation);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemGetInfo_v2(size_t *free, size_t *total)
{
    ENTRY({
        auto context = current::get();
        require(free && total);
        *free = context->device.available();
        *total = context->device.memory;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size,
                                                     CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        auto allocation = machine().allocations.find(pointer);
        require(allocation.has_value(), CUDA_ERROR_NOT_FOUND);
        if (base)
            *base = allocation->address;
        if (size)
            *size = allocation->size;
    });
}
