// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"

#include <string_view>

// Kinds of the instructions that steer lanes; in Inst::aux. Compiled once, for every instruction
// set of the host.
namespace vgpu::soft
{

enum class BarrierKind : uint8_t { sync, arrive, popc, all, any };

enum class WarpKind : uint8_t {
    shfl_up,
    shfl_down,
    shfl_bfly,
    shfl_idx,
    vote_all,
    vote_any,
    vote_uni,
    vote_ballot,
    match_any32,
    match_any64,
    match_all32,
    match_all64,
    redux_add,
    redux_min_u,
    redux_max_u,
    redux_min_s,
    redux_max_s,
    redux_and,
    redux_or,
    redux_xor,
    bar_warp,
    elect,
};

/// Inst::aux of a warp-wide instruction: the kind, and what it may write.
enum WarpFlag : uint32_t { kWarpKindMask = 0xff, kWarpPredicate = 0x100, kWarpNoResult = 0x200 };

// Handlers of control flow.
const Inst *run_branch(Warp &, const Inst *);       ///< imm: target
const Inst *run_branch_if(Warp &, const Inst *);    ///< a: predicate, aux: 1 negates
const Inst *run_branch_index(Warp &, const Inst *); ///< a: index, imm: table
const Inst *run_guard(Warp &, const Inst *); ///< a: predicate, aux: 1 negates, imm: instructions
const Inst *run_call(Warp &, const Inst *);  ///< imm: call site
const Inst *run_return(Warp &, const Inst *);
const Inst *run_exit(Warp &, const Inst *);
const Inst *run_trap(Warp &, const Inst *);
const Inst *run_barrier(Warp &, const Inst *); ///< a: number, b: threads or none, c: predicate
const Inst *run_warp_operation(Warp &, const Inst *);
const Inst *run_fence(Warp &, const Inst *);
const Inst *run_nothing(Warp &, const Inst *);
const Inst *run_sleep(Warp &, const Inst *);
const Inst *
run_clock(Warp &,
          const Inst *); ///< aux: 0 clock, 1 clock64, 2 globaltimer, 3 and 4 their high halves
const Inst *run_active_mask(Warp &, const Inst *);
const Inst *run_local_address(Warp &, const Inst *);
const Inst *run_isspace(Warp &, const Inst *); ///< imm: window

} // namespace vgpu::soft
