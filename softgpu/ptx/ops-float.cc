// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lanes.h"

#include <cmath>
#include <immintrin.h>

// f32 and f64 arithmetic. Every result of f32 that is a NaN is PTX's canonical 0x7fffffff; f64
// keeps the host's. Nothing is contracted: only fma fuses.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

VGPU_INLINE float canonical(float x)
{
    return x != x ? __builtin_bit_cast(float, 0x7fffffffu) : x;
}
VGPU_INLINE double canonical(double x)
{
    return x;
}

VGPU_INLINE float flush(float x)
{
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    return __builtin_bit_cast(float, (bits & 0x7f800000u) ? bits : bits & 0x80000000u);
}
VGPU_INLINE double flush(double x)
{
    return x;
}

/// .sat: clamps to [0, 1]; NaN gives 0.
template<class T>
VGPU_INLINE T saturate(T x)
{
    return x > T(0) ? (x < T(1) ? x : T(1)) : T(0);
}

template<class T>
VGPU_INLINE bool is_nan(T x)
{
    return x != x;
}

VGPU_INLINE uint32_t bits_of(float x)
{
    return __builtin_bit_cast(uint32_t, x);
}
VGPU_INLINE uint64_t bits_of(double x)
{
    return __builtin_bit_cast(uint64_t, x);
}
VGPU_INLINE float from_bits(uint32_t x)
{
    return __builtin_bit_cast(float, x);
}
VGPU_INLINE double from_bits(uint64_t x)
{
    return __builtin_bit_cast(double, x);
}

/// Directed rounding for the operations of one instruction.
class Rounding
{
public:
    VGPU_INLINE explicit Rounding(uint32_t mode) : saved_(_mm_getcsr())
    {
        set((saved_ & ~0x6000u) | mode << 13);
    }
    VGPU_INLINE ~Rounding() { set(saved_); }
    Rounding(const Rounding &) = delete;

private:
    // The memory clobber keeps loads and stores of lanes, hence the arithmetic between, inside.
    VGPU_INLINE static void set(uint32_t csr)
    {
        asm volatile("ldmxcsr %0" : : "m"(csr) : "memory");
    }
    uint32_t saved_;
};

struct Add {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        return a + b;
    }
};
struct Sub {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        return a - b;
    }
};
struct Mul {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        return a * b;
    }
};
struct Div {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        return a / b;
    }
};
/// div.approx.f32 multiplies by the divisor's reciprocal, which is 0 for the largest divisors.
struct DivApprox {
    VGPU_INLINE static float of(float a, float b)
    {
        float size = __builtin_fabsf(b);
        bool large = size > 0x1p126f && size <= 0x1.fffffep127f;
        return large ? a * __builtin_copysignf(0.f, b) : a / b;
    }
};
struct Fma {
    VGPU_INLINE static float of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
    VGPU_INLINE static double of(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct Rcp {
    template<class T>
    VGPU_INLINE static T of(T a)
    {
        return T(1) / a;
    }
};
struct Sqrt {
    VGPU_INLINE static float of(float a) { return __builtin_sqrtf(a); }
    VGPU_INLINE static double of(double a) { return __builtin_sqrt(a); }
};
struct Rsqrt {
    // In double, so that the result is within the bound of the approximation, and exact where it
    // can be.
    VGPU_INLINE static float of(float a) { return float(1.0 / __builtin_sqrt(double(a))); }
    VGPU_INLINE static double of(double a) { return 1.0 / __builtin_sqrt(a); }
};
struct Neg {
    template<class T>
    VGPU_INLINE static T of(T a)
    {
        return -a;
    }
};
struct Abs {
    VGPU_INLINE static float of(float a) { return __builtin_fabsf(a); }
    VGPU_INLINE static double of(double a) { return __builtin_fabs(a); }
};
struct Sin {
    static float of(float a) { return sinf(a); }
};
struct Cos {
    static float of(float a) { return cosf(a); }
};
struct Tanh {
    static float of(float a) { return tanhf(a); }
};
struct Lg2 {
    static float of(float a) { return log2f(a); }
};
struct Ex2 {
    static float of(float a) { return exp2f(a); }
};

/// min and max: a NaN gives way to a number, and -0 is less than +0.
template<bool kMax>
struct Extreme {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        T larger = kMax ? (a > b ? a : b) : (a < b ? a : b);
        T zeros = from_bits(kMax ? bits_of(a) & bits_of(b) : bits_of(a) | bits_of(b));
        T ordered = a == b ? zeros : larger;
        return is_nan(a) ? b : is_nan(b) ? a : ordered;
    }
};
template<bool kMax>
struct ExtremeNan {
    template<class T>
    VGPU_INLINE static T of(T a, T b)
    {
        return is_nan(a) || is_nan(b) ? T(__builtin_nan("")) : Extreme<kMax>::of(a, b);
    }
};
template<class F>
struct XorSign {
    VGPU_INLINE static float of(float a, float b)
    {
        float magnitude = F::of(Abs::of(a), Abs::of(b));
        return from_bits((bits_of(magnitude) & 0x7fffffffu) |
                         ((bits_of(a) ^ bits_of(b)) & 0x80000000u));
    }
    VGPU_INLINE static double of(double a, double) { return a; }
};

/// Sign of a, magnitude of b.
struct CopySign {
    VGPU_INLINE static float of(float a, float b) { return __builtin_copysignf(b, a); }
    VGPU_INLINE static double of(double a, double b) { return __builtin_copysign(b, a); }
};

/// Does the work of one instruction with what modifiers it has; `of(lane, f)` reads the operands
/// through `f`.
template<class T, class G>
VGPU_INLINE const Inst *modified(Warp &warp, const Inst *inst, G of)
{
    T *d = lanes<T>(warp, inst->d);
    uint32_t aux = inst->aux & (kRoundMask | kFtz | kSat);
    auto plain = [](T x) __attribute__((always_inline))
    {
        return x;
    };
    auto flushed = [](T x) __attribute__((always_inline))
    {
        return flush(x);
    };
    if (aux == 0) {
        fill(
            warp.active, d, [=](unsigned lane) __attribute__((always_inline)) {
                return canonical(of(lane, plain));
            });
    } else if (aux == kFtz) {
        fill(
            warp.active, d, [=](unsigned lane) __attribute__((always_inline)) {
                return canonical(flush(of(lane, flushed)));
            });
    } else {
        bool ftz = aux & kFtz, sat = aux & kSat;
        Rounding rounding(aux & kRoundMask);
        fill_each(warp.active, d, [=](unsigned lane) {
            T value = ftz ? flush(of(lane, flushed)) : of(lane, plain);
            return sat ? saturate(value) : canonical(value);
        });
    }
    return inst + 1;
}

template<class F, class T>
const Inst *float1(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a);
    return modified<T>(
        warp, inst, [=](unsigned lane, auto in) __attribute__((always_inline)) {
            return F::of(in(a[lane]));
        });
}

