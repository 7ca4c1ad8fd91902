// SPDX-License-Identifier: Apache-2.0
// cuMemAddress*, cuMemCreate, cuMemMap and their kin. What can be known is answered here; the
// worker is asked for addresses and memory, and told of the rest.
#include "remoting/base/log.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <bit>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

bool is_device(const Session &session, const CUmemLocation &location)
{
    return location.id >= 0 && size_t(location.id) < session.devices().size();
}

// Where physical memory can be: on a device of the worker's node. Others get it by descriptors.
CUresult check(const Session &session, const CUmemAllocationProp *prop)
{
    if (!prop || prop->type != CU_MEM_ALLOCATION_TYPE_PINNED)
        return CUDA_ERROR_INVALID_VALUE;
    if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return refused("cuMemCreate for host memory", "it would be memory of the GPU's node");
    if (!is_device(session, prop->location))
        return CUDA_ERROR_INVALID_DEVICE;
    if ((prop->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != 0)
        return refused("cuMemCreate with another handle than a file descriptor",
                       "no other is passed between the processes of a job");
    return CUDA_SUCCESS;
}

// 0 where the worker does not say. Under the lock.
uint64_t granularity(Session &session, int device)
{
    auto &known = session.mappings.granularity;
    known.resize(session.devices().size());
    uint64_t &bytes = known[size_t(device)];
    if (bytes == 0 && remote::vgpuGranularity(uint32_t(device), CU_MEM_ALLOC_GRANULARITY_MINIMUM,
                                              &bytes) != CUDA_SUCCESS)
        bytes = 0;
    return bytes;
}

// What is taken away from the devices is taken away by the driver when all of them have stopped
// using it. That is waited for here, off the worker's dispatch thread: a kernel may go on until
// another thread of the program has done something more.
void wait_for_devices(Session &session)
{
    if (session.captures.any())
        return; // the driver says what it has to say of that
    uint64_t sequence = session.connection().last_sequence();
    for (Context *context : session.contexts.living())
        if (context->done.load(std::memory_order_acquire) < sequence)
            call_in(session, context->word(), api::Call::cuCtxSynchronize);
}

// Whether some device may do less with a mapping than it could before. Under the lock.
bool takes_away(const Mappings &mappings, const std::vector<uint64_t> &all,
                std::span<const CUmemAccessDesc> list)
{
    return std::any_of(list.begin(), list.end(), [&](const CUmemAccessDesc &one) {
        return std::any_of(all.begin(), all.end(), [&](uint64_t base) {
            return mappings.mapped.at(base).access[size_t(one.location.id)] > one.flags;
        });
    });
}

// Tells the worker when neither a handle nor a mapping is left. Under the lock.
CUresult drop_if_unused(Session &session, const Allocation &allocation)
{
    if (allocation.handles != 0 || allocation.mapped != 0)
        return CUDA_SUCCESS;
    uint64_t id = allocation.id;
    session.mappings.allocations.erase(id);
    return remote::vgpuAllocationRelease(id);
}

// The mappings that make up exactly [address, address + bytes), or none. Under the lock.
std::vector<uint64_t> exactly(Mappings &mappings, uint64_t address, uint64_t bytes)
{
    std::vector<uint64_t> found;
    for (uint64_t done = 0; done < bytes;) {
        auto at = mappings.mapped.find(address + done);
        if (at == mappings.mapped.end() || at->second.bytes > bytes - done)
            return {};
        found.push_back(at->first);
        done += at->second.bytes;
    }
    return found;
}

} // namespace

VGPU_ENTRY cuMemGetAllocationGranularity(size_t *bytes, const CUmemAllocationProp *prop,
                                         CUmemAllocationGranularity_flags option)
{
    return entry([&](Session &session) -> CUresult {
        if (!bytes || (option != CU_MEM_ALLOC_GRANULARITY_MINIMUM &&
                       option != CU_MEM_ALLOC_GRANULARITY_RECOMMENDED))
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult result = check(session, prop); result != CUDA_SUCCESS)
            return result;
        uint64_t value = 0;
        CUresult result =
            remote::vgpuGranularity(uint32_t(prop->location.id), uint32_t(option), &value);
        *bytes = result == CUDA_SUCCESS ? value : *bytes;
        return result;
    });
}

