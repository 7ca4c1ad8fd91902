// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "remoting/base/options.h"
#include "spank-plugin/slurm.h"

// The options that the user typed. They are checked where they are typed, and read again in the
// step daemon, where they arrive as text.
namespace vgpu::spank
{

/// What was given so far in this process.
const Options &options();

/// Was anything?
bool any_option_given();

/// Registers the options; only from slurm_spank_init().
void register_options(spank_t handle);

} // namespace vgpu::spank
