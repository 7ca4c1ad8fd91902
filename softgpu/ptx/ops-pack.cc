// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lanes.h"

// cvt.pack: two integers are clamped to a small type and packed side by side, the first above the
// second; types of less than 16 bits move what the third operand holds up in front of them.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

template<unsigned kBits, bool kSigned>
VGPU_INLINE uint32_t clamp(int32_t value)
{
    constexpr int32_t low = kSigned ? -(1 << (kBits - 1)) : 0;
    constexpr int32_t high = (1 << (kBits - kSigned)) - 1;
    value = value < low ? low : value > high ? high : value;
    return uint32_t(value) & ((1u << kBits) - 1);
}

template<unsigned kBits, bool kSigned>
struct Pack {
    VGPU_INLINE static uint32_t of(int32_t a, int32_t b)
    {
        return clamp<kBits, kSigned>(a) << kBits | clamp<kBits, kSigned>(b);
    }
    VGPU_INLINE static uint32_t of(int32_t a, int32_t b, uint32_t c)
    {
        return c << (2 * kBits) | of(a, b);
    }
};

template<unsigned kBits, bool kSigned>
constexpr Operation pair(const char *name)
{
    return op2<Pack<kBits, kSigned>, uint32_t, int32_t, int32_t>(name);
}
template<unsigned kBits, bool kSigned>
constexpr Operation behind(const char *name)
{
    return op3<Pack<kBits, kSigned>, uint32_t, int32_t, int32_t, uint32_t>(name);
}

const Operation kRows[] = {
    pair<16, false>("cvt.pack.sat.u16.s32"),     pair<16, true>("cvt.pack.sat.s16.s32"),
    behind<8, false>("cvt.pack.sat.u8.s32.b32"), behind<8, true>("cvt.pack.sat.s8.s32.b32"),
    behind<4, false>("cvt.pack.sat.u4.s32.b32"), behind<4, true>("cvt.pack.sat.s4.s32.b32"),
    behind<2, false>("cvt.pack.sat.u2.s32.b32"), behind<2, true>("cvt.pack.sat.s2.s32.b32"),
};

} // namespace

Operations pack_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
