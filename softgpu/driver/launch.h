// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"
#include "softgpu/driver/module.h"

namespace vgpu::soft::driver
{

struct Shape {
    Dim3 grid, block;
    size_t dynamic_shared = 0;
    bool cooperative = false;
};

/// Blocks of this kernel that one unit holds at a time.
unsigned blocks_per_unit(const KernelView &kernel, unsigned threads, size_t dynamic_shared);

/// Checks a launch as a device would, packs its parameters, and puts it into the stream.
void launch(Stream &stream, const Function &function, const Shape &shape, void **parameters,
            void **extra);

} // namespace vgpu::soft::driver
