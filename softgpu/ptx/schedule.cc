// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/barrier.h"
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/resident.h"

#include <algorithm>
#include <cstring>

// Lanes of a warp run together where their frames and program counters are equal. Among the groups
// of a warp the one with the deepest frame, then the least pc, runs first, so that lanes meet again
// as early as the code allows. Every other slice of a divergent warp belongs to the group that has
// waited longest, so that a lane which spins on another lane of its own warp cannot hold it up for
// ever.
namespace vgpu::soft
{
namespace
{

// Warps of a block tend to read neighbouring memory. While a warp's lanes are together its turns
// are short, so that what one warp brings into the caches is still there for the others.
// Where there are few, more of what one read is still there.
int32_t turn_of(const Block &block)
{
    unsigned warps = block.core->grid.warps_per_block;
    return warps >= 8 ? 4 : warps >= 4 ? 8 : warps >= 2 ? 16 : kSliceBranches;
}

void select(Warp &warp, Frame *frame)
{
    warp.frame = frame;
    warp.set_bank(kRegisterBank, frame->registers);
    warp.set_bank(kConstantBank, frame->constants);
}

const Inst *stop(Warp &warp)
{
    warp.active = 0;
    warp.limit = nullptr;
    return nullptr;
}

/// Makes the lanes of `ready` that are at `pc` of `frame` the active ones.
const Inst *activate(Warp &warp, uint32_t ready, Frame *frame, uint32_t pc)
{
    uint32_t group = 0, next = UINT32_MAX;
    each_lane(ready, [&](unsigned lane) {
        if (warp.lane_frame[lane] != frame)
            return;
        uint32_t at = warp.lane_pc[lane];
        if (at == pc)
            group |= 1u << lane;
        else if (at > pc)
            next = std::min(next, at);
    });
    select(warp, frame);
    warp.active = group;
    const auto &insts = frame->code->insts;
    warp.limit = insts.data() + std::min<size_t>(next, insts.size());
    return insts.data() + pc;
}

Frame *take_frame(Warp &warp, const Code &code)
{
    size_t bytes = std::max<size_t>(code.register_bytes, 64);
    for (size_t i = warp.free_frames.size(); i-- > 0;) {
        Frame *frame = warp.free_frames[i];
        if (frame->capacity >= bytes) {
            warp.free_frames[i] = warp.free_frames.back();
            warp.free_frames.pop_back();
            return frame;
        }
    }
    auto frame = std::make_unique<Frame>();
    frame->registers = static_cast<std::byte *>(::operator new(bytes, std::align_val_t(64)));
    frame->capacity = bytes;
    std::memset(frame->registers, 0, bytes);
    return frame.release();
}

std::byte *frame_bytes(Warp &warp, unsigned lane, const Frame &frame, uint32_t offset)
{
    const Block &block = *warp.block;
    return block.local + size_t(thread_of(warp, lane)) * block.stack_bytes + frame.local_base +
           offset;
}

void copy_to_frame(Warp &warp, unsigned lane, const Frame &to, const Argument &parameter,
                   const Frame &from, const Argument &argument)
{
    std::byte *target = frame_bytes(warp, lane, to, parameter.offset);
    size_t size = std::min(argument.size, parameter.size);
    if (argument.slot == kNoSlot) {
        std::memcpy(target, frame_bytes(warp, lane, from, argument.offset), size);
    } else {
        // The caller's frame need not be the one that the warp's banks show.
        Slot bank = argument.slot & ~kOffsetMask;
        const std::byte *base = bank == kRegisterBank   ? from.registers
                                : bank == kConstantBank ? from.constants
                                                        : lanes<std::byte>(warp, bank);
        std::memcpy(target, base + (argument.slot & kOffsetMask) + lane * argument.size, size);
    }
}

} // namespace

Warp::~Warp()
{
    // Frames still in use belong to a launch that was stopped; lanes name them.
    std::vector<Frame *> all = free_frames;
    for (Frame *frame : lane_frame)
        for (; frame && frame != &root && std::find(all.begin(), all.end(), frame) == all.end();
             frame = frame->parent)
            all.push_back(frame);
    for (Frame *frame : all) {
        ::operator delete(frame->registers, std::align_val_t(64));
        delete frame;
    }
}

void save_lanes(Warp &warp, const Inst *next)
{
    uint32_t pc = warp.pc_of(next);
    each_lane(warp.active, [&](unsigned lane) { warp.lane_pc[lane] = pc; });
}

void leave_lanes(Warp &warp, const Inst *next)
{
    if (warp.active != warp.live || warp.called)
        return save_lanes(warp, next);
    warp.together = true;
    warp.together_pc = warp.pc_of(next);
}

void spread_lanes(Warp &warp)
{
    if (warp.together)
        warp.lane_pc.fill(warp.together_pc);
    warp.together = false;
}

const Inst *reschedule(Warp &warp)
{
    uint32_t ready = warp.runnable();
    if (ready == 0)
        return stop(warp);
    if (warp.together) {
        const auto &insts = warp.root.code->insts;
        select(warp, &warp.root);
        warp.together = warp.rotating = false;
        warp.active = ready;
        warp.limit = std::to_address(insts.end());
        return insts.data() + warp.together_pc;
    }
    warp.rotating = false;
    Frame *frame = &warp.root;
    if (warp.called) {
        frame = nullptr;
        each_lane(ready, [&](unsigned lane) {
            if (!frame || warp.lane_frame[lane]->depth > frame->depth)
                frame = warp.lane_frame[lane];
        });
    }
    uint32_t pc = UINT32_MAX;
    each_lane(ready, [&](unsigned lane) {
        if (warp.lane_frame[lane] == frame)
            pc = std::min(pc, warp.lane_pc[lane]);
    });
    return activate(warp, ready, frame, pc);
}

const Inst *arrive(Warp &warp, const Inst *at)
{
    save_lanes(warp, at);
    if (warp.rotating)
        return activate(warp, warp.runnable(), warp.frame, warp.pc_of(at));
    return reschedule(warp);
}

const Inst *diverge(Warp &warp, const Inst *a, uint32_t lanes_a, const Inst *b)
{
    uint32_t pc_a = warp.pc_of(a), pc_b = warp.pc_of(b);
    each_lane(warp.active,
              [&](unsigned lane) { warp.lane_pc[lane] = (lanes_a >> lane & 1) ? pc_a : pc_b; });
    if (warp.rotating)
        return activate(warp, warp.runnable(), warp.frame, std::min(pc_a, pc_b));
    return reschedule(warp);
}

const Inst *yield(Warp &warp, const Inst *next)
{
    leave_lanes(warp, next);
    warp.turn++;
    each_lane(warp.active, [&](unsigned lane) { warp.stamp[lane] = warp.turn; });
    warp.yielded = true;
    return stop(warp);
}

bool extend(Warp &warp)
{
    warp.budget = warp.reserve;
    warp.reserve = 0;
    return warp.budget > 0;
}

const Inst *pause(Warp &warp, const Inst *next)
{
    if (warp.active == warp.live && !warp.called && warp.reserve) {
        leave_lanes(warp, next);
        return stop(warp);
    }
    return extend(warp) ? next : yield(warp, next);
}

namespace
{

/// What the others must know of lanes that exited.
[[gnu::noinline]] const Inst *bury(Warp &warp, uint32_t leaving)
{
    for (Frame *frame = warp.frame; frame && frame != &warp.root;) {
        Frame *parent = frame->parent;
        frame->lanes &= ~leaving;
        if (frame->lanes == 0)
            warp.free_frames.push_back(frame);
        frame = parent;
    }
    each_lane(leaving, [&](unsigned lane) { warp.lane_frame[lane] = &warp.root; });
    if (warp.block->open_barriers)
        release_barriers(*warp.block);
    if (warp.waiting)
        complete_warp_operations(warp);
    return reschedule(warp);
}

} // namespace

const Inst *exit_lanes(Warp &warp)
{
    uint32_t leaving = warp.active;
    warp.live &= ~leaving;
    warp.block->live_threads -= leaving == kAllLanes ? kLanes : unsigned(std::popcount(leaving));
    if (warp.live == 0 && !warp.called && warp.block->open_barriers == 0) [[likely]]
        return stop(warp);
    return bury(warp, leaving);
}

const Inst *enter(Warp &warp, const Inst *call, const CallSite &site, const Code &callee,
                  uint32_t lanes)
{
    Frame &caller = *warp.frame;
    size_t base = caller.local_base + caller.code->frame_bytes;
    if (base + callee.frame_bytes > warp.block->stack_bytes)
        raise_fault(warp, call, unsigned(std::countr_zero(lanes)), Fault::Kind::stack_overflow,
                    "the stack of " + std::to_string(warp.block->stack_bytes) + " bytes is full");
    if (site.arguments.size() != callee.parameters.size() ||
        site.results.size() != callee.results.size())
        raise_fault(warp, call, unsigned(std::countr_zero(lanes)), Fault::Kind::illegal_instruction,
                    "'" + callee.name + "' takes other parameters");
    Frame *frame = take_frame(warp, callee);
    frame->code = &callee;
    frame->parent = &caller;
    frame->constants = reinterpret_cast<const std::byte *>(callee.constants.data());
    frame->return_pc = warp.pc_of(call) + 1;
    frame->lanes = lanes;
    frame->depth = caller.depth + 1;
    frame->local_base = uint32_t(base);
    frame->site = &site;
    each_lane(lanes, [&](unsigned lane) {
        for (size_t i = 0; i < site.arguments.size(); i++)
            copy_to_frame(warp, lane, *frame, callee.parameters[i], caller, site.arguments[i]);
        warp.lane_pc[lane] = 0;
        warp.lane_frame[lane] = frame;
    });
    // Lanes of an indirect call that go elsewhere are not in `lanes`: they call again from here.
    uint32_t rest = warp.active & ~lanes;
    uint32_t pc = warp.pc_of(call);
    each_lane(rest, [&](unsigned lane) { warp.lane_pc[lane] = pc; });
    warp.called = true;
    // A recursion without a loop must not outlive its slice.
    if (--warp.budget < 0 && !extend(warp)) {
        warp.active = 0;
        warp.yielded = true;
        return stop(warp);
    }
    return reschedule(warp);
}

namespace
{

[[gnu::noinline]] const Inst *return_to_caller(Warp &warp)
{
    Frame *frame = warp.frame;
    Frame *parent = frame->parent;
    const CallSite &site = *frame->site;
    each_lane(warp.active, [&](unsigned lane) {
        for (size_t i = 0; i < site.results.size(); i++) {
            const Argument &to = site.results[i];
            const std::byte *from = frame_bytes(warp, lane, *frame, frame->code->results[i].offset);
            size_t size = std::min(to.size, frame->code->results[i].size);
            std::byte *target = to.slot == kNoSlot
                                    ? frame_bytes(warp, lane, *parent, to.offset)
                                    : parent->registers + (to.slot & kOffsetMask) + lane * to.size;
            std::memcpy(target, from, size);
        }
        warp.lane_pc[lane] = frame->return_pc;
        warp.lane_frame[lane] = parent;
    });
    frame->lanes &= ~warp.active;
    if (frame->lanes == 0)
        warp.free_frames.push_back(frame);
    warp.called = false;
    each_lane(warp.live, [&](unsigned lane) {
        if (warp.lane_frame[lane] != &warp.root)
            warp.called = true;
    });
    return reschedule(warp);
}

} // namespace

const Inst *return_lanes(Warp &warp)
{
    return warp.frame == &warp.root ? exit_lanes(warp) : return_to_caller(warp);
}

void run_warp(Warp &warp)
{
    warp.budget = turn_of(*warp.block);
    warp.reserve = kSliceBranches - warp.budget;
    uint32_t ready = warp.runnable();
    const Inst *inst = nullptr;
    bool divergent = false;
    if (warp.yielded && (warp.turn & 1) && !warp.together) {
        // The group that has waited longest has this slice, unless there is but one.
        unsigned oldest = unsigned(std::countr_zero(ready));
        each_lane(ready, [&](unsigned lane) {
            if (int32_t(warp.stamp[lane] - warp.stamp[oldest]) < 0)
                oldest = lane;
        });
        each_lane(ready, [&](unsigned lane) {
            if (warp.lane_pc[lane] != warp.lane_pc[oldest] ||
                warp.lane_frame[lane] != warp.lane_frame[oldest])
                divergent = true;
        });
        if (divergent)
            inst = activate(warp, ready, warp.lane_frame[oldest], warp.lane_pc[oldest]);
    }
    if (!divergent)
        inst = reschedule(warp);
    warp.rotating = divergent;
    warp.yielded = false;
    while (inst) {
        while (inst < warp.limit)
            inst = inst->run(warp, inst);
        if (!inst)
            break;
        inst = arrive(warp, inst);
    }
}

} // namespace vgpu::soft
