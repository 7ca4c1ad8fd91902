// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/option-table.h"

#include "daemon/common/lease.h"

namespace vgpu::spank
{

using Type = Option::Type;

static constexpr Option kTable[] = {
    {"vgpu-mem", nullptr, "--vgpu-mem", "",
     "The memory of each vgpu, such as 4G; not given, the site's default.", Type::size, nullptr, 1},
    {"vgpu-cores", nullptr, "--vgpu-cores", "",
     "The share of the device's compute time of each vgpu; not given, no fixed share.",
     Type::percent, nullptr, 1, 100},
    {"vgpu-channel", nullptr, "--vgpu-channel", "auto", "How the tasks reach their worker.",
     Type::choice, "auto|shm|unix|tcp"},
    {"vgpu-qos", nullptr, "--vgpu-qos", "",
     "The class of the tasks' large copies over the network; not given, the site's default.",
     Type::choice, control::kQosChoices},
};

std::span<const Option> option_table()
{
    return kTable;
}

} // namespace vgpu::spank