VGPU_ENTRY cuMemAddressReserve(CUdeviceptr *address, size_t bytes, size_t alignment,
                               CUdeviceptr wanted, unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        constexpr uint64_t kMost = uint64_t(1) << 46;
        if (!address || bytes == 0 || flags != 0 || (alignment & (alignment - 1)) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(session.mappings.mutex);
        uint64_t unit = granularity(session, 0);
        if (unit == 0 || bytes % unit != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (bytes > kMost || alignment > kMost)
            return CUDA_ERROR_OUT_OF_MEMORY;
        uint64_t step = std::max<uint64_t>(std::bit_ceil(unit), alignment);
        // A wish of the application is tried, then whatever is free on both ends.
        constexpr int kTries = 16;
        for (int i = 0; i < kTries; ++i) {
            uint64_t base = session.window().reserve(bytes, step, i == 0 ? wanted : 0);
            if (base == 0 && i == 0 && wanted != 0)
                continue;
            if (base == 0)
                break;
            CUresult result = remote::vgpuAddressReserve(base, bytes, alignment);
            if (result == CUDA_SUCCESS) {
                *address = base;
                return result;
            }
            session.window().give_back(base);
            if (result != CUDA_ERROR_ALREADY_MAPPED)
                return result;
        }
        vgpu::log(
            vgpu::Level::warning,
            "cuMemAddressReserve: %zu bytes of addresses are free at no place that this process "
            "and "
            "the GPU's driver could both have",
            bytes);
        return CUDA_ERROR_OUT_OF_MEMORY;
    });
}

VGPU_ENTRY cuMemAddressFree(CUdeviceptr address, size_t bytes)
{
    return entry([&](Session &session) -> CUresult {
        Mappings &mappings = session.mappings;
        std::lock_guard lock(mappings.mutex);
        auto end = session.window().reserved(address);
        if (!end || bytes != *end - address)
            return CUDA_ERROR_INVALID_VALUE;
        auto first = mappings.mapped.lower_bound(address);
        if (first != mappings.mapped.end() && first->first < *end)
            return CUDA_ERROR_INVALID_VALUE;
        // Told first: the place is not offered again before the worker has given it back.
        CUresult result = remote::vgpuAddressFree(address, bytes);
        session.window().give_back(address);
        return result;
    });
}

VGPU_ENTRY cuMemCreate(CUmemGenericAllocationHandle *handle, size_t bytes,
                       const CUmemAllocationProp *prop, unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle || bytes == 0 || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult result = check(session, prop); result != CUDA_SUCCESS)
            return result;
        Mappings &mappings = session.mappings;
        std::lock_guard lock(mappings.mutex);
        uint64_t unit = granularity(session, prop->location.id);
        if (unit == 0 || bytes % unit != 0)
            return CUDA_ERROR_INVALID_VALUE;
        auto allocation = std::make_shared<Allocation>();
        allocation->id = session.new_id(api::Kind::allocation);
        allocation->bytes = bytes;
        allocation->prop = *prop;
        CUresult result = remote::vgpuAllocationCreate(
            allocation->id, uint32_t(prop->location.id), bytes, prop->allocFlags.compressionType,
            prop->allocFlags.gpuDirectRDMACapable, prop->allocFlags.usage,
            prop->requestedHandleTypes != CU_MEM_HANDLE_TYPE_NONE);
        if (result != CUDA_SUCCESS)
            return result;
        mappings.allocations[allocation->id] = allocation;
        *handle = allocation->id;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemRelease(CUmemGenericAllocationHandle handle)
{
    return entry([&](Session &session) -> CUresult {
        std::lock_guard lock(session.mappings.mutex);
        auto allocation = session.mappings.find(handle);
        if (!allocation)
            return CUDA_ERROR_INVALID_VALUE;
        --allocation->handles;
        return drop_if_unused(session, *allocation);
    });
}

