// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lanes.h"

// Logic, shifts, bit fields, permutations.
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

template<class T>
constexpr u32 kWidth = sizeof(T) * 8;

struct And {
    template<class T>
    static T of(T a, T b)
    {
        return T(a & b);
    }
};
struct Or {
    template<class T>
    static T of(T a, T b)
    {
        return T(a | b);
    }
};
struct Xor {
    template<class T>
    static T of(T a, T b)
    {
        return T(a ^ b);
    }
};
struct Not {
    template<class T>
    static T of(T a)
    {
        return T(~a);
    }
};
struct Cnot {
    template<class T>
    static T of(T a)
    {
        return a == 0;
    }
};
struct Copy {
    template<class T>
    static T of(T a)
    {
        return a;
    }
};

// Shift amounts clamp: everything is shifted out.
struct Shl {
    template<class T>
    static T of(T a, u32 b)
    {
        return b < kWidth<T> ? T(a << (b & (kWidth<T> - 1))) : T(0);
    }
};
struct Shr {
    template<class T>
    static T of(T a, u32 b)
    {
        if constexpr (std::is_signed_v<T>)
            return T(a >> (b < kWidth<T> ? b : kWidth<T> - 1));
        else
            return b < kWidth<T> ? T(a >> (b & (kWidth<T> - 1))) : T(0);
    }
};

struct Popc {
    template<class T>
    static u32 of(T a)
    {
        return u32(__builtin_popcountll(a));
    }
};
struct Clz {
    template<class T>
    static u32 of(T a)
    {
        return a ? u32(__builtin_clzll(a)) - (64 - kWidth<T>) : kWidth<T>;
    }
};
struct Brev {
    template<class T>
    static T of(T a)
    {
        u64 v = a;
        v = ((v >> 1) & 0x5555555555555555u) | ((v & 0x5555555555555555u) << 1);
        v = ((v >> 2) & 0x3333333333333333u) | ((v & 0x3333333333333333u) << 2);
        v = ((v >> 4) & 0x0f0f0f0f0f0f0f0fu) | ((v & 0x0f0f0f0f0f0f0f0fu) << 4);
        return T(__builtin_bswap64(v) >> (64 - kWidth<T>));
    }
};

/// Position of the most significant bit that is not a copy of the sign; all ones if there is none.
struct Bfind {
    template<class T>
    static u32 of(T a)
    {
        using U = std::make_unsigned_t<T>;
        U bits = U(std::is_signed_v<T> && a < 0 ? ~a : a);
        return bits ? 63 - u32(__builtin_clzll(bits)) : ~0u;
    }
};
struct BfindShift {
    template<class T>
    static u32 of(T a)
    {
        u32 found = Bfind::of(a);
        return found == ~0u ? found : kWidth<T> - 1 - found;
    }
};

struct Bfe {
    template<class T>
    static T of(T a, u32 position, u32 length)
    {
        position &= 0xff;
        length &= 0xff;
        u64 bits = u64(a);
        u32 top = kWidth<T> - 1;
        bool sign = std::is_signed_v<T> && length != 0 &&
                    (bits >> (position + length - 1 < top ? position + length - 1 : top) & 1);
        u64 field = position > top ? 0 : (bits & (~u64(0) >> (64 - kWidth<T>))) >> position;
        // What lies past the top is filled with the sign as well.
        u32 valid = position > top ? 0 : top + 1 - position;
        u32 kept = length < valid ? length : valid;
        u64 mask = kept >= 64 ? ~u64(0) : (u64(1) << kept) - 1;
        field &= mask;
        return T(sign ? field | ~mask : field);
    }
};
struct Bfi {
    template<class T>
    static T of(T a, T b, u32 position, u32 length)
    {
        position &= 0xff;
        length &= 0xff;
        if (position >= kWidth<T> || length == 0)
            return b;
        T mask = length >= kWidth<T> ? T(~T(0)) : T((T(1) << length) - 1);
        return T((b & ~T(mask << position)) | T((a & mask) << position));
    }
};
struct BmskClamp {
    static u32 of(u32 position, u32 length)
    {
        if (position >= 32)
            return 0;
        u32 ones = length >= 32 ? ~0u : (1u << length) - 1;
        return ones << position;
    }
};
struct BmskWrap {
    static u32 of(u32 position, u32 length)
    {
        return ((1u << (length & 31)) - 1) << (position & 31);
    }
};

