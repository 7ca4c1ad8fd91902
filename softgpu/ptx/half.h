// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/lanes.h"

// The two 16-bit formats. A value is computed in double, where sums and products of them are exact
// or rounded to odd, and is then rounded once.
namespace vgpu::soft::VGPU_ISA
{

/// kExponent and kMantissa bits of a small binary format.
template<int kExponent, int kMantissa>
struct Format {
    static constexpr int kBias = (1 << (kExponent - 1)) - 1;
    static constexpr uint32_t kInfinity = ((1u << kExponent) - 1) << kMantissa;
    static constexpr uint16_t kNan = 0x7fff;

    /// .ftz: a subnormal value is a zero of its sign.
    static uint16_t flush(uint16_t bits) { return bits & kInfinity ? bits : bits & 0x8000u; }

    static double widen(uint16_t bits)
    {
        uint64_t sign = uint64_t(bits & 0x8000u) << 48;
        uint32_t exponent = (bits & 0x7fffu) >> kMantissa;
        uint64_t mantissa = bits & ((1u << kMantissa) - 1);
        uint64_t out;
        if (exponent == (1u << kExponent) - 1)
            out = 0x7ff0000000000000u | mantissa << (52 - kMantissa);
        else if (exponent != 0)
            out = (uint64_t(exponent) + 1023 - kBias) << 52 | mantissa << (52 - kMantissa);
        else {
            double tiny = double(mantissa) *
                          __builtin_bit_cast(double, uint64_t(1023 + 1 - kBias - kMantissa) << 52);
            out = __builtin_bit_cast(uint64_t, tiny);
        }
        return __builtin_bit_cast(double, sign | out);
    }

    /// Rounds by a mode of Modifier.
    static uint16_t narrow(double value, uint32_t mode)
    {
        uint64_t bits = __builtin_bit_cast(uint64_t, value);
        uint16_t sign = uint16_t(bits >> 48 & 0x8000u);
        int exponent = int(bits >> 52 & 0x7ff);
        uint64_t mantissa = bits & 0xfffffffffffffu;
        if (exponent == 0x7ff)
            return mantissa ? kNan : uint16_t(sign | kInfinity);
        if (exponent == 0 && mantissa == 0)
            return sign;
        mantissa |= exponent ? uint64_t(1) << 52 : 0;
        int target = (exponent ? exponent : 1) - 1023 + kBias;
        int shift = 52 - kMantissa + (target < 1 ? 1 - target : 0);
        if (shift > 63)
            shift = 63;
        uint64_t kept = mantissa >> shift, lost = mantissa & ((uint64_t(1) << shift) - 1);
        uint64_t half = uint64_t(1) << (shift - 1);
        bool up = false;
        if (mode == 0)
            up = lost > half || (lost == half && (kept & 1));
        else if (mode == kRoundUp)
            up = lost && !sign;
        else if (mode == kRoundDown)
            up = lost && sign;
        // The hidden bit adds one to the exponent; a carry out of the mantissa does what it should.
        uint64_t out = (target < 1 ? 0 : uint64_t(target - 1) << kMantissa) + kept + up;
        if (out >= kInfinity) {
            bool to_infinity =
                mode == 0 || (mode == kRoundUp && !sign) || (mode == kRoundDown && sign);
            out = to_infinity ? kInfinity : kInfinity - 1;
        }
        return uint16_t(sign | out);
    }
};

using F16 = Format<5, 10>;
using Bf16 = Format<8, 7>;

/// a * b + c with the last bit odd if anything was lost: safe to round again.
static inline double fma_to_odd(double a, double b, double c)
{
    double product = a * b; // exact: at most 22 bits
    double sum = product + c;
    double part = sum - product;
    double error = (product - (sum - part)) + (c - part);
    uint64_t bits = __builtin_bit_cast(uint64_t, sum);
    if (error != 0 && __builtin_isfinite(sum) && !(bits & 1))
        bits += (error > 0) == (sum > 0) ? 1 : -1;
    return __builtin_bit_cast(double, bits);
}

} // namespace vgpu::soft::VGPU_ISA
