// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/half.h"
#include "softgpu/ptx/memory-lanes.h"

// atom and red. Lanes go one after the other; other cores are kept out by the host's own atomics.
// Shared memory belongs to one host thread at a time and would not need them, but a generic address
// may be either.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

using u16 = uint16_t;
using u32 = uint32_t;
using s32 = int32_t;
using u64 = uint64_t;
using s64 = int64_t;

struct Add {
    template<class T>
    static T of(T old, T b)
    {
        return T(old + b);
    }
};
struct Exch {
    template<class T>
    static T of(T, T b)
    {
        return b;
    }
};
struct Min {
    template<class T>
    static T of(T old, T b)
    {
        return old < b ? old : b;
    }
};
struct Max {
    template<class T>
    static T of(T old, T b)
    {
        return old > b ? old : b;
    }
};
struct And {
    template<class T>
    static T of(T old, T b)
    {
        return T(old & b);
    }
};
struct Or {
    template<class T>
    static T of(T old, T b)
    {
        return T(old | b);
    }
};
struct Xor {
    template<class T>
    static T of(T old, T b)
    {
        return T(old ^ b);
    }
};
struct Inc {
    static u32 of(u32 old, u32 b) { return old >= b ? 0 : old + 1; }
};
struct Dec {
    static u32 of(u32 old, u32 b) { return old == 0 || old > b ? b : old - 1; }
};

template<class F>
u16 half_of(double value)
{
    return F::narrow(value, 0);
}

template<class F>
struct AddHalf {
    static u16 of(u16 old, u16 b) { return half_of<F>(F::widen(old) + F::widen(b)); }
};
template<class F>
struct AddPair {
    static u32 of(u32 old, u32 b)
    {
        return u32(AddHalf<F>::of(u16(old), u16(b))) |
               u32(AddHalf<F>::of(u16(old >> 16), u16(b >> 16))) << 16;
    }
};
struct AddFloat {
    static u32 of(u32 old, u32 b)
    {
        float sum = __builtin_bit_cast(float, old) + __builtin_bit_cast(float, b);
        return sum == sum ? __builtin_bit_cast(u32, sum) : 0x7fffffffu;
    }
};
/// On global memory hardware flushes subnormals, on shared memory it does not.
struct AddFloatFlushed {
    static u32 flush(u32 bits) { return bits & 0x7f800000u ? bits : bits & 0x80000000u; }
    static u32 of(u32 old, u32 b) { return flush(AddFloat::of(flush(old), flush(b))); }
};
struct AddDouble {
    static u64 of(u64 old, u64 b)
    {
        return __builtin_bit_cast(u64,
                                  __builtin_bit_cast(double, old) + __builtin_bit_cast(double, b));
    }
};

