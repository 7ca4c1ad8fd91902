// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include <bit>
#include <cfenv>
#include <climits>
#include <cmath>
#include <functional>
#include <limits>

// Each typed instruction on edge values, against C++ computed here.
namespace vgpu::soft
{
namespace
{

template<class T>
std::vector<T> edges()
{
    using L = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
        return {T(0),
                T(-0.0),
                T(1),
                T(-1),
                T(0.5),
                T(-1.5),
                T(2.5),
                T(3.25),
                T(1e10),
                T(-1e-10),
                L::max(),
                L::lowest(),
                L::min(),
                L::denorm_min(),
                T(1) / 3,
                T(0.1),
                L::infinity(),
                -L::infinity(),
                L::quiet_NaN(),
                L::epsilon(),
                T(16777217),
                T(123.456),
                T(-987.65),
                T(4294967296),
                T(9.2233720e18),
                T(-2147483649.0),
                L::denorm_min() * 3};
    else
        return {T(0),
                T(1),
                T(2),
                T(3),
                T(5),
                T(7),
                T(31),
                T(32),
                T(63),
                T(64),
                T(255),
                T(0x8000),
                T(-1),
                T(-2),
                T(-7),
                L::max(),
                L::min(),
                T(L::max() - 1),
                T(L::min() + 1),
                T(0x5a5a5a5a5a5a5a5a),
                T(0x123456789abcdef0)};
}

template<class T>
struct Register;
#define REGISTER(T, load_type, name)                                                               \
    template<>                                                                                     \
    struct Register<T> {                                                                           \
        static std::string load() { return load_type; }                                            \
        static std::string prefix() { return name; }                                               \
    };
REGISTER(uint16_t, "b16", "%h")
REGISTER(int16_t, "b16", "%h")
REGISTER(uint32_t, "b32", "%r")
REGISTER(int32_t, "b32", "%r")
REGISTER(uint64_t, "b64", "%d")
REGISTER(int64_t, "b64", "%d")
REGISTER(float, "f32", "%f")
REGISTER(double, "f64", "%g")

class Arithmetic : public TestMachine
{
protected:
    template<class D, class... S>
    std::vector<D> apply(const std::string &op, const std::vector<S> &...inputs)
    {
        size_t count = std::get<0>(std::tie(inputs...)).size();
        std::vector<uint64_t> parameters{allocate_device(count * sizeof(D)), upload(inputs)...};
        std::string body, operands;
        int index = 0;
        body += "mov.u32 %r90, %ctaid.x; mad.lo.s32 %r91, %r90, 64, %r0;\n"
                "setp.ge.u32 %q9, %r91, " +
                std::to_string(count) + "; @%q9 ret;\n";
        ((index++,
          body += "mul.wide.u32 %d90, %r91, " + std::to_string(sizeof(S)) +
                  "; add.s64 %d91, %d90, %p" + std::to_string(index) + "; ld.global." +
                  Register<S>::load() + " " + Register<S>::prefix() + std::to_string(10 + index) +
                  ", [%d91];\n",
          operands += ", " + Register<S>::prefix() + std::to_string(10 + index)),
         ...);
        std::string result = Register<D>::prefix() + "30";
        body += op + " " + result + operands + ";\n";
        body += "mul.wide.u32 %d90, %r91, " + std::to_string(sizeof(D)) +
                "; add.s64 %d91, %d90, %p0; st.global." + Register<D>::load() + " [%d91], " +
                result + ";";
        Fault fault = run(kernel(body), {unsigned((count + 63) / 64)}, {64}, parameters);
        EXPECT_EQ(fault.text, "") << op;
        return {at<D>(parameters[0]), at<D>(parameters[0]) + count};
    }

    template<class D>
    static bool same(D a, D b)
    {
        if constexpr (std::is_floating_point_v<D>)
            if (std::isnan(a) && std::isnan(b))
                return true;
        return std::memcmp(&a, &b, sizeof a) == 0;
    }

    template<class D, class A>
    void check1(const std::string &op, std::type_identity_t<std::function<D(A)>> expected)
    {
        std::vector<A> a = edges<A>();
        std::vector<D> got = apply<D>(op, a);
        for (size_t i = 0; i < a.size(); i++)
            EXPECT_TRUE(same(got[i], expected(a[i])))
                << op << " of " << a[i] << " gave " << got[i] << ", not " << expected(a[i]);
    }

