// SPDX-License-Identifier: Apache-2.0
// A slice as a worker gets it: one device of the driver, a quota and a share.
#pragma once

#include "remoting/server/slice-page.h"

#include <cuda.h>

#include <cstdint>

namespace vgpu::server
{

struct Slice {
    int ordinal = 0; // of the driver; a CUdevice once the driver is open
    CUdevice device = 0;
    uint64_t memory = 0; // quota in bytes; 0: all of the device
    uint32_t cores = 0;  // percent of the device's time; 0 or 100: no limit
    SlicePage *page = nullptr;
};

} // namespace vgpu::server
