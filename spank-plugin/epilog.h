// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "spank-plugin/arguments.h"
#include "spank-plugin/slurm.h"

namespace vgpu::spank
{

/// At the end of a job on a node: releases what its steps have left, if a step daemon was killed.
/// Idempotent; never fails, since that would drain the node.
void finish_job(spank_t handle, int count, char **words) noexcept;

} // namespace vgpu::spank
