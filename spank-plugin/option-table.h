// SPDX-License-Identifier: Apache-2.0
// The options that srun, sbatch and salloc get from us: their --help and spank_vgpu(8) are made
// from this.
#pragma once

#include <span>

#include "remoting/base/options.h"

namespace vgpu::spank
{

std::span<const Option> option_table();

} // namespace vgpu::spank
