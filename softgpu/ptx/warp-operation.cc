// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/barrier.h"
#include "softgpu/ptx/control.h"

#include <algorithm>

// shfl, vote, match, redux, bar.warp.sync, elect. Each lane deposits what it brings; when every
// live lane of its member mask has come (to this or to another instruction of the kind), it takes
// its result.
namespace vgpu::soft
{
namespace
{

struct Result {
    uint32_t value = 0;
    bool predicate = false;
};

bool flag(const Deposit &deposit)
{
    return deposit.value != 0;
}

/// The lane a shuffle reads, and whether it is in range: PTX's own rule, on the clamp and segment
/// of operand c.
Result shuffle_source(WarpKind kind, uint32_t lane, uint32_t b, uint32_t c)
{
    uint32_t clamp = c & 31, segment = (c >> 8) & 31;
    uint32_t max_lane = (lane & segment) | (clamp & ~segment);
    uint32_t min_lane = lane & segment;
    b &= 31;
    uint32_t source = lane;
    bool valid = false;
    switch (kind) {
    case WarpKind::shfl_up:
        source = lane - b;
        valid = int32_t(source) >= int32_t(max_lane);
        break;
    case WarpKind::shfl_down:
        source = lane + b;
        valid = source <= max_lane;
        break;
    case WarpKind::shfl_bfly:
        source = lane ^ b;
        valid = source <= max_lane;
        break;
    default:
        source = min_lane | (b & ~segment & 31);
        valid = source <= max_lane;
    }
    return {valid ? source : lane, valid};
}

uint32_t combine(WarpKind kind, uint32_t a, uint32_t b)
{
    switch (kind) {
    case WarpKind::redux_add:
        return a + b;
    case WarpKind::redux_min_u:
        return std::min(a, b);
    case WarpKind::redux_max_u:
        return std::max(a, b);
    case WarpKind::redux_min_s:
        return uint32_t(std::min(int32_t(a), int32_t(b)));
    case WarpKind::redux_max_s:
        return uint32_t(std::max(int32_t(a), int32_t(b)));
    case WarpKind::redux_and:
        return a & b;
    case WarpKind::redux_or:
        return a | b;
    default:
        return a ^ b;
    }
}

/// The result of `lane`, whose group are the lanes `members`.
Result result_of(const Warp &warp, WarpKind kind, unsigned lane, uint32_t members)
{
    const auto &deposits = warp.deposit;
    const Deposit &own = deposits[lane];
    auto matching = [&](auto &&test) {
        uint32_t mask = 0;
        each_lane(members,
                  [&](unsigned other) { mask |= uint32_t(test(deposits[other])) << other; });
        return mask;
    };
    switch (kind) {
    case WarpKind::shfl_up:
    case WarpKind::shfl_down:
    case WarpKind::shfl_bfly:
    case WarpKind::shfl_idx: {
        Result source = shuffle_source(kind, lane, own.extra, own.extra2);
        // A lane outside the group has nothing to give; the result is undefined then, and is one's
        // own value.
        unsigned from = (members >> source.value & 1) ? source.value : lane;
        return {uint32_t(deposits[from].value), source.predicate};
    }
    case WarpKind::vote_all:
        return {0, matching(flag) == members};
    case WarpKind::vote_any:
        return {0, matching(flag) != 0};
    case WarpKind::vote_uni: {
        uint32_t set = matching(flag);
        return {0, set == 0 || set == members};
    }
    case WarpKind::vote_ballot:
        return {matching(flag), false};
    case WarpKind::match_any32:
    case WarpKind::match_any64:
        return {matching([&](const Deposit &other) { return other.value == own.value; }), false};
    case WarpKind::match_all32:
    case WarpKind::match_all64: {
        bool same =
            matching([&](const Deposit &other) { return other.value == own.value; }) == members;
        return {same ? members : 0, same};
    }
    case WarpKind::bar_warp:
        return {};
    case WarpKind::elect:
        return {uint32_t(std::countr_zero(members)), lane == unsigned(std::countr_zero(members))};
    default: {
        uint32_t first = unsigned(std::countr_zero(members));
        uint32_t value = uint32_t(deposits[first].value);
        each_lane(members & (members - 1), [&](unsigned other) {
            value = combine(kind, value, uint32_t(deposits[other].value));
        });
        return {value, false};
    }
    }
}

void write(const Frame &frame, const Inst &inst, unsigned lane, Result result)
{
    auto set = [&](Slot slot) {
        auto &mask = *reinterpret_cast<uint32_t *>(frame.registers + (slot & kOffsetMask));
        mask = (mask & ~(1u << lane)) | uint32_t(result.predicate) << lane;
    };
    if (!(inst.aux & kWarpNoResult)) {
        if (inst.aux & kWarpPredicate)
            set(inst.d);
        else
            reinterpret_cast<uint32_t *>(frame.registers + (inst.d & kOffsetMask))[lane] =
                result.value;
    }
    if (inst.e != kNoSlot)
        set(inst.e);
}

void deposit(Warp &warp, const Inst *inst)
{
    auto kind = WarpKind(inst->aux & kWarpKindMask);
    bool votes = kind >= WarpKind::vote_all && kind <= WarpKind::vote_ballot;
    bool wide = kind == WarpKind::match_any64 || kind == WarpKind::match_all64;
    each_lane(warp.active, [&](unsigned lane) {
        Deposit &own = warp.deposit[lane];
        own.mask = inst->f == kNoSlot ? warp.active : lanes<uint32_t>(warp, inst->f)[lane];
        if (inst->a == kNoSlot)
            own.value = 0;
        else if (votes)
            own.value = ((*lanes<uint32_t>(warp, inst->a) >> lane) ^ uint32_t(inst->imm)) & 1;
        else
            own.value =
                wide ? lanes<uint64_t>(warp, inst->a)[lane] : lanes<uint32_t>(warp, inst->a)[lane];
        own.extra = inst->b == kNoSlot ? 0 : lanes<uint32_t>(warp, inst->b)[lane];
        own.extra2 = inst->c == kNoSlot ? 0 : lanes<uint32_t>(warp, inst->c)[lane];
        if (!(own.mask >> lane & 1))
            raise_fault(warp, inst, lane, Fault::Kind::illegal_instruction,
                        "the member mask lacks the lane itself");
    });
}

} // namespace

void complete_warp_operations(Warp &warp)
{
    uint32_t ready = 0;
    each_lane(warp.waiting, [&](unsigned lane) {
        if ((warp.deposit[lane].mask & warp.live & ~warp.waiting) == 0)
            ready |= 1u << lane;
    });
    each_lane(ready, [&](unsigned lane) {
        const Frame &frame = *warp.lane_frame[lane];
        const Inst &inst = frame.code->insts[warp.lane_pc[lane]];
        uint32_t members = warp.deposit[lane].mask & warp.live;
        write(frame, inst, lane,
              result_of(warp, WarpKind(inst.aux & kWarpKindMask), lane, members));
    });
    each_lane(ready, [&](unsigned lane) { warp.lane_pc[lane]++; });
    warp.waiting &= ~ready;
}

const Inst *join_warp_operation(Warp &warp, const Inst *inst)
{
    deposit(warp, inst);
    uint32_t wanted = 0;
    each_lane(warp.active, [&](unsigned lane) { wanted |= warp.deposit[lane].mask; });
    if ((wanted & warp.live & ~warp.active) == 0) {
        each_lane(warp.active, [&](unsigned lane) {
            uint32_t members = warp.deposit[lane].mask & warp.active;
            write(*warp.frame, *inst, lane,
                  result_of(warp, WarpKind(inst->aux & kWarpKindMask), lane, members));
        });
        return inst + 1;
    }
    save_lanes(warp, inst);
    warp.waiting |= warp.active;
    complete_warp_operations(warp);
    return reschedule(warp);
}

const Inst *run_warp_operation(Warp &warp, const Inst *inst)
{
    auto kind = WarpKind(inst->aux & kWarpKindMask);
    // The common case of a whole warp needs no deposits.
    if (warp.active == kAllLanes && inst->f != kNoSlot) {
        const uint32_t *mask = lanes<uint32_t>(warp, inst->f);
        uint32_t every = kAllLanes;
        for (unsigned lane = 0; lane < kLanes; lane++)
            every &= mask[lane];
        if (every == kAllLanes && kind <= WarpKind::shfl_idx) {
            const uint32_t *a = lanes<uint32_t>(warp, inst->a);
            const uint32_t *b = lanes<uint32_t>(warp, inst->b), *c = lanes<uint32_t>(warp, inst->c);
            uint32_t value[kLanes], valid = 0;
            for (unsigned lane = 0; lane < kLanes; lane++) {
                Result source = shuffle_source(kind, lane, b[lane], c[lane]);
                value[lane] = a[source.value];
                valid |= uint32_t(source.predicate) << lane;
            }
            std::copy_n(value, kLanes, lanes<uint32_t>(warp, inst->d));
            if (inst->e != kNoSlot)
                *lanes<uint32_t>(warp, inst->e) = valid;
            return inst + 1;
        }
        if (every == kAllLanes && kind == WarpKind::bar_warp)
            return inst + 1;
        if (every == kAllLanes && kind == WarpKind::vote_ballot) {
            uint32_t ballot = *lanes<uint32_t>(warp, inst->a) ^ (inst->imm ? ~0u : 0);
            std::fill_n(lanes<uint32_t>(warp, inst->d), kLanes, ballot);
            return inst + 1;
        }
    }
    return join_warp_operation(warp, inst);
}

} // namespace vgpu::soft
