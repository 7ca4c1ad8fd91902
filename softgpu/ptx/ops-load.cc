// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/memory-lanes.h"

// ld, by space ("index": global memory by base and index), type in memory, width of the register,
// and number of elements.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

/// The destination registers of a vector load, in order.
VGPU_INLINE Slot target(const Inst *inst, unsigned index)
{
    const Slot slots[4] = {inst->d, inst->b, inst->c, inst->e};
    return slots[index];
}

template<class Mem>
VGPU_INLINE Mem read(const std::byte *at)
{
    Mem value;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}

/// Lanes that are few, or far apart. Not in line: the common way needs no frame on the stack.
template<class Space, class Mem, class Reg, unsigned N>
[[gnu::noinline]] void load_scattered(Warp &warp, const Inst *inst)
{
    constexpr uint64_t bytes = sizeof(Mem) * N;
    alignas(64) uint64_t address[kLanes];
    alignas(64) Place place;
    if constexpr (Space::kIndexed)
        read_indexed(warp, inst, address);
    else
        read_addresses(warp, inst, address);
    Space::template place<false>(warp, inst, address, bytes, place);
    for (unsigned k = 0; k < N; k++) {
        Slot slot = target(inst, k);
        if (N > 1 && slot == kNoSlot)
            continue;
        Reg *d = lanes<Reg>(warp, slot);
        fill_each(warp.active, d,
                  [&](unsigned l) { return Reg(read<Mem>(place.lane[l] + k * sizeof(Mem))); });
    }
}

template<class Space, class Mem, class Reg, unsigned N>
const Inst *load(Warp &warp, const Inst *inst)
{
    constexpr uint64_t bytes = sizeof(Mem) * N;
    if (warp.active == kAllLanes) {
        if constexpr (Space::kVectors)
            if (const std::byte *first = contiguous<false, Space>(warp, inst, bytes)) {
                for (unsigned k = 0; k < N; k++) {
                    Slot slot = target(inst, k);
                    if (N > 1 && slot == kNoSlot)
                        continue;
                    Reg *d = lanes<Reg>(warp, slot);
                    VGPU_INDEPENDENT
                    for (unsigned l = 0; l < kLanes; l++)
                        d[l] = Reg(read<Mem>(first + l * bytes + k * sizeof(Mem)));
                }
                return inst + 1;
            }
        Parts<kLanes / 2> halves;
        if constexpr (N == 1 && Space::kHalves)
            if (find_parts<false, Space>(warp, inst, bytes, halves)) {
                Reg *d = lanes<Reg>(warp, inst->d);
                for (unsigned h = 0; h < 2; h++, d += kLanes / 2) {
                    if (halves.shape[h] == Shape::same) {
                        Reg value = Reg(read<Mem>(halves.first[h]));
                        for (unsigned l = 0; l < kLanes / 2; l++)
                            d[l] = value;
                    } else {
                        VGPU_INDEPENDENT
                        for (unsigned l = 0; l < kLanes / 2; l++)
                            d[l] = Reg(read<Mem>(halves.first[h] + l * sizeof(Mem)));
                    }
                }
                return inst + 1;
            }
    }
    load_scattered<Space, Mem, Reg, N>(warp, inst);
    return inst + 1;
}

/// A parameter or variable of this activation: the same place in each lane's stack, checked by the
/// decoder.
template<class Mem, class Reg, unsigned N>
const Inst *load_frame(Warp &warp, const Inst *inst)
{
    uint64_t offset = warp.frame->local_base + uint64_t(inst->imm);
    for (unsigned k = 0; k < N; k++) {
        Slot slot = target(inst, k);
        if (slot == kNoSlot)
            continue;
        fill_each(warp.active, lanes<Reg>(warp, slot), [&](unsigned l) {
            return Reg(read<Mem>(stack_of(warp, l) + offset + k * sizeof(Mem)));
        });
    }
    return inst + 1;
}

#define COUNTS(space, Space, type, Mem, letter, Reg)                                               \
    {"ld." space "." type "." letter, load<Space, Mem, Reg, 1>, "", 0},                            \
        {"ld." space "." type "." letter ".v2", load<Space, Mem, Reg, 2>, "", 0},                  \
    {                                                                                              \
        "ld." space "." type "." letter ".v4", load<Space, Mem, Reg, 4>, "", 0                     \
    }

#define SPACES(type, Mem, letter, Reg)                                                             \
    COUNTS("global", GlobalSpace, type, Mem, letter, Reg),                                         \
        COUNTS("index", IndexedSpace, type, Mem, letter, Reg),                                     \
        COUNTS("shared", SharedSpace, type, Mem, letter, Reg),                                     \
        COUNTS("local", LocalSpace, type, Mem, letter, Reg),                                       \
        COUNTS("generic", GenericSpace, type, Mem, letter, Reg),                                   \
        {"ld.frame." type "." letter, load_frame<Mem, Reg, 1>, "", 0},                             \
        {"ld.frame." type "." letter ".v2", load_frame<Mem, Reg, 2>, "", 0},                       \
    {                                                                                              \
        "ld.frame." type "." letter ".v4", load_frame<Mem, Reg, 4>, "", 0                          \
    }

const Operation kRows[] = {
    SPACES("b8", uint8_t, "h", uint16_t),   SPACES("s8", int8_t, "h", int16_t),
    SPACES("b16", uint16_t, "h", uint16_t), SPACES("b8", uint8_t, "w", uint32_t),
    SPACES("s8", int8_t, "w", int32_t),     SPACES("b16", uint16_t, "w", uint32_t),
    SPACES("s16", int16_t, "w", int32_t),   SPACES("b32", uint32_t, "w", uint32_t),
    SPACES("b8", uint8_t, "x", uint64_t),   SPACES("s8", int8_t, "x", int64_t),
    SPACES("b16", uint16_t, "x", uint64_t), SPACES("s16", int16_t, "x", int64_t),
    SPACES("b32", uint32_t, "x", uint64_t), SPACES("s32", int32_t, "x", int64_t),
    SPACES("b64", uint64_t, "x", uint64_t),
};

} // namespace

Operations load_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
