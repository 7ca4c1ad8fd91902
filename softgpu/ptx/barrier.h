// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/machine.h"

// Meeting points: barriers of a block, and operations for which the lanes of a warp wait.
namespace vgpu::soft
{

/// Lets go the barriers that the lanes which are left fulfil. Called when threads exit or arrive.
void release_barriers(Block &block);

/// The active lanes arrive at a barrier; `wait` false is bar.arrive. `expected` 0 means all
/// threads.
const Inst *arrive_barrier(Warp &warp, const Inst *inst, unsigned number, uint32_t expected,
                           bool wait);

/// Completes the operations (shfl, vote, ...) whose lanes are now all there.
void complete_warp_operations(Warp &warp);

/// Active lanes begin a warp-wide operation with what they deposited; goes on when all are there.
const Inst *join_warp_operation(Warp &warp, const Inst *inst);

} // namespace vgpu::soft
