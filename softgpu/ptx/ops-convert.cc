// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/half.h"

#include <cmath>
#include <immintrin.h>
#include <limits>

// cvt between all pairs of integer and floating-point types, and the address conversions that are
// copies.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

// The 16-bit formats as types of their own.
struct Half16 {
    uint16_t bits;
};
struct Brain16 {
    uint16_t bits;
};

template<class T>
constexpr bool kIsHalf = std::is_same_v<T, Half16> || std::is_same_v<T, Brain16>;
template<class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;

template<class S>
VGPU_INLINE double widen(S x)
{
    if constexpr (std::is_same_v<S, Half16>)
        return F16::widen(x.bits);
    else if constexpr (std::is_same_v<S, Brain16>)
        return Bf16::widen(x.bits);
    else if constexpr (std::is_integral_v<S> && sizeof(S) == 8) {
        // More bits than a double has: to odd, so that it can be rounded again.
        uint64_t magnitude = std::is_signed_v<S> && x < 0 ? 0 - uint64_t(x) : uint64_t(x);
        uint64_t lost = magnitude >> 53 ? (uint64_t(1) << 11) - 1 : 0;
        magnitude = (magnitude & ~lost) | ((magnitude & lost) ? lost + 1 : 0);
        double value = double(magnitude);
        return std::is_signed_v<S> && x < 0 ? -value : value;
    } else
        return double(x);
}

VGPU_INLINE float flush(float x)
{
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    return __builtin_bit_cast(float, (bits & 0x7f800000u) ? bits : bits & 0x80000000u);
}

double to_integral(double x, uint32_t mode)
{
    switch (mode) {
    case kRoundDown:
        return __builtin_floor(x);
    case kRoundUp:
        return __builtin_ceil(x);
    case kRoundZero:
        return __builtin_trunc(x);
    default:
        return __builtin_rint(x); // the thread's mode is nearest even
    }
}

/// Out of range clamps; a NaN gives 0, or the sign bit where 64 bits take part.
template<class D, class S>
D to_integer(double x, uint32_t mode)
{
    using Limits = std::numeric_limits<D>;
    if (x != x) {
        bool wide = sizeof(D) == 8 || std::is_same_v<S, double>;
        return wide ? D(std::make_unsigned_t<D>(1) << (sizeof(D) * 8 - 1)) : D(0);
    }
    x = to_integral(x, mode);
    constexpr double past = 2.0 * double(uint64_t(1) << (Limits::digits - 1)); // 2^digits, exactly
    if (x >= past)
        return Limits::max();
    if (x <= double(Limits::min()))
        return Limits::min();
    return D(x);
}

class Rounding
{
public:
    explicit Rounding(uint32_t mode) : saved_(_mm_getcsr())
    {
        set((saved_ & ~0x6000u) | mode << 13);
    }
    ~Rounding() { set(saved_); }

private:
    static void set(uint32_t csr) { asm volatile("ldmxcsr %0" : : "m"(csr) : "memory"); }
    uint32_t saved_;
};

/// A float or double made of `x` under the thread's rounding, which the caller has set; out of
/// line, so that the conversion stays between the two changes of mode.
template<class D, class S>
[[gnu::noinline]] D convert_rounded(S x)
{
    return D(x);
}

template<class D, class S>
Lane<D> integer_from_integer(S x, bool sat)
{
    if (!sat)
        return Lane<D>(D(x));
    __extension__ using Big = __int128;
    using Limits = std::numeric_limits<D>;
    Big value = x;
    value = value < Big(Limits::min())   ? Big(Limits::min())
            : value > Big(Limits::max()) ? Big(Limits::max())
                                         : value;
    return Lane<D>(D(value));
}

template<class D, class S>
D float_from(S x, uint32_t aux)
{
    uint32_t mode = aux & kRoundMask;
    if constexpr (kIsHalf<D>) {
        double value = widen(x);
        if (aux & kFtz)
            value = std::is_same_v<S, float> ? double(flush(float(value))) : value;
        if (aux & kToInteger)
            value = to_integral(value, mode);
        if (aux & kSat)
            value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
        if ((aux & kRelu) && value == value)
            value = value > 0 ? value : 0.0;
        if constexpr (std::is_same_v<D, Half16>)
            return {F16::narrow(value, mode)};
        else
            return {Bf16::narrow(value, mode)};
    } else {
        D value;
        if constexpr (kIsFloat<S>) {
            double wide = widen(x);
            if constexpr (std::is_same_v<S, float>)
                wide = (aux & kFtz) ? double(flush(x)) : wide;
            if (aux & kToInteger)
                wide = to_integral(wide, mode);
            if (mode && !(aux & kToInteger)) {
                Rounding rounding(mode);
                value = convert_rounded<D>(wide);
            } else {
                value = D(wide);
            }
        } else if (mode) {
            Rounding rounding(mode);
            value = convert_rounded<D>(x);
        } else {
            value = D(x);
        }
        if constexpr (std::is_same_v<D, float>) {
            if (aux & kFtz)
                value = flush(value);
            if (value != value && !(aux & kSat))
                return __builtin_bit_cast(float, 0x7fffffffu);
        }
        if (aux & kSat)
            value = value > 0 ? (value < 1 ? value : D(1)) : D(0);
        return value;
    }
}

