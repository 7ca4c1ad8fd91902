// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/range-map.h"

namespace vgpu::client
{

bool RangeMap::add(Range range)
{
    if (range.bytes == 0 || range.end() < range.base)
        return false;
    std::unique_lock lock(mutex_);
    auto after = ranges_.upper_bound(range.base);
    if (after != ranges_.begin())
        --after;
    while (after != ranges_.end() && after->first < range.end())
        after = after->second.graph && after->second.end() > range.base ? ranges_.erase(after)
                                                                        : std::next(after);
    after = ranges_.lower_bound(range.base);
    if (after != ranges_.end() && after->first < range.end())
        return false;
    if (after != ranges_.begin() && std::prev(after)->second.end() > range.base)
        return false;
    range.serial = next_serial_++;
    ranges_.emplace_hint(after, range.base, range);
    return true;
}

std::optional<Range> RangeMap::remove(uint64_t base)
{
    std::unique_lock lock(mutex_);
    auto at = ranges_.find(base);
    if (at == ranges_.end())
        return std::nullopt;
    Range range = at->second;
    ranges_.erase(at);
    return range;
}

std::optional<Range> RangeMap::find(uint64_t address, uint64_t bytes) const
{
    std::shared_lock lock(mutex_);
    auto after = ranges_.upper_bound(address);
    if (after == ranges_.begin())
        return std::nullopt;
    const Range &range = std::prev(after)->second;
    uint64_t offset = address - range.base;
    if (offset >= range.bytes || bytes > range.bytes - offset)
        return std::nullopt;
    return range;
}

uint64_t RangeMap::base_of_host(uint64_t host) const
{
    std::shared_lock lock(mutex_);
    for (auto &[base, range] : ranges_)
        if (range.host == host)
            return base;
    return 0;
}

uint64_t RangeMap::room(const Range &range, uint64_t address) const
{
    uint64_t end = range.end();
    if (range.kind == Range::Kind::mapped) {
        std::shared_lock lock(mutex_);
        for (auto next = ranges_.find(end);
             next != ranges_.end() && next->second.kind == Range::Kind::mapped;
             next = ranges_.find(end))
            end = next->second.end();
    }
    return end - address;
}

void RangeMap::set_mirror(uint64_t base, uint64_t device_address, uint64_t context)
{
    std::unique_lock lock(mutex_);
    auto at = ranges_.find(base);
    if (at == ranges_.end())
        return;
    at->second.device_address = device_address;
    at->second.mirrored = context;
}

template<class Predicate>
std::vector<Range> RangeMap::remove_if(Predicate predicate)
{
    std::vector<Range> removed;
    std::unique_lock lock(mutex_);
    for (auto at = ranges_.begin(); at != ranges_.end();) {
        if (predicate(at->second)) {
            removed.push_back(at->second);
            at = ranges_.erase(at);
        } else {
            ++at;
        }
    }
    return removed;
}

std::vector<Range> RangeMap::remove_owner(uint64_t owner)
{
    return remove_if([owner](const Range &range) { return range.owner == owner; });
}

// Pinned host memory outlives its context here: the driver frees it, but the application's pages
// are ours, and an address that vanishes under a careless destructor helps nobody.
std::vector<Range> RangeMap::remove_context(uint64_t context)
{
    {
        std::unique_lock lock(mutex_);
        for (auto &[base, range] : ranges_)
            if (range.mirrored == context)
                range.device_address = range.mirrored = 0;
    }
    return remove_if(
        [context](const Range &range) { return range.context == context && range.on_device(); });
}

size_t RangeMap::size() const
{
    std::shared_lock lock(mutex_);
    return ranges_.size();
}

} // namespace vgpu::client
