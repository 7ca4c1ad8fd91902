// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <vector>

namespace vgpu::soft::driver
{

class SharedFile;

/// A piece of memory that the driver knows: device memory of any origin, or host memory that
/// devices may touch.
struct Allocation {
    enum class Origin {
        plain,
        managed,
        pool,
        mapped,
        global,
        graph,
        imported, ///< another process' (ipc.cc)
        host,
        registered
    };

    uint64_t address = 0;
    size_t size = 0;    ///< as asked for: what kernels and copies may touch
    size_t charged = 0; ///< what the device was charged, and what was mapped
    Origin origin = Origin::plain;
    int device = 0;       ///< ordinal
    uint64_t context = 0; ///< in which it was made; 0 for memory of no context
    unsigned flags = 0;   ///< of cuMemHostAlloc or cuMemHostRegister
    bool writable = true;
    uint64_t owner = 0;  ///< handle of the pool or of the physical memory
    uint64_t number = 0; ///< set by `add`, never used twice

    bool managed = false; ///< the application may use it as its own memory too

    std::shared_ptr<SharedFile> shared = nullptr; ///< where it lies, if other processes may have it

    bool on_device() const { return origin != Origin::host && origin != Origin::registered; }
    bool contains(uint64_t at) const { return at >= address && at - address < size; }
};

/// All of them by address. It stands beside the MemoryMap, which says the same to kernels in the
/// form they need.
class Allocations
{
public:
    void add(Allocation allocation);
    std::optional<Allocation> find(uint64_t address) const; ///< the one that contains `address`
    std::optional<Allocation> take(uint64_t start); ///< removes the one that starts at `start`
    /// Changes the one that starts at `start`, if there is one; it cannot be taken meanwhile.
    void change(uint64_t start, const std::function<void(Allocation &)> &how);
    void set_writable(uint64_t start, bool writable);
    std::vector<Allocation> of_context(uint64_t context) const;

    /// How many bytes from `address` on, at most `want`, lie in known memory; neighbours count
    /// together, as the mappings of one reservation are one to a copy.
    size_t extent(uint64_t address, size_t want) const;

private:
    mutable std::shared_mutex lock_;
    std::map<uint64_t, Allocation> by_address_;
    uint64_t last_number_ = 0;
};

} // namespace vgpu::soft::driver
