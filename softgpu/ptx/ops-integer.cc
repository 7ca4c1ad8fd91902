// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lanes.h"

#include <limits>

// Integer arithmetic. Wrapping operations are done unsigned, whatever the sign.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

using u16 = uint16_t;
using s16 = int16_t;
using u32 = uint32_t;
using s32 = int32_t;
using u64 = uint64_t;
using s64 = int64_t;
__extension__ using u128 = unsigned __int128;
__extension__ using s128 = __int128;

template<class T>
struct Wider;
template<>
struct Wider<u16> {
    using type = u32;
};
template<>
struct Wider<s16> {
    using type = s32;
};
template<>
struct Wider<u32> {
    using type = u64;
};
template<>
struct Wider<s32> {
    using type = s64;
};
template<>
struct Wider<u64> {
    using type = u128;
};
template<>
struct Wider<s64> {
    using type = s128;
};
template<class T>
using Wide = typename Wider<T>::type;

template<class T>
constexpr u32 clamp_sat(s64 value)
{
    return value > INT32_MAX ? u32(INT32_MAX) : value < INT32_MIN ? u32(INT32_MIN) : u32(value);
}

struct Add {
    template<class T>
    static T of(T a, T b)
    {
        return T(a + b);
    }
};
struct Sub {
    template<class T>
    static T of(T a, T b)
    {
        return T(a - b);
    }
};
struct MulLo {
    template<class T>
    static T of(T a, T b)
    {
        return T(Wide<T>(a) * Wide<T>(b));
    }
};
struct MulLo64 {
    static u64 of(u64 a, u64 b) { return a * b; }
};
struct MulHi {
    template<class T>
    static T of(T a, T b)
    {
        return T((Wide<T>(a) * Wide<T>(b)) >> (sizeof(T) * 8));
    }
};
struct MulWide {
    template<class T>
    static Wide<T> of(T a, T b)
    {
        return Wide<T>(a) * Wide<T>(b);
    }
};
struct MadLo {
    template<class T>
    static T of(T a, T b, T c)
    {
        using U = std::conditional_t<sizeof(T) == 2, u32, T>; // no signed overflow by promotion
        return T(U(a) * U(b) + U(c));
    }
};
struct MadHi {
    template<class T>
    static T of(T a, T b, T c)
    {
        return T(u64(MulHi::of(a, b)) + u64(c));
    }
};
struct MadWide {
    template<class T>
    static Wide<T> of(T a, T b, Wide<T> c)
    {
        return Wide<T>(u64(Wide<T>(a) * Wide<T>(b)) + u64(c));
    }
};
struct AddSat {
    static u32 of(s32 a, s32 b) { return clamp_sat<s32>(s64(a) + b); }
};
struct SubSat {
    static u32 of(s32 a, s32 b) { return clamp_sat<s32>(s64(a) - b); }
};
struct MadHiSat {
    static u32 of(s32 a, s32 b, s32 c) { return clamp_sat<s32>(s64(MulHi::of(a, b)) + c); }
};

template<class T>
constexpr s64 low24(T a)
{
    return std::is_signed_v<T> ? s64(s32(u32(a) << 8) >> 8) : s64(u32(a) & 0xffffff);
}
struct Mul24Lo {
    template<class T>
    static T of(T a, T b)
    {
        return T(low24(a) * low24(b));
    }
};
struct Mul24Hi {
    template<class T>
    static T of(T a, T b)
    {
        return T((low24(a) * low24(b)) >> 16);
    }
};
struct Mad24Lo {
    template<class T>
    static T of(T a, T b, T c)
    {
        return T(u32(Mul24Lo::of(a, b)) + u32(c));
    }
};
struct Mad24Hi {
    template<class T>
    static T of(T a, T b, T c)
    {
        return T(u32(Mul24Hi::of(a, b)) + u32(c));
    }
};

