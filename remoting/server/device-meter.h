// SPDX-License-Identifier: Apache-2.0
// How much of a device this process has. The driver API tells it only from within a context, so
// what the first context takes is asked of the vendor's management library, where there is one. The
// software GPU has none, and its contexts take nothing of its devices' memory.
#pragma once

#include "remoting/server/driver.h"

#include <cstdint>

namespace vgpu::server
{

class DeviceMeter
{
public:
    // Bytes; 0 if nobody knows.
    uint64_t used(const Driver &driver, CUdevice device);

private:
    bool open();

    bool tried_ = false;
    int (*by_bus_)(const char *bus, void **device) = nullptr;
    int (*processes_)(void *device, unsigned *count, void *infos) = nullptr;
};

} // namespace vgpu::server
