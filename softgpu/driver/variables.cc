// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/variables.h"

namespace vgpu::soft::driver
{

using Type = Option::Type;

static constexpr Option soft_row(const char *name, const char *default_value, const char *doc,
                                 Type type, int64_t low, int64_t high)
{
    return {name, name, nullptr, default_value, doc, type, nullptr, low, high};
}

static constexpr Option kTable[] = {
    soft_row("VGPU_SOFT_DEVICES", "1", "How many devices the software GPU shows.", Type::integer, 0,
             64),
    soft_row("VGPU_SOFT_MEMORY", "4G", "The memory of each.", Type::size, int64_t(1) << 20,
             int64_t(1) << 44),
    soft_row("VGPU_SOFT_UNITS", "",
             "The cores that a kernel computes on; not given, all that the process may run on.",
             Type::integer, 1, 1024),
    soft_row("VGPU_SOFT_TIMEOUT", "0",
             "The time after which a kernel ends with CUDA_ERROR_LAUNCH_TIMEOUT; 0 for none.",
             Type::duration, 0, 86400),
    {"VGPU_SOFT_ISA", "VGPU_SOFT_ISA", nullptr, "auto",
     "The instructions that kernels are computed with; auto for the best this machine has.",
     Type::choice, "auto|baseline|avx2"},
    {"VGPU_SOFT_LOG", "VGPU_SOFT_LOG", nullptr, "yes", "Whether the faults of kernels are logged.",
     Type::boolean},
};

std::span<const Option> soft_variables()
{
    return kTable;
}

} // namespace vgpu::soft::driver
