// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"
#include "remoting/base/visible-devices.h"

#include <cstdlib>
#include <cstring>
#include <numeric>

namespace vgpu::soft::driver
{
namespace
{

/// The numbers of the devices that CUDA_VISIBLE_DEVICES leaves, in its order.
std::vector<size_t> visible_numbers(int all)
{
    std::vector<size_t> numbers(static_cast<size_t>(all));
    std::iota(numbers.begin(), numbers.end(), size_t(0));
    const char *value = getenv(kVisibleDevices);
    if (!value)
        return numbers;
    std::vector<DeviceUuid> uuids(numbers.size());
    for (size_t number : numbers) {
        const CUuuid uuid = Device::uuid_of(static_cast<int>(number));
        memcpy(uuids[number].data(), uuid.bytes, sizeof uuid.bytes);
    }
    return visible_devices(value, uuids);
}

} // namespace

Machine::Machine() : settings(Settings::from_environment())
{
    for (size_t number : visible_numbers(settings.devices))
        devices.push_back(std::make_unique<Device>(static_cast<int>(devices.size()),
                                                   static_cast<int>(number), settings.memory,
                                                   settings.units));
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
