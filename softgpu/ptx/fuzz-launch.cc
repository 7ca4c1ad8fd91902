// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fuzz-program.h"

#include <cstdint>

// Valid kernels, launched with any grid, block, memory and arguments, touch only what is theirs.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vgpu::soft::fuzz::launch_anything({data, size});
    return 0;
}
