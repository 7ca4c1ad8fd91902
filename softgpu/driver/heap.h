// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/memory.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace vgpu::soft::driver
{

/// The heap of device-side malloc: one mapping that kernels may touch, handed out first fit.
class Heap
{
public:
    Heap(MemoryMap &memory, size_t bytes);
    ~Heap();
    Heap(const Heap &) = delete;
    Heap &operator=(const Heap &) = delete;

    uint64_t allocate(size_t bytes); ///< 0 when it is full
    void release(uint64_t address);  ///< a wrong address is ignored, as on a device

private:
    MemoryMap &memory_;
    uint64_t base_ = 0;
    size_t size_;
    std::mutex lock_;
    std::map<uint64_t, size_t> free_;
    std::map<uint64_t, size_t> used_;
};

} // namespace vgpu::soft::driver
