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

// What an operand's registers hold: Element is its form in the dense matrix.
struct HalfBits {
    using Register = uint32_t;
    using Element = float;
    static constexpr unsigned kPacked = 2;
    VGPU_INLINE static float of(uint32_t r, unsigned i) { return from_f16(r >> (16 * i)); }
};
struct BrainBits {
    using Register = uint32_t;
    using Element = float;
    static constexpr unsigned kPacked = 2;
    VGPU_INLINE static float of(uint32_t r, unsigned i)
    {
        return __builtin_bit_cast(float, i ? r & 0xffff0000u : r << 16);
    }
};
struct Tf32Bits {
    using Register = uint32_t;
    using Element = float;
    static constexpr unsigned kPacked = 1;
    VGPU_INLINE static float of(uint32_t r, unsigned)
    {
        return __builtin_bit_cast(float, r & 0xffffe000u);
    }
};
struct SingleBits {
    using Register = uint32_t;
    using Element = float;
    static constexpr unsigned kPacked = 1;
    VGPU_INLINE static float of(uint32_t r, unsigned) { return __builtin_bit_cast(float, r); }
};
struct DoubleBits {
    using Register = double;
    using Element = double;
    static constexpr unsigned kPacked = 1;
    VGPU_INLINE static double of(double r, unsigned) { return r; }
};
struct WordBits {
    using Register = uint32_t;
    using Element = int32_t;
    static constexpr unsigned kPacked = 1;
    VGPU_INLINE static int32_t of(uint32_t r, unsigned) { return int32_t(r); }
};
template<unsigned kBits, bool kSigned>
struct SmallBits {
    using Register = uint32_t;
    using Element = int32_t;
    static constexpr unsigned kPacked = 32 / kBits;
    VGPU_INLINE static int32_t of(uint32_t r, unsigned i)
    {
        uint32_t top = r << (32 - kBits * (i + 1)); // the element, at the word's upper end
        return kSigned ? int32_t(top) >> (32 - kBits) : int32_t(top >> (32 - kBits));
    }
};

