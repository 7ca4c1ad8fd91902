// SPDX-License-Identifier: Apache-2.0
// CUDA_VISIBLE_DEVICES: which devices a process has, and in which order.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace vgpu
{

constexpr const char *kVisibleDevices = "CUDA_VISIBLE_DEVICES";

using DeviceUuid = std::array<unsigned char, 16>;

// What the value leaves of these devices, by their index, in its order. As CUDA has it: indices, or
// beginnings of UUIDs (GPU-...) that no other device shares; the list ends before the first entry
// that is neither, and one that names a device again leaves none at all. Several slices of one
// device have one UUID, so that each entry of it names the next of them.
std::vector<size_t> visible_devices(std::string_view value, std::span<const DeviceUuid> devices);

} // namespace vgpu
