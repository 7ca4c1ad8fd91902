// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-real.h"

#include <algorithm>
#include <cmath>

// Floating-point arithmetic: the exact value by MPFR, rounded once; approximations by the bounds
// of the PTX manual.
namespace vgpu::soft::rows
{
namespace
{

using Operation2 = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

/// One value of a format with the modifiers around the computation.
struct Context {
    Binary format;
    uint32_t modifiers;

    void read(mpfr_ptr to, uint64_t bits) const
    {
        decode(to, format, modifiers & kFtz ? format.flushed(bits) : bits);
    }
    uint64_t finish(uint64_t bits) const
    {
        if (modifiers & kFtz)
            bits = format.flushed(bits);
        uint64_t one = uint64_t((1 << (format.exponent - 1)) - 1) << format.mantissa;
        bool negative = bits & format.sign();
        if (modifiers & kSat) {
            if (format.is_nan(bits) || negative)
                return 0;
            return std::min(bits, one);
        }
        if ((modifiers & kRelu) && negative && !format.is_nan(bits))
            return 0;
        return bits;
    }
};

/// The sum of exactly representable values may need thousands of bits; zero's sign is the mode's.
uint64_t ieee(const std::string &stem, const Context &how, const uint64_t *in)
{
    static thread_local Real a(64), b(64), c(64), product(128), narrow(700), wide(4400);
    Real &result = how.format.exponent == 11 ? wide : narrow;
    how.read(a, in[0]);
    how.read(b, in[1]);
    how.read(c, in[2]);
    mpfr_rnd_t mode = rounding(how.modifiers);
    if (stem == "add") {
        mpfr_add(result, a, b, mode);
    } else if (stem == "sub") {
        mpfr_sub(result, a, b, mode);
    } else if (stem == "mul") {
        mpfr_mul(result, a, b, mode);
    } else if (stem == "fma" || stem == "mad") {
        mpfr_mul(product, a, b, mode);
        mpfr_add(result, product, c, mode);
    } else {
        // Quotients and roots have no end, but none is nearer than 2^-110 to where rounding
        // changes.
        if (stem == "div")
            mpfr_div(narrow, a, b, MPFR_RNDZ);
        else if (stem == "rcp")
            mpfr_ui_div(narrow, 1, a, MPFR_RNDZ);
        else
            mpfr_sqrt(narrow, a, MPFR_RNDZ);
        return how.finish(encode(narrow, how.format, how.modifiers));
    }
    return how.finish(encode(result, how.format, how.modifiers));
}

/// A NaN gives way to a number; -0 is less than +0.
uint64_t extreme(bool most, const Context &how, const uint64_t *in)
{
    Binary f = how.format;
    uint64_t x = in[0], y = in[1], flip = 0;
    if (how.modifiers & kFtz)
        x = f.flushed(x), y = f.flushed(y);
    bool any = f.is_nan(x) || f.is_nan(y), both = f.is_nan(x) && f.is_nan(y);
    if (how.modifiers & kXorSign) {
        flip = (x ^ y) & f.sign();
        x &= ~f.sign();
        y &= ~f.sign();
    }
    uint64_t result;
    if (both || (any && (how.modifiers & kNanResult)))
        return f.nan();
    if (any) {
        result = f.is_nan(x) ? y : x;
    } else {
        // The order of sign and magnitude is that of these integers.
        auto order = [&](uint64_t v) {
            auto magnitude = int64_t(v & ~f.sign());
            return v & f.sign() ? ~magnitude : magnitude;
        };
        result = (order(x) > order(y)) == most ? x : y;
    }
    if (how.modifiers & kXorSign)
        result = (result & ~f.sign()) | flip;
    return how.finish(result);
}

std::string compare(const Binary &format, uint64_t got, uint64_t wanted, bool canonical)
{
    bool nan = format.is_nan(wanted) && format.is_nan(got) && !canonical;
    return got == wanted || nan ? "" : hex(wanted);
}

Judge by_parts(Type type, std::function<std::string(const Args &, uint64_t)> one)
{
    if (size_of(type) != 4 || type == Type::f32)
        return [one](const Args &args, const Result &got) { return one(args, got.value); };
    return [one](const Args &args, const Result &got) -> std::string {
        for (unsigned part = 0; part < 2; part++) {
            Args half = args;
            for (uint64_t &in : half.in)
                in = in >> (16 * part) & 0xffff;
            if (std::string wrong = one(half, got.value >> (16 * part) & 0xffff); !wrong.empty())
                return (part ? "upper half " : "lower half ") + wrong;
        }
        return "";
    };
}

/// A bound on the error of an approximation at one argument.
struct Bound {
    double ulps = 0; ///< of the result's format
    double relative = 0;
    double absolute = 0;
};

struct Approximation {
    int (*compute)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
    const char *accuracy;
    Bound (*bound)(double x);
};

int reciprocal(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t mode)
{
    return mpfr_ui_div(to, 1, x, mode);
}
int reciprocal_root(mpfr_ptr to, mpfr_srcptr x, mpfr_rnd_t mode)
{
    // 1 / sqrt(-0) is -inf in PTX; MPFR gives +inf.
    if (mpfr_zero_p(x)) {
        mpfr_set_inf(to, mpfr_signbit(x) ? -1 : 1);
        return 0;
    }
    return mpfr_rec_sqrt(to, x, mode);
}

/// The bounds that the PTX manual states.
const std::map<std::string, Approximation> &approximations()
{
    static const std::map<std::string, Approximation> all = {
        {"rcp.f32",
         {reciprocal, "1 ulp",
          [](double) {
              return Bound{1, 0, 0};
          }}},
        {"sqrt.f32",
         {mpfr_sqrt, "relative 2^-23",
          [](double) {
              return Bound{0, 0x1p-23, 0};
          }}},
        {"rsqrt.f32",
         {reciprocal_root, "relative 2^-22.9",
          [](double) {
              return Bound{0, 0x1.12p-23, 0};
          }}},
        {"rsqrt.f64",
         {reciprocal_root, "2 ulp",
          [](double) {
              return Bound{2, 0, 0};
          }}},
        {"sin.f32",
         {mpfr_sin, "absolute 2^-20.5 up to 2 pi, 2^-14.7 up to 100 pi",
          [](double x) {
              return Bound{0, 0, std::fabs(x) <= 6.28 ? 0x1.6ap-21 : 0x1.39p-15};
          }}},
        {"cos.f32",
         {mpfr_cos, "absolute 2^-20.5 up to 2 pi, 2^-14.7 up to 100 pi",
          [](double x) {
              return Bound{0, 0, std::fabs(x) <= 6.28 ? 0x1.6ap-21 : 0x1.39p-15};
          }}},
        {"lg2.f32",
         {mpfr_log2, "absolute 2^-22 in (0.5, 2), else relative 2^-22",
          [](double x) {
              return x > 0.5 && x < 2 ? Bound{0, 0, 0x1p-22} : Bound{0, 0x1p-22, 0};
          }}},
        {"ex2.f32",
         {mpfr_exp2, "2 ulp",
          [](double) {
              return Bound{2, 0, 0};
          }}},
        {"tanh.f32",
         {mpfr_tanh, "relative 2^-11",
          [](double) {
              return Bound{0, 0x1p-11, 0};
          }}},
        {"ex2.f16",
         {mpfr_exp2, "relative 2^-9.9",
          [](double) {
              return Bound{0.51, 0x1.1p-10, 0};
          }}},
        {"ex2.bf16",
         {mpfr_exp2, "relative 2^-7",
          [](double) {
              return Bound{0.51, 0x1p-7, 0};
          }}},
        {"tanh.f16",
         {mpfr_tanh, "absolute 2^-10.987",
          [](double) {
              return Bound{0, 0, 0x1.02p-11};
          }}},
        {"tanh.bf16",
         {mpfr_tanh, "absolute 2^-8",
          [](double) {
              return Bound{0, 0, 0x1p-8};
          }}},
    };
    return all;
}

/// |got - exact| against the bound; what is subnormal may have been flushed by rounding's unit.
std::string within(const Context &how, uint64_t got, mpfr_srcptr exact, Bound bound)
{
    uint64_t nearest = how.finish(encode(exact, how.format, 0));
    if (got == nearest || (how.format.is_nan(got) && how.format.is_nan(nearest)))
        return "";
    if (how.format.is_nan(got) || how.format.is_nan(nearest) || mpfr_inf_p(exact))
        return hex(nearest);
    uint64_t above = (nearest & (how.format.sign() - 1)) + 1;
    Real error, value, unit, limit;
    decode(value, how.format, got);
    if (mpfr_inf_p(value) || (nearest & ~how.format.sign()) == how.format.infinity())
        return hex(nearest);
    mpfr_sub(error, value, exact, MPFR_RNDN);
    mpfr_abs(error, error, MPFR_RNDU);
    decode(unit, how.format, above);
    decode(value, how.format, above - 1);
    mpfr_sub(unit, unit, value, MPFR_RNDN);
    mpfr_mul_d(limit, unit, bound.ulps, MPFR_RNDN);
    mpfr_abs(value, exact, MPFR_RNDN);
    mpfr_mul_d(value, value, bound.relative, MPFR_RNDN);
    if (mpfr_cmp(value, limit) > 0)
        mpfr_set(limit, value, MPFR_RNDN);
    if (mpfr_cmp_d(limit, bound.absolute) < 0)
        mpfr_set_d(limit, bound.absolute, MPFR_RNDN);
    return mpfr_cmp(error, limit) <= 0 ? "" : "about " + hex(nearest);
}

std::string approximate(const Approximation &how, const Context &context, const Args &args,
                        uint64_t got)
{
    static thread_local Real x(64), exact(300);
    context.read(x, args.in[0]);
    how.compute(exact, x, MPFR_RNDN);
    // Beyond the range that the manual speaks of, any bounded result is right.
    double size = std::fabs(mpfr_get_d(x, MPFR_RNDN));
    bool periodic = how.compute == mpfr_sin || how.compute == mpfr_cos;
    if (periodic && std::isfinite(size) && size > 314) {
        Real value;
        decode(value, context.format, got);
        return mpfr_cmpabs_ui(value, 1) <= 0 ? "" : "something between -1 and 1";
    }
    return within(context, got, exact, how.bound(mpfr_get_d(x, MPFR_RNDN)));
}

/// div.approx: 0 or NaN where the divisor is so large that its reciprocal is subnormal.
std::string approximate_quotient(const Context &how, const Args &args, uint64_t got)
{
    static thread_local Real a(64), b(64), exact(300);
    how.read(a, args.in[0]);
    how.read(b, args.in[1]);
    mpfr_div(exact, a, b, MPFR_RNDN);
    double divisor = std::fabs(mpfr_get_d(b, MPFR_RNDN));
    if (!(how.modifiers & kFull) && divisor > 0x1p126 && std::isfinite(divisor)) {
        if (how.format.is_nan(args.in[0]) ||
            (args.in[0] & ~how.format.sign()) == how.format.infinity())
            return how.format.is_nan(got) ? "" : "a NaN";
        return (got & ~how.format.sign()) == 0 ? "" : "a zero";
    }
    // The bound is for divisors of normal size; a subnormal one may count as zero.
    if (divisor != 0 && divisor < 0x1p-126 && !(how.modifiers & kFull))
        return "";
    return within(how, got, exact, {2, 0, 0});
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 read and write the upper 32 bits.
std::string gross(const std::string &stem, const Args &args, uint64_t got)
{
    Context how{{11, 52}, kFtz};
    static thread_local Real x(64), exact(300);
    how.read(x, args.in[0] >> 32 << 32);
    if (stem == "rcp")
        reciprocal(exact, x, MPFR_RNDN);
    else
        reciprocal_root(exact, x, MPFR_RNDN);
    if ((got & 0xffffffff) != 0 && !how.format.is_nan(got))
        return "32 low bits of 0";
    return within(how, got, exact, {0, 0x1p-20, 0});
}

Judge classify(const std::string &kind, Binary f)
{
    return exactly([=](const Args &args) -> uint64_t {
               uint64_t x = args.in[0], magnitude = x & (f.sign() - 1);
               bool nan = f.is_nan(x), infinite = magnitude == f.infinity();
               if (kind == "finite")
                   return !nan && !infinite;
               if (kind == "infinite")
                   return infinite;
               if (kind == "number")
                   return !nan;
               if (kind == "notanumber")
                   return nan;
               if (kind == "subnormal")
                   return f.is_subnormal(x);
               return !nan && !infinite && (magnitude >> f.mantissa) != 0;
           })
        .judge;
}

} // namespace

Reference float_reference(const Name &name)
{
    if (name.types.size() != 1 || !is_float(name.types[0]))
        return {};
    Type type = name.types[0];
    Binary format = format_of(type);
    const std::string &stem = name.stem;
    Reference reference;
    reference.floating = type;
    reference.accuracy = "exact";
    std::string key = stem + (format.exponent == 5   ? ".f16"
                              : format.mantissa == 7 ? ".bf16"
                                                     : std::string(name_of(type)));
    auto approximation = approximations().find(key);
    bool rounded = stem == "add" || stem == "sub" || stem == "mul" || stem == "fma" ||
                   stem == "mad" || stem == "div" || stem == "rcp" || stem == "sqrt";
    // Only f64 keeps the bits of a NaN; neg, abs and copysign of a NaN may have any.
    bool canonical = type != Type::f64;
    if (rounded || approximation != approximations().end()) {
        const Approximation *near =
            approximation == approximations().end() ? nullptr : &approximation->second;
        if (near)
            reference.accuracy = (rounded ? "exact; .approx " : "") + std::string(near->accuracy);
        else if (stem == "div" && type == Type::f32)
            reference.accuracy = "exact; .approx, .full 2 ulp";
        reference.judge = by_parts(type, [=](const Args &args, uint64_t got) {
            Context how{format, args.modifiers};
            if (!(args.modifiers & (kApprox | kFull)))
                return compare(format, got, ieee(stem, how, args.in), canonical);
            if (stem == "div")
                return approximate_quotient(how, args, got);
            if (type == Type::f64 && (args.modifiers & kFtz))
                return gross(stem, args, got);
            return approximate(*near, how, args, got);
        });
    } else if (stem == "min" || stem == "max") {
        bool most = stem == "max";
        reference.judge = by_parts(type, [=](const Args &args, uint64_t got) {
            return compare(format, got, extreme(most, {format, args.modifiers}, args.in),
                           canonical);
        });
    } else if (stem == "neg" || stem == "abs") {
        bool negates = stem == "neg";
        reference.judge = by_parts(type, [=](const Args &args, uint64_t got) {
            uint64_t x = args.in[0];
            x = args.modifiers & kFtz ? format.flushed(x) : x;
            x = negates ? x ^ format.sign() : x & ~format.sign();
            return compare(format, got, x, false);
        });
    } else if (stem == "copysign") {
        reference.judge = exactly([=](const Args &args) {
                              return (args.in[0] & format.sign()) | (args.in[1] & ~format.sign());
                          }).judge;
    } else if (stem.starts_with("testp.")) {
        reference.judge = classify(stem.substr(6), format);
    } else {
        return {};
    }
    return reference;
}

} // namespace vgpu::soft::rows
