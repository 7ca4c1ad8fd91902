// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/heap.h"
#include "softgpu/driver/memory.h"

#include <algorithm>
#include <iterator>

namespace vgpu::soft::driver
{

Heap::Heap(MemoryMap &memory, size_t bytes)
    : memory_(memory), size_(round_up(std::max<size_t>(bytes, 1), kPage))
{
    base_ = map_pages(size_);
    free_[base_] = size_;
    memory_.add({base_, base_ + size_, true});
}

Heap::~Heap()
{
    memory_.remove(base_);
    unmap_pages(base_, size_);
}

uint64_t Heap::allocate(size_t bytes)
{
    if (bytes == 0 || bytes > size_)
        return 0;
    bytes = (bytes + 15) & ~size_t(15);
    std::lock_guard hold(lock_);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
        auto [address, room] = *it;
        if (room < bytes)
            continue;
        free_.erase(it);
        if (room > bytes)
            free_[address + bytes] = room - bytes;
        used_[address] = bytes;
        return address;
    }
    return 0;
}

void Heap::release(uint64_t address)
{
    std::lock_guard hold(lock_);
    auto used = used_.find(address);
    if (used == used_.end())
        return;
    auto it = free_.emplace(address, used->second).first;
    used_.erase(used);
    if (auto next = std::next(it); next != free_.end() && it->first + it->second == next->first) {
        it->second += next->second;
        free_.erase(next);
    }
    if (it != free_.begin()) {
        auto before = std::prev(it);
        if (before->first + before->second == it->first) {
            before->second += it->second;
            free_.erase(it);
        }
    }
}

} // namespace vgpu::soft::driver