template<class T, bool kWrap>
struct Szext {
    static T of(T a, u32 bits)
    {
        u32 n = kWrap ? bits & 31 : bits;
        if (n == 0)
            return 0;
        return n >= 32 ? a : T(T(u32(a) << (32 - n)) >> (32 - n));
    }
};

struct Lop3 {
    static u32 of(u32 a, u32 b, u32 c, u32 table)
    {
        u32 result = 0;
        result |= (table & 1) ? ~a & ~b & ~c : 0;
        result |= (table & 2) ? ~a & ~b & c : 0;
        result |= (table & 4) ? ~a & b & ~c : 0;
        result |= (table & 8) ? ~a & b & c : 0;
        result |= (table & 16) ? a & ~b & ~c : 0;
        result |= (table & 32) ? a & ~b & c : 0;
        result |= (table & 64) ? a & b & ~c : 0;
        result |= (table & 128) ? a & b & c : 0;
        return result;
    }
};

// shf shifts the pair b:a (b high) and gives the high half to the left, the low half to the right.
struct ShfLeftWrap {
    static u32 of(u32 a, u32 b, u32 c) { return u32((((u64(b) << 32) | a) << (c & 31)) >> 32); }
};
struct ShfRightWrap {
    static u32 of(u32 a, u32 b, u32 c) { return u32(((u64(b) << 32) | a) >> (c & 31)); }
};
struct ShfLeftClamp {
    static u32 of(u32 a, u32 b, u32 c)
    {
        return u32((((u64(b) << 32) | a) << (c < 32 ? c : 32)) >> 32);
    }
};
struct ShfRightClamp {
    static u32 of(u32 a, u32 b, u32 c) { return u32(((u64(b) << 32) | a) >> (c < 32 ? c : 32)); }
};

u32 byte_of(u32 a, u32 b, u32 selector)
{
    u64 pair = (u64(b) << 32) | a;
    u32 byte = u32(pair >> ((selector & 7) * 8)) & 0xff;
    // The selector's top bit replicates the byte's sign.
    return (selector & 8) ? ((byte & 0x80) ? 0xff : 0) : byte;
}