/// Pairs whose plain conversion is vector code.
template<class D, class S>
constexpr bool kVector = (std::is_integral_v<D> && std::is_integral_v<S>) ||
                         (std::is_floating_point_v<D> && std::is_integral_v<S> && sizeof(S) <= 4) ||
                         (std::is_same_v<D, double> && std::is_same_v<S, float>);

template<class D, class S>
const Inst *convert(Warp &warp, const Inst *inst)
{
    const auto *a = lanes<Lane<S>>(warp, inst->a);
    auto *d = lanes<Lane<D>>(warp, inst->d);
    uint32_t aux = inst->aux;
    if constexpr (kVector<D, S>) {
        if (aux == 0) {
            fill(
                warp.active, d, [=](unsigned lane) __attribute__((always_inline)) {
                    return Lane<D>(D(S(a[lane])));
                });
            return inst + 1;
        }
    }
    if constexpr (std::is_same_v<D, int32_t> && std::is_same_v<S, float>) {
        if (aux == (kRoundZero | kToInteger)) {
            fill(
                warp.active, d, [=](unsigned lane) __attribute__((always_inline)) {
                    float x = a[lane] > -2147483648.f ? a[lane] : -2147483648.f;
                    int32_t whole = int32_t(x < 2147483648.f ? x : 0.f);
                    whole = x < 2147483648.f ? whole : INT32_MAX;
                    return a[lane] == a[lane] ? whole : 0;
                });
            return inst + 1;
        }
    }
    fill_each(warp.active, d, [=](unsigned lane) -> Lane<D> {
        auto x = S(a[lane]);
        if constexpr (kIsFloat<D>)
            return float_from<D, S>(x, aux);
        else if constexpr (kIsFloat<S>) {
            double value = widen(x);
            if constexpr (std::is_same_v<S, float>)
                value = (aux & kFtz) ? double(flush(x)) : value;
            return Lane<D>(to_integer<D, S>(value, aux & kRoundMask));
        } else
            return integer_from_integer<D, S>(x, aux & kSat);
    });
    return inst + 1;
}

/// cvt.rna.tf32.f32: ten bits of mantissa, ties away from zero (.rn: to even).
const Inst *to_tf32(Warp &warp, const Inst *inst)
{
    const uint32_t *a = lanes<uint32_t>(warp, inst->a);
    bool away = inst->aux & kAwayTies, relu = inst->aux & kRelu;
    fill_each(warp.active, lanes<uint32_t>(warp, inst->d), [=](unsigned lane) {
        uint32_t bits = a[lane];
        if ((bits & 0x7fffffffu) > 0x7f800000u)
            return 0x7fffffffu;
        if (relu && (bits >> 31))
            return 0u;
        if ((bits & 0x7f800000u) == 0x7f800000u)
            return bits;
        uint32_t half = away ? 0x1000u : 0xfffu + (bits >> 13 & 1);
        return (bits + half) & ~0x1fffu;
    });
    return inst + 1;
}

/// cvt.rn.f16x2.f32 d, a, b: a goes to the upper half.
template<class T>
const Inst *to_pair(Warp &warp, const Inst *inst)
{
    const float *a = lanes<float>(warp, inst->a), *b = lanes<float>(warp, inst->b);
    uint32_t aux = inst->aux;
    fill_each(warp.active, lanes<uint32_t>(warp, inst->d), [=](unsigned lane) {
        return uint32_t(float_from<T, float>(a[lane], aux).bits) << 16 |
               float_from<T, float>(b[lane], aux).bits;
    });
    return inst + 1;
}

constexpr uint32_t kAll = kRoundMask | kFtz | kSat | kRelu | kToInteger;

#define ROW(d, D, s, S)                                                                            \
    {                                                                                              \
        "cvt." d "." s, convert<D, S>, kSignature<Lane<D>, Lane<S>>, kAll                          \
    }
#define FROM(d, D)                                                                                 \
    ROW(d, D, "u8", uint8_t), ROW(d, D, "s8", int8_t), ROW(d, D, "u16", uint16_t),                 \
        ROW(d, D, "s16", int16_t), ROW(d, D, "u32", uint32_t), ROW(d, D, "s32", int32_t),          \
        ROW(d, D, "u64", uint64_t), ROW(d, D, "s64", int64_t), ROW(d, D, "f16", Half16),           \
        ROW(d, D, "bf16", Brain16), ROW(d, D, "f32", float), ROW(d, D, "f64", double)

const Operation kRows[] = {
    FROM("u8", uint8_t),
    FROM("s8", int8_t),
    FROM("u16", uint16_t),
    FROM("s16", int16_t),
    FROM("u32", uint32_t),
    FROM("s32", int32_t),
    FROM("u64", uint64_t),
    FROM("s64", int64_t),
    FROM("f16", Half16),
    FROM("bf16", Brain16),
    FROM("f32", float),
    FROM("f64", double),
    {"cvt.tf32.f32", to_tf32, kSignature<uint32_t, float>, kRelu | kAwayTies},
    {"cvt.f16x2.f32", to_pair<Half16>, kSignature<uint32_t, float, float>, kAll},
    {"cvt.bf16x2.f32", to_pair<Brain16>, kSignature<uint32_t, float, float>, kAll},
};

} // namespace

Operations convert_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
