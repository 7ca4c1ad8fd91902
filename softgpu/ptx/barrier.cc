// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/barrier.h"

#include "softgpu/ptx/control.h"

namespace vgpu::soft
{
namespace
{

/// Gives a waiting lane the result of bar.red. Its saved pc is past the barrier's instruction.
void reduce(Warp &warp, unsigned lane, const Barrier &barrier)
{
    const Frame &frame = *warp.lane_frame[lane];
    const Inst &inst = frame.code->insts[warp.lane_pc[lane] - 1];
    auto kind = BarrierKind(inst.aux & 0xff);
    if (kind == BarrierKind::sync || kind == BarrierKind::arrive)
        return;
    std::byte *target = frame.registers + (inst.d & kOffsetMask);
    if (kind == BarrierKind::popc) {
        reinterpret_cast<uint32_t *>(target)[lane] = barrier.count;
        return;
    }
    bool value = kind == BarrierKind::all ? barrier.count == barrier.voters : barrier.count > 0;
    auto &mask = *reinterpret_cast<uint32_t *>(target);
    mask = (mask & ~(1u << lane)) | uint32_t(value) << lane;
}

void release(Block &block, unsigned number)
{
    Barrier done = block.barriers[number];
    block.barriers[number] = Barrier{};
    block.open_barriers--;
    each_lane(done.waiting, [&](unsigned index) {
        Warp &warp = block.warps[index];
        if (warp.together && !done.voters) { // all of it waits here
            warp.barred = 0;
            return;
        }
        spread_lanes(warp);
        uint32_t freed = 0;
        each_lane(warp.barred, [&](unsigned lane) {
            if (warp.barrier[lane] != number)
                return;
            freed |= 1u << lane;
            if (done.voters)
                reduce(warp, lane, done);
        });
        warp.barred &= ~freed;
    });
}

bool fulfilled(const Block &block, const Barrier &barrier)
{
    return barrier.open &&
           barrier.arrived >= (barrier.expected ? barrier.expected : block.live_threads);
}

} // namespace

void release_barriers(Block &block)
{
    for (unsigned number = 0; number < kBarriers; number++)
        if (fulfilled(block, block.barriers[number]))
            release(block, number);
}

const Inst *arrive_barrier(Warp &warp, const Inst *inst, unsigned number, uint32_t expected,
                           bool wait)
{
    Block &block = *warp.block;
    Barrier &barrier = block.barriers[number];
    if (!barrier.open) {
        barrier.open = true;
        block.open_barriers++;
        barrier.expected = expected;
    }
    uint32_t coming = uint32_t(std::popcount(warp.active));
    // A count names whole warps: lanes that do not exist or have left come with the first of their
    // warp.
    uint32_t bit = 1u << warp.index;
    if (expected && !(barrier.warps & bit))
        coming += kLanes - uint32_t(std::popcount(warp.live));
    barrier.warps |= bit;
    barrier.arrived += coming;
    if (!wait) {
        if (fulfilled(block, barrier))
            release(block, number);
        return inst + 1;
    }
    if (warp.active == warp.live)
        warp.barrier.fill(uint8_t(number));
    else
        each_lane(warp.active, [&](unsigned lane) { warp.barrier[lane] = uint8_t(number); });
    leave_lanes(warp, inst + 1);
    warp.barred |= warp.active;
    barrier.waiting |= bit;
    if (fulfilled(block, barrier))
        release(block, number);
    return reschedule(warp);
}

} // namespace vgpu::soft
