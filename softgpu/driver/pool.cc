// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/pool.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/shared-file.h"

#include <algorithm>
#include <sys/mman.h>

namespace vgpu::soft::driver
{

// A block is known to kernels as long as the pool has it, used or not: what a stream has freed,
// kernels that it queued before may still touch.
Pool::Block Pool::map(size_t size)
{
    require(!max_size_ || (size <= max_size_ && reserved_ <= max_size_ - size),
            CUDA_ERROR_OUT_OF_MEMORY);
    device.charge(size);
    uint64_t address = 0;
    std::shared_ptr<SharedFile> file;
    try {
        address = map_pages(size);
        if (name) {
            file = SharedFile::make(device.ordinal, size);
            file->map(address, size, 0, PROT_READ | PROT_WRITE);
        }
    } catch (...) {
        if (address)
            unmap_pages(address, size);
        device.refund(size);
        throw;
    }
    machine().memory.add({address, address + size, true});
    reserved_ += size;
    reserved_high_ = std::max(reserved_high_, reserved_);
    return {address, size, {}, std::move(file)};
}

bool Pool::reuse(const Stream &stream, size_t size, Block &block)
{
    auto best = unused_.end();
    for (auto it = unused_.begin(); it != unused_.end(); ++it) {
        bool ready =
            it->freed.stream.get() == &stream || (reuse_opportunistic_ && it->freed.reached());
        if (ready && it->size >= size && it->size / 2 <= size &&
            (best == unused_.end() || it->size < best->size))
            best = it;
    }
    if (best == unused_.end())
        return false;
    block = *best;
    unused_.erase(best);
    return true;
}

uint64_t Pool::allocate(Stream &stream, size_t bytes)
{
    require(bytes <= device.memory, CUDA_ERROR_OUT_OF_MEMORY);
    size_t size = round_up(bytes, kPage);
    // First what is there; then more; then what streams give back when they have come so far.
    for (int attempt = 0;; attempt++) {
        try {
            std::lock_guard hold(lock_);
            Block block;
            if (!reuse(stream, size, block))
                block = map(size);
            block.freed = {};
            used_[block.address] = block;
            used_bytes_ += block.size;
            used_high_ = std::max(used_high_, used_bytes_);
            machine().allocations.add({block.address, bytes, 0, Allocation::Origin::pool,
                                       device.ordinal, 0, 0, true, id, 0, false, block.file});
            return block.address;
        } catch (const Failure &) {
            if (attempt == 1)
                throw;
        }
        device.synchronize();
        for (auto &pool : machine().pools.all())
            if (&pool->device == &device)
                pool->trim(0);
    }
}

bool Pool::free(Stream &stream, uint64_t address)
{
    std::lock_guard hold(lock_);
    auto it = used_.find(address);
    if (it == used_.end())
        return false;
    Block block = it->second;
    used_.erase(it);
    used_bytes_ -= block.size;
    block.freed = stream.last();
    unused_.push_back(block);
    machine().allocations.take(address);
    device.note_pool_free();
    return true;
}

bool Pool::trim(size_t keep)
{
    std::lock_guard hold(lock_);
    std::erase_if(unused_, [&](Block &block) {
        if (reserved_ <= keep || !block.freed.reached())
            return false;
        machine().memory.remove(block.address);
        unmap_pages(block.address, block.size);
        reserved_ -= block.size;
        device.refund(block.size);
        return true;
    });
    return unused_.empty() || reserved_ <= keep;
}

size_t Pool::threshold() const
{
    std::lock_guard hold(lock_);
    return threshold_;
}

uint64_t Pool::get(CUmemPool_attribute attribute) const
{
    std::lock_guard hold(lock_);
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
        return static_cast<uint64_t>(reuse_events_);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
        return static_cast<uint64_t>(reuse_opportunistic_);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        return static_cast<uint64_t>(reuse_internal_);
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        return threshold_;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
        return reserved_;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        return reserved_high_;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
        return used_bytes_;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        return used_high_;
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}

void Pool::set(CUmemPool_attribute attribute, uint64_t value)
{
    std::lock_guard hold(lock_);
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
        reuse_events_ = value != 0;
        break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
        reuse_opportunistic_ = value != 0;
        break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        reuse_internal_ = value != 0;
        break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        threshold_ = value;
        break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: // the peaks can be set to where they stand, and to
                                            // nothing else
        require(value == 0);
        reserved_high_ = reserved_;
        break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        require(value == 0);
        used_high_ = used_bytes_;
        break;
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}

} // namespace vgpu::soft::driver