VGPU_ENTRY cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(session.mappings.mutex);
        auto at = session.mappings.holding(reinterpret_cast<uint64_t>(address));
        if (at == session.mappings.mapped.end())
            return CUDA_ERROR_INVALID_VALUE;
        ++at->second.allocation->handles;
        *handle = at->second.allocation->id;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *prop,
                                                  CUmemGenericAllocationHandle handle)
{
    return entry([&](Session &session) -> CUresult {
        std::lock_guard lock(session.mappings.mutex);
        auto allocation = session.mappings.find(handle);
        if (!prop || !allocation)
            return CUDA_ERROR_INVALID_VALUE;
        *prop = allocation->prop;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemMap(CUdeviceptr address, size_t bytes, size_t offset,
                    CUmemGenericAllocationHandle handle, unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        if (bytes == 0 || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        Mappings &mappings = session.mappings;
        std::lock_guard lock(mappings.mutex);
        auto allocation = mappings.find(handle);
        if (!allocation || bytes > session.window().reserved_after(address))
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t unit = granularity(session, allocation->prop.location.id);
        if (unit == 0 || (address | bytes | offset) % unit != 0 || offset > allocation->bytes ||
            bytes > allocation->bytes - offset)
            return CUDA_ERROR_INVALID_VALUE;
        auto next = mappings.mapped.lower_bound(address);
        if (mappings.holding(address) != mappings.mapped.end() ||
            (next != mappings.mapped.end() && next->first - address < bytes))
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = remote::vgpuAllocationMap(address, bytes, offset, handle);
        if (result != CUDA_SUCCESS)
            return result;
        ++allocation->mapped;
        mappings.mapped[address] = {bytes, allocation,
                                    std::vector<CUmemAccess_flags>(session.devices().size())};
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemUnmap(CUdeviceptr address, size_t bytes)
{
    return entry([&](Session &session) -> CUresult {
        Mappings &mappings = session.mappings;
        std::unique_lock lock(mappings.mutex);
        if (exactly(mappings, address, bytes).empty())
            return CUDA_ERROR_INVALID_VALUE;
        lock.unlock();
        wait_for_devices(session);
        lock.lock();
        auto all = exactly(mappings, address, bytes);
        if (all.empty()) // another thread was faster
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = remote::vgpuAllocationUnmap(address, bytes);
        for (uint64_t base : all) {
            session.ranges.remove(base);
            auto allocation = mappings.mapped[base].allocation;
            mappings.mapped.erase(base);
            --allocation->mapped;
            if (CUresult dropped = drop_if_unused(session, *allocation); result == CUDA_SUCCESS)
                result = dropped;
        }
        return result;
    });
}

VGPU_ENTRY cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc *list,
                          size_t count)
{
    return entry([&](Session &session) -> CUresult {
        if (!list || count == 0)
            return CUDA_ERROR_INVALID_VALUE;
        Mappings &mappings = session.mappings;
        std::unique_lock lock(mappings.mutex);
        auto all = exactly(mappings, address, bytes);
        if (all.empty())
            return CUDA_ERROR_INVALID_VALUE;
        for (auto &one : std::span(list, count)) {
            if (one.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
                return refused("cuMemSetAccess for the host", "the memory is on the GPU's node");
            if (!is_device(session, one.location))
                return CUDA_ERROR_INVALID_DEVICE;
            if (one.flags != CU_MEM_ACCESS_FLAGS_PROT_NONE &&
                one.flags != CU_MEM_ACCESS_FLAGS_PROT_READ &&
                one.flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
                return CUDA_ERROR_INVALID_VALUE;
        }
        if (takes_away(mappings, all, std::span(list, count))) {
            lock.unlock();
            wait_for_devices(session);
            lock.lock();
            all = exactly(mappings, address, bytes);
            if (all.empty())
                return CUDA_ERROR_INVALID_VALUE;
        }
        for (auto &one : std::span(list, count)) {
            CUresult result = remote::vgpuAllocationAccess(
                address, bytes, uint32_t(one.location.id), uint32_t(one.flags));
            if (result != CUDA_SUCCESS)
                return result;
            for (uint64_t base : all)
                mappings.mapped[base].access[size_t(one.location.id)] = one.flags;
        }
        // Memory to copies and questions as soon as any device may touch it.
        for (uint64_t base : all) {
            const Mapping &mapping = mappings.mapped[base];
            session.ranges.remove(base);
            bool any = std::any_of(mapping.access.begin(), mapping.access.end(),
                                   [](auto flags) { return flags != 0; });
            if (any)
                session.ranges.add({.base = base,
                                    .bytes = mapping.bytes,
                                    .kind = Range::Kind::mapped,
                                    .device = mapping.allocation->prop.location.id});
        }
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location,
                          CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        if (!flags || !location || location->type != CU_MEM_LOCATION_TYPE_DEVICE)
            return CUDA_ERROR_INVALID_VALUE;
        if (!is_device(session, *location))
            return CUDA_ERROR_INVALID_DEVICE;
        std::lock_guard lock(session.mappings.mutex);
        auto at = session.mappings.holding(address);
        if (at == session.mappings.mapped.end())
            return CUDA_ERROR_INVALID_VALUE;
        *flags = at->second.access[size_t(location->id)];
        return CUDA_SUCCESS;
    });
}
