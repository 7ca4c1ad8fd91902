// SPDX-License-Identifier: Apache-2.0
// The options of our programs' command lines, one table for each program: --help and the manual
// pages are made from them.
#pragma once

#include <span>

#include "remoting/base/options.h"

namespace vgpu::control
{

std::span<const Option> run_options();
std::span<const Option> smi_options();
std::span<const Option> ctl_options();
std::span<const Option> vgpud_options();
std::span<const Option> vgpuctld_options();

} // namespace vgpu::control
