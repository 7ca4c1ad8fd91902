// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/device.h"
#include "softgpu/driver/shared-file.h"

#include <cstdint>

namespace vgpu::soft::driver
{

constexpr size_t kGranularity = size_t(2) << 20;

/// Physical memory that cuMemCreate made: a piece of the process' one sparse memory file, so that
/// it costs no descriptor of its own, until it is exported; or another process's, which pays for
/// it. It lives as long as handles or mappings use it.
class Physical
{
public:
    Physical(Device &device, size_t size, const CUmemAllocationProp &properties);
    explicit Physical(std::shared_ptr<SharedFile> imported);
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

    /// Moves it into a file of its own, if it has none: while no work runs, and under the lock of
    /// vmm.cc. What is mapped must be mapped again.
    SharedFile &share();

private:
    uint64_t offset_ = 0;
    bool imported_ = false;
    std::shared_ptr<SharedFile> shared_;
};

} // namespace vgpu::soft::driver
