// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/control.h"

#include "softgpu/ptx/barrier.h"
#include "softgpu/ptx/builtin.h"
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/module.h"

#include <atomic>
#include <chrono>

namespace vgpu::soft
{
namespace
{

uint32_t predicate(Warp &warp, Slot slot, bool negated)
{
    uint32_t value = *lanes<uint32_t>(warp, slot);
    return negated ? ~value : value;
}

const Inst *target_of(const Warp &warp, int64_t index)
{
    return warp.frame->code->insts.data() + index;
}

/// Goes to `target` with all active lanes; a backward branch uses up the slice.
const Inst *jump(Warp &warp, const Inst *from, const Inst *target)
{
    if (target <= from && --warp.budget < 0)
        return pause(warp, target);
    return target;
}

const Code *callee_at(Warp &warp, const Inst *inst, uint64_t address, unsigned lane)
{
    const Module &module = warp.block->core->grid.module;
    uint64_t index = (address - kFunctionWindow) / 16;
    if (address < kFunctionWindow || address % 16 != 0 || index >= module.functions().size() ||
        !module.functions()[index].defined || module.functions()[index].kernel) {
        char text[64];
        snprintf(text, sizeof text, "call of 0x%llx, which is no function",
                 (unsigned long long)address);
        raise_fault(warp, inst, lane, Fault::Kind::illegal_instruction, text);
    }
    return &module.functions()[index];
}

} // namespace

const Inst *run_branch(Warp &warp, const Inst *inst)
{
    return jump(warp, inst, target_of(warp, inst->imm));
}

const Inst *run_branch_if(Warp &warp, const Inst *inst)
{
    uint32_t taken = predicate(warp, inst->a, inst->aux) & warp.active;
    const Inst *target = target_of(warp, inst->imm);
    if (taken == warp.active)
        return jump(warp, inst, target);
    if (taken == 0)
        return inst + 1;
    // A divergent loop must use up its slice as well; the branch is then repeated.
    if (target <= inst && --warp.budget < 0 && !extend(warp))
        return yield(warp, inst);
    return diverge(warp, target, taken, inst + 1);
}

const Inst *run_branch_index(Warp &warp, const Inst *inst)
{
    const auto &table = warp.frame->code->branch_targets[size_t(inst->imm)];
    const uint32_t *index = lanes<uint32_t>(warp, inst->a);
    uint32_t first = index[std::countr_zero(warp.active)];
    uint32_t same = 0;
    each_lane(warp.active, [&](unsigned lane) {
        if (index[lane] >= table.size())
            raise_fault(warp, inst, lane, Fault::Kind::illegal_instruction,
                        "branch index out of range");
        same |= uint32_t(index[lane] == first) << lane;
    });
    const Inst *target = target_of(warp, table[first]);
    if (same == warp.active)
        return jump(warp, inst, target);
    if (target <= inst && --warp.budget < 0 && !extend(warp))
        return yield(warp, inst);
    // The other lanes execute this instruction again.
    return diverge(warp, target, same, inst);
}

const Inst *run_guard(Warp &warp, const Inst *inst)
{
    uint32_t all = warp.active;
    uint32_t some = predicate(warp, inst->a, inst->aux) & all;
    const Inst *end = inst + 1 + inst->imm;
    if (some == 0)
        return end;
    warp.active = some;
    for (const Inst *next = inst + 1; next < end; next++)
        next->run(warp, next);
    warp.active = all;
    return end;
}

const Inst *run_call(Warp &warp, const Inst *inst)
{
    const Module &module = warp.block->core->grid.module;
    const CallSite &site = warp.frame->code->calls[size_t(inst->imm)];
    if (site.builtin != Builtin::none) {
        run_builtin(warp, inst, site);
        return inst + 1;
    }
    if (site.callee >= 0)
        return enter(warp, inst, site, module.functions()[size_t(site.callee)], warp.active);
    const uint64_t *target = lanes<uint64_t>(warp, site.target);
    unsigned leader = unsigned(std::countr_zero(warp.active));
    uint32_t same = 0;
    each_lane(warp.active,
              [&](unsigned lane) { same |= uint32_t(target[lane] == target[leader]) << lane; });
    return enter(warp, inst, site, *callee_at(warp, inst, target[leader], leader), same);
}

const Inst *run_return(Warp &warp, const Inst *)
{
    return return_lanes(warp);
}

const Inst *run_exit(Warp &warp, const Inst *)
{
    return exit_lanes(warp);
}

const Inst *run_trap(Warp &warp, const Inst *inst)
{
    raise_fault(warp, inst, unsigned(std::countr_zero(warp.active)), Fault::Kind::trap,
                "trap executed");
}

const Inst *run_barrier(Warp &warp, const Inst *inst)
{
    unsigned leader = unsigned(std::countr_zero(warp.active));
    const uint32_t *number = lanes<uint32_t>(warp, inst->a);
    const uint32_t *threads = inst->b == kNoSlot ? nullptr : lanes<uint32_t>(warp, inst->b);
    each_lane(warp.active, [&](unsigned lane) {
        if (number[lane] != number[leader] || (threads && threads[lane] != threads[leader]))
            raise_fault(warp, inst, lane, Fault::Kind::illegal_instruction,
                        "the lanes of a warp name different barriers");
    });
    uint32_t expected = threads ? threads[leader] : 0;
    if (number[leader] >= kBarriers || (threads && (expected == 0 || expected % kLanes != 0)))
        raise_fault(warp, inst, leader, Fault::Kind::illegal_instruction,
                    "barrier number or thread count out of range");
    auto kind = BarrierKind(inst->aux & 0xff);
    if (kind != BarrierKind::sync && kind != BarrierKind::arrive) {
        Barrier &barrier = warp.block->barriers[number[leader]];
        uint32_t votes = predicate(warp, inst->c, inst->aux >> 8) & warp.active;
        barrier.count += uint32_t(std::popcount(votes));
        barrier.voters += uint32_t(std::popcount(warp.active));
    }
    return arrive_barrier(warp, inst, number[leader], expected, kind != BarrierKind::arrive);
}

const Inst *run_fence(Warp &, const Inst *inst)
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return inst + 1;
}

