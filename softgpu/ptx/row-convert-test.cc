// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-real.h"

#include <algorithm>

// cvt: the source's exact value, rounded and clamped as the manual says.
namespace vgpu::soft::rows
{
namespace
{

/// NaN gives 0, or the top bit where 64 bits take part.
uint64_t integer_of_nan(Type to, Type from)
{
    unsigned bits = unsigned(size_of(to)) * 8;
    return from == Type::f64 || bits == 64 ? uint64_t(1) << (bits - 1) : 0;
}

/// The integer bits in a register of at least 16, extended by the type's sign.
uint64_t in_register(Int value, Type type)
{
    unsigned bits = unsigned(size_of(type)) * 8;
    return wrapped(integer(wrapped(value, bits), bits, is_signed(type)), bits_of(type));
}

Int clamped(Int value, Type type)
{
    unsigned bits = unsigned(size_of(type)) * 8;
    Int high = (Int(1) << (bits - is_signed(type))) - 1, low = is_signed(type) ? -high - 1 : 0;
    return value < low ? low : value > high ? high : value;
}

Int to_int(mpfr_srcptr value)
{
    // Beyond 2^100 every clamp is the same.
    static thread_local Real small(200);
    mpfr_set(small, value, MPFR_RNDN);
    if (mpfr_inf_p(value) || mpfr_cmp_d(small, 0x1p100) > 0 || mpfr_cmp_d(small, -0x1p100) < 0)
        return mpfr_signbit(value) ? -(Int(1) << 100) : Int(1) << 100;
    bool negative = mpfr_signbit(small);
    mpfr_abs(small, small, MPFR_RNDN);
    static thread_local Real high(200);
    mpfr_div_2ui(high, small, 64, MPFR_RNDN);
    mpfr_trunc(high, high);
    Int result = Int(mpfr_get_uj(high, MPFR_RNDZ)) << 64;
    mpfr_mul_2ui(high, high, 64, MPFR_RNDN);
    mpfr_sub(small, small, high, MPFR_RNDN);
    result += Int(mpfr_get_uj(small, MPFR_RNDZ));
    return negative ? -result : result;
}

uint64_t saturated(uint64_t bits, Binary f)
{
    uint64_t one = uint64_t((1 << (f.exponent - 1)) - 1) << f.mantissa;
    return f.is_nan(bits) || bits & f.sign() ? 0 : std::min(bits, one);
}

std::string convert(Type to, Type from, const Args &args, uint64_t operand, uint64_t got)
{
    static thread_local Real value(200);
    uint32_t mods = args.modifiers;
    unsigned bits = unsigned(size_of(from)) * 8;
    if (is_float(from)) {
        Binary f = format_of(from);
        decode(value, f, mods & kFtz && from == Type::f32 ? f.flushed(operand) : operand);
    } else {
        Int whole = integer(operand, bits, is_signed(from));
        if (!is_float(to)) {
            uint64_t want = in_register(mods & kSat ? clamped(whole, to) : whole, to);
            return got == want ? "" : hex(want);
        }
        if (is_signed(from))
            mpfr_set_sj(value, intmax_t(whole), MPFR_RNDN);
        else
            mpfr_set_uj(value, uintmax_t(whole), MPFR_RNDN);
    }
    bool nan = mpfr_nan_p(value);
    if (mods & kToInteger)
        mpfr_rint(value, value, rounding(mods));
    if (!is_float(to)) {
        uint64_t want = nan ? in_register(Int(integer_of_nan(to, from)), to)
                            : in_register(clamped(to_int(value), to), to);
        return got == want ? "" : hex(want);
    }
    Binary f = format_of(to);
    uint64_t want = encode(value, f, mods);
    if (mods & kFtz && to == Type::f32)
        want = f.flushed(want);
    if (mods & kSat)
        want = saturated(want, f);
    else if (mods & kRelu && want & f.sign() && !f.is_nan(want))
        want = 0;
    bool any_nan = (to == Type::f64 || to == from) && f.is_nan(want) && f.is_nan(got);
    return got == want || any_nan ? "" : hex(want);
}

/// cvt.rna.tf32.f32: ties away from zero; the 13 bits below are 0.
std::string to_tf32(const Args &args, uint64_t got)
{
    Binary single{8, 23}, tf32{8, 10};
    uint64_t x = args.in[0];
    if (single.is_nan(x))
        return single.is_nan(got) ? "" : "a NaN";
    static thread_local Real value(64), unit(64);
    decode(value, single, x);
    uint64_t want;
    if (args.modifiers & kAwayTies) {
        // Half a unit more, then cut: the unit of the value's own exponent.
        uint64_t magnitude = x & 0x7fffffff;
        uint64_t down = magnitude >> 13, rest = magnitude & 0x1fff;
        want = (x & single.sign()) | (down + (rest >= 0x1000)) << 13;
    } else {
        want = encode(value, tf32, 0) << 13;
    }
    if (args.modifiers & kRelu && x & single.sign())
        want = 0;
    return got == want ? "" : hex(want);
}

} // namespace

Reference convert_reference(const Name &name)
{
    if (name.opcode != "cvt" || name.types.size() != 2)
        return {};
    Type to = name.types[0], from = name.types[1];
    Reference reference;
    reference.accuracy = "exact";
    reference.floating = is_float(from) ? from : Type::none;
    if (to == Type::tf32)
        reference.judge = [](const Args &args, const Result &got) {
            return to_tf32(args, got.value);
        };
    else if (to == Type::f16x2 || to == Type::bf16x2)
        reference.judge = [=](const Args &args, const Result &got) -> std::string {
            Type half = to == Type::f16x2 ? Type::f16 : Type::bf16;
            std::string upper = convert(half, from, args, args.in[0], got.value >> 16);
            std::string lower = convert(half, from, args, args.in[1], got.value & 0xffff);
            return upper.empty() ? lower : upper + " above";
        };
    else
        reference.judge = [=](const Args &args, const Result &got) {
            return convert(to, from, args, args.in[0], got.value);
        };
    return reference;
}

} // namespace vgpu::soft::rows
