// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

// The words behind spank_vgpu.so in plugstack.conf.
namespace vgpu::spank
{

struct Arguments {
    std::string conf; ///< vgpu.conf; empty: the default place
};

/// Throws vgpu::Error on an unknown word.
Arguments parse_arguments(int count, char **words);

} // namespace vgpu::spank