const Inst *run_nothing(Warp &, const Inst *inst)
{
    return inst + 1;
}

/// Whoever sleeps waits for somebody: the slice goes to others.
const Inst *run_sleep(Warp &warp, const Inst *inst)
{
    return yield(warp, inst + 1);
}

const Inst *run_clock(Warp &warp, const Inst *inst)
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    if (inst->aux == 2 || inst->aux == 3)
        now = std::chrono::system_clock::now().time_since_epoch();
    auto ticks = uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    if (inst->aux >= 3)
        ticks >>= 32;
    each_lane(warp.active, [&](unsigned lane) {
        if (inst->imm == 8)
            lanes<uint64_t>(warp, inst->d)[lane] = ticks;
        else
            lanes<uint32_t>(warp, inst->d)[lane] = uint32_t(ticks);
    });
    return inst + 1;
}

const Inst *run_active_mask(Warp &warp, const Inst *inst)
{
    each_lane(warp.active,
              [&](unsigned lane) { lanes<uint32_t>(warp, inst->d)[lane] = warp.active; });
    return inst + 1;
}

const Inst *run_local_address(Warp &warp, const Inst *inst)
{
    uint64_t address = warp.frame->local_base + uint64_t(inst->imm);
    each_lane(warp.active, [&](unsigned lane) {
        if (inst->aux == 8)
            lanes<uint64_t>(warp, inst->d)[lane] = address;
        else
            lanes<uint32_t>(warp, inst->d)[lane] = uint32_t(address);
    });
    return inst + 1;
}

const Inst *run_isspace(Warp &warp, const Inst *inst)
{
    uint32_t inside = 0;
    each_lane(warp.active, [&](unsigned lane) {
        uint64_t address = inst->aux == 8 ? lanes<uint64_t>(warp, inst->a)[lane]
                                          : lanes<uint32_t>(warp, inst->a)[lane];
        bool yes = address - uint64_t(inst->imm) < kWindowBytes;
        if (inst->imm == 0) { // constants are what no kernel may write
            const Range *range = address < kWindowBase ? find_range(warp, address) : nullptr;
            bool constant = range && !range->writable;
            yes = address < kWindowBase && constant == bool(inst->c);
        }
        inside |= uint32_t(yes) << lane;
    });
    uint32_t &d = *lanes<uint32_t>(warp, inst->d);
    d = (d & ~warp.active) | inside;
    return inst + 1;
}

} // namespace vgpu::soft
