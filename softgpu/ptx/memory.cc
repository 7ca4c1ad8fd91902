// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/memory.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>

namespace vgpu::soft
{
namespace
{

auto position(const MemoryMap::Table &table, uint64_t address)
{
    return std::upper_bound(table.begin(), table.end(), address,
                            [](uint64_t value, const Range &range) { return value < range.lo; });
}

} // namespace

MemoryMap::MemoryMap() : table_(std::make_shared<const Table>()) {}

void MemoryMap::add(Range range)
{
    std::lock_guard guard(lock_);
    if (range.lo >= range.hi)
        throw Error(EINVAL, "an empty range cannot be entered in the memory map");
    auto next = std::make_shared<Table>(*table_);
    auto after = position(*next, range.lo);
    bool overlaps = (after != next->begin() && std::prev(after)->hi > range.lo) ||
                    (after != next->end() && after->lo < range.hi);
    if (overlaps)
        throw Error(EEXIST, "a range of the memory map overlaps another");
    next->insert(after, range);
    table_ = std::move(next);
}

void MemoryMap::remove(uint64_t lo)
{
    std::lock_guard guard(lock_);
    auto after = position(*table_, lo);
    if (after == table_->begin() || std::prev(after)->lo != lo)
        return;
    auto next = std::make_shared<Table>(*table_);
    next->erase(next->begin() + (std::prev(after) - table_->begin()));
    table_ = std::move(next);
}

std::shared_ptr<const MemoryMap::Table> MemoryMap::snapshot() const
{
    std::lock_guard guard(lock_);
    return table_;
}

const Range *MemoryMap::find(const Table &table, uint64_t address)
{
    auto after = position(table, address);
    if (after == table.begin())
        return nullptr;
    const Range &range = *std::prev(after);
    return address < range.hi ? &range : nullptr;
}

} // namespace vgpu::soft