/// The old value; memory gets F::of(old, b).
template<class F, class T>
VGPU_INLINE T update(std::byte *at, T b)
{
    auto *memory = reinterpret_cast<T *>(at);
    if constexpr (std::is_same_v<F, Add>)
        return __atomic_fetch_add(memory, b,
                                  __ATOMIC_SEQ_CST); // partner: the same on the other cores
    T old = __atomic_load_n(memory, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(memory, &old, F::of(old, b), true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    return old;
}

/// The same in a block's shared memory, which one host thread at a time sees.
template<class F, class T>
VGPU_INLINE T update_alone(std::byte *at, T b)
{
    T old;
    __builtin_memcpy(&old, at, sizeof old);
    T now = F::of(old, b);
    __builtin_memcpy(at, &now, sizeof now);
    return old;
}

template<class Space, class T>
VGPU_INLINE void prepare(Warp &warp, const Inst *inst, Place &place)
{
    alignas(64) uint64_t address[kLanes];
    read_addresses(warp, inst, address);
    Space::template place<true>(warp, inst, address, sizeof(T), place);
}

template<class Space, class F, class T>
const Inst *atomic(Warp &warp, const Inst *inst)
{
    alignas(64) Place place;
    prepare<Space, T>(warp, inst, place);
    const T *b = lanes<T>(warp, inst->b);
    // Results are kept apart: the destination may be the operand's own register.
    T old[kLanes];
    each_lane(warp.active, [&](unsigned l) {
        if constexpr (std::is_same_v<Space, SharedSpace>)
            old[l] = update_alone<F, T>(place.lane[l], b[l]);
        else
            old[l] = update<F, T>(place.lane[l], b[l]);
    });
    if (inst->d != kNoSlot) {
        T *d = lanes<T>(warp, inst->d);
        each_lane(warp.active, [&](unsigned l) { d[l] = old[l]; });
    }
    return inst + 1;
}

/// atom.add.f32, red.add.v2.f32 and v4: each element on its own. Which rounding a generic address
/// gets depends on where it leads.
template<class Space, unsigned N>
const Inst *add_f32(Warp &warp, const Inst *inst)
{
    alignas(64) uint64_t address[kLanes];
    alignas(64) Place place;
    read_addresses(warp, inst, address);
    Space::template place<true>(warp, inst, address, 4 * N, place);
    // Of one value, d is the destination, or none; of more, there is none.
    const Slot values[4] = {N == 1 ? inst->b : inst->d, inst->b, inst->c, inst->e};
    u32 old[kLanes];
    each_lane(warp.active, [&](unsigned l) {
        bool global = std::is_same_v<Space, GlobalSpace> ||
                      (!std::is_same_v<Space, SharedSpace> && address[l] < kWindowBase);
        for (unsigned k = 0; k < N; k++) {
            u32 b = lanes<u32>(warp, values[k])[l];
            std::byte *at = place.lane[l] + 4 * k;
            old[l] = global ? update<AddFloatFlushed, u32>(at, b) : update<AddFloat, u32>(at, b);
        }
    });
    if (N == 1 && inst->d != kNoSlot) {
        u32 *d = lanes<u32>(warp, inst->d);
        each_lane(warp.active, [&](unsigned l) { d[l] = old[l]; });
    }
    return inst + 1;
}

template<class Space, class T>
const Inst *compare_and_swap(Warp &warp, const Inst *inst)
{
    alignas(64) Place place;
    prepare<Space, T>(warp, inst, place);
    const T *b = lanes<T>(warp, inst->b), *c = lanes<T>(warp, inst->c);
    T old[kLanes];
    each_lane(warp.active, [&](unsigned l) {
        old[l] = b[l];
        __atomic_compare_exchange_n(reinterpret_cast<T *>(place.lane[l]), &old[l], c[l], false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    });
    if (inst->d != kNoSlot) {
        T *d = lanes<T>(warp, inst->d);
        each_lane(warp.active, [&](unsigned l) { d[l] = old[l]; });
    }
    return inst + 1;
}

#define SPACES(name, handler, ...)                                                                 \
    {"atom.global." name, handler<GlobalSpace, __VA_ARGS__>, "", 0},                               \
        {"atom.shared." name, handler<SharedSpace, __VA_ARGS__>, "", 0},                           \
    {                                                                                              \
        "atom.generic." name, handler<GenericSpace, __VA_ARGS__>, "", 0                            \
    }

const Operation kRows[] = {
    SPACES("add.b32", atomic, Add, u32),
    SPACES("add.b64", atomic, Add, u64),
    SPACES("add.f32", add_f32, 1),
    SPACES("add.f64", atomic, AddDouble, u64),
    SPACES("add.f16", atomic, AddHalf<F16>, u16),
    SPACES("add.bf16", atomic, AddHalf<Bf16>, u16),
    SPACES("add.f16x2", atomic, AddPair<F16>, u32),
    SPACES("add.bf16x2", atomic, AddPair<Bf16>, u32),
    SPACES("exch.b32", atomic, Exch, u32),
    SPACES("exch.b64", atomic, Exch, u64),
    SPACES("min.u32", atomic, Min, u32),
    SPACES("min.s32", atomic, Min, s32),
    SPACES("min.u64", atomic, Min, u64),
    SPACES("min.s64", atomic, Min, s64),
    SPACES("max.u32", atomic, Max, u32),
    SPACES("max.s32", atomic, Max, s32),
    SPACES("max.u64", atomic, Max, u64),
    SPACES("max.s64", atomic, Max, s64),
    SPACES("and.b32", atomic, And, u32),
    SPACES("and.b64", atomic, And, u64),
    SPACES("or.b32", atomic, Or, u32),
    SPACES("or.b64", atomic, Or, u64),
    SPACES("xor.b32", atomic, Xor, u32),
    SPACES("xor.b64", atomic, Xor, u64),
    SPACES("inc.b32", atomic, Inc, u32),
    SPACES("dec.b32", atomic, Dec, u32),
    SPACES("cas.b16", compare_and_swap, u16),
    SPACES("cas.b32", compare_and_swap, u32),
    SPACES("cas.b64", compare_and_swap, u64),
    SPACES("add.v2.f32", add_f32, 2),
    SPACES("add.v4.f32", add_f32, 4),
};

} // namespace

Operations atomic_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
