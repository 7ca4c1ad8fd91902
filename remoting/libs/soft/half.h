// SPDX-License-Identifier: Apache-2.0
// The short floating-point types as libraries of the software GPU meet them: by their bits, rounded
// to the nearest, ties to even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace vgpu::soft::libs
{

inline float from_half(uint16_t bits) noexcept
{
    uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                  : exponent     ? std::ldexp(float(fraction | 1024), int(exponent) - 25)
                                 : std::ldexp(float(fraction), -24);
    return bits & 0x8000 ? -value : value;
}

inline uint16_t to_half(float value) noexcept
{
    uint32_t bits = std::bit_cast<uint32_t>(value);
    auto sign = uint16_t(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return 0x7fff;
    if (magnitude >= 0x477ff000) // rounds to what a half cannot hold
        return sign | 0x7c00;
    if (magnitude < 0x38800000) // denormal: a multiple of 2^-24
        return sign | uint16_t(std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24)));
    uint32_t rest = magnitude & 0x1fff, kept = (magnitude - 0x38000000) >> 13;
    return sign | uint16_t(kept + (rest > 0x1000 || (rest == 0x1000 && (kept & 1))));
}

inline float from_bfloat(uint16_t bits) noexcept
{
    return std::bit_cast<float>(uint32_t(bits) << 16);
}

inline uint16_t to_bfloat(float value) noexcept
{
    uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return 0x7fff;
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace vgpu::soft::libs
