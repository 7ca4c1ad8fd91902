// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"

#include <cuda.h>

#include <memory>

namespace vgpu::soft::driver
{

/// Units that were split off, to be given to a green context.
struct ResourceDesc {
    uint64_t id = 0;
    CUdevResource resource{};
};

/// A context whose kernels run on some of the device's units only.
struct GreenContext {
    uint64_t id = 0;
    std::shared_ptr<Context> context;
    CUdevResource resource{};

    static std::shared_ptr<GreenContext> of(const Context &context); ///< null if it is none
};

} // namespace vgpu::soft::driver
