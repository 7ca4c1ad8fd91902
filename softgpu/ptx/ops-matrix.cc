// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/half.h"
#include "softgpu/ptx/matrix.h"

#include <immintrin.h>

// d = a * b + c of mma and wmma: operands are gathered from the lanes into dense matrices,
// multiplied row by row, and scattered again. Sums run along k in ascending order. Products of
// f16, bf16 and tf32 are exact in f32, and so is nothing gained or lost by fusing.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

template<class T>
using Dense = T[kMatrixElements];

/// Bits 13 and up of a number's place: half precision in the upper part of an f32.
VGPU_INLINE float from_f16(uint32_t bits)
{
    uint32_t magnitude = (bits & 0x7fffu) << 13;
    float scaled = __builtin_bit_cast(float, magnitude) * 0x1p112f; // subnormals come out right
    uint32_t out = __builtin_bit_cast(uint32_t, scaled);
    out |= magnitude >= 0x0f800000u ? 0x7f800000u : 0u; // infinities and NaN
    return __builtin_bit_cast(float, out | (bits & 0x8000u) << 16);
}

// What an operand's registers hold: Narrow as it lies in a register, lane after lane, and Element
// in the dense matrix.
struct HalfBits {
    using Narrow = uint16_t;
    using Element = float;
    VGPU_INLINE static float of(uint16_t bits) { return from_f16(bits); }
};
struct BrainBits {
    using Narrow = uint16_t;
    using Element = float;
    VGPU_INLINE static float of(uint16_t bits)
    {
        return __builtin_bit_cast(float, uint32_t(bits) << 16);
    }
};
struct Tf32Bits {
    using Narrow = uint32_t;
    using Element = float;
    VGPU_INLINE static float of(uint32_t bits)
    {
        return __builtin_bit_cast(float, bits & 0xffffe000u);
    }
};
template<class T, class E = T>
struct PlainBits {
    using Narrow = T;
    using Element = E;
    VGPU_INLINE static E of(T value) { return value; }
};
template<bool kSigned>
struct NibbleBits; // two in a byte

template<class Bits>
struct Unpack {
    using Element = typename Bits::Element;
    static constexpr unsigned kPacked =
        sizeof(typename Bits::Narrow) < 4 ? 4 / sizeof(typename Bits::Narrow) : 1;
    VGPU_INLINE static void of(Warp &warp, Slot slot, Element *value)
    {
        const auto *narrow = lanes<typename Bits::Narrow>(warp, slot);
        for (unsigned i = 0; i < kLanes * kPacked; i++)
            value[i] = Bits::of(narrow[i]);
    }
};
template<bool kSigned>
struct Unpack<NibbleBits<kSigned>> {
    using Element = int32_t;
    static constexpr unsigned kPacked = 8;
    VGPU_INLINE static void of(Warp &warp, Slot slot, Element *value)
    {
        const auto *pairs = lanes<uint8_t>(warp, slot);
        for (unsigned i = 0; i < kLanes * 4; i++) {
            int32_t low = pairs[i] & 15, high = pairs[i] >> 4;
            value[2 * i] = kSigned ? (low ^ 8) - 8 : low;
            value[2 * i + 1] = kSigned ? (high ^ 8) - 8 : high;
        }
    }
};

template<class Bits>
VGPU_INLINE void gather(Warp &warp, const MatrixOperand &from,
                        typename Unpack<Bits>::Element *dense)
{
    constexpr unsigned kPacked = Unpack<Bits>::kPacked, kRow = 4 * kPacked;
    const Fragment &layout = *from.layout;
    unsigned registers = layout.shape.registers, columns = layout.columns;
    registers = registers < layout.distinct ? registers : layout.distinct;
    for (unsigned reg = 0; reg < registers; reg++) {
        alignas(64) typename Unpack<Bits>::Element value[kLanes * kPacked];
        Unpack<Bits>::of(warp, from.slots[reg], value);
        const uint16_t *place = layout.place.data() + reg * kLanes * kPacked;
        auto *to = dense + place[0];
        switch (layout.order) {
        case BlockOrder::rows:
            for (unsigned row = 0; row < 8; row++)
                for (unsigned i = 0; i < kRow; i++)
                    to[row * columns + i] = value[row * kRow + i];
            break;
        case BlockOrder::columns:
            for (unsigned i = 0; i < kRow; i++)
                for (unsigned column = 0; column < 8; column++)
                    to[i * columns + column] = value[column * kRow + i];
            break;
        case BlockOrder::other:
            for (unsigned i = 0; i < kLanes * kPacked; i++)
                dense[place[i]] = value[i];
        }
    }
}