    template<class D, class A, class B = A>
    void check2(const std::string &op, std::type_identity_t<std::function<D(A, B)>> expected)
    {
        std::vector<A> a;
        std::vector<B> b;
        for (A x : edges<A>())
            for (B y : edges<B>())
                a.push_back(x), b.push_back(y);
        std::vector<D> got = apply<D>(op, a, b);
        for (size_t i = 0; i < a.size(); i++)
            ASSERT_TRUE(same(got[i], expected(a[i], b[i])))
                << op << " of " << a[i] << ", " << b[i] << " gave " << got[i] << ", not "
                << expected(a[i], b[i]);
    }

    template<class D, class A, class B = A, class C = A>
    void check3(const std::string &op, std::type_identity_t<std::function<D(A, B, C)>> expected)
    {
        std::vector<A> a;
        std::vector<B> b;
        std::vector<C> c;
        for (A x : edges<A>())
            for (B y : edges<B>())
                for (C z : edges<C>())
                    a.push_back(x), b.push_back(y), c.push_back(z);
        std::vector<D> got = apply<D>(op, a, b, c);
        for (size_t i = 0; i < a.size(); i++)
            ASSERT_TRUE(same(got[i], expected(a[i], b[i], c[i])))
                << op << " of " << a[i] << ", " << b[i] << ", " << c[i] << " gave " << got[i]
                << ", not " << expected(a[i], b[i], c[i]);
    }
};

using i16 = int16_t;
using u16 = uint16_t;
using i32 = int32_t;
using u32 = uint32_t;
using i64 = int64_t;
using u64 = uint64_t;
__extension__ using i128 = __int128;
__extension__ using u128 = unsigned __int128;

TEST_F(Arithmetic, IntegerAdditionAndMultiplicationWrap)
{
    check2<i32, i32>("add.s32", [](i32 a, i32 b) { return i32(u32(a) + u32(b)); });
    check2<i16, i16>("sub.s16", [](i16 a, i16 b) { return i16(a - b); });
    check2<u64, u64>("add.u64", [](u64 a, u64 b) { return a + b; });
    check2<i32, i32>("add.sat.s32", [](i32 a, i32 b) {
        return i32(std::clamp(i64(a) + b, i64(INT_MIN), i64(INT_MAX)));
    });
    check2<i32, i32>("mul.lo.s32", [](i32 a, i32 b) { return i32(i64(a) * b); });
    check2<u32, u32>("mul.hi.u32", [](u32 a, u32 b) { return u32(u64(a) * b >> 32); });
    check2<i32, i32>("mul.hi.s32", [](i32 a, i32 b) { return i32(i64(a) * b >> 32); });
    check2<i64, i64>("mul.hi.s64", [](i64 a, i64 b) { return i64(i128(a) * b >> 64); });
    check2<u64, u64>("mul.hi.u64", [](u64 a, u64 b) { return u64(u128(a) * b >> 64); });
    check2<i64, i32>("mul.wide.s32", [](i32 a, i32 b) { return i64(a) * b; });
    check2<u32, u16>("mul.wide.u16", [](u16 a, u16 b) { return u32(a) * b; });
    check3<i64, i32, i32, i64>("mad.wide.s32",
                               [](i32 a, i32 b, i64 c) { return i64(u64(i64(a) * b) + u64(c)); });
    check3<u32, u32>("mad.lo.u32", [](u32 a, u32 b, u32 c) { return a * b + c; });
    check3<i32, i32>("mad.hi.s32",
                     [](i32 a, i32 b, i32 c) { return i32(u32(i64(a) * b >> 32) + u32(c)); });
    check2<i32, i32>("mul24.lo.s32", [](i32 a, i32 b) {
        return i32(i64(i32(u32(a) << 8) >> 8) * (i32(u32(b) << 8) >> 8));
    });
    check3<u32, u32>("sad.u32", [](u32 a, u32 b, u32 c) { return c + (a > b ? a - b : b - a); });
}

TEST_F(Arithmetic, DivisionTruncatesAndDoesNotTrap)
{
    check2<i32, i32>("div.s32", [](i32 a, i32 b) { return b == 0 ? -1 : i32(i64(a) / b); });
    check2<u64, u64>("div.u64", [](u64 a, u64 b) { return b == 0 ? ~u64(0) : a / b; });
    check2<i64, i64>("rem.s64", [](i64 a, i64 b) { return b == 0 ? a : i64(i128(a) % b); });
    check2<u16, u16>("rem.u16", [](u16 a, u16 b) { return b == 0 ? a : u16(a % b); });
}

TEST_F(Arithmetic, MinimumMaximumAbsolute)
{
    check2<i64, i64>("min.s64", [](i64 a, i64 b) { return std::min(a, b); });
    check2<u32, u32>("max.u32", [](u32 a, u32 b) { return std::max(a, b); });
    check2<i16, i16>("max.s16", [](i16 a, i16 b) { return std::max(a, b); });
    check1<i32, i32>("abs.s32", [](i32 a) { return a < 0 ? i32(0u - u32(a)) : a; });
    check1<i64, i64>("neg.s64", [](i64 a) { return i64(0 - u64(a)); });
}

TEST_F(Arithmetic, ShiftsClamp)
{
    check2<u32, u32, u32>("shl.b32", [](u32 a, u32 b) { return b > 31 ? 0 : a << b; });
    check2<i32, i32, u32>("shr.s32", [](i32 a, u32 b) { return a >> std::min(b, 31u); });
    check2<u64, u64, u32>("shr.u64", [](u64 a, u32 b) { return b > 63 ? 0 : a >> b; });
    check2<u16, u16, u32>("shl.b16", [](u16 a, u32 b) { return b > 15 ? u16(0) : u16(a << b); });
    check3<u32, u32>("shf.l.wrap.b32",
                     [](u32 a, u32 b, u32 c) { return u32((u64(b) << 32 | a) << (c & 31) >> 32); });
    check3<u32, u32>("shf.r.clamp.b32", [](u32 a, u32 b, u32 c) {
        return u32((u64(b) << 32 | a) >> std::min(c, 32u));
    });
}

TEST_F(Arithmetic, BitFields)
{
    auto bfe = [](i64 a, unsigned width, bool sign, u32 pos, u32 len) {
        pos &= 255, len &= 255;
        u64 out = 0;
        unsigned msb = width - 1;
        bool s = sign && len && (u64(a) >> std::min(pos + len - 1, msb) & 1);
        for (unsigned i = 0; i < width; i++)
            out |= u64(i < len && pos + i <= msb ? u64(a) >> (pos + i) & 1 : s) << i;
        return out;
    };
    check3<i32, i32, u32, u32>("bfe.s32",
                               [=](i32 a, u32 b, u32 c) { return i32(bfe(a, 32, true, b, c)); });
    check3<u64, u64, u32, u32>("bfe.u64",
                               [=](u64 a, u32 b, u32 c) { return bfe(i64(a), 64, false, b, c); });
    check1<u32, u32>("popc.b32", [](u32 a) { return u32(std::popcount(a)); });
    check1<u32, u64>("clz.b64", [](u64 a) { return u32(std::countl_zero(a)); });
    check1<u32, i32>("bfind.s32", [](i32 a) {
        u32 b = u32(a < 0 ? ~a : a);
        return b ? 31 - u32(std::countl_zero(b)) : ~0u;
    });
    check1<u32, u64>("bfind.shiftamt.u64",
                     [](u64 a) { return a ? u32(std::countl_zero(a)) : ~0u; });
    check1<u32, u32>("brev.b32", [](u32 a) {
        u32 r = 0;
        for (int i = 0; i < 32; i++)
            r |= (a >> i & 1) << (31 - i);
        return r;
    });
    check2<u32, u32>("bmsk.clamp.b32", [](u32 a, u32 b) {
        return a > 31 ? 0 : u32(((b > 31 ? u64(1) << 32 : u64(1) << b) - 1) << a);
    });
    check3<u32, u32>("prmt.b32", [](u32 a, u32 b, u32 c) {
        u32 r = 0;
        for (int i = 0; i < 4; i++) {
            u32 s = c >> (4 * i) & 15, byte = u32((u64(b) << 32 | a) >> (8 * (s & 7))) & 255;
            r |= (s & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * i);
        }
        return r;
    });
}

TEST_F(Arithmetic, LogicTable)
{
    auto got = evaluate<u32>(
        "mov.u32 %r1, 0xF0F0F0F0; mov.u32 %r2, 0xCCCCCCCC; mov.u32 %r3, 0xAAAAAAAA;\n"
        "lop3.b32 %r4, %r1, %r2, %r3, 0x96; st.global.u32 [%p0], %r4;\n"
        "lop3.b32 %r4, %r1, %r2, %r3, 0xCA; st.global.u32 [%p0+4], %r4;\n"
        "bfi.b32 %r4, 0xff, 0, 8, 4; st.global.u32 [%p0+8], %r4;\n"
        "bfi.b32 %r4, -1, 7, 31, 9; st.global.u32 [%p0+12], %r4;\n"
        "dp4a.s32.u32 %r4, 0xff01fe02, 0x01020304, 100; st.global.u32 [%p0+16], %r4;\n"
        "fns.b32 %r4, 0x90, 0, 2; st.global.u32 [%p0+20], %r4;",
        6, 1);
    EXPECT_EQ(got[0], 0x96969696u); // the table itself: a ^ b ^ c
    EXPECT_EQ(got[1], (0xF0F0F0F0u & 0xCCCCCCCCu) | (~0xF0F0F0F0u & 0xAAAAAAAAu));
    EXPECT_EQ(got[2], 0xF00u);
    EXPECT_EQ(got[3], 0x80000007u);
    EXPECT_EQ(got[4], u32(100 + 2 * 4 + -2 * 3 + 1 * 2 + -1 * 1));
    EXPECT_EQ(got[5], 7u);
}

TEST_F(Arithmetic, CarriesTravel)
{
    // 2^64 - 1 + 1 and 0 - 1 in two words, and a 64-bit product by madc.
    auto got = evaluate<u32>(
        "add.cc.u32 %r1, 0xffffffff, 1; addc.cc.u32 %r2, 0xffffffff, 0; addc.u32 %r3, 0, 0;\n"
        "st.global.u32 [%p0], %r1; st.global.u32 [%p0+4], %r2; st.global.u32 [%p0+8], %r3;\n"
        "sub.cc.u32 %r1, 0, 1; subc.u32 %r2, 0, 0; st.global.u32 [%p0+12], %r1; st.global.u32 "
        "[%p0+16], %r2;\n"
        "mad.lo.cc.u32 %r1, 0xffffffff, 3, 10; madc.hi.u32 %r2, 0xffffffff, 3, 5;\n"
        "st.global.u32 [%p0+20], %r1; st.global.u32 [%p0+24], %r2;",
        7, 1);
    u64 product = u64(0xffffffffu) * 3 + 10 + (u64(5) << 32);
    EXPECT_EQ(got, (std::vector<u32>{0, 0, 1, ~0u, ~0u, u32(product), u32(product >> 32)}));
}

template<class F>
auto rounded(int mode, F f)
{
    int old = fegetround();
    fesetround(mode);
    volatile std::decay_t<decltype(f())> value = f();
    fesetround(old);
    return std::remove_volatile_t<decltype(value)>(value);
}

TEST_F(Arithmetic, FloatRoundings)
{
    const std::pair<const char *, int> modes[] = {
        {".rn", FE_TONEAREST}, {".rz", FE_TOWARDZERO}, {".rm", FE_DOWNWARD}, {".rp", FE_UPWARD}};
    for (auto &entry : modes) {
        std::string m = entry.first;
        int mode = entry.second;
        check2<float, float>("add" + m + ".f32", [=](float a, float b) {
            volatile float x = a, y = b;
            return rounded(mode, [&] { return x + y; });
        });
        check2<double, double>("mul" + m + ".f64", [=](double a, double b) {
            volatile double x = a, y = b;
            return rounded(mode, [&] { return x * y; });
        });
        check2<double, double>("div" + m + ".f64", [=](double a, double b) {
            volatile double x = a, y = b;
            return rounded(mode, [&] { return x / y; });
        });
        check1<float, float>("sqrt" + m + ".f32", [=](float a) {
            volatile float x = a;
            return rounded(mode, [&] { return std::sqrt(float(x)); });
        });
        check3<float, float>("fma" + m + ".f32", [=](float a, float b, float c) {
            volatile float x = a, y = b, z = c;
            return rounded(mode, [&] { return fmaf(x, y, z); });
        });
    }
}

TEST_F(Arithmetic, FloatNanIsCanonical)
{
    auto got = apply<u32>("mul.f32 %f20, %f11, %f12; mov.b32 %r30, %f20; //",
                          std::vector<float>{INFINITY, NAN, -NAN}, std::vector<float>{0, 1, 1});
    for (u32 bits : got)
        EXPECT_EQ(bits, 0x7fffffffu);
}

TEST_F(Arithmetic, FlushAndSaturate)
{
    auto flush = [](float x) {
        return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.f, x) : x;
    };
    check2<float, float>("mul.ftz.f32",
                         [=](float a, float b) { return flush(flush(a) * flush(b)); });
    check2<float, float>("add.sat.f32", [](float a, float b) {
        float s = a + b;
        return s > 0 ? std::min(s, 1.f) : 0.f;
    });
    check1<float, float>("cvt.sat.f32.f32", [](float a) { return a > 0 ? std::min(a, 1.f) : 0.f; });
}

TEST_F(Arithmetic, MinMaxPreferNumbersAndOrderZeros)
{
    auto low = [](float a, float b) {
        return std::isnan(a)   ? b
               : std::isnan(b) ? a
               : a == b        ? (std::signbit(a) ? a : b)
                               : std::min(a, b);
    };
    auto high = [](double a, double b) {
        return std::isnan(a)   ? b
               : std::isnan(b) ? a
               : a == b        ? (std::signbit(a) ? b : a)
                               : std::max(a, b);
    };
    check2<float, float>("min.f32", low);
    check2<double, double>("max.f64", high);
    check2<float, float>("min.NaN.f32", [=](float a, float b) {
        return std::isnan(a) || std::isnan(b) ? NAN : low(a, b);
    });
    check2<float, float>("copysign.f32", [](float a, float b) { return std::copysign(b, a); });
}

TEST_F(Arithmetic, ApproximationsAreWithinBounds)
{
    std::vector<float> a;
    for (int i = 1; i < 2000; i++)
        a.push_back(float(i) * 0.0173f);
    auto near = [&](const char *op, double (*f)(double), double relative, double absolute) {
        std::vector<float> got = apply<float>(op, a);
        for (size_t i = 0; i < a.size(); i++)
            ASSERT_NEAR(got[i], f(a[i]), std::abs(f(a[i])) * relative + absolute)
                << op << " of " << a[i];
    };
    near(
        "rcp.approx.f32", [](double x) { return 1 / x; }, 1.2e-7, 0);
    near(
        "rsqrt.approx.ftz.f32", [](double x) { return 1 / sqrt(x); }, 2.4e-7, 0);
    near(
        "sqrt.approx.f32", [](double x) { return sqrt(x); }, 1.2e-7, 0);
    near(
        "ex2.approx.f32", [](double x) { return exp2(x); }, 2.4e-7, 0);
    near(
        "lg2.approx.f32", [](double x) { return log2(x); }, 2.4e-7, 3e-7);
    near(
        "sin.approx.f32", [](double x) { return sin(x); }, 0, 5e-7);
    near(
        "cos.approx.f32", [](double x) { return cos(x); }, 0, 5e-7);
    near(
        "tanh.approx.f32", [](double x) { return tanh(x); }, 5e-4, 0);
}

template<class D, class S>
D clamp_convert(S x, double (*round)(double))
{
    if (std::isnan(x))
        return sizeof(D) == 8 || sizeof(S) == 8 ? D(u64(1) << (sizeof(D) * 8 - 1)) : D(0);
    long double y = round(double(x));
    long double low = std::numeric_limits<D>::min(), high = std::numeric_limits<D>::max();
    return y <= low    ? std::numeric_limits<D>::min()
           : y >= high ? std::numeric_limits<D>::max()
                       : D(y);
}

TEST_F(Arithmetic, FloatToIntegerClamps)
{
    check1<i32, float>("cvt.rzi.s32.f32", [](float a) { return clamp_convert<i32>(a, trunc); });
    check1<u32, float>("cvt.rni.u32.f32", [](float a) { return clamp_convert<u32>(a, nearbyint); });
    check1<i64, double>("cvt.rmi.s64.f64", [](double a) { return clamp_convert<i64>(a, floor); });
    check1<u64, float>("cvt.rpi.u64.f32", [](float a) { return clamp_convert<u64>(a, ceil); });
    check1<i32, double>("cvt.rni.s32.f64",
                        [](double a) { return clamp_convert<i32>(a, nearbyint); });
    check1<u16, float>("cvt.rzi.u16.f32", [](float a) { return clamp_convert<u16>(a, trunc); });
}

TEST_F(Arithmetic, IntegerToFloatRounds)
{
    check1<float, i32>("cvt.rn.f32.s32", [](i32 a) { return float(a); });
    check1<float, u64>("cvt.rn.f32.u64", [](u64 a) { return float(a); });
    check1<float, u32>("cvt.rz.f32.u32", [](u32 a) {
        float f = float(a);
        return double(f) > double(a) ? std::nextafter(f, 0.f) : f;
    });
    check1<double, i64>("cvt.rn.f64.s64", [](i64 a) { return double(a); });
    check1<float, double>("cvt.rn.f32.f64", [](double a) { return float(a); });
    check1<double, float>("cvt.f64.f32", [](float a) { return double(a); });
    check1<float, float>("cvt.rmi.f32.f32", [](float a) { return std::floor(a); });
    check1<double, double>("cvt.rni.f64.f64", [](double a) { return std::nearbyint(a); });
}

TEST_F(Arithmetic, IntegerConversions)
{
    check1<i64, i32>("cvt.s64.s32", [](i32 a) { return i64(a); });
    check1<u64, i32>("cvt.u64.s32", [](i32 a) { return u64(i64(a)); });
    check1<u16, u32>("cvt.u16.u32", [](u32 a) { return u16(a); });
    check1<i32, i32>("cvt.s32.s8", [](i32 a) { return i32(int8_t(a)); });
    check1<u32, u32>("cvt.u32.u8", [](u32 a) { return u32(uint8_t(a)); });
    check1<i32, i32>("cvt.s8.s32",
                     [](i32 a) { return i32(int8_t(a)); }); // a wider register takes the sign
    check1<u16, i32>("cvt.sat.u16.s32", [](i32 a) { return u16(std::clamp(a, 0, 65535)); });
    check1<i32, i64>("cvt.sat.s32.s64",
                     [](i64 a) { return i32(std::clamp<i64>(a, INT_MIN, INT_MAX)); });
}

TEST_F(Arithmetic, HalfPrecision)
{
    // 1 + 2^-11 is a tie: to even. 65520 rounds to infinity, rz keeps it finite.
    auto got = apply<u16>("cvt.rn.f16.f32",
                          std::vector<float>{1.f, 1.00048828125f, 1.0009765f, 65520.f, 65519.f,
                                             5.9604645e-8f, 2.9802322e-8f, -0.f});
    EXPECT_EQ(got, (std::vector<u16>{0x3c00, 0x3c00, 0x3c01, 0x7c00, 0x7bff, 1, 0, 0x8000}));
    EXPECT_EQ(apply<u16>("cvt.rz.f16.f32", std::vector<float>{65520.f, 1e10f})[1], 0x7bff);
    std::vector<u16> halves;
    for (u32 i = 0; i < 65536; i += 7)
        halves.push_back(u16(i));
    auto wide = apply<float>("cvt.f32.f16", halves);
    auto back = apply<u16>("cvt.rn.f16.f32", wide);
    for (size_t i = 0; i < halves.size(); i++) {
        if (!std::isnan(wide[i])) {
            ASSERT_EQ(back[i], halves[i]);
        }
    }
    // 1 + 1 = 2; fma of 3 * 3 + 0.5; bf16 of pi.
    EXPECT_EQ(apply<u16>("add.f16", std::vector<u16>{0x3c00}, std::vector<u16>{0x3c00})[0], 0x4000);
    EXPECT_EQ(apply<u16>("fma.rn.f16", std::vector<u16>{0x4200}, std::vector<u16>{0x4200},
                         std::vector<u16>{0x3800})[0],
              0x48c0);
    EXPECT_EQ(apply<u16>("cvt.rn.bf16.f32", std::vector<float>{3.14159265f})[0], 0x4049);
    EXPECT_EQ(
        apply<u32>("add.f16x2", std::vector<u32>{0x3c004000}, std::vector<u32>{0x3c003c00})[0],
        0x40004200u);
    EXPECT_EQ(apply<u32>("cvt.rn.f16x2.f32", std::vector<float>{1.f}, std::vector<float>{2.f})[0],
              0x3c004000u);
}

TEST_F(Arithmetic, Comparisons)
{
    auto test = [&](const std::string &cmp, auto expected, auto sample, const std::string &type) {
        using T = decltype(sample);
        check2<u32, T>("setp." + cmp + "." + type + " %q1, " + Register<T>::prefix() + "11, " +
                           Register<T>::prefix() + "12; selp.u32 %r30, 1, 0, %q1; //",
                       [=](T a, T b) { return u32(expected(a, b)); });
    };
    test(
        "lt", [](auto a, auto b) { return a < b; }, i32(), "s32");
    test(
        "hi", [](auto a, auto b) { return a > b; }, u32(), "u32");
    test(
        "ge", [](auto a, auto b) { return a >= b; }, i64(), "s64");
    test(
        "ne", [](auto a, auto b) { return a != b; }, u16(), "u16");
    test(
        "eq", [](auto a, auto b) { return a == b; }, u64(), "b64");
    test(
        "ltu", [](auto a, auto b) { return !(a >= b); }, float(), "f32");
    test(
        "ne", [](auto a, auto b) { return a < b || a > b; }, float(), "f32");
    test(
        "neu", [](auto a, auto b) { return a != b; }, double(), "f64");
    test(
        "nan", [](auto a, auto b) { return a != a || b != b; }, double(), "f64");
    test(
        "num", [](auto a, auto b) { return a == a && b == b; }, float(), "f32");
    auto got = evaluate<u32>(
        "setp.eq.u32 %q1, 1, 1; setp.lt.and.s32 %q2|%q3, 5, 3, %q1; setp.gt.xor.s32 %q4, 5, 3, "
        "!%q1;\n"
        "selp.u32 %r1, 1, 0, %q2; selp.u32 %r2, 1, 0, %q3; selp.u32 %r3, 1, 0, %q4;\n"
        "st.global.u32 [%p0], %r1; st.global.u32 [%p0+4], %r2; st.global.u32 [%p0+8], %r3;\n"
        "set.lt.u32.s32 %r4, 1, 2; st.global.u32 [%p0+12], %r4; set.gt.f32.s32 %f1, 3, 2; "
        "st.global.f32 [%p0+16], %f1;\n"
        "slct.s32.s32 %r5, 7, 8, -1; st.global.u32 [%p0+20], %r5;",
        6, 1);
    EXPECT_EQ(got, (std::vector<u32>{0, 1, 1, ~0u, 0x3f800000, 8}));
}

TEST_F(Arithmetic, PartialWarpsKeepOtherLanes)
{
    auto got =
        evaluate<u32>("setp.lt.u32 %q1, %r0, 5; mov.u32 %r1, 7; @%q1 add.u32 %r1, %r0, 100; @!%q1 "
                      "mul.lo.u32 %r1, %r1, 3;\n"
                      "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; st.global.u32 [%d1], %r1;",
                      32, 32);
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], i < 5 ? i + 100 : 21);
}

TEST_F(Arithmetic, VectorsPackAndUnpack)
{
    auto got = evaluate<u32>(
        "mov.u64 %d1, 0x1122334455667788; mov.b64 {%r1, %r2}, %d1; mov.b64 %d2, {%r2, %r1};\n"
        "mov.b32 {%h1, %h2}, %r1; mov.b32 %r3, {%h2, %h1}; st.global.u64 [%p0], %d2; st.global.u32 "
        "[%p0+8], %r3;\n"
        "vabsdiff4.u32.u32.u32.add %r4, 0x01020304, 0x04030201, 10; st.global.u32 [%p0+12], %r4;",
        4, 1);
    EXPECT_EQ(got, (std::vector<u32>{0x11223344, 0x55667788, 0x77885566, 18}));
}

} // namespace
} // namespace vgpu::soft
