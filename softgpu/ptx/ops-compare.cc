// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/half.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

// setp in all its comparisons, selp, slct. `set` is made of setp and selp by the decoder.
namespace vgpu::soft::VGPU_ISA
{
namespace
{

template<class T>
VGPU_INLINE bool unordered(T a, T b)
{
    return a != a || b != b;
}

struct Eq {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a == b;
    }
};
struct Ne {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a < b || a > b;
    }
};
struct NeInt {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a != b;
    }
};
struct Lt {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a < b;
    }
};
struct Le {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a <= b;
    }
};
struct Gt {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a > b;
    }
};
struct Ge {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a >= b;
    }
};
struct Equ {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !(a < b || a > b);
    }
};
struct Neu {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return a != b;
    }
};
struct Ltu {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !(a >= b);
    }
};
struct Leu {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !(a > b);
    }
};
struct Gtu {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !(a <= b);
    }
};
struct Geu {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !(a < b);
    }
};
struct Num {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return !unordered(a, b);
    }
};
struct Nan {
    template<class T>
    VGPU_INLINE static bool of(T a, T b)
    {
        return unordered(a, b);
    }
};

/// Inst::imm: 0 none, 1 and, 2 or, 3 xor with predicate c. d and e (the complement) may be absent.
VGPU_INLINE const Inst *conclude(Warp &warp, const Inst *inst, uint32_t bits)
{
    uint32_t first = bits, second = ~bits;
    if (inst->imm) {
        uint32_t c = *lanes<uint32_t>(warp, inst->c);
        switch (inst->imm) {
        case 1:
            first &= c;
            second &= c;
            break;
        case 2:
            first |= c;
            second |= c;
            break;
        default:
            first ^= c;
            second ^= c;
        }
    }
    if (inst->d != kNoSlot)
        put_predicate(warp, inst->d, first);
    if (inst->e != kNoSlot)
        put_predicate(warp, inst->e, second);
    return inst + 1;
}

template<class F, class T>
const Inst *compare(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
#ifdef __AVX2__
    // Eight signs at once; adding up a bit for each lane takes three times as long.
    if constexpr (sizeof(T) == 4) {
        alignas(32) int32_t holds[kLanes];
        VGPU_INDEPENDENT
        for (unsigned lane = 0; lane < kLanes; lane++)
            holds[lane] = F::of(a[lane], b[lane]) ? -1 : 0;
        uint32_t bits = 0;
        for (unsigned l = 0; l < kLanes; l += 8) {
            __m256 signs = _mm256_load_ps(reinterpret_cast<const float *>(holds + l));
            bits |= uint32_t(_mm256_movemask_ps(signs)) << l;
        }
        return conclude(warp, inst, bits);
    }
#endif
    return conclude(warp, inst, collect([=](unsigned lane) __attribute__((always_inline)) {
                        return F::of(a[lane], b[lane]);
                    }));
}

float flush(float x)
{
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    return __builtin_bit_cast(float, (bits & 0x7f800000u) ? bits : bits & 0x80000000u);
}

template<class F>
const Inst *compare_f32(Warp &warp, const Inst *inst)
{
    if (!(inst->aux & kFtz))
        return compare<F, float>(warp, inst);
    const float *a = lanes<float>(warp, inst->a), *b = lanes<float>(warp, inst->b);
    return conclude(warp, inst,
                    collect([=](unsigned lane) { return F::of(flush(a[lane]), flush(b[lane])); }));
}

/// F of two values of a 16-bit format.
template<class F, class T>
bool test_half(uint32_t a, uint32_t b, bool ftz)
{
    auto x = uint16_t(a), y = uint16_t(b);
    return F::of(T::widen(ftz ? T::flush(x) : x), T::widen(ftz ? T::flush(y) : y));
}

template<class F, class T>
const Inst *compare_half(Warp &warp, const Inst *inst)
{
    const uint16_t *a = lanes<uint16_t>(warp, inst->a), *b = lanes<uint16_t>(warp, inst->b);
    bool ftz = inst->aux & kFtz;
    return conclude(warp, inst,
                    collect([=](unsigned lane) { return test_half<F, T>(a[lane], b[lane], ftz); }));
}

/// The two predicates of a pair's comparison are those of its halves.
template<class F, class T>
const Inst *compare_pair(Warp &warp, const Inst *inst)
{
    const uint32_t *a = lanes<uint32_t>(warp, inst->a), *b = lanes<uint32_t>(warp, inst->b);
    bool ftz = inst->aux & kFtz;
    uint32_t low = collect([=](unsigned lane) { return test_half<F, T>(a[lane], b[lane], ftz); });
    uint32_t high =
        collect([=](unsigned lane) { return test_half<F, T>(a[lane] >> 16, b[lane] >> 16, ftz); });
    if (inst->imm) {
        uint32_t c = *lanes<uint32_t>(warp, inst->c);
        low = inst->imm == 1 ? low & c : inst->imm == 2 ? low | c : low ^ c;
        high = inst->imm == 1 ? high & c : inst->imm == 2 ? high | c : high ^ c;
    }
    if (inst->d != kNoSlot)
        put_predicate(warp, inst->d, low);
    if (inst->e != kNoSlot)
        put_predicate(warp, inst->e, high);
    return inst + 1;
}