// Division by zero is undefined in PTX; the hardware gives all ones, and the dividend as the
// remainder.
struct Div {
    template<class T>
    static T of(T a, T b)
    {
        if (b == 0)
            return T(-1);
        if (std::is_signed_v<T> && b == T(-1))
            return T(u64(0) - u64(a));
        return T(a / b);
    }
};
struct Rem {
    template<class T>
    static T of(T a, T b)
    {
        if (b == 0)
            return a;
        if (std::is_signed_v<T> && b == T(-1))
            return 0;
        return T(a % b);
    }
};
struct Min {
    template<class T>
    static T of(T a, T b)
    {
        return a < b ? a : b;
    }
};
struct Max {
    template<class T>
    static T of(T a, T b)
    {
        return a > b ? a : b;
    }
};
struct MinRelu {
    static s32 of(s32 a, s32 b) { return Max::of(Min::of(a, b), 0); }
};
struct MaxRelu {
    static s32 of(s32 a, s32 b) { return Max::of(Max::of(a, b), 0); }
};
struct Abs {
    template<class T>
    static T of(T a)
    {
        return a < 0 ? T(u64(0) - u64(a)) : a;
    }
};
struct Neg {
    template<class T>
    static T of(T a)
    {
        return T(u64(0) - u64(a));
    }
};
struct Sad {
    template<class T>
    static T of(T a, T b, T c)
    {
        return T(u64(c) + (a > b ? u64(a) - u64(b) : u64(b) - u64(a)));
    }
};

/// Two 16-bit values in a register.
template<class F, class T>
struct Pairwise {
    static u32 of(u32 a, u32 b)
    {
        return u32(u16(F::of(T(a), T(b)))) | u32(u16(F::of(T(a >> 16), T(b >> 16)))) << 16;
    }
};

/// Only active lanes: the processor's divide is dear.
template<class F, class T>
const Inst *divide(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    fill_each(warp.active, lanes<T>(warp, inst->d),
              [=](unsigned lane) { return F::of(a[lane], b[lane]); });
    return inst + 1;
}

template<class F, class T>
constexpr Operation op_divide(const char *name)
{
    return {name, divide<F, T>, kSignature<T, T, T>, 0};
}

enum CarryUse { kIn = 1, kOut = 2 };

/// add/sub with the carry flag. For a subtraction the flag is a borrow.
template<class T, bool kSubtract, int kUse>
const Inst *carry_add(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    T *d = lanes<T>(warp, inst->d);
    u32 carry = warp.carry;
    each_lane(warp.active, [&](unsigned lane) {
        u128 in = (kUse & kIn) ? (warp.carry >> lane & 1) : 0;
        u128 sum = kSubtract ? u128(a[lane]) - b[lane] - in : u128(a[lane]) + b[lane] + in;
        d[lane] = T(sum);
        bool out = (sum >> (sizeof(T) * 8)) & 1;
        carry = (carry & ~(1u << lane)) | u32(out) << lane;
    });
    if (kUse & kOut)
        warp.carry = carry;
    return inst + 1;
}

/// mad{c}.lo/.hi{.cc}: the carry is that of the addition.
template<class T, bool kHigh, int kUse>
const Inst *carry_mad(Warp &warp, const Inst *inst)
{
    using U = std::make_unsigned_t<T>;
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    const U *c = lanes<U>(warp, inst->c);
    U *d = lanes<U>(warp, inst->d);
    u32 carry = warp.carry;
    each_lane(warp.active, [&](unsigned lane) {
        auto product = Wide<T>(a[lane]) * Wide<T>(b[lane]);
        U part = kHigh ? U(product >> (sizeof(T) * 8)) : U(product);
        u128 sum = u128(part) + c[lane] + ((kUse & kIn) ? (warp.carry >> lane & 1) : 0);
        d[lane] = U(sum);
        carry = (carry & ~(1u << lane)) | u32((sum >> (sizeof(T) * 8)) & 1) << lane;
    });
    if (kUse & kOut)
        warp.carry = carry;
    return inst + 1;
}

#define CARRY(type, T)                                                                             \
    {"add.cc." type, carry_add<T, false, kOut>, kSignature<T, T, T>, 0},                           \
        {"addc.cc." type, carry_add<T, false, kIn | kOut>, kSignature<T, T, T>, 0},                \
        {"addc." type, carry_add<T, false, kIn>, kSignature<T, T, T>, 0},                          \
        {"sub.cc." type, carry_add<T, true, kOut>, kSignature<T, T, T>, 0},                        \
        {"subc.cc." type, carry_add<T, true, kIn | kOut>, kSignature<T, T, T>, 0},                 \
    {                                                                                              \
        "subc." type, carry_add<T, true, kIn>, kSignature<T, T, T>, 0                              \
    }

