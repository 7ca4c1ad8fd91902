// SPDX-License-Identifier: Apache-2.0
// The slices of the lease, each a CUDA device, as the first reply of the session describes them.
#pragma once

#include "remoting/wire/codec.h"

#include <cuda.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace vgpu::client
{

struct Device {
    std::string name;
    std::array<unsigned char, 16> uuid{};
    uint64_t memory = 0; // the slice's quota
    std::string pci;     // 0000:17:00.0
    std::vector<int32_t>
        attributes; // CU_DEVICE_ATTRIBUTE_* at its number; INT32_MIN where the driver has none

    // Whether the device has such an attribute, and its value.
    bool attribute(int number, int &value) const noexcept;

    // The same with 0 for what is not there.
    int operator[](CUdevice_attribute number) const noexcept
    {
        int value = 0;
        attribute(int(number), value);
        return value;
    }
};

struct Snapshot {
    uint64_t window = 0; // base of the device address window the worker chose
    int driver_version = 0;
    std::vector<Device> devices;
};

// Throws Error when the reply is not whole.
Snapshot decode_snapshot(wire::Decoder &in);

// Attributes of what this library does not carry (managed memory, IPC, ...) say so, whatever the
// device can. `shares_memory`: pinned host memory is mapped by the worker too.
void limit_attributes(Device &device, bool shares_memory);

} // namespace vgpu::client
