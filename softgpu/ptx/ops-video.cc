// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lanes.h"

// SIMD video instructions on bytes and half-words of a register, in their form without masks and
// selectors: vadd2/4, vsub2/4, vavrg2/4, vabsdiff2/4, vmin2/4, vmax2/4, with .sat, and with .add,
// which sums the parts.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

using u32 = uint32_t;
using s32 = int32_t;

template<class Part>
s32 part(u32 value, unsigned index)
{
    return s32(Part(value >> (index * sizeof(Part) * 8)));
}

struct Add {
    static s32 of(s32 a, s32 b) { return a + b; }
};
struct Sub {
    static s32 of(s32 a, s32 b) { return a - b; }
};
struct Average {
    static s32 of(s32 a, s32 b) { return (a + b + (a + b >= 0)) >> 1; }
};
struct AbsDiff {
    static s32 of(s32 a, s32 b) { return a > b ? a - b : b - a; }
};
struct Min {
    static s32 of(s32 a, s32 b) { return a < b ? a : b; }
};
struct Max {
    static s32 of(s32 a, s32 b) { return a > b ? a : b; }
};

/// The result's parts have type D; the decoder gives no c where the instruction's c takes no part.
template<class F, class D, class A, class B, bool kSat, bool kSum>
struct Simd {
    static u32 of(u32 a, u32 b, u32 c)
    {
        u32 packed = 0, sum = c;
        for (unsigned i = 0; i < 4 / sizeof(D); i++) {
            s32 value = F::of(part<A>(a, i), part<B>(b, i));
            if (kSat) {
                constexpr s32 low = std::is_signed_v<D> ? -(1 << (sizeof(D) * 8 - 1)) : 0;
                constexpr s32 high = (1 << (sizeof(D) * 8 - std::is_signed_v<D>)) - 1;
                value = value < low ? low : value > high ? high : value;
            }
            sum += u32(value);
            packed |= (u32(value) & ((1u << (sizeof(D) * 8 - 1)) * 2 - 1)) << (i * sizeof(D) * 8);
        }
        return kSum ? sum : packed;
    }
};

#define FORMS(name, F, types, D, A, B)                                                             \
    op3<Simd<F, D, A, B, false, false>, u32, u32, u32, u32>(name types),                           \
        op3<Simd<F, D, A, B, true, false>, u32, u32, u32, u32>(name ".sat" types),                 \
        op3<Simd<F, D, A, B, false, true>, u32, u32, u32, u32>(name ".add" types)

#define WIDTHS(name, F)                                                                            \
    FORMS(name "4", F, ".u32.u32.u32", uint8_t, uint8_t, uint8_t),                                 \
        FORMS(name "4", F, ".s32.s32.s32", int8_t, int8_t, int8_t),                                \
        FORMS(name "4", F, ".u32.s32.s32", uint8_t, int8_t, int8_t),                               \
        FORMS(name "2", F, ".u32.u32.u32", uint16_t, uint16_t, uint16_t),                          \
        FORMS(name "2", F, ".s32.s32.s32", int16_t, int16_t, int16_t),                             \
        FORMS(name "2", F, ".u32.s32.s32", uint16_t, int16_t, int16_t)

const Operation kRows[] = {
    WIDTHS("vadd", Add),         WIDTHS("vsub", Sub), WIDTHS("vavrg", Average),
    WIDTHS("vabsdiff", AbsDiff), WIDTHS("vmin", Min), WIDTHS("vmax", Max),
};

} // namespace

Operations video_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
