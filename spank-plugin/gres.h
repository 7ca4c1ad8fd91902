// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "spank-plugin/slurm.h"

// How many vgpus a step has: what gres_vgpu.so said in its environment.
namespace vgpu::spank
{

/// The step's count on this node. Throws vgpu::Error if the job asked for vgpus and this node's
/// Slurm has no gres_vgpu.so (it goes on without it when its version does not match): whatever the
/// variable says is the user's word then.
uint32_t step_count(spank_t handle, uint32_t job);

/// How many the job has on each of its nodes, by slurmctld's word; 0 if it gives none.
uint32_t job_count(uint32_t job);

} // namespace vgpu::spank
