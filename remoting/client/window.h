// SPDX-License-Identifier: Apache-2.0
// The device address window: a range of this process's address space in which the worker places
// device memory, so that a device pointer is the same number on both ends and can never be mistaken
// for host memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <vector>

namespace vgpu::client
{

class Window
{
public:
    // Reserves several candidate ranges that can hold `memory` bytes of allocations, without
    // costing memory or page tables.
    explicit Window(uint64_t memory);
    Window(const Window &) = delete;

    uint64_t bytes() const noexcept { return bytes_; }
    const std::vector<uint64_t> &candidates() const noexcept { return candidates_; }

    // Keeps the one that the worker chose and gives the others back. False if it is none of them.
    bool keep(uint64_t base) noexcept;

    // Whether an address can only be a device's: in the window, or reserved since.
    bool holds(uint64_t address) const noexcept
    {
        return (base_ != 0 && address - base_ < bytes_) || holds_reserved(address);
    }

    // Further ranges, for cuMemAddressReserve. At `wanted` if that is not 0, else at a place that
    // is free here and was not offered before. 0 if there is none.
    uint64_t reserve(uint64_t bytes, uint64_t alignment, uint64_t wanted);
    // Where the range that begins at `base` ends; nothing if none does.
    std::optional<uint64_t> reserved(uint64_t base) const;
    // The bytes left from `address` to the end of its range; 0 if it is in none.
    uint64_t reserved_after(uint64_t address) const;
    void give_back(uint64_t base) noexcept;

private:
    bool holds_reserved(uint64_t address) const noexcept { return reserved_after(address) != 0; }

    mutable std::shared_mutex mutex_; // of the two below
    std::map<uint64_t, uint64_t> reserved_;
    uint64_t next_ = 0; // where the next range is tried

    uint64_t bytes_ = 0;
    uint64_t base_ = 0;
    std::vector<uint64_t> candidates_;
};

} // namespace vgpu::client
