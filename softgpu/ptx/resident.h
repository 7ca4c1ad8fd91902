// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/machine.h"

#include <functional>

namespace vgpu::soft
{

/// Backward branches that a warp may take before the host thread looks at others and at the clock.
inline constexpr int32_t kSliceBranches = 256;

uint64_t now_ns();

/// Runs blocks of the grid until none is left or the grid stops: the life of one host thread of a
/// launch.
/// `reinforce`, if any, is called once, when the work turns out to be worth more threads.
void run_core(Grid &grid, unsigned number, const std::function<void()> &reinforce = {});

} // namespace vgpu::soft
