// SPDX-License-Identifier: Apache-2.0
// The device address window: a range of this process's address space in which the worker places
// device memory, so that a device pointer is the same number on both ends and can never be mistaken
// for host memory.
#pragma once

#include <cstdint>
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

    bool holds(uint64_t address) const noexcept { return base_ != 0 && address - base_ < bytes_; }

private:
    uint64_t bytes_ = 0;
    uint64_t base_ = 0;
    std::vector<uint64_t> candidates_;
};

} // namespace vgpu::client
