// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/allocations.h"
#include "softgpu/driver/context.h"

#include <cstddef>
#include <cstdint>

namespace vgpu::soft::driver
{

constexpr size_t kPage = 4096;

constexpr size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/// Anonymous pages, which cost nothing before they are touched, and an address gap behind them: who
/// runs over the end of an allocation is not to land in the next. Throws OUT_OF_MEMORY. `bytes` is
/// whole pages.
uint64_t map_pages(size_t bytes);
void unmap_pages(uint64_t address, size_t bytes);

/// Maps device memory, charges it, and makes it known to kernels and copies. Pages cost nothing
/// before they are touched. Throws OUT_OF_MEMORY. `constant` memory is written by copies only.
uint64_t allocate_device(Device &device, size_t bytes, Allocation::Origin origin, uint64_t context,
                         uint64_t owner = 0, bool constant = false);

/// Maps host memory that kernels may touch.
uint64_t allocate_host(Context &context, size_t bytes, unsigned flags);

/// Maps memory of another process, which is not charged, for a context; as a pool's where that is
/// given.
uint64_t map_imported(Context &context, const std::shared_ptr<SharedFile> &file, size_t bytes,
                      uint64_t pool = 0);

/// Undoes any of them. The caller has taken `allocation` out of the table and has waited for who
/// may use it.
void release(const Allocation &allocation);

/// Frees what was allocated in a context that ends.
void release_memory(Context &context);

} // namespace vgpu::soft::driver