/// Gives the registers' new contents to the active lanes; pack(dense, places) makes one.
template<class Register, class F>
VGPU_INLINE void scatter(Warp &warp, const MatrixOperand &to, F pack)
{
    const Fragment &layout = *to.layout;
    for (unsigned reg = 0; reg < layout.shape.registers; reg++) {
        const uint16_t *place = layout.place.data() + reg * kLanes * layout.packed;
        fill_each(
            warp.active,
            lanes<Register>(warp, to.slots[reg]), [&](unsigned l) __attribute__((always_inline)) {
                return pack(place + l * layout.packed);
            });
    }
}

/// Eight columns of a row.
template<class T>
struct Eight {
    typedef T Vector __attribute__((vector_size(8 * sizeof(T))));
};

/// acc += a * b for one product; step(sum, a, b) is the arithmetic on eight columns. Eight rows
/// beside each other, so that no sum waits for the one before.
template<class T, class F>
VGPU_INLINE void multiply(const MatrixSite &site, const T *a, const T *b, T *acc, F step)
{
    using Vector = typename Eight<T>::Vector;
    unsigned n = site.n, k = site.k;
    for (unsigned column = 0; column < n; column += 8)
        for (unsigned row = 0; row < site.m; row += 8) {
            Vector sum[8];
            T *corner = acc + row * n + column;
#pragma GCC unroll 8
            for (unsigned r = 0; r < 8; r++)
                __builtin_memcpy(&sum[r], corner + r * n, sizeof sum[r]);
            for (unsigned i = 0; i < k; i++) {
                Vector factors;
                __builtin_memcpy(&factors, b + i * n + column, sizeof factors);
#pragma GCC unroll 8
                for (unsigned r = 0; r < 8; r++)
                    step(sum[r], a[(row + r) * k + i], factors);
            }
#pragma GCC unroll 8
            for (unsigned r = 0; r < 8; r++)
                __builtin_memcpy(corner + r * n, &sum[r], sizeof sum[r]);
        }
}

const MatrixSite &site_of(const Warp &warp, const Inst *inst)
{
    return *warp.frame->code->matrices[inst->e];
}

template<class AB, class C, bool kHalfResult>
const Inst *product_float(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<float> a, b, acc;
    gather<AB>(warp, site.a, a);
    gather<AB>(warp, site.b, b);
    gather<C>(warp, site.c, acc);
    for (unsigned p = 0; p < site.products; p++)
        multiply(
            site, a + p * site.m * site.k, b + p * site.k * site.n, acc + p * site.m * site.n,
            [](auto &sum, float x, const auto &y) __attribute__((always_inline)) { sum += y * x; });
    if constexpr (kHalfResult)
        scatter<uint32_t>(warp, site.d, [&](const uint16_t *place) {
            return uint32_t(F16::narrow(double(acc[place[0]]), 0)) |
                   uint32_t(F16::narrow(double(acc[place[1]]), 0)) << 16;
        });
    else
        scatter<uint32_t>(warp, site.d, [&](const uint16_t *place) {
            float value = acc[*place];
            return value != value ? 0x7fffffffu : __builtin_bit_cast(uint32_t, value);
        });
    return inst + 1;
}

