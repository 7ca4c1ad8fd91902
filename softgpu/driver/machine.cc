// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"

namespace vgpu::soft::driver
{

Machine::Machine() : settings(Settings::from_environment())
{
    for (int ordinal = 0; ordinal < settings.devices; ordinal++)
        devices.push_back(std::make_unique<Device>(ordinal, settings.memory, settings.units));
}

Device &Machine::device(CUdevice ordinal)
{
    require(ordinal >= 0 && static_cast<size_t>(ordinal) < devices.size(),
            CUDA_ERROR_INVALID_DEVICE);
    return *devices[static_cast<size_t>(ordinal)];
}

Machine &machine()
{
    static Machine *the = new Machine;
    return *the;
}

} // namespace vgpu::soft::driver
