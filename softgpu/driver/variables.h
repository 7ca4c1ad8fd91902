// SPDX-License-Identifier: Apache-2.0
// What VGPU_SOFT_* may say; vgpu(7) is made from this.
#pragma once
#include <span>

#include "remoting/base/options.h"

namespace vgpu::soft::driver
{

std::span<const Option> soft_variables();

} // namespace vgpu::soft::driver