template<class Bits>
VGPU_INLINE void gather(Warp &warp, const MatrixOperand &from, typename Bits::Element *dense)
{
    const Fragment &layout = *from.layout;
    for (unsigned reg = 0; reg < layout.shape.registers; reg++) {
        const auto *r = lanes<typename Bits::Register>(warp, from.slots[reg]);
        const uint16_t *place = layout.place.data() + reg * kLanes * Bits::kPacked;
        alignas(64) typename Bits::Element value[Bits::kPacked][kLanes];
        for (unsigned i = 0; i < Bits::kPacked; i++)
            for (unsigned l = 0; l < kLanes; l++)
                value[i][l] = Bits::of(r[l], i);
        for (unsigned l = 0; l < kLanes; l++)
            for (unsigned i = 0; i < Bits::kPacked; i++)
                dense[place[l * Bits::kPacked + i]] = value[i][l];
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

/// acc += a * b for one product; step(sum, a, b) is the arithmetic. Eight columns at a time, eight
/// rows beside each other so that no sum waits for the one before.
template<class T, class F>
VGPU_INLINE void multiply(const MatrixSite &site, const T *a, const T *b, T *acc, F step)
{
    unsigned n = site.n, k = site.k;
    for (unsigned column = 0; column < n; column += 8)
        for (unsigned row = 0; row < site.m; row += 8) {
            T sum[8][8];
            for (unsigned r = 0; r < 8; r++)
                for (unsigned c = 0; c < 8; c++)
                    sum[r][c] = acc[(row + r) * n + column + c];
            for (unsigned i = 0; i < k; i++)
                for (unsigned r = 0; r < 8; r++) {
                    T factor = a[(row + r) * k + i];
                    for (unsigned c = 0; c < 8; c++)
                        sum[r][c] = step(sum[r][c], factor, b[i * n + column + c]);
                }
            for (unsigned r = 0; r < 8; r++)
                for (unsigned c = 0; c < 8; c++)
                    acc[(row + r) * n + column + c] = sum[r][c];
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
            [](float sum, float x, float y) __attribute__((always_inline)) { return sum + x * y; });
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
    gather<DoubleBits>(warp, site.a, a);
    gather<DoubleBits>(warp, site.b, b);
    gather<DoubleBits>(warp, site.c, acc);
    uint32_t saved = _mm_getcsr(), directed = (saved & ~0x6000u) | uint32_t(site.rounding) << 13;
    // The clobbers keep the arithmetic between the two changes of mode.
    asm volatile("ldmxcsr %0" : : "m"(directed) : "memory");
    multiply(
        site, a, b, acc, [](double sum, double x, double y) __attribute__((always_inline)) {
            return __builtin_fma(x, y, sum);
        });
    asm volatile("ldmxcsr %0" : : "m"(saved) : "memory");
    scatter<double>(warp, site.d, [&](const uint16_t *place) { return acc[*place]; });
    return inst + 1;
}

template<class F>
VGPU_INLINE void product_integer(Warp &warp, const MatrixSite &site, const int32_t *a,
                                 const int32_t *b, F step)
{
    alignas(64) Dense<int32_t> c;
    gather<WordBits>(warp, site.c, c);
    if (site.saturate) {
        // A sum of these products is far from the ends of 64 bits: it is clamped once.
        int64_t wide_a[kMatrixElements], wide_b[kMatrixElements], acc[kMatrixElements];
        for (unsigned i = 0; i < kMatrixElements; i++) {
            wide_a[i] = a[i];
            wide_b[i] = b[i];
            acc[i] = c[i];
        }
        multiply(site, wide_a, wide_b, acc, step);
        scatter<int32_t>(warp, site.d, [&](const uint16_t *place) {
            int64_t sum = acc[*place];
            return int32_t(sum < INT32_MIN ? INT32_MIN : sum > INT32_MAX ? INT32_MAX : sum);
        });
        return;
    }
    multiply(site, a, b, c, step);
    scatter<int32_t>(warp, site.d, [&](const uint16_t *place) { return c[*place]; });
}

template<unsigned kBits>
const Inst *product_small(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<int32_t> a = {}, b = {};
    if (site.a_signed)
        gather<SmallBits<kBits, true>>(warp, site.a, a);
    else
        gather<SmallBits<kBits, false>>(warp, site.a, a);
    if (site.b_signed)
        gather<SmallBits<kBits, true>>(warp, site.b, b);
    else
        gather<SmallBits<kBits, false>>(warp, site.b, b);
    product_integer(
        warp, site, a, b, [](auto sum, auto x, auto y) __attribute__((always_inline)) {
            using T = decltype(sum);
            return T(std::make_unsigned_t<T>(sum) + std::make_unsigned_t<T>(x * y));
        });
    return inst + 1;
}

const Inst *product_bits(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    alignas(64) Dense<int32_t> a = {}, b = {};
    gather<WordBits>(warp, site.a, a);
    gather<WordBits>(warp, site.b, b);
    bool both = site.bits_and;
    product_integer(
        warp, site, a, b, [=](auto sum, auto x, auto y) __attribute__((always_inline)) {
            auto bits = uint32_t(both ? x & y : x ^ y);
            using T = decltype(sum);
            return T(std::make_unsigned_t<T>(sum) + unsigned(__builtin_popcount(bits)));
        });
    return inst + 1;
}

// Named after the types of d, a and c; the integers' signs are in the site.
const Operation kRows[] = {
    {"mma.f32.f16.f32", product_float<HalfBits, SingleBits, false>, "", 0},
    {"mma.f32.f16.f16", product_float<HalfBits, HalfBits, false>, "", 0},
    {"mma.f16.f16.f32", product_float<HalfBits, SingleBits, true>, "", 0},
    {"mma.f16.f16.f16", product_float<HalfBits, HalfBits, true>, "", 0},
    {"mma.f32.bf16.f32", product_float<BrainBits, SingleBits, false>, "", 0},
    {"mma.f32.tf32.f32", product_float<Tf32Bits, SingleBits, false>, "", 0},
    {"mma.f64.f64.f64", product_double, "", 0},
    {"mma.s32.b8.s32", product_small<8>, "", 0},
    {"mma.s32.b4.s32", product_small<4>, "", 0},
    {"mma.s32.b1.s32", product_bits, "", 0},
};

} // namespace

Operations matrix_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
