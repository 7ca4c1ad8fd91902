// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/mbarrier.h"

#include "softgpu/ptx/machine.h"

#include <cstring>

// The object is opaque to programs; here it is: bits 0..19 arrivals still pending, 20..39 arrivals
// expected in a phase, 40..63 the phase. A state token is the object as it was before the arrival.
namespace vgpu::soft
{
namespace
{

constexpr uint64_t kCount = (1u << 20) - 1;

uint64_t pending(uint64_t object)
{
    return object & kCount;
}
uint64_t expected(uint64_t object)
{
    return object >> 20 & kCount;
}
uint64_t phase(uint64_t object)
{
    return object >> 40;
}

uint64_t make(uint64_t phase, uint64_t expected, uint64_t pending)
{
    return phase << 40 | (expected & kCount) << 20 | (pending & kCount);
}

} // namespace

const Inst *run_mbarrier(Warp &warp, const Inst *inst)
{
    auto kind = MbarrierKind(inst->imm);
    each_lane(warp.active, [&](unsigned lane) {
        auto operand = [&](uint64_t otherwise) -> uint64_t {
            if (inst->e == kNoSlot)
                return otherwise;
            return kind == MbarrierKind::test || kind == MbarrierKind::pending
                       ? lanes<uint64_t>(warp, inst->e)[lane]
                       : lanes<uint32_t>(warp, inst->e)[lane];
        };
        if (kind == MbarrierKind::pending) {
            lanes<uint32_t>(warp, inst->d)[lane] = uint32_t(pending(operand(0)));
            return;
        }
        uint64_t address = inst->aux == 8 ? lanes<uint64_t>(warp, inst->b)[lane]
                                          : lanes<uint32_t>(warp, inst->b)[lane];
        address += uint64_t(int64_t(int32_t(inst->c)));
        address += address < kWindowBytes ? kSharedWindow : 0;
        std::byte *at = resolve(warp, inst, lane, address, 8, 8, true, Space::shared);
        uint64_t object;
        std::memcpy(&object, at, 8);
        uint64_t before = object;
        switch (kind) {
        case MbarrierKind::init:
            object = make(0, operand(1), operand(1));
            break;
        case MbarrierKind::invalidate:
            object = 0;
            break;
        case MbarrierKind::arrive_counted: // one more expected, and it has come: nothing changes
            break;
        case MbarrierKind::arrive:
        case MbarrierKind::arrive_drop: {
            uint64_t arrivals = operand(1);
            if (arrivals > pending(object))
                raise_fault(warp, inst, lane, Fault::Kind::illegal_instruction,
                            "more arrivals at an mbarrier than it expects");
            uint64_t wanted = expected(object) - (kind == MbarrierKind::arrive_drop ? arrivals : 0);
            uint64_t left = pending(object) - arrivals;
            object =
                left ? make(phase(object), wanted, left) : make(phase(object) + 1, wanted, wanted);
            if (inst->d != kNoSlot)
                lanes<uint64_t>(warp, inst->d)[lane] = before;
            break;
        }
        default: {
            bool done = kind == MbarrierKind::test ? phase(object) != phase(operand(0))
                                                   : (phase(object) & 1) != (operand(0) & 1);
            uint32_t &d = *lanes<uint32_t>(warp, inst->d);
            d = (d & ~(1u << lane)) | uint32_t(done) << lane;
        }
        }
        std::memcpy(at, &object, 8);
    });
    // Who tests will test again: let the others come.
    return kind >= MbarrierKind::test ? yield(warp, inst + 1) : inst + 1;
}

} // namespace vgpu::soft