const Inst *product_double(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<double> a, b, acc;
    gather<PlainBits<double>>(warp, site.a, a);
    gather<PlainBits<double>>(warp, site.b, b);
    gather<PlainBits<double>>(warp, site.c, acc);
    uint32_t saved = _mm_getcsr(), directed = (saved & ~0x6000u) | uint32_t(site.rounding) << 13;
    // The clobbers keep the arithmetic between the two changes of mode.
    asm volatile("ldmxcsr %0" : : "m"(directed) : "memory");
    multiply(
        site, a, b, acc, [](auto &sum, double x, const auto &y) __attribute__((always_inline)) {
            for (unsigned c = 0; c < 8; c++)
                sum[c] = __builtin_fma(x, y[c], sum[c]);
        });
    asm volatile("ldmxcsr %0" : : "m"(saved) : "memory");
    scatter<double>(warp, site.d, [&](const uint16_t *place) { return acc[*place]; });
    return inst + 1;
}

/// Wraps, or clamps the sum as it is in 64 bits.
template<class F>
VGPU_INLINE void product_integer(Warp &warp, const MatrixSite &site, const int32_t *a,
                                 const int32_t *b, F step)
{
    alignas(64) Dense<int32_t> c;
    gather<PlainBits<int32_t>>(warp, site.c, c);
    if (site.saturate) {
        // The products' sum alone is far from the ends of 32 bits.
        alignas(64) Dense<int32_t> sum = {};
        multiply(site, a, b, sum, step);
        scatter<int32_t>(warp, site.d, [&](const uint16_t *place) {
            int64_t wide = int64_t(c[*place]) + sum[*place];
            return int32_t(wide < INT32_MIN ? INT32_MIN : wide > INT32_MAX ? INT32_MAX : wide);
        });
        return;
    }
    multiply(site, a, b, c, step);
    scatter<int32_t>(warp, site.d, [&](const uint16_t *place) { return c[*place]; });
}

template<class Signed, class Unsigned>
const Inst *product_small(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<int32_t> a, b;
    if (site.a_signed)
        gather<Signed>(warp, site.a, a);
    else
        gather<Unsigned>(warp, site.a, a);
    if (site.b_signed)
        gather<Signed>(warp, site.b, b);
    else
        gather<Unsigned>(warp, site.b, b);
    product_integer(
        warp, site, a, b, [](auto &sum, int32_t x, const auto &y) __attribute__((always_inline)) {
            using Words = typename Eight<uint32_t>::Vector; // whose sums may wrap
            sum = (std::decay_t<decltype(sum)>)((Words)sum + (Words)(y * x));
        });
    return inst + 1;
}

const Inst *product_bits(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<int32_t> a, b;
    gather<PlainBits<int32_t>>(warp, site.a, a);
    gather<PlainBits<int32_t>>(warp, site.b, b);
    bool both = site.bits_and;
    product_integer(
        warp, site, a, b, [=](auto &sum, int32_t x, const auto &y) __attribute__((always_inline)) {
            for (unsigned c = 0; c < 8; c++) {
                auto bits = uint32_t(both ? x & y[c] : x ^ y[c]);
                sum[c] = int32_t(uint32_t(sum[c]) + unsigned(__builtin_popcount(bits)));
            }
        });
    return inst + 1;
}

// Named after the types of d, a and c; the integers' signs are in the site.
const Operation kRows[] = {
    {"mma.f32.f16.f32", product_float<HalfBits, PlainBits<float>, false>, "", 0},
    {"mma.f32.f16.f16", product_float<HalfBits, HalfBits, false>, "", 0},
    {"mma.f16.f16.f32", product_float<HalfBits, PlainBits<float>, true>, "", 0},
    {"mma.f16.f16.f16", product_float<HalfBits, HalfBits, true>, "", 0},
    {"mma.f32.bf16.f32", product_float<BrainBits, PlainBits<float>, false>, "", 0},
    {"mma.f32.tf32.f32", product_float<Tf32Bits, PlainBits<float>, false>, "", 0},
    {"mma.f64.f64.f64", product_double, "", 0},
    {"mma.s32.b8.s32", product_small<PlainBits<int8_t, int32_t>, PlainBits<uint8_t, int32_t>>, "",
     0},
    {"mma.s32.b4.s32", product_small<NibbleBits<true>, NibbleBits<false>>, "", 0},
    {"mma.s32.b1.s32", product_bits, "", 0},
};

} // namespace

Operations matrix_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
