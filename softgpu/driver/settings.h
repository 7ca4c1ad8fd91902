// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

namespace vgpu::soft::driver
{

/// What VGPU_SOFT_* says, read once at cuInit.
struct Settings {
    int devices = 1;                 ///< VGPU_SOFT_DEVICES; CUDA_VISIBLE_DEVICES chooses of these
    size_t memory = size_t(4) << 30; ///< VGPU_SOFT_MEMORY, bytes of each device
    unsigned units =
        1; ///< VGPU_SOFT_UNITS, cores that a kernel may use; default all that we may run on
    double timeout = 0; ///< VGPU_SOFT_TIMEOUT, seconds a kernel may run; 0 is no limit

    static Settings from_environment();
};

} // namespace vgpu::soft::driver
