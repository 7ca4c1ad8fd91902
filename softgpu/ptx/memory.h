// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

// What a kernel may touch. A device address of the software GPU is the address of the bytes in this
// process; the map says which of them belong to allocations, so that a kernel can reach those and
// nothing else of the process.
namespace vgpu::soft
{

/// One allocation (or module global, or mapped host buffer): [lo, hi), exact to the byte.
struct Range {
    uint64_t lo = 0;
    uint64_t hi = 0;
    bool writable = true;

    bool contains(uint64_t address, uint64_t bytes) const
    {
        return address >= lo && address <= hi && bytes <= hi - address;
    }
};

/// The set of valid ranges of one device. Changing it copies a sorted table and publishes it
/// (allocation is rare); looking up is lock-free. A kernel takes `snapshot()` once per slice of
/// work and looks up in that.
class MemoryMap
{
public:
    using Table = std::vector<Range>;

    MemoryMap();
    void add(Range range);    ///< throws vgpu::Error if it overlaps a range that is there
    void remove(uint64_t lo); ///< no-op if no range starts at `lo`
    std::shared_ptr<const Table> snapshot() const;

    /// The range that holds `address`, or null.
    static const Range *find(const Table &table, uint64_t address);

private:
    mutable std::mutex lock_;
    std::shared_ptr<const Table> table_;
};

} // namespace vgpu::soft
