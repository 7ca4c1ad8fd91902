// SPDX-License-Identifier: Apache-2.0
// Variables of CUDA's that say yes or no, read at the first question as the vendor's driver does.
#pragma once

namespace vgpu
{

bool launches_block() noexcept; // CUDA_LAUNCH_BLOCKING=1: a launch returns when its work is done
bool loads_eagerly() noexcept;  // CUDA_MODULE_LOADING=EAGER

} // namespace vgpu
