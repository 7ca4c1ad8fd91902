// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/row-test.h"

#include <mpfr.h>

// Reals for the references: binary formats to and from MPFR.
namespace vgpu::soft::rows
{

/// A number wide enough for every exact intermediate that is rounded once.
class Real
{
public:
    explicit Real(mpfr_prec_t precision = 512) { mpfr_init2(value_, precision); }
    Real(const Real &other) : Real(mpfr_get_prec(other.value_))
    {
        mpfr_set(value_, other.value_, MPFR_RNDN);
    }
    Real &operator=(const Real &) = delete;
    ~Real() { mpfr_clear(value_); }
    operator mpfr_ptr() { return value_; }
    operator mpfr_srcptr() const { return value_; }

private:
    mpfr_t value_;
};

/// A binary interchange format: mantissa bits without and exponent bits.
struct Binary {
    int exponent, mantissa;

    unsigned width() const { return unsigned(1 + exponent + mantissa); }
    uint64_t sign() const { return uint64_t(1) << (exponent + mantissa); }
    uint64_t infinity() const { return ((uint64_t(1) << exponent) - 1) << mantissa; }
    bool is_nan(uint64_t bits) const { return (bits & (sign() - 1)) > infinity(); }
    bool is_subnormal(uint64_t bits) const
    {
        return (bits & infinity()) == 0 && (bits & (sign() - 1)) != 0;
    }
    /// What .ftz makes of it.
    uint64_t flushed(uint64_t bits) const { return is_subnormal(bits) ? bits & sign() : bits; }
    /// The NaN that PTX gives for this type; f64 has none of its own.
    uint64_t nan() const { return exponent == 11 ? infinity() | uint64_t(1) << 51 : sign() - 1; }
};

Binary format_of(Type type); ///< f16x2 as f16

void decode(mpfr_ptr to, Binary format, uint64_t bits);

/// Rounds once, by a mode of Modifier, with gradual underflow.
uint64_t encode(mpfr_srcptr value, Binary format, uint32_t mode);

mpfr_rnd_t rounding(uint32_t modifiers);

} // namespace vgpu::soft::rows