template<class F, class T>
const Inst *float2(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    return modified<T>(
        warp, inst, [=](unsigned lane, auto in) __attribute__((always_inline)) {
            return F::of(in(a[lane]), in(b[lane]));
        });
}

template<class F, class T>
const Inst *float3(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b),
            *c = lanes<T>(warp, inst->c);
    return modified<T>(
        warp, inst, [=](unsigned lane, auto in) __attribute__((always_inline)) {
            return F::of(in(a[lane]), in(b[lane]), in(c[lane]));
        });
}

/// Functions of the host's mathematics library, for active lanes only.
template<class F>
const Inst *library(Warp &warp, const Inst *inst)
{
    const float *a = lanes<float>(warp, inst->a);
    bool ftz = inst->aux & kFtz, sat = inst->aux & kSat;
    fill_each(warp.active, lanes<float>(warp, inst->d), [=](unsigned lane) {
        float value = F::of(ftz ? flush(a[lane]) : a[lane]);
        value = ftz ? flush(value) : value;
        return sat ? saturate(value) : canonical(value);
    });
    return inst + 1;
}

/// div.approx.f32 is another function; .full is within its bound when it is exact.
const Inst *divide_f32(Warp &warp, const Inst *inst)
{
    if (inst->aux & kApprox)
        return float2<DivApprox, float>(warp, inst);
    return float2<Div, float>(warp, inst);
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 read and write the upper 32 bits only.
template<class F>
const Inst *gross_f64(Warp &warp, const Inst *inst)
{
    if (!(inst->aux & kFtz))
        return float1<F, double>(warp, inst);
    constexpr uint64_t upper = 0xffffffff00000000u, exponent = 0x7ff0000000000000u;
    auto flushed = [](uint64_t bits) {
        return bits & exponent ? bits : bits & (uint64_t(1) << 63);
    };
    const uint64_t *a = lanes<uint64_t>(warp, inst->a);
    fill_each(warp.active, lanes<uint64_t>(warp, inst->d), [=](unsigned lane) {
        double x = from_bits(flushed(a[lane] & upper));
        return flushed(bits_of(F::of(x)) & upper);
    });
    return inst + 1;
}

/// min and max choose among their variants by modifier; neg and abs do not touch the rest of a NaN.
template<bool kMax, class T>
const Inst *extreme(Warp &warp, const Inst *inst)
{
    uint32_t kind = inst->aux & (kNanResult | kXorSign);
    if (kind == 0)
        return float2<Extreme<kMax>, T>(warp, inst);
    if (kind == kNanResult)
        return float2<ExtremeNan<kMax>, T>(warp, inst);
    if (kind == kXorSign)
        return float2<XorSign<Extreme<kMax>>, T>(warp, inst);
    return float2<XorSign<ExtremeNan<kMax>>, T>(warp, inst);
}

template<class F, class T>
const Inst *sign(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a);
    bool ftz = inst->aux & kFtz;
    if (ftz)
        fill(warp.active, lanes<T>(warp, inst->d),
             [=](unsigned lane) { return F::of(flush(a[lane])); });
    else
        fill(warp.active, lanes<T>(warp, inst->d), [=](unsigned lane) { return F::of(a[lane]); });
    return inst + 1;
}