struct Prmt {
    static u32 of(u32 a, u32 b, u32 c)
    {
        u32 result = 0;
        for (u32 i = 0; i < 4; i++)
            result |= byte_of(a, b, c >> (4 * i)) << (8 * i);
        return result;
    }
};
/// The named modes of prmt: which byte each place takes, for c mod 4.
template<int kMode>
struct PrmtMode {
    static u32 of(u32 a, u32 b, u32 c)
    {
        constexpr u16 selectors[6][4] = {
            {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
            {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
            {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
            {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
            {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
            {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
        };
        return Prmt::of(a, b, selectors[kMode][c & 3]);
    }
};

/// The offset-th set bit of the mask, counted from base upward or downward.
struct Fns {
    static u32 of(u32 mask, u32 base, s32 offset)
    {
        base &= 31;
        if (offset == 0)
            return (mask >> base & 1) ? base : ~0u;
        s32 step = offset > 0 ? 1 : -1;
        s64 left = offset > 0 ? s64(offset) : -s64(offset);
        for (s32 bit = s32(base); bit >= 0 && bit < 32; bit += step)
            if ((mask >> bit & 1) && --left == 0)
                return u32(bit);
        return ~0u;
    }
};

template<class A, class B>
struct Dp4a {
    static u32 of(u32 a, u32 b, u32 c)
    {
        for (int i = 0; i < 4; i++)
            c += u32(s32(A(a >> (8 * i))) * s32(B(b >> (8 * i))));
        return c;
    }
};
template<class A, class B8, bool kHigh>
struct Dp2a {
    static u32 of(u32 a, u32 b, u32 c)
    {
        for (int i = 0; i < 2; i++)
            c += u32(s32(A(a >> (16 * i))) * s32(B8(b >> (8 * i + (kHigh ? 16 : 0)))));
        return c;
    }
};

template<class F>
const Inst *predicate2(Warp &warp, const Inst *inst)
{
    put_predicate(warp, inst->d, F::of(*lanes<u32>(warp, inst->a), *lanes<u32>(warp, inst->b)));
    return inst + 1;
}
template<class F>
const Inst *predicate1(Warp &warp, const Inst *inst)
{
    put_predicate(warp, inst->d, F::of(*lanes<u32>(warp, inst->a)));
    return inst + 1;
}

/// mov.b64 {lo, hi}, x and the like: each part of a, least significant first.
template<class Whole, class Part>
const Inst *unpack(Warp &warp, const Inst *inst)
{
    const Whole *a = lanes<Whole>(warp, inst->a);
    const Slot parts[4] = {inst->d, inst->b, inst->c, inst->e};
    Whole copy[kLanes];
    __builtin_memcpy(copy, a, sizeof copy);
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Part); i++)
        if (parts[i] != kNoSlot)
            fill(warp.active, lanes<Part>(warp, parts[i]),
                 [&](unsigned lane) { return Part(copy[lane] >> (8 * sizeof(Part) * i)); });
    return inst + 1;
}

template<class Whole, class Part>
const Inst *pack(Warp &warp, const Inst *inst)
{
    const Slot parts[4] = {inst->a, inst->b, inst->c, inst->e};
    Whole whole[kLanes] = {};
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Part); i++) {
        const Part *part = lanes<Part>(warp, parts[i]);
        for (unsigned lane = 0; lane < kLanes; lane++)
            whole[lane] |= Whole(Whole(part[lane]) << (8 * sizeof(Part) * i));
    }
    fill(warp.active, lanes<Whole>(warp, inst->d), [&](unsigned lane) { return whole[lane]; });
    return inst + 1;
}

#define LOGIC(bits, T)                                                                             \
    op2<And, T, T, T>("and.b" bits), op2<Or, T, T, T>("or.b" bits),                                \
        op2<Xor, T, T, T>("xor.b" bits), op1<Not, T, T>("not.b" bits),                             \
        op1<Cnot, T, T>("cnot.b" bits), op1<Copy, T, T>("mov.b" bits),                             \
        op2<Shl, T, T, u32>("shl.b" bits)

#define FIELDS(U, S, u, s, bits)                                                                   \
    op1<Bfind, u32, U>("bfind." u), op1<Bfind, u32, S>("bfind." s),                                \
        op1<BfindShift, u32, U>("bfind.shiftamt." u),                                              \
        op1<BfindShift, u32, S>("bfind.shiftamt." s), op3<Bfe, U, U, u32, u32>("bfe." u),          \
        op3<Bfe, S, S, u32, u32>("bfe." s), op4<Bfi, U, U, U, u32, u32>("bfi.b" bits),             \
        op1<Popc, u32, U>("popc.b" bits), op1<Clz, u32, U>("clz.b" bits),                          \
        op1<Brev, U, U>("brev.b" bits)

const Operation kRows[] = {
    LOGIC("16", u16),
    LOGIC("32", u32),
    LOGIC("64", u64),
    op2<Shr, u16, u16, u32>("shr.b16"),
    op2<Shr, u32, u32, u32>("shr.b32"),
    op2<Shr, u64, u64, u32>("shr.b64"),
    op2<Shr, s16, s16, u32>("shr.s16"),
    op2<Shr, s32, s32, u32>("shr.s32"),
    op2<Shr, s64, s64, u32>("shr.s64"),
    FIELDS(u32, s32, "u32", "s32", "32"),
    FIELDS(u64, s64, "u64", "s64", "64"),
    op2<BmskClamp, u32, u32, u32>("bmsk.clamp.b32"),
    op2<BmskWrap, u32, u32, u32>("bmsk.wrap.b32"),
    op2<Szext<u32, false>, u32, u32, u32>("szext.clamp.u32"),
    op2<Szext<s32, false>, s32, s32, u32>("szext.clamp.s32"),
    op2<Szext<u32, true>, u32, u32, u32>("szext.wrap.u32"),
    op2<Szext<s32, true>, s32, s32, u32>("szext.wrap.s32"),
    op4<Lop3, u32, u32, u32, u32, u32>("lop3.b32"),
    op3<ShfLeftWrap, u32, u32, u32, u32>("shf.l.wrap.b32"),
    op3<ShfRightWrap, u32, u32, u32, u32>("shf.r.wrap.b32"),
    op3<ShfLeftClamp, u32, u32, u32, u32>("shf.l.clamp.b32"),
    op3<ShfRightClamp, u32, u32, u32, u32>("shf.r.clamp.b32"),
    op3<Prmt, u32, u32, u32, u32>("prmt.b32"),
    op3<PrmtMode<0>, u32, u32, u32, u32>("prmt.f4e.b32"),
    op3<PrmtMode<1>, u32, u32, u32, u32>("prmt.b4e.b32"),
    op3<PrmtMode<2>, u32, u32, u32, u32>("prmt.rc8.b32"),
    op3<PrmtMode<3>, u32, u32, u32, u32>("prmt.ecl.b32"),
    op3<PrmtMode<4>, u32, u32, u32, u32>("prmt.ecr.b32"),
    op3<PrmtMode<5>, u32, u32, u32, u32>("prmt.rc16.b32"),
    op3<Fns, u32, u32, u32, s32>("fns.b32"),
    op3<Dp4a<uint8_t, uint8_t>, u32, u32, u32, u32>("dp4a.u32.u32"),
    op3<Dp4a<uint8_t, int8_t>, u32, u32, u32, u32>("dp4a.u32.s32"),
    op3<Dp4a<int8_t, uint8_t>, u32, u32, u32, u32>("dp4a.s32.u32"),
    op3<Dp4a<int8_t, int8_t>, u32, u32, u32, u32>("dp4a.s32.s32"),
    op3<Dp2a<u16, uint8_t, false>, u32, u32, u32, u32>("dp2a.lo.u32.u32"),
    op3<Dp2a<u16, int8_t, false>, u32, u32, u32, u32>("dp2a.lo.u32.s32"),
    op3<Dp2a<s16, uint8_t, false>, u32, u32, u32, u32>("dp2a.lo.s32.u32"),
    op3<Dp2a<s16, int8_t, false>, u32, u32, u32, u32>("dp2a.lo.s32.s32"),
    op3<Dp2a<u16, uint8_t, true>, u32, u32, u32, u32>("dp2a.hi.u32.u32"),
    op3<Dp2a<u16, int8_t, true>, u32, u32, u32, u32>("dp2a.hi.u32.s32"),
    op3<Dp2a<s16, uint8_t, true>, u32, u32, u32, u32>("dp2a.hi.s32.u32"),
    op3<Dp2a<s16, int8_t, true>, u32, u32, u32, u32>("dp2a.hi.s32.s32"),
    {"and.pred", predicate2<And>, kSignature<Predicate, Predicate, Predicate>, 0},
    {"or.pred", predicate2<Or>, kSignature<Predicate, Predicate, Predicate>, 0},
    {"xor.pred", predicate2<Xor>, kSignature<Predicate, Predicate, Predicate>, 0},
    {"not.pred", predicate1<Not>, kSignature<Predicate, Predicate>, 0},
    {"mov.pred", predicate1<Copy>, kSignature<Predicate, Predicate>, 0},
    {"unpack.x.w", unpack<u64, u32>, "", 0},
    {"unpack.x.h", unpack<u64, u16>, "", 0},
    {"unpack.w.h", unpack<u32, u16>, "", 0},
    {"pack.x.w", pack<u64, u32>, "", 0},
    {"pack.x.h", pack<u64, u16>, "", 0},
    {"pack.w.h", pack<u32, u16>, "", 0},
};

} // namespace

Operations bit_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
