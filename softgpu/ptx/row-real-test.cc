// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-real.h"

#include <algorithm>
#include <cmath>

namespace vgpu::soft::rows
{

Binary format_of(Type type)
{
    switch (type) {
    case Type::f16:
    case Type::f16x2:
        return {5, 10};
    case Type::bf16:
    case Type::bf16x2:
        return {8, 7};
    case Type::tf32:
        return {8, 10};
    case Type::f64:
        return {11, 52};
    default:
        return {8, 23};
    }
}

void decode(mpfr_ptr to, Binary format, uint64_t bits)
{
    bool negative = bits & format.sign();
    uint64_t fraction = bits & ((uint64_t(1) << format.mantissa) - 1);
    int exponent = int((bits & format.infinity()) >> format.mantissa);
    int bias = (1 << (format.exponent - 1)) - 1;
    if (format.is_nan(bits)) {
        mpfr_set_nan(to);
    } else if (exponent == (1 << format.exponent) - 1) {
        mpfr_set_inf(to, negative ? -1 : 1);
    } else {
        if (exponent != 0)
            fraction |= uint64_t(1) << format.mantissa;
        mpfr_set_ui_2exp(to, fraction, (exponent ? exponent : 1) - bias - format.mantissa,
                         MPFR_RNDN);
        if (negative)
            mpfr_neg(to, to, MPFR_RNDN); // the sign of a zero, too
    }
}

mpfr_rnd_t rounding(uint32_t modifiers)
{
    switch (modifiers & kRoundMask) {
    case kRoundDown:
        return MPFR_RNDD;
    case kRoundUp:
        return MPFR_RNDU;
    case kRoundZero:
        return MPFR_RNDZ;
    default:
        return MPFR_RNDN;
    }
}

uint64_t encode(mpfr_srcptr value, Binary format, uint32_t mode)
{
    uint64_t sign = mpfr_signbit(value) ? format.sign() : 0;
    if (mpfr_nan_p(value))
        return format.nan();
    if (mpfr_inf_p(value))
        return sign | format.infinity();
    if (mpfr_zero_p(value))
        return sign;
    int bias = (1 << (format.exponent - 1)) - 1;
    // The value in units of the last place it can have, rounded to an integer.
    long place = std::max<long>(mpfr_get_exp(value) - 1, 1 - bias) - format.mantissa;
    Real scaled(mpfr_get_prec(value));
    mpfr_abs(scaled, value, MPFR_RNDN);
    mpfr_mul_2si(scaled, scaled, -place, MPFR_RNDN);
    mpfr_rnd_t how = rounding(mode);
    if (sign && (how == MPFR_RNDD || how == MPFR_RNDU))
        how = how == MPFR_RNDD ? MPFR_RNDU : MPFR_RNDD; // of the magnitude
    Real whole(80);
    mpfr_rint(whole, scaled, how);
    uint64_t units = mpfr_get_ui(whole, MPFR_RNDZ);
    // Adding the exponent's field to units with the hidden bit carries where it must.
    long field = place + format.mantissa + bias - 1;
    bool large = field >= (1 << format.exponent);
    uint64_t bits = large ? 0 : (uint64_t(field) << format.mantissa) + units;
    if (large || bits >= format.infinity())
        bits = how == MPFR_RNDN || how == MPFR_RNDU ? format.infinity() : format.infinity() - 1;
    return sign | bits;
}

} // namespace vgpu::soft::rows