enum class Class { finite, infinite, number, not_a_number, normal, subnormal };

template<Class kClass, class T>
const Inst *test(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a);
    put_predicate(warp, inst->d, collect([=](unsigned lane) {
                      switch (kClass) {
                      case Class::finite:
                          return bool(__builtin_isfinite(a[lane]));
                      case Class::infinite:
                          return bool(__builtin_isinf(a[lane]));
                      case Class::number:
                          return !is_nan(a[lane]);
                      case Class::not_a_number:
                          return is_nan(a[lane]);
                      case Class::normal:
                          return bool(__builtin_isnormal(a[lane]));
                      default:
                          return a[lane] != T(0) && __builtin_isfinite(a[lane]) &&
                                 !__builtin_isnormal(a[lane]);
                      }
                  }));
    return inst + 1;
}

constexpr uint32_t kAll = kRoundMask | kFtz | kSat;

template<class T>
constexpr const char *kOne = kSignature<T, T>;
template<class T>
constexpr const char *kTwo = kSignature<T, T, T>;
template<class T>
constexpr const char *kThree = kSignature<T, T, T, T>;

#define COMMON(type, T, mods)                                                                      \
    {"add." type, float2<Add, T>, kTwo<T>, mods}, {"sub." type, float2<Sub, T>, kTwo<T>, mods},    \
        {"mul." type, float2<Mul, T>, kTwo<T>, mods},                                              \
        {"fma." type, float3<Fma, T>, kThree<T>, mods},                                            \
        {"mad." type, float3<Fma, T>, kThree<T>, mods},                                            \
        {"min." type, extreme<false, T>, kTwo<T>, kFtz | kNanResult | kXorSign},                   \
        {"max." type, extreme<true, T>, kTwo<T>, kFtz | kNanResult | kXorSign},                    \
        {"neg." type, sign<Neg, T>, kOne<T>, kFtz}, {"abs." type, sign<Abs, T>, kOne<T>, kFtz},    \
        {"copysign." type, binary<CopySign, T, T, T>, kTwo<T>, 0},                                 \
        {"testp.finite." type, test<Class::finite, T>, kSignature<Predicate, T>, 0},               \
        {"testp.infinite." type, test<Class::infinite, T>, kSignature<Predicate, T>, 0},           \
        {"testp.number." type, test<Class::number, T>, kSignature<Predicate, T>, 0},               \
        {"testp.notanumber." type, test<Class::not_a_number, T>, kSignature<Predicate, T>, 0},     \
        {"testp.normal." type, test<Class::normal, T>, kSignature<Predicate, T>, 0},               \
    {                                                                                              \
        "testp.subnormal." type, test<Class::subnormal, T>, kSignature<Predicate, T>, 0            \
    }

const Operation kRows[] = {
    COMMON("f32", float, kAll),
    COMMON("f64", double, kRoundMask),
    {"div.f32", divide_f32, kTwo<float>, kRoundMask | kFtz | kApprox | kFull},
    {"div.f64", float2<Div, double>, kTwo<double>, kRoundMask},
    {"rcp.f32", float1<Rcp, float>, kOne<float>, kRoundMask | kFtz | kApprox},
    {"rcp.f64", gross_f64<Rcp>, kOne<double>, kRoundMask | kFtz | kApprox},
    {"sqrt.f32", float1<Sqrt, float>, kOne<float>, kRoundMask | kFtz | kApprox},
    {"sqrt.f64", float1<Sqrt, double>, kOne<double>, kRoundMask},
    {"rsqrt.f32", float1<Rsqrt, float>, kOne<float>, kFtz | kApprox},
    {"rsqrt.f64", gross_f64<Rsqrt>, kOne<double>, kFtz | kApprox},
    {"sin.f32", library<Sin>, kOne<float>, kFtz | kApprox},
    {"cos.f32", library<Cos>, kOne<float>, kFtz | kApprox},
    {"tanh.f32", library<Tanh>, kOne<float>, kApprox},
    {"lg2.f32", library<Lg2>, kOne<float>, kFtz | kApprox},
    {"ex2.f32", library<Ex2>, kOne<float>, kFtz | kApprox},
};

} // namespace

Operations float_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