#define CARRY_MAD(part, high, type, T)                                                             \
    {"mad." part ".cc." type, carry_mad<T, high, kOut>, kSignature<T, T, T, T>, 0},                \
        {"madc." part ".cc." type, carry_mad<T, high, kIn | kOut>, kSignature<T, T, T, T>, 0},     \
    {                                                                                              \
        "madc." part "." type, carry_mad<T, high, kIn>, kSignature<T, T, T, T>, 0                  \
    }

// `.b32` rows serve .u32 and .s32 alike: the decoder asks for the exact type first.
#define SIGNLESS(bits, T)                                                                          \
    op2<Add, T, T, T>("add.b" bits), op2<Sub, T, T, T>("sub.b" bits),                              \
        op3<MadLo, T, T, T, T>("mad.lo.b" bits), op1<Neg, T, T>("neg.b" bits)

#define EITHER_SIGN(type, T)                                                                       \
    op2<MulHi, T, T, T>("mul.hi." type), op3<MadHi, T, T, T, T>("mad.hi." type),                   \
        op_divide<Div, T>("div." type), op_divide<Rem, T>("rem." type),                            \
        op2<Min, T, T, T>("min." type), op2<Max, T, T, T>("max." type),                            \
        op3<Sad, T, T, T, T>("sad." type)

#define WIDENING(type, T)                                                                          \
    op2<MulWide, Wide<T>, T, T>("mul.wide." type),                                                 \
        op3<MadWide, Wide<T>, T, T, Wide<T>>("mad.wide." type)

#define LOW24(type, T)                                                                             \
    op2<Mul24Lo, T, T, T>("mul24.lo." type), op2<Mul24Hi, T, T, T>("mul24.hi." type),              \
        op3<Mad24Lo, T, T, T, T>("mad24.lo." type), op3<Mad24Hi, T, T, T, T>("mad24.hi." type)

const Operation kRows[] = {
    SIGNLESS("16", u16),
    SIGNLESS("32", u32),
    SIGNLESS("64", u64),
    op2<MulLo, u16, u16, u16>("mul.lo.b16"),
    op2<MulLo, u32, u32, u32>("mul.lo.b32"),
    op2<MulLo64, u64, u64, u64>("mul.lo.b64"),
    EITHER_SIGN("u16", u16),
    EITHER_SIGN("s16", s16),
    EITHER_SIGN("u32", u32),
    EITHER_SIGN("s32", s32),
    EITHER_SIGN("u64", u64),
    EITHER_SIGN("s64", s64),
    WIDENING("u16", u16),
    WIDENING("s16", s16),
    WIDENING("u32", u32),
    WIDENING("s32", s32),
    LOW24("u32", u32),
    LOW24("s32", s32),
    op2<AddSat, u32, s32, s32>("add.sat.s32"),
    op2<SubSat, u32, s32, s32>("sub.sat.s32"),
    op3<MadHiSat, u32, s32, s32, s32>("mad.hi.sat.s32"),
    op2<MinRelu, s32, s32, s32>("min.relu.s32"),
    op2<MaxRelu, s32, s32, s32>("max.relu.s32"),
    op1<Abs, s16, s16>("abs.s16"),
    op1<Abs, s32, s32>("abs.s32"),
    op1<Abs, s64, s64>("abs.s64"),
    op2<Pairwise<Add, u16>, u32, u32, u32>("add.u16x2"),
    op2<Pairwise<Add, u16>, u32, u32, u32>("add.s16x2"),
    op2<Pairwise<Min, u16>, u32, u32, u32>("min.u16x2"),
    op2<Pairwise<Min, s16>, u32, u32, u32>("min.s16x2"),
    op2<Pairwise<Max, u16>, u32, u32, u32>("max.u16x2"),
    op2<Pairwise<Max, s16>, u32, u32, u32>("max.s16x2"),
    CARRY("b32", u32),
    CARRY("b64", u64),
    CARRY_MAD("lo", false, "b32", u32),
    CARRY_MAD("lo", false, "b64", u64),
    CARRY_MAD("hi", true, "u32", u32),
    CARRY_MAD("hi", true, "s32", s32),
    CARRY_MAD("hi", true, "u64", u64),
    CARRY_MAD("hi", true, "s64", s64),
};

} // namespace

Operations integer_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
