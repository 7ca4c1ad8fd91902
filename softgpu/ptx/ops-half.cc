// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/half.h"

#include <cmath>

// f16, bf16 and their pairs.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

struct Add {
    static double of(double a, double b) { return fma_to_odd(a, 1.0, b); }
};
struct Sub {
    static double of(double a, double b) { return fma_to_odd(a, 1.0, -b); }
};
struct Mul {
    static double of(double a, double b) { return a * b; }
};
struct Fma {
    static double of(double a, double b, double c) { return fma_to_odd(a, b, c); }
};
struct Ex2 {
    static double of(double a) { return exp2(a); }
};
struct Tanh {
    static double of(double a) { return tanh(a); }
};
template<bool kMax>
struct Extreme {
    static double of(double a, double b)
    {
        if (a != a || b != b)
            return a != a ? b : a;
        if (a == b)
            return __builtin_signbit(a) == kMax ? b : a;
        return (a > b) == kMax ? a : b;
    }
};

/// .ftz, .sat, .relu and NaN rules around one value; the pair's halves do not touch each other.
template<class T>
struct Modified {
    uint32_t aux;

    double in(uint16_t bits) const { return T::widen(aux & kFtz ? T::flush(bits) : bits); }
    uint16_t out(double value) const
    {
        if (aux & kSat)
            value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
        if ((aux & kRelu) && !(value != value))
            value = value > 0 ? value : 0.0;
        uint16_t bits = T::narrow(value, 0);
        return aux & kFtz ? T::flush(bits) : bits;
    }
};

template<class F, class T>
uint16_t one(uint32_t aux, uint16_t a, uint16_t b, uint16_t c)
{
    Modified<T> how{aux};
    if constexpr (requires { F::of(0.0, 0.0, 0.0); })
        return how.out(F::of(how.in(a), how.in(b), how.in(c)));
    else if constexpr (requires { F::of(0.0, 0.0); }) {
        double x = how.in(a), y = how.in(b);
        if ((aux & kNanResult) && (x != x || y != y))
            return T::kNan;
        return how.out(F::of(x, y));
    } else
        return how.out(F::of(how.in(a)));
}

/// R is uint16_t for a value, uint32_t for a pair.
template<class F, class T, class R>
const Inst *half(Warp &warp, const Inst *inst)
{
    const R *a = lanes<R>(warp, inst->a);
    const R *b = inst->b == kNoSlot ? a : lanes<R>(warp, inst->b);
    const R *c = inst->c == kNoSlot ? a : lanes<R>(warp, inst->c);
    uint32_t aux = inst->aux;
    fill_each(warp.active, lanes<R>(warp, inst->d), [=](unsigned lane) {
        R low = one<F, T>(aux, uint16_t(a[lane]), uint16_t(b[lane]), uint16_t(c[lane]));
        if constexpr (sizeof(R) == 2)
            return low;
        else
            return low | R(one<F, T>(aux, uint16_t(a[lane] >> 16), uint16_t(b[lane] >> 16),
                                     uint16_t(c[lane] >> 16)))
                             << 16;
    });
    return inst + 1;
}

template<class R>
constexpr R kSigns = R(sizeof(R) == 2 ? 0x8000u : 0x80008000u);

struct Neg {
    template<class R>
    static R of(R a)
    {
        return R(a ^ kSigns<R>);
    }
};
struct Abs {
    template<class R>
    static R of(R a)
    {
        return R(a & ~kSigns<R>);
    }
};

/// neg and abs change the sign alone, of a NaN too; .ftz flushes each half.
template<class F, class T, class R>
const Inst *sign(Warp &warp, const Inst *inst)
{
    const R *a = lanes<R>(warp, inst->a);
    bool ftz = inst->aux & kFtz;
    fill(warp.active, lanes<R>(warp, inst->d), [=](unsigned lane) {
        R value = a[lane];
        if (ftz) {
            R low = T::flush(uint16_t(value));
            value = sizeof(R) == 2 ? low : R(low | R(T::flush(uint16_t(value >> 16))) << 16);
        }
        return F::of(value);
    });
    return inst + 1;
}

// What the PTX manual lets each type have: bf16 neither saturates nor flushes, only a fused
// multiplication clamps at zero, and ex2 and tanh are approximations.
#define FORMS(type, T, R, flushes, saturates, raises)                                              \
    {"add" type, half<Add, T, R>, kSignature<R, R, R>, flushes | saturates},                       \
        {"sub" type, half<Sub, T, R>, kSignature<R, R, R>, flushes | saturates},                   \
        {"mul" type, half<Mul, T, R>, kSignature<R, R, R>, flushes | saturates},                   \
        {"fma" type, half<Fma, T, R>, kSignature<R, R, R, R>, flushes | saturates | kRelu},        \
        {"min" type, half<Extreme<false>, T, R>, kSignature<R, R, R>, flushes | kNanResult},       \
        {"max" type, half<Extreme<true>, T, R>, kSignature<R, R, R>, flushes | kNanResult},        \
        {"ex2" type, half<Ex2, T, R>, kSignature<R, R>, raises},                                   \
        {"tanh" type, half<Tanh, T, R>, kSignature<R, R>, kApprox},                                \
        {"neg" type, sign<Neg, T, R>, kSignature<R, R>, flushes},                                  \
    {                                                                                              \
        "abs" type, sign<Abs, T, R>, kSignature<R, R>, flushes                                     \
    }

const Operation kRows[] = {
    FORMS(".f16", F16, uint16_t, kFtz, kSat, kApprox),
    FORMS(".f16x2", F16, uint32_t, kFtz, kSat, kApprox),
    FORMS(".bf16", Bf16, uint16_t, 0, 0, kApprox | kFtz),
    FORMS(".bf16x2", Bf16, uint32_t, 0, 0, kApprox | kFtz),
};

} // namespace

Operations half_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
