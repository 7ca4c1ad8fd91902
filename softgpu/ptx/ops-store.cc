// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/memory-lanes.h"

// st, by space ("index": global memory by base and index), type in memory, width of the register,
// and number of elements; and cp.async, done at once.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

VGPU_INLINE Slot source(const Inst *inst, unsigned index)
{
    const Slot slots[4] = {inst->d, inst->b, inst->c, inst->e};
    return slots[index];
}

/// Lanes that are few, or far apart. Not in line: the common way needs no frame on the stack.
template<class Space, class Mem, class Reg, unsigned N>
[[gnu::noinline]] void store_scattered(Warp &warp, const Inst *inst)
{
    alignas(64) uint64_t address[kLanes];
    alignas(64) Place place;
    if constexpr (Space::kIndexed)
        read_indexed(warp, inst, address);
    else
        read_addresses(warp, inst, address);
    Space::template place<true>(warp, inst, address, sizeof(Mem) * N, place);
    for (unsigned k = 0; k < N; k++) {
        const Reg *value = lanes<Reg>(warp, source(inst, k));
        each_lane(warp.active, [&](unsigned l) {
            Mem now = Mem(value[l]);
            __builtin_memcpy(place.lane[l] + k * sizeof(Mem), &now, sizeof now);
        });
    }
}

template<class Space, class Mem, class Reg, unsigned N>
const Inst *store(Warp &warp, const Inst *inst)
{
    constexpr uint64_t bytes = sizeof(Mem) * N;
    if (warp.active == kAllLanes) {
        if constexpr (Space::kVectors)
            if (std::byte *first = contiguous<true, Space>(warp, inst, bytes)) {
                for (unsigned k = 0; k < N; k++) {
                    const Reg *value = lanes<Reg>(warp, source(inst, k));
                    VGPU_INDEPENDENT
                    for (unsigned l = 0; l < kLanes; l++) {
                        Mem now = Mem(value[l]);
                        __builtin_memcpy(first + l * bytes + k * sizeof(Mem), &now, sizeof now);
                    }
                }
                return inst + 1;
            }
        Parts<kLanes / 2> halves;
        if constexpr (N == 1 && Space::kHalves)
            if (find_parts<true, Space>(warp, inst, bytes, halves)) {
                const Reg *value = lanes<Reg>(warp, inst->d);
                for (unsigned h = 0; h < 2; h++, value += kLanes / 2) {
                    std::byte *to = halves.first[h];
                    if (halves.shape[h] == Shape::same) { // the last lane wins
                        Mem now = Mem(value[kLanes / 2 - 1]);
                        __builtin_memcpy(to, &now, sizeof now);
                    } else {
                        VGPU_INDEPENDENT
                        for (unsigned l = 0; l < kLanes / 2; l++) {
                            Mem now = Mem(value[l]);
                            __builtin_memcpy(to + l * sizeof(Mem), &now, sizeof now);
                        }
                    }
                }
                return inst + 1;
            }
    }
    store_scattered<Space, Mem, Reg, N>(warp, inst);
    return inst + 1;
}

template<class Mem, class Reg, unsigned N>
const Inst *store_frame(Warp &warp, const Inst *inst)
{
    uint64_t offset = warp.frame->local_base + uint64_t(inst->imm);
    for (unsigned k = 0; k < N; k++) {
        const Reg *value = lanes<Reg>(warp, source(inst, k));
        each_lane(warp.active, [&](unsigned l) {
            Mem now = Mem(value[l]);
            __builtin_memcpy(stack_of(warp, l) + offset + k * sizeof(Mem), &now, sizeof now);
        });
    }
    return inst + 1;
}

/// cp.async.shared.global [b], [a], size {, source size}: `e` holds the bytes, `c` those that are
/// read (kNoSlot: all); the rest is zero. The destination's offset is in `f`'s place, which is
/// free: there is no span.
const Inst *copy_async(Warp &warp, const Inst *inst)
{
    uint32_t size = inst->e;
    bool wide = (inst->aux & 0xff) == 8;
    each_lane(warp.active, [&](unsigned l) {
        uint64_t to = wide ? lanes<uint64_t>(warp, inst->b)[l] : lanes<uint32_t>(warp, inst->b)[l];
        to = (to < kWindowBytes ? to + kSharedWindow : to) + uint64_t(int64_t(int32_t(inst->f)));
        uint64_t from = lanes<uint64_t>(warp, inst->a)[l] + uint64_t(inst->imm);
        uint32_t read = size;
        if (inst->c != kNoSlot && lanes<uint32_t>(warp, inst->c)[l] < size)
            read = lanes<uint32_t>(warp, inst->c)[l];
        std::byte *target = resolve(warp, inst, l, to, size, size, true, Space::shared);
        std::byte buffer[16] = {};
        if (read)
            __builtin_memcpy(buffer, resolve(warp, inst, l, from, read, 1, false, Space::global),
                             read);
        __builtin_memcpy(target, buffer, size);
    });
    return inst + 1;
}

#define COUNTS(space, Space, type, Mem, letter, Reg)                                               \
    {"st." space "." type "." letter, store<Space, Mem, Reg, 1>, "", 0},                           \
        {"st." space "." type "." letter ".v2", store<Space, Mem, Reg, 2>, "", 0},                 \
    {                                                                                              \
        "st." space "." type "." letter ".v4", store<Space, Mem, Reg, 4>, "", 0                    \
    }

#define SPACES(type, Mem, letter, Reg)                                                             \
    COUNTS("global", GlobalSpace, type, Mem, letter, Reg),                                         \
        COUNTS("index", IndexedSpace, type, Mem, letter, Reg),                                     \
        COUNTS("shared", SharedSpace, type, Mem, letter, Reg),                                     \
        COUNTS("local", LocalSpace, type, Mem, letter, Reg),                                       \
        COUNTS("generic", GenericSpace, type, Mem, letter, Reg),                                   \
        {"st.frame." type "." letter, store_frame<Mem, Reg, 1>, "", 0},                            \
        {"st.frame." type "." letter ".v2", store_frame<Mem, Reg, 2>, "", 0},                      \
    {                                                                                              \
        "st.frame." type "." letter ".v4", store_frame<Mem, Reg, 4>, "", 0                         \
    }

const Operation kRows[] = {
    SPACES("b8", uint8_t, "h", uint16_t),   SPACES("b16", uint16_t, "h", uint16_t),
    SPACES("b8", uint8_t, "w", uint32_t),   SPACES("b16", uint16_t, "w", uint32_t),
    SPACES("b32", uint32_t, "w", uint32_t), SPACES("b8", uint8_t, "x", uint64_t),
    SPACES("b16", uint16_t, "x", uint64_t), SPACES("b32", uint32_t, "x", uint64_t),
    SPACES("b64", uint64_t, "x", uint64_t), {"cp.async", copy_async, "", 0},
};

} // namespace

Operations store_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
