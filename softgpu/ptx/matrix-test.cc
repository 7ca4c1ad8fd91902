// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/matrix-test.h"

#include <cfenv>

// mma against a plain product. Where elements lie is written here anew from the PTX manual, case by
// case, so that a wrong table in fragment.cc cannot agree with itself.
namespace vgpu::soft
{
namespace
{

/// One form of mma.sync: `ea` elements of A in a lane, and so on.
struct Form {
    const char *name;
    unsigned m, n, k, bits;
    const char *types; ///< d, a, b, c
    unsigned ea, eb;
    Layout a, b;
};

unsigned g(unsigned lane)
{
    return lane >> 2;
}
unsigned t(unsigned lane)
{
    return lane % 4;
}

/// Accumulators of all forms but m8n8k4 of f16: c0, c1 in row g, c2, c3 in row g + 8.
At accumulator(unsigned lane, unsigned i)
{
    return {i < 2 ? g(lane) : g(lane) + 8, t(lane) * 2 + (i & 1)};
}

std::vector<Form> forms()
{
    // In the manual's words, with i the element and g, t the group and the lane in it.
    Layout f16_a8 = [](unsigned l, unsigned i) {
        return At{i < 2 ? g(l) : g(l) + 8, t(l) * 2 + (i & 1)};
    };
    Layout f16_b8 = [](unsigned l, unsigned i) { return At{t(l) * 2 + i, g(l)}; };
    Layout f16_a16 = [](unsigned l, unsigned i) {
        return At{i < 2 || (i >= 4 && i < 6) ? g(l) : g(l) + 8,
                  t(l) * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
    };
    Layout f16_b16 = [](unsigned l, unsigned i) {
        return At{t(l) * 2 + (i & 1) + (i >= 2 ? 8 : 0), g(l)};
    };
    Layout tf32_a4 = [](unsigned l, unsigned i) { return At{i == 0 ? g(l) : g(l) + 8, t(l)}; };
    Layout tf32_a8 = [](unsigned l, unsigned i) {
        return At{i == 0 || i == 2 ? g(l) : g(l) + 8, i < 2 ? t(l) : t(l) + 4};
    };
    Layout tf32_b4 = [](unsigned l, unsigned) { return At{t(l), g(l)}; };
    Layout tf32_b8 = [](unsigned l, unsigned i) { return At{i == 0 ? t(l) : t(l) + 4, g(l)}; };
    Layout f64_a = [](unsigned l, unsigned) { return At{g(l), t(l)}; };
    // Integers: `w` elements of a register follow each other along k.
    auto row_a = [](unsigned w) {
        return Layout([w](unsigned l, unsigned i) { return At{g(l), t(l) * w + i}; });
    };
    auto two_a = [](unsigned w) {
        return Layout([w](unsigned l, unsigned i) {
            return At{i < w ? g(l) : g(l) + 8, t(l) * w + (i % w)};
        });
    };
    auto four_a = [](unsigned w) {
        return Layout([w](unsigned l, unsigned i) {
            return At{i < w || (i >= 2 * w && i < 3 * w) ? g(l) : g(l) + 8,
                      t(l) * w + (i % w) + (i >= 2 * w ? 4 * w : 0)};
        });
    };
    auto one_b = [](unsigned w) {
        return Layout([w](unsigned l, unsigned i) { return At{t(l) * w + i, g(l)}; });
    };
    auto two_b = [](unsigned w) {
        return Layout([w](unsigned l, unsigned i) {
            return At{t(l) * w + (i % w) + (i >= w ? 4 * w : 0), g(l)};
        });
    };
    return {
        {"f16 k8", 16, 8, 8, 16, ".f32.f16.f16.f32", 4, 2, f16_a8, f16_b8},
        {"f16 k16", 16, 8, 16, 16, ".f32.f16.f16.f32", 8, 4, f16_a16, f16_b16},
        {"f16 k16 half", 16, 8, 16, 16, ".f16.f16.f16.f16", 8, 4, f16_a16, f16_b16},
        {"f16 k8 half", 16, 8, 8, 16, ".f16.f16.f16.f16", 4, 2, f16_a8, f16_b8},
        {"bf16 k8", 16, 8, 8, 16, ".f32.bf16.bf16.f32", 4, 2, f16_a8, f16_b8},
        {"bf16 k16", 16, 8, 16, 16, ".f32.bf16.bf16.f32", 8, 4, f16_a16, f16_b16},
        {"tf32 k4", 16, 8, 4, 32, ".f32.tf32.tf32.f32", 2, 1, tf32_a4, tf32_b4},
        {"tf32 k8", 16, 8, 8, 32, ".f32.tf32.tf32.f32", 4, 2, tf32_a8, tf32_b8},
        {"f64", 8, 8, 4, 64, ".f64.f64.f64.f64", 1, 1, f64_a, tf32_b4},
        {"s8 m8", 8, 8, 16, 8, ".s32.s8.u8.s32", 4, 4, row_a(4), one_b(4)},
        {"u8 k16", 16, 8, 16, 8, ".s32.u8.s8.s32", 8, 4, two_a(4), one_b(4)},
        {"s8 k32", 16, 8, 32, 8, ".s32.s8.s8.s32", 16, 8, four_a(4), two_b(4)},
        {"s4 m8", 8, 8, 32, 4, ".s32.s4.s4.s32", 8, 8, row_a(8), one_b(8)},
        {"u4 k32", 16, 8, 32, 4, ".s32.u4.s4.s32", 16, 8, two_a(8), one_b(8)},
        {"u4 k64", 16, 8, 64, 4, ".s32.u4.u4.s32", 32, 16, four_a(8), two_b(8)},
        {"b1 m8", 8, 8, 128, 1, ".s32.b1.b1.s32.xor.popc", 32, 32, row_a(32), one_b(32)},
        {"b1 k128", 16, 8, 128, 1, ".s32.b1.b1.s32.and.popc", 64, 32, two_a(32), one_b(32)},
        {"b1 k256", 16, 8, 256, 1, ".s32.b1.b1.s32.xor.popc", 128, 64, four_a(32), two_b(32)},
    };
}

TEST_F(Matrix, EveryForm)
{
    for (const Form &form : forms()) {
        SCOPED_TRACE(form.name);
        auto types = split(form.types);
        auto range = [&](const std::string &type) {
            return type == "u8"        ? std::pair(0, 255)
                   : type == "s8"      ? std::pair(-128, 127)
                   : type == "u4"      ? std::pair(0, 15)
                   : type == "s4"      ? std::pair(-8, 7)
                   : type == "b1"      ? std::pair(0, 1)
                   : types[0] == "f16" ? std::pair(-3, 3)
                                       : std::pair(-9, 9);
        };
        std::vector<int> a(form.m * form.k), b(form.k * form.n), c(form.m * form.n);
        for (int &x : a)
            x = small(range(types[1]).first, range(types[1]).second);
        for (int &x : b)
            x = small(range(types[2]).first, range(types[2]).second);
        for (int &x : c)
            x = small(-50, 50);
        unsigned elements = form.m * form.n / 32;
        unsigned d_bits = types[0] == "f16" ? 16 : types[0] == "f64" ? 64 : 32;
        unsigned word = form.bits == 64 ? 64 : 32;
        auto got = product(
            "mma.sync.aligned.m" + std::to_string(form.m) + "n8k" + std::to_string(form.k) +
                ".row.col" + form.types,
            elements * d_bits / word,
            spread(form.ea, form.bits, form.a,
                   [&](unsigned r, unsigned k) { return encode(types[1], a[r * form.k + k]); }),
            form.ea * form.bits / word,
            spread(form.eb, form.bits, form.b,
                   [&](unsigned k, unsigned n) { return encode(types[2], b[k * form.n + n]); }),
            form.eb * form.bits / word,
            spread(elements, d_bits, accumulator,
                   [&](unsigned r, unsigned n) { return encode(types[3], c[r * form.n + n]); }),
            elements * d_bits / word, word == 64);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned i = 0; i < elements; i++) {
                auto [row, column] = accumulator(lane, i);
                int sum = c[row * form.n + column];
                for (unsigned k = 0; k < form.k; k++) {
                    int x = a[row * form.k + k], y = b[k * form.n + column];
                    sum += types.back() != "popc" ? x * y : types[4] == "and" ? x & y : x ^ y;
                }
                ASSERT_EQ(decode(types[0], pick(got, lane, elements, i, d_bits)), sum)
                    << "lane " << lane << " element " << i;
            }
    }
}

/// mma.m8n8k4 of f16: four products, each held by eight lanes.
TEST_F(Matrix, QuadPairs)
{
    for (int variant = 0; variant < 8; variant++) {
        bool a_column = variant & 1, b_column = variant & 2, half = variant & 4;
        SCOPED_TRACE(variant);
        int a[4][8][4], b[4][4][8], c[4][8][8];
        for (auto &matrix : a)
            for (auto &row : matrix)
                for (int &x : row)
                    x = small(-9, 9);
        for (auto &matrix : b)
            for (auto &row : matrix)
                for (int &x : row)
                    x = small(-9, 9);
        for (auto &matrix : c)
            for (auto &row : matrix)
                for (int &x : row)
                    x = small(-99, 99);
        auto which = [](unsigned lane) { return lane % 16 / 4; };
        auto place_c = [&](unsigned lane, unsigned i) {
            unsigned upper = lane < 16 ? 0 : 4;
            if (half)
                return At{lane % 4 + upper, i};
            unsigned x = (lane & 1) + (i & 2);
            return At{x + upper, (i & 4) + (lane & 2) + (i & 1)};
        };
        std::vector<u32> ra(64), rb(64), rc(half ? 128 : 256);
        for (unsigned lane = 0; lane < 32; lane++) {
            unsigned upper = lane < 16 ? 0 : 4, q = which(lane);
            for (unsigned i = 0; i < 4; i++) {
                int x = a_column ? a[q][i + upper][lane % 4] : a[q][lane % 4 + upper][i];
                int y = b_column ? b[q][i][lane % 4 + upper] : b[q][lane % 4][i + upper];
                ra[lane * 2 + i / 2] |= u32(encode("f16", x)) << 16 * (i % 2);
                rb[lane * 2 + i / 2] |= u32(encode("f16", y)) << 16 * (i % 2);
            }
            for (unsigned i = 0; i < 8; i++) {
                auto [row, column] = place_c(lane, i);
                if (half)
                    rc[lane * 4 + i / 2] |= u32(encode("f16", c[q][row][column])) << 16 * (i % 2);
                else
                    rc[lane * 8 + i] = u32(encode("f32", c[q][row][column]));
            }
        }
        std::string types = half ? ".f16.f16.f16.f16" : ".f32.f16.f16.f32";
        unsigned registers = half ? 4 : 8;
        auto got = product("mma.sync.aligned.m8n8k4" + std::string(a_column ? ".col" : ".row") +
                               (b_column ? ".col" : ".row") + types,
                           registers, ra, 2, rb, 2, rc, registers);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned i = 0; i < 8; i++) {
                auto [row, column] = place_c(lane, i);
                int sum = c[which(lane)][row][column];
                for (unsigned k = 0; k < 4; k++)
                    sum += a[which(lane)][row][k] * b[which(lane)][k][column];
                ASSERT_EQ(decode(half ? "f16" : "f32", pick(got, lane, 8, i, half ? 16 : 32)), sum)
                    << "lane " << lane << " element " << i;
            }
    }
}

TEST_F(Matrix, AccumulatesInSinglePrecision)
{
    // 2048 + 16 * 1 is beyond f16's whole numbers, and 2^-24 products must not vanish.
    std::vector<u32> ones(128, 0x3c003c00u), b(64, 0x3c003c00u), c(128, 0x45000000u);
    auto got = product("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 4, ones, 4, b, 2, c, 4);
    EXPECT_EQ(got, std::vector<u32>(128, std::bit_cast<u32>(2064.f)));
    // The smallest subnormal times one, 16 times.
    std::vector<u32> tiny(128, 0x00010001u), zero(128);
    got = product("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 4, tiny, 4, b, 2, zero, 4);
    EXPECT_EQ(got, std::vector<u32>(128, std::bit_cast<u32>(std::ldexp(1.f, -20))));
    // An infinity less itself, and a NaN, are the canonical NaN.
    std::vector<u32> infinite(128, 0x7c00fc00u);
    got =
        product("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 4, infinite, 4, b, 2, zero, 4);
    EXPECT_EQ(got, std::vector<u32>(128, 0x7fffffffu));
    // tf32 has no use for the lower 13 bits.
    std::vector<u32> noisy(128, 0x3f801fffu);
    got = product("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 4, noisy, 4,
                  std::vector<u32>(64, 0x40001234u), 2, zero, 4);
    EXPECT_EQ(got, std::vector<u32>(128, std::bit_cast<u32>(16.f)));
}

TEST_F(Matrix, HalfResultIsRoundedToNearestEven)
{
    // 2048 + k is not a half for odd k: 2048 + 1 goes to 2048, 2048 + 3 to 2052.
    std::vector<u32> zero(128), b(64, 0x3c003c00u);
    for (auto [a_bits, want] : {std::pair(0x3c00u, 0x6800u), {0x4200u, 0x6802u}}) {
        std::vector<u32> one(128);
        for (unsigned lane = 0; lane < 32; lane += 4) // one column alone
            one[lane * 4] = one[lane * 4 + 1] = a_bits;
        auto got = product("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16", 2, one, 4, b, 2,
                           std::vector<u32>(64, 0x68006800u), 2);
        EXPECT_EQ(got, std::vector<u32>(64, want | want << 16));
    }
}

TEST_F(Matrix, IntegersSaturateOrWrap)
{
    std::vector<u32> a(128, 0x7f7f7f7fu), b(64, 0x7f7f7f7fu), c(128, 0x7fffff00u);
    int64_t sum = int64_t(0x7fffff00) + 32 * 127 * 127;
    auto wraps = product("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", 4, a, 4, b, 2, c, 4);
    EXPECT_EQ(wraps, std::vector<u32>(128, u32(sum)));
    auto clamps =
        product("mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32", 4, a, 4, b, 2, c, 4);
    EXPECT_EQ(clamps, std::vector<u32>(128, 0x7fffffffu));
    std::vector<u32> low(128, 0x80000001u), minus(64, 0x81818181u);
    clamps = product("mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32", 4, a, 4, minus, 2,
                     low, 4);
    EXPECT_EQ(clamps, std::vector<u32>(128, 0x80000000u));
}

TEST_F(Matrix, DoublesAreFusedInEveryRounding)
{
    for (auto [name, mode] : {std::pair(".rn", FE_TONEAREST),
                              {".rm", FE_DOWNWARD},
                              {".rp", FE_UPWARD},
                              {".rz", FE_TOWARDZERO}}) {
        SCOPED_TRACE(name);
        double a = 1.0 / 3, b = 3.0000000000000004, c = -1.0000000000000002;
        auto words = [](double x) {
            std::vector<u32> result;
            for (int lane = 0; lane < 64; lane++) {
                auto bits = std::bit_cast<uint64_t>(x);
                result.push_back(u32(bits));
                result.push_back(u32(bits >> 32));
            }
            return result;
        };
        auto got =
            product("wmma.mma.sync.aligned.row.col.m8n8k4.f64.f64.f64.f64" + std::string(name), 2,
                    words(a), 1, words(b), 1, words(c), 2, true);
        fesetround(mode);
        volatile double sum = c;
        for (int k = 0; k < 4; k++)
            sum = std::fma(a, b, sum);
        fesetround(FE_TONEAREST);
        EXPECT_EQ(got, words(sum));
    }
}

/// wmma's fragments are opaque: a product is loaded, made and stored again, in every layout.
} // namespace
} // namespace vgpu::soft