template<class T>
const Inst *select(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    uint32_t c = *lanes<uint32_t>(warp, inst->c);
    fill(
        warp.active, lanes<T>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return (c & kBit[lane]) ? a[lane] : b[lane];
        });
    return inst + 1;
}

template<class T, class C>
struct Slct {
    static T of(T a, T b, C c) { return c >= C(0) ? a : b; }
};

/// .ftz makes a small negative c a zero, which is not less than zero.
template<class T>
const Inst *slct_f32(Warp &warp, const Inst *inst)
{
    const T *a = lanes<T>(warp, inst->a), *b = lanes<T>(warp, inst->b);
    const float *c = lanes<float>(warp, inst->c);
    bool ftz = inst->aux & kFtz;
    fill(
        warp.active, lanes<T>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return (ftz ? flush(c[lane]) : c[lane]) >= 0.f ? a[lane] : b[lane];
        });
    return inst + 1;
}

#define INTEGER(type, T)                                                                           \
    {"setp.lt." type, compare<Lt, T>, kSignature<Predicate, T, T>, 0},                             \
        {"setp.le." type, compare<Le, T>, kSignature<Predicate, T, T>, 0},                         \
        {"setp.gt." type, compare<Gt, T>, kSignature<Predicate, T, T>, 0},                         \
    {                                                                                              \
        "setp.ge." type, compare<Ge, T>, kSignature<Predicate, T, T>, 0                            \
    }
#define EQUALITY(type, T)                                                                          \
    {"setp.eq." type, compare<Eq, T>, kSignature<Predicate, T, T>, 0},                             \
    {                                                                                              \
        "setp.ne." type, compare<NeInt, T>, kSignature<Predicate, T, T>, 0                         \
    }

#define FLOATING(type, R, mods, how)                                                               \
    {"setp.eq" type, how(Eq), kSignature<Predicate, R, R>, mods},                                  \
        {"setp.ne" type, how(Ne), kSignature<Predicate, R, R>, mods},                              \
        {"setp.lt" type, how(Lt), kSignature<Predicate, R, R>, mods},                              \
        {"setp.le" type, how(Le), kSignature<Predicate, R, R>, mods},                              \
        {"setp.gt" type, how(Gt), kSignature<Predicate, R, R>, mods},                              \
        {"setp.ge" type, how(Ge), kSignature<Predicate, R, R>, mods},                              \
        {"setp.equ" type, how(Equ), kSignature<Predicate, R, R>, mods},                            \
        {"setp.neu" type, how(Neu), kSignature<Predicate, R, R>, mods},                            \
        {"setp.ltu" type, how(Ltu), kSignature<Predicate, R, R>, mods},                            \
        {"setp.leu" type, how(Leu), kSignature<Predicate, R, R>, mods},                            \
        {"setp.gtu" type, how(Gtu), kSignature<Predicate, R, R>, mods},                            \
        {"setp.geu" type, how(Geu), kSignature<Predicate, R, R>, mods},                            \
        {"setp.num" type, how(Num), kSignature<Predicate, R, R>, mods},                            \
    {                                                                                              \
        "setp.nan" type, how(Nan), kSignature<Predicate, R, R>, mods                               \
    }

#define BY_F32(F) compare_f32<F>
#define BY_F64(F) compare<F, double>
#define BY_F16(F) compare_half<F, F16>
#define BY_BF16(F) compare_half<F, Bf16>
#define BY_F16X2(F) compare_pair<F, F16>
#define BY_BF16X2(F) compare_pair<F, Bf16>

#define SLCT(bits, T)                                                                              \
    op3<Slct<T, int32_t>, T, T, T, int32_t>("slct.b" bits ".s32"),                                 \
    {                                                                                              \
        "slct.b" bits ".f32", slct_f32<T>, kSignature<T, T, T, float>, kFtz                        \
    }

const Operation kRows[] = {
    INTEGER("u16", uint16_t),
    INTEGER("s16", int16_t),
    INTEGER("u32", uint32_t),
    INTEGER("s32", int32_t),
    INTEGER("u64", uint64_t),
    INTEGER("s64", int64_t),
    EQUALITY("b16", uint16_t),
    EQUALITY("b32", uint32_t),
    EQUALITY("b64", uint64_t),
    FLOATING(".f32", float, kFtz, BY_F32),
    FLOATING(".f64", double, 0, BY_F64),
    FLOATING(".f16", uint16_t, kFtz, BY_F16),
    FLOATING(".bf16", uint16_t, 0, BY_BF16),
    FLOATING(".f16x2", uint32_t, kFtz, BY_F16X2),
    FLOATING(".bf16x2", uint32_t, 0, BY_BF16X2),
    {"selp.b16", select<uint16_t>, kSignature<uint16_t, uint16_t, uint16_t, Predicate>, 0},
    {"selp.b32", select<uint32_t>, kSignature<uint32_t, uint32_t, uint32_t, Predicate>, 0},
    {"selp.b64", select<uint64_t>, kSignature<uint64_t, uint64_t, uint64_t, Predicate>, 0},
    SLCT("16", uint16_t),
    SLCT("32", uint32_t),
    SLCT("64", uint64_t),
};

} // namespace

Operations compare_operations()
{
    return table(kRows);
}

} // namespace vgpu::soft::VGPU_ISA
