// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/entry.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

namespace vgpu::soft::driver
{

class Context;
class Pool;

/// One software GPU: a share of the machine's memory and all its cores.
class Device
{
public:
    Device(int ordinal, int number, size_t memory, unsigned units);

    const int ordinal; ///< among those that the process sees
    const int number;  ///< among all: what it is called by other processes
    const size_t memory;
    const unsigned units;

    int attribute(
        CUdevice_attribute attribute) const; ///< throws INVALID_VALUE for one that does not exist
    CUuuid uuid() const { return uuid_of(number); }
    static CUuuid uuid_of(int number);

    /// Takes `bytes` of the device's memory, or throws OUT_OF_MEMORY. Every path of allocation
    /// comes through here.
    void charge(size_t bytes);
    void refund(size_t bytes);
    size_t available() const;

    /// Waits for all that was issued to this device, in every context.
    void synchronize();

    // The primary context; guarded by `primary_lock`.
    std::mutex primary_lock;
    std::shared_ptr<Context> primary;
    unsigned primary_users = 0;
    unsigned primary_flags = 0;

    std::shared_ptr<Pool> default_pool(); ///< made at first use
    std::shared_ptr<Pool> current_pool();
    void set_current_pool(std::shared_ptr<Pool> pool);
    void note_pool_free() { pools_dirty_ = true; }
    void trim_pools(); ///< gives back what pools hold above their thresholds

private:
    mutable std::mutex lock_;
    size_t used_ = 0;
    std::shared_ptr<Pool> default_pool_;
    std::shared_ptr<Pool> current_pool_;
    std::atomic<bool> pools_dirty_{false}; ///< something was freed into a pool since the last trim
};

/// The limits that launches and occupancy are checked against: those of compute capability 8.0.
namespace limits
{
constexpr unsigned warp = 32;
constexpr unsigned threads_per_block = 1024;
constexpr unsigned threads_per_unit = 2048;
constexpr unsigned blocks_per_unit = 32;
constexpr unsigned registers_per_unit = 65536;
constexpr size_t shared_per_block = 48 << 10;
constexpr size_t shared_per_block_optin = 163 << 10;
constexpr size_t shared_per_unit = 164 << 10;
constexpr size_t shared_reserved = 1 << 10;
constexpr std::array<unsigned, 3> block{1024, 1024, 64};
constexpr std::array<unsigned, 3> grid{2147483647, 65535, 65535};
constexpr int major = 8;
constexpr int minor = 0;
} // namespace limits

} // namespace vgpu::soft::driver
