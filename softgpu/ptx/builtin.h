// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/machine.h"

#include <functional>
#include <string>

namespace vgpu::soft
{

/// vprintf, malloc, free, __assertfail for the active lanes.
void run_builtin(Warp &warp, const Inst *inst, const CallSite &site);

/// Formats as device-side printf does. `argument(offset, size)` gives raw bits of the packed
/// argument buffer, `string(address)` the text a %s points at.
std::string format_print(std::string_view format,
                         const std::function<uint64_t(size_t offset, size_t size)> &argument,
                         const std::function<std::string(uint64_t address)> &string);

} // namespace vgpu::soft
