// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "spank-plugin/slurm.h"

// The options that srun, sbatch and salloc get from us. They are checked where the user types them,
// and read again in the step daemon, where they arrive as text.
namespace vgpu::spank
{

struct Options {
    uint64_t memory = 0; ///< bytes of each slice; 0: the site's default
    uint32_t cores = 0;  ///< percent of the device; 0: no fixed share
    std::string channel = "auto";
    bool given = false; ///< any of them
};

/// What was given so far in this process.
const Options &options();

/// Registers the options; only from slurm_spank_init().
void register_options(spank_t handle);

/// Reads one; throws vgpu::Error with a text that names it.
void read_memory(const char *text, Options &into);
void read_cores(const char *text, Options &into);
void read_channel(const char *text, Options &into);

} // namespace vgpu::spank
