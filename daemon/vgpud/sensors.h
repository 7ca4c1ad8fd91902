// SPDX-License-Identifier: Apache-2.0
// What the vendor's management library reads of the devices: clocks, power, temperatures. Each is
// kept under the name of its NVML function (remoting/nvml/nvml.api), for libnvidia-ml.so.1 to give
// out.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/common/state.h"

namespace vgpu::control
{

class Sensors
{
public:
    /// Reads them every few seconds in a thread of its own, since a device that hangs may keep the
    /// library for long; nothing where there is no such library.
    explicit Sensors(std::vector<Device> devices);
    ~Sensors(); // does not wait for a reading under way

    /// Puts the latest into the row.
    void show(Device &row) const;

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

} // namespace vgpu::control
