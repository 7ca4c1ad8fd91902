// SPDX-License-Identifier: Apache-2.0
// The files that vgpu-run and its private vgpud share; whichever of the two is left at the end
// removes them.
#pragma once

#include <string>

namespace vgpu::control
{

void remove_private_files(const std::string &directory) noexcept;

} // namespace vgpu::control
