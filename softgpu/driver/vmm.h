// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/device.h"

#include <cstdint>

namespace vgpu::soft::driver
{

constexpr size_t kGranularity = size_t(2) << 20;

/// Physical memory that cuMemCreate made: a piece of the process' one sparse memory file, so that
/// it costs no descriptor of its own. It lives as long as handles or mappings use it.
class Physical
{
public:
    Physical(Device &device, size_t size, const CUmemAllocationProp &properties);
    ~Physical();
    Physical(const Physical &) = delete;
    Physical &operator=(const Physical &) = delete;

    uint64_t id = 0;
    Device &device;
    const size_t size;
    const CUmemAllocationProp properties;
    unsigned handles = 1; ///< guarded by the lock of vmm.cc

    int file() const;
    uint64_t offset() const { return offset_; }

private:
    uint64_t offset_ = 0;
};

} // namespace vgpu::soft::driver
