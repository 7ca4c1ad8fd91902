// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/physical.h"

#include "remoting/api/kinds.h"
#include "remoting/base/log.h"
#include "remoting/server/limit.h"

namespace vgpu::server
{

PhysicalHandle own(const Driver &driver, CUmemGenericAllocationHandle handle)
{
    return PhysicalHandle(new CUmemGenericAllocationHandle(handle),
                          [&driver](const CUmemGenericAllocationHandle *last) {
                              driver.cuMemRelease(*last);
                              delete last;
                          });
}

Physical::~Physical()
{
    for (auto &[base, mapping] : mappings_)
        driver_.cuMemUnmap(base, mapping.bytes);
    for (auto &[id, allocation] : allocations_) {
        allocation.handle.reset();
        uncharge(id, allocation);
    }
    for (auto &[base, bytes] : reservations_)
        driver_.cuMemAddressFree(base, bytes);
}

CUresult Physical::reserve(CUdeviceptr base, uint64_t bytes, uint64_t alignment)
{
    if (base == 0 || bytes == 0 || base + bytes < base)
        return CUDA_ERROR_INVALID_VALUE;
    if (!has_room("reservations of addresses", reservations_.size(), kMost))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUdeviceptr got = 0;
    CUresult result = driver_.cuMemAddressReserve(&got, bytes, alignment, base, 0);
    if (result != CUDA_SUCCESS)
        return result;
    if (got != base) { // the address is only a wish to the driver
        driver_.cuMemAddressFree(got, bytes);
        return CUDA_ERROR_ALREADY_MAPPED;
    }
    reservations_[base] = bytes;
    memory_.add_range(base, bytes, base);
    return CUDA_SUCCESS;
}

CUresult Physical::free(CUdeviceptr base, uint64_t bytes)
{
    auto at = reservations_.find(base);
    if (at == reservations_.end() || at->second != bytes)
        return CUDA_ERROR_INVALID_VALUE;
    auto first = mappings_.lower_bound(base);
    if (first != mappings_.end() && first->first - base < bytes)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_.cuMemAddressFree(base, bytes);
    if (result != CUDA_SUCCESS)
        return result;
    memory_.drop_ranges(base);
    reservations_.erase(at);
    return CUDA_SUCCESS;
}

CUresult Physical::create(uint64_t id, size_t slice, uint64_t bytes, const Wish &wish)
{
    if (api::kind_of(id) != api::Kind::allocation || allocations_.count(id))
        return CUDA_ERROR_INVALID_HANDLE;
    if (slice >= slices_.size())
        return CUDA_ERROR_INVALID_DEVICE;
    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (wish.shareable && !driver_.cuMemExportToShareableHandle)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (!has_room("allocations of physical memory", allocations_.size(), kMost) || !memory_.charge(slice, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUmemAllocationProp prop = on_device(slices_[slice].device);
    prop.allocFlags.compressionType = static_cast<unsigned char>(wish.compression);
    prop.allocFlags.gpuDirectRDMACapable = static_cast<unsigned char>(wish.rdma);
    prop.allocFlags.usage = static_cast<unsigned short>(wish.usage);
    if (wish.shareable)
        prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    CUmemGenericAllocationHandle handle = 0;
    CUresult result = driver_.cuMemCreate(&handle, bytes, &prop, 0);
    if (result != CUDA_SUCCESS)
        memory_.release(slice, bytes);
    else
        allocations_[id] = {own(driver_, handle), slice, bytes, wish.shareable};
    return result;
}

CUresult Physical::release(uint64_t id)
{
    auto at = allocations_.find(id);
    if (at == allocations_.end() || !at->second.handle)
        return CUDA_ERROR_INVALID_VALUE;
    at->second.handle.reset();
    drop_if_unused(id);
    return CUDA_SUCCESS;
}

// Mappings keep memory that is released.
void Physical::drop_if_unused(uint64_t id)
{
    auto at = allocations_.find(id);
    if (at->second.handle || at->second.mapped != 0)
        return;
    if (at->second.shareable)
        sharing_.withdraw(id);
    if (at->second.shareable && sharing_.lent_out(id)) {
        lingering_.push_back(id);
        return;
    }
    uncharge(id, at->second);
    allocations_.erase(at);
}

void Physical::uncharge(uint64_t id, const Allocation &allocation)
{
    memory_.release(allocation.slice, allocation.borrowed ? sharing_.let_go(id) : allocation.bytes);
    if (allocation.shareable)
        sharing_.mapping_gone(id);
}

void Physical::tidy()
{
    auto list = std::move(lingering_);
    lingering_.clear();
    for (uint64_t id : list)
        drop_if_unused(id);
}

std::optional<Physical::Lent> Physical::lent(uint64_t id) const
{
    auto at = allocations_.find(id);
    if (at == allocations_.end() || !at->second.handle || !at->second.shareable)
        return {};
    return Lent{at->second.slice, at->second.bytes, at->second.handle};
}

CUresult Physical::adopt(uint64_t id, size_t slice, PhysicalHandle handle, uint64_t bytes, Fd line)
{
    if (api::kind_of(id) != api::Kind::allocation || allocations_.count(id))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!has_room("allocations of physical memory", allocations_.size(), kMost) || memory_.over(slice))
        return CUDA_ERROR_OUT_OF_MEMORY;
    allocations_[id] = {std::move(handle), slice, bytes, false, true};
    sharing_.hold(id, std::move(line), slice, bytes);
    return CUDA_SUCCESS;
}

// Within one reservation of the client's own: what the worker has mapped elsewhere is not for it to
// touch.
bool Physical::reserved(CUdeviceptr base, uint64_t bytes) const
{
    auto at = reservations_.upper_bound(base);
    if (at == reservations_.begin() || bytes == 0)
        return false;
    --at;
    uint64_t offset = base - at->first;
    return offset < at->second && bytes <= at->second - offset;
}

CUresult Physical::map(CUdeviceptr base, uint64_t bytes, uint64_t offset, uint64_t id)
{
    auto at = allocations_.find(id);
    if (at == allocations_.end() || !at->second.handle || !reserved(base, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_.cuMemMap(base, bytes, offset, *at->second.handle, 0);
    if (result != CUDA_SUCCESS)
        return result;
    mappings_[base] = {bytes, id};
    ++at->second.mapped;
    return CUDA_SUCCESS;
}

std::optional<CUmemGenericAllocationHandle> Physical::tile(uint64_t id)
{
    auto at = allocations_.find(id);
    if (at == allocations_.end() || !at->second.handle)
        return {};
    ++at->second.mapped;
    return *at->second.handle;
}

CUresult Physical::unmap(CUdeviceptr base, uint64_t bytes)
{
    if (!reserved(base, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    // Whole mappings, without gaps.
    uint64_t end = base + bytes, at = base;
    for (auto next = mappings_.find(base); at != end; ++next) {
        if (next == mappings_.end() || next->first != at || next->second.bytes > end - at)
            return CUDA_ERROR_INVALID_VALUE;
        at += next->second.bytes;
    }
    CUresult result = driver_.cuMemUnmap(base, bytes);
    if (result != CUDA_SUCCESS) // still the device's, so still charged
        return result;
    auto first = mappings_.find(base), last = mappings_.lower_bound(end);
    for (auto one = first; one != last; ++one) {
        --allocations_.at(one->second.id).mapped;
        drop_if_unused(one->second.id);
    }
    mappings_.erase(first, last);
    return CUDA_SUCCESS;
}

CUresult Physical::set_access(CUdeviceptr base, uint64_t bytes, size_t slice, uint32_t flags)
{
    if (slice >= slices_.size())
        return CUDA_ERROR_INVALID_DEVICE;
    if (!reserved(base, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    CUmemAccessDesc access{};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = slices_[slice].device;
    access.flags = CUmemAccess_flags(flags);
    return driver_.cuMemSetAccess(base, bytes, &access, 1);
}

} // namespace vgpu::server
