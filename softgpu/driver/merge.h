// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

namespace vgpu::soft::driver
{

/// One input of a link.
struct LinkInput {
    std::string name; ///< for messages
    std::string ptx;
};

/// One program of several, as a linker makes it: a name that one input defines for all is what the
/// others' `.extern` means, a weak one is taken once, and what is an input's own stays its own.
/// Throws vgpu::Error for a name that two inputs define, or for text that is no PTX.
std::string merge(const std::vector<LinkInput> &inputs);

} // namespace vgpu::soft::driver
