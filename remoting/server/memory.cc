// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/memory.h"

#include "remoting/base/log.h"

#include <algorithm>
#include <chrono>

namespace vgpu::server
{
namespace
{

constexpr uint64_t kChunk = 2 << 20;

constexpr uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

CUmemAccessDesc reach_from(CUdevice device)
{
    CUmemAccessDesc access{};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = device;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    return access;
}

// Asked for at creation: it costs nothing, and what is exported is not known before.
bool shareable(const Driver &driver, CUdevice device)
{
    int can = 0;
    return driver.cuMemExportToShareableHandle && driver.cuMemImportFromShareableHandle &&
           driver.cuMemRetainAllocationHandle &&
           driver.cuDeviceGetAttribute(
               &can, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, device) ==
               CUDA_SUCCESS &&
           can;
}

} // namespace

CUmemAllocationProp on_device(CUdevice device)
{
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    return prop;
}

Memory::Memory(const Driver &driver, const std::vector<Slice> &slices, Contexts &contexts,
               Sharing &sharing)
    : driver_(driver), slices_(slices), contexts_(contexts), sharing_(sharing),
      shares_(slices.size())
{
    for (size_t i = 0; i < slices.size(); ++i) {
        Share &share = shares_[i];
        CUdevice device = slices[i].device;
        uint64_t limit = slices[i].memory;
        size_t total = 0;
        driver_.check(driver_.cuDeviceTotalMem_v2(&total, device), "cuDeviceTotalMem");
        share.quota = std::make_unique<Quota>(*slices[i].page,
                                              limit ? std::min<uint64_t>(limit, total) : total);
        CUmemAllocationProp &prop = share.prop;
        prop = on_device(device);
        if (shareable(driver, device))
            prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
#if CUDA_VERSION >= 12080
        int engine = 0; // for decompression, which reads and writes what cuMemAlloc gave
        if (driver.cuDeviceGetAttribute(&engine, CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK,
                                        device) == CUDA_SUCCESS &&
            engine)
            prop.allocFlags.usage |= CU_MEM_CREATE_USAGE_HW_DECOMPRESS;
#endif
        size_t granularity = 0;
        driver_.check(
            driver_.cuMemGetAllocationGranularity(&granularity, &prop,
                                                  CU_MEM_ALLOC_GRANULARITY_MINIMUM),
            "virtual memory management (cuMemGetAllocationGranularity), without which addresses "
            "cannot be the client's");
        share.granularity = granularity;
        share.access.push_back(reach_from(device));
        // Its other slices' devices, where they can: for copies and kernels that reach over.
        for (const Slice &other : slices) {
            int can = 0;
            bool known = std::any_of(share.access.begin(), share.access.end(), [&](auto &access) {
                return access.location.id == other.device;
            });
            if (!known && driver_.cuDeviceCanAccessPeer &&
                driver_.cuDeviceCanAccessPeer(&can, other.device, device) == CUDA_SUCCESS && can)
                share.access.push_back(reach_from(other.device));
        }
    }
}

Memory::~Memory()
{
    reap(true);
    for (auto &[pointer, block] : blocks_)
        release(pointer, block);
    tidy(); // nothing is lent any more
    for (size_t i = 0; i < shares_.size(); ++i)
        trim(i);
    if (window_)
        driver_.cuMemAddressFree(window_, window_bytes_);
}

void Memory::keep(const std::vector<size_t> &order)
{
    std::vector<Share> kept;
    for (size_t i : order)
        kept.push_back(std::move(shares_[i]));
    shares_ = std::move(kept);
}

CUdeviceptr Memory::open_window(uint64_t bytes, std::span<const uint64_t> bases)
{
    if (window_)
        return window_;
    for (uint64_t base : bases) {
        CUdeviceptr got = 0;
        if (driver_.cuMemAddressReserve(&got, bytes, 0, base, 0) != CUDA_SUCCESS)
            continue;
        if (got == base) { // the address is only a wish to the driver
            window_ = got;
            window_bytes_ = bytes;
            addresses_.add_chunk(got, bytes);
            return got;
        }
        driver_.cuMemAddressFree(got, bytes);
    }
    return 0;
}

// A driver may say that it has shareable memory and then give none, where it may pass on no
// descriptors. Nothing is shared then, and all else goes on.
CUresult Memory::create(Share &share, uint64_t bytes, CUmemGenericAllocationHandle *handle)
{
    CUresult result = driver_.cuMemCreate(handle, bytes, &share.prop, 0);
    if (result == CUDA_SUCCESS || result == CUDA_ERROR_OUT_OF_MEMORY ||
        share.prop.requestedHandleTypes == CU_MEM_HANDLE_TYPE_NONE)
        return result;
    CUmemAllocationProp plain = share.prop;
    plain.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
    result = driver_.cuMemCreate(handle, bytes, &plain, 0);
    if (result == CUDA_SUCCESS)
        share.prop = plain;
    return result;
}

CUresult Memory::map(size_t slice, uint64_t bytes, CUdeviceptr *pointer)
{
    Share &share = shares_[slice];
    if (!share.quota->charge(bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUdeviceptr base = addresses_.allocate(bytes);
    CUmemGenericAllocationHandle handle = 0;
    CUresult result = base ? create(share, bytes, &handle) : CUDA_ERROR_OUT_OF_MEMORY;
    if (result == CUDA_SUCCESS) {
        result = driver_.cuMemMap(base, bytes, 0, handle, 0);
        driver_.cuMemRelease(handle); // the mapping keeps it
        if (result == CUDA_SUCCESS) {
            result = driver_.cuMemSetAccess(base, bytes, share.access.data(), share.access.size());
            if (result != CUDA_SUCCESS)
                driver_.cuMemUnmap(base, bytes);
        }
    }
    if (result != CUDA_SUCCESS) {
        if (base)
            addresses_.free(base);
        share.quota->release(bytes);
        return result;
    }
    *pointer = base;
    return CUDA_SUCCESS;
}

std::optional<Memory::Lent> Memory::lent(CUdeviceptr pointer, uint64_t bytes) const
{
    auto at = blocks_.find(pointer);
    if (at == blocks_.end() || at->second.borrowed || bytes == 0 || bytes > at->second.bytes)
        return {};
    const Block &block = at->second;
    const Share &share = shares_[block.slice];
    if (share.prop.requestedHandleTypes == CU_MEM_HANDLE_TYPE_NONE)
        return {};
    if (block.whole)
        return Lent{block.slice, pointer, block.bytes};
    auto [base, size] = share.arena.chunk_at(pointer);
    return Lent{block.slice, base, size};
}

CUresult Memory::borrow(size_t slice, uint32_t word, CUmemGenericAllocationHandle handle,
                        uint64_t bytes, uint64_t offset, CUdeviceptr *pointer)
{
    Share &share = shares_[slice];
    if (bytes == 0 || bytes % share.granularity != 0 || offset >= bytes)
        return CUDA_ERROR_INVALID_VALUE;
    if (share.quota->over())
        return CUDA_ERROR_OUT_OF_MEMORY;
    reap(false);
    CUdeviceptr base = addresses_.allocate(bytes);
    if (!base)
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = driver_.cuMemMap(base, bytes, 0, handle, 0);
    if (result == CUDA_SUCCESS) {
        result = driver_.cuMemSetAccess(base, bytes, share.access.data(), share.access.size());
        if (result != CUDA_SUCCESS)
            driver_.cuMemUnmap(base, bytes);
    }
    if (result != CUDA_SUCCESS) {
        addresses_.free(base);
        return result;
    }
    *pointer = base + offset;
    blocks_[*pointer] = {slice, word, bytes, true, true, offset};
    return CUDA_SUCCESS;
}

void Memory::unmap(size_t slice, CUdeviceptr pointer, uint64_t bytes, bool borrowed,
                   uint64_t offset)
{
    CUresult result = driver_.cuMemUnmap(pointer, bytes);
    if (result != CUDA_SUCCESS) {
        // Still the device's, so still charged, and the addresses are not used again.
        log(Level::error, "%llu bytes of device memory could not be unmapped: %s",
            (unsigned long long)bytes, driver_.name_of(result).c_str());
        return;
    }
    addresses_.free(pointer);
    shares_[slice].quota->release(borrowed ? sharing_.let_go(pointer + offset) : bytes);
    if (!borrowed)
        sharing_.mapping_gone(pointer);
}

CUresult Memory::try_allocate(size_t slice, uint32_t word, uint64_t bytes, CUdeviceptr *pointer)
{
    Share &share = shares_[slice];
    if (bytes > kSmall) {
        uint64_t size = round_up(bytes, share.granularity);
        CUresult result = map(slice, size, pointer);
        if (result == CUDA_SUCCESS)
            blocks_[*pointer] = {slice, word, size, true};
        return result;
    }
    uint64_t size = round_up(bytes, kAlignment);
    CUdeviceptr base = share.arena.allocate(size);
    if (!base) {
        uint64_t chunk = round_up(kChunk, share.granularity);
        if (CUresult result = map(slice, chunk, &base); result != CUDA_SUCCESS)
            return result;
        share.arena.add_chunk(base, chunk);
        base = share.arena.allocate(size);
    }
    blocks_[base] = {slice, word, size, false};
    *pointer = base;
    return CUDA_SUCCESS;
}

CUresult Memory::allocate(size_t slice, uint32_t word, uint64_t bytes, CUdeviceptr *pointer)
{
    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes > shares_[slice].quota->limit()) // before it is rounded up
        return CUDA_ERROR_OUT_OF_MEMORY;
    reap(false);
    CUresult result = try_allocate(slice, word, bytes, pointer);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
        reap(true); // what is being freed counts as free
        trim(slice);
        result = try_allocate(slice, word, bytes, pointer);
    }
    return result;
}

void Memory::tidy()
{
    if (contexts_.may_ask())
        return;
    auto list = std::move(lingering_);
    lingering_.clear();
    for (auto &[pointer, block] : list)
        release(pointer, block);
}

void Memory::release(CUdeviceptr pointer, const Block &block)
{
    if (!block.borrowed && sharing_.lent_out(pointer)) {
        lingering_.emplace_back(pointer, block);
        return;
    }
    if (block.whole) {
        unmap(block.slice, pointer - block.offset, block.bytes, block.borrowed, block.offset);
        return;
    }
    Arena &arena = shares_[block.slice].arena;
    arena.free(pointer);
    // One empty chunk may stay for the next small block.
    if (arena.free_bytes() > 2 * kChunk)
        trim(block.slice);
}

void Memory::trim(size_t slice)
{
    uint64_t base, bytes;
    if (contexts_.may_ask())
        return; // another time
    while (shares_[slice].arena.take_empty_chunk(base, bytes))
        unmap(slice, base, bytes);
}

CUresult Memory::free(CUdeviceptr pointer, Fence fence)
{
    auto at = blocks_.find(pointer);
    if (at == blocks_.end())
        return CUDA_ERROR_INVALID_VALUE;
    sharing_.withdraw(pointer);
    pending_.push_back({std::move(fence), pointer, at->second});
    blocks_.erase(at);
    reap(false);
    return CUDA_SUCCESS;
}

void Memory::reap(bool wait)
{
    reap_leaving(wait);
    if (lingers())
        tidy();
    // In order, without looking past the first that is not done: an allocation must not cost a
    // walk.
    CUresult result;
    bool safe = false; // unmapping waits for the device
    while (!pending_.empty()) {
        Pending &first = pending_.front();
        if (!first.fence.done(result) || !(safe || (safe = !contexts_.may_ask()))) {
            if (!wait)
                return;
            first.fence.wait();
            contexts_.let_ask();
            contexts_.restore();
        }
        release(first.pointer, first.block);
        pending_.pop_front();
    }
}

bool Memory::charge(size_t slice, uint64_t bytes)
{
    Quota &quota = *shares_[slice].quota;
    if (quota.charge(bytes))
        return true;
    reap(true); // what is being freed counts as free
    trim(slice);
    return quota.charge(bytes);
}

void Memory::release(size_t slice, uint64_t bytes)
{
    shares_[slice].quota->release(bytes);
}

void Memory::reap_leaving(bool wait)
{
    for (; !leaving_.empty(); leaving_.pop_front()) {
        Leaving &first = leaving_.front();
        if (!wait && first.gone.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
            return;
        while (while_waiting &&
               first.gone.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
            (*while_waiting)();
        first.gone.wait();
        auto at = held_.find(first.name);
        if (at == held_.end())
            continue;
        shares_[at->second.slice].quota->release(at->second.bytes);
        held_.erase(at);
    }
}

bool Memory::hold(size_t slice, uint32_t word, Held what, uint64_t which, uint64_t bytes)
{
    Quota &quota = *shares_[slice].quota;
    uint64_t before = held(word, what, which);
    if (bytes > before && !charge(slice, bytes - before))
        return false;
    if (bytes < before)
        quota.release(before - bytes);
    if (bytes)
        held_[{word, what, which}] = {slice, bytes};
    else
        held_.erase({word, what, which});
    return true;
}

uint64_t Memory::held(uint32_t word, Held what, uint64_t which) const
{
    auto at = held_.find({word, what, which});
    return at == held_.end() ? 0 : at->second.bytes;
}

void Memory::name_held(uint32_t word, Held what, uint64_t which)
{
    auto node = held_.extract({word, what, 0});
    if (node.empty())
        return;
    node.key().which = which;
    held_.insert(std::move(node));
}

void Memory::name_context(uint32_t word)
{
    while (!held_.empty() && held_.begin()->first.word == 0) {
        auto node = held_.extract(held_.begin());
        node.key().word = word;
        held_.insert(std::move(node));
    }
}

void Memory::let_go(Held what, uint64_t which)
{
    std::erase_if(held_, [&](auto &item) {
        bool it = item.first.what == what && item.first.which == which;
        if (it)
            shares_[item.second.slice].quota->release(item.second.bytes);
        return it;
    });
}

void Memory::let_go_when(uint32_t word, Held what, uint64_t which, std::future<void> gone)
{
    leaving_.push_back({{word, what, which}, std::move(gone)});
}

void Memory::drop_context(uint32_t word)
{
    reap(true);
    contexts_.let_ask();
    std::erase_if(held_, [&](auto &item) {
        if (item.first.word == word)
            shares_[item.second.slice].quota->release(item.second.bytes);
        return item.first.word == word;
    });
    for (auto at = blocks_.begin(); at != blocks_.end();) {
        if (at->second.word == word) {
            release(at->first, at->second);
            at = blocks_.erase(at);
        } else {
            ++at;
        }
    }
}

void Memory::info(size_t slice, uint64_t &free, uint64_t &total)
{
    reap(false);
    trim(slice);
    total = shares_[slice].quota->limit();
    free = std::min(total, shares_[slice].quota->left() + being_freed(slice));
}

// What allocate() would wait for, if it had to.
uint64_t Memory::being_freed(size_t slice) const
{
    uint64_t bytes = 0;
    std::vector<uint64_t> small;
    for (const Pending &one : pending_) {
        if (one.block.slice != slice)
            continue;
        if (one.block.borrowed)
            continue;
        if (one.block.whole)
            bytes += one.block.bytes;
        else
            small.push_back(one.pointer);
    }
    for (const Leaving &one : leaving_)
        if (auto at = held_.find(one.name); at != held_.end() && at->second.slice == slice)
            bytes += at->second.bytes;
    return bytes + shares_[slice].arena.empty_without(small);
}

bool Memory::reaches(CUdeviceptr pointer) const
{
    if (pointer - window_ < window_bytes_)
        return true;
    auto at = ranges_.upper_bound(pointer);
    if (at == ranges_.begin())
        return false;
    --at;
    return pointer - at->first < at->second.bytes;
}

void Memory::add_range(CUdeviceptr base, uint64_t bytes, uint64_t owner)
{
    ranges_[base] = {bytes, owner};
}

void Memory::drop_ranges(uint64_t owner)
{
    std::erase_if(ranges_, [&](auto &item) { return item.second.owner == owner; });
}

} // namespace vgpu::server
