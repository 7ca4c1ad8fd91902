// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/allocations.h"

#include <algorithm>
#include <iterator>
#include <mutex>

namespace vgpu::soft::driver
{

void Allocations::add(Allocation allocation)
{
    std::unique_lock hold(lock_);
    allocation.number = ++last_number_;
    by_address_[allocation.address] = allocation;
}

std::optional<Allocation> Allocations::find(uint64_t address) const
{
    std::shared_lock hold(lock_);
    auto it = by_address_.upper_bound(address);
    if (it == by_address_.begin())
        return {};
    --it;
    if (!it->second.contains(address))
        return {};
    return it->second;
}

std::optional<Allocation> Allocations::take(uint64_t start)
{
    std::unique_lock hold(lock_);
    auto it = by_address_.find(start);
    if (it == by_address_.end())
        return {};
    Allocation allocation = it->second;
    by_address_.erase(it);
    return allocation;
}

void Allocations::change(uint64_t start, const std::function<void(Allocation &)> &how)
{
    std::unique_lock hold(lock_);
    if (auto it = by_address_.find(start); it != by_address_.end())
        how(it->second);
}

void Allocations::set_writable(uint64_t start, bool writable)
{
    std::unique_lock hold(lock_);
    if (auto it = by_address_.find(start); it != by_address_.end())
        it->second.writable = writable;
}

std::vector<Allocation> Allocations::of_context(uint64_t context) const
{
    std::shared_lock hold(lock_);
    std::vector<Allocation> list;
    for (auto &[address, allocation] : by_address_)
        if (allocation.context == context)
            list.push_back(allocation);
    return list;
}

size_t Allocations::extent(uint64_t address, size_t want) const
{
    std::shared_lock hold(lock_);
    size_t have = 0;
    auto it = by_address_.upper_bound(address);
    if (it == by_address_.begin())
        return 0;
    for (--it; have < want && it != by_address_.end() && it->second.contains(address + have); ++it)
        have += it->second.size - (address + have - it->second.address);
    return std::min(have, want);
}

} // namespace vgpu::soft::driver
