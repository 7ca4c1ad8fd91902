// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"

namespace vgpu::soft
{

enum class MbarrierKind : uint8_t {
    init,
    invalidate,
    arrive_counted, // no result
    arrive,
    arrive_drop,
    pending, // a 64-bit state, or a count
    test,
    test_parity, // a predicate
};

/// b: address (aux: its width, c: offset), d: result, e: count, state or parity, imm: the kind.
const Inst *run_mbarrier(Warp &, const Inst *);

} // namespace vgpu::soft
