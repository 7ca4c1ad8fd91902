// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <random>

// Matrix instructions against a plain product. Where elements lie is written here anew from the PTX
// manual, case by case, so that a wrong table in fragment.cc cannot agree with itself.
namespace vgpu::soft
{
namespace
{

using u16 = uint16_t;
using u32 = uint32_t;

struct At {
    unsigned row, column;
};
using Layout = std::function<At(unsigned lane, unsigned i)>; ///< of the lane's i-th element

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

/// A small whole number's pattern in the format of a type such as ".f16".
uint64_t encode(const std::string &type, int value)
{
    if (type == "f64")
        return std::bit_cast<uint64_t>(double(value));
    u32 single = std::bit_cast<u32>(float(value));
    if (type == "f32" || type == "tf32")
        return single;
    if (type == "bf16")
        return single >> 16;
    if (type == "f16")
        return value == 0 ? 0
                          : (single >> 31 << 15) | ((single & 0x7fffffffu) - (112u << 23)) >> 13;
    return u32(value);
}

double decode(const std::string &type, uint64_t bits)
{
    if (type == "f64")
        return std::bit_cast<double>(bits);
    if (type == "f32")
        return std::bit_cast<float>(u32(bits));
    if (type == "f16") {
        int exponent = int(bits >> 10 & 31);
        double size = exponent ? std::ldexp(double((bits & 1023) + 1024), exponent - 25)
                               : std::ldexp(double(bits & 1023), -24);
        return bits & 0x8000 ? -size : size;
    }
    return double(int32_t(u32(bits)));
}

std::vector<std::string> split(const std::string &text)
{
    std::vector<std::string> parts;
    for (size_t at = 1; at < text.size();) {
        size_t dot = std::min(text.find('.', at), text.size());
        parts.push_back(text.substr(at, dot - at));
        at = dot + 1;
    }
    return parts;
}

class Matrix : public TestMachine
{
protected:
    /// `%s0, %s1, ...` of so many registers.
    static std::string group(char letter, unsigned registers)
    {
        std::string text = "{";
        for (unsigned i = 0; i < registers; i++)
            text += (i ? ", %" : "%") + std::string(1, letter) + std::to_string(i);
        return text + "}";
    }

    /// Runs `instruction` with operands of so many 32-bit (or 64-bit) registers, which each lane
    /// finds in a, b and c, and gives back the lanes' d.
    std::vector<u32> product(const std::string &instruction, unsigned rd, std::vector<u32> a,
                             unsigned ra, std::vector<u32> b, unsigned rb, std::vector<u32> c,
                             unsigned rc, bool wide = false)
    {
        std::string type = wide ? "b64" : "b32";
        unsigned bytes = wide ? 8 : 4;
        std::string body = "{ .reg ." + type + " %s<8>, %t<8>, %u<8>, %v<8>;\n";
        auto move = [&](char letter, unsigned registers, const char *parameter, bool loads) {
            body += "mad.wide.u32 %d9, %r0, " + std::to_string(registers * bytes) + ", %" +
                    parameter + ";\n";
            for (unsigned i = 0; i < registers; i++) {
                std::string reg = "%" + std::string(1, letter) + std::to_string(i);
                std::string at = "[%d9+" + std::to_string(i * bytes) + "]";
                body += loads ? "ld.global." + type + " " + reg + ", " + at + ";\n"
                              : "st.global." + type + " " + at + ", " + reg + ";\n";
            }
        };
        move('s', ra, "p1", true);
        move('t', rb, "p2", true);
        move('u', rc, "p3", true);
        body += instruction + " " + group('v', rd) + ", " + group('s', ra) + ", " + group('t', rb) +
                ", " + group('u', rc) + ";\n";
        move('v', rd, "p0", false);
        return evaluate<u32>(body + "}", size_t(rd) * 32 * bytes / 4, 32,
                             {upload(a), upload(b), upload(c)});
    }

    /// The registers of all lanes of an operand whose element (row, column) `value` gives.
    static std::vector<u32> spread(unsigned elements, unsigned bits, const Layout &layout,
                                   const std::function<uint64_t(unsigned, unsigned)> &value)
    {
        std::vector<u32> words(32 * elements * bits / 32);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned i = 0; i < elements; i++) {
                At at = layout(lane, i);
                uint64_t pattern = value(at.row, at.column);
                size_t bit = (size_t(lane) * elements + i) * bits;
                if (bits < 32)
                    pattern &= (1u << bits) - 1;
                words[bit / 32] |= u32(pattern) << bit % 32;
                if (bits == 64)
                    words[bit / 32 + 1] = u32(pattern >> 32);
            }
        return words;
    }

    static uint64_t pick(const std::vector<u32> &words, unsigned lane, unsigned elements,
                         unsigned i, unsigned bits)
    {
        size_t bit = (size_t(lane) * elements + i) * bits;
        uint64_t low = words[bit / 32] >> bit % 32;
        return bits == 64   ? low | uint64_t(words[bit / 32 + 1]) << 32
               : bits == 16 ? low & 0xffff
                            : low;
    }

    std::mt19937 random_{7};
    int small(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
};

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
TEST_F(Matrix, WmmaLoadsMultipliesStores)
{
    struct Case {
        unsigned m, n, k;
        const char *a, *d, *mma;
        unsigned ra, rb, rc;
    };
    const Case cases[] = {
        {16, 16, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {32, 8, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {8, 32, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {16, 16, 16, "f16", "f16", ".f16.f16", 8, 8, 4},
        {16, 16, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 4, 4, 8},
        {32, 8, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 8, 2, 8},
        {8, 32, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 2, 8, 8},
        {16, 16, 8, "tf32", "f32", ".f32.tf32.tf32.f32", 4, 4, 8},
        {8, 8, 4, "f64", "f64", ".f64.f64.f64.f64", 1, 1, 2},
        {16, 16, 16, "s8", "s32", ".s32.s8.s8.s32", 2, 2, 8},
        {32, 8, 16, "u8", "s32", ".s32.u8.u8.s32", 4, 1, 8},
        {8, 32, 16, "s8", "s32", ".s32.s8.s8.s32", 1, 4, 8},
        {8, 8, 32, "s4", "s32", ".s32.s4.s4.s32", 1, 1, 2},
        {8, 8, 128, "b1", "s32", ".s32.b1.b1.s32", 1, 1, 2},
    };
    for (const Case &one : cases)
        for (int layouts = 0; layouts < 8; layouts++) {
            std::string a_type = one.a, d_type = one.d;
            bool packed = a_type == "s4" || a_type == "b1";
            bool a_column = layouts & 1, b_column = layouts & 2, c_column = layouts & 4;
            if (packed && (a_column || !b_column))
                continue;
            SCOPED_TRACE(std::string(one.mma) + " m" + std::to_string(one.m) + " layouts " +
                         std::to_string(layouts));
            unsigned bits = a_type == "f64"    ? 64
                            : a_type == "tf32" ? 32
                            : a_type == "s4"   ? 4
                            : a_type == "b1"   ? 1
                            : a_type[1] == '8' ? 8
                                               : 16;
            unsigned c_bits = d_type == "f64" ? 64 : d_type == "f16" ? 16 : 32;
            // Rows are longer in memory than in the matrix.
            auto store = [&](const std::vector<int> &matrix, unsigned rows, unsigned columns,
                             bool by_column, unsigned width, const std::string &type) {
                unsigned stride = (by_column ? rows : columns) + (packed ? 128 : 8);
                std::vector<u32> words((by_column ? columns : rows) * stride * width / 32 + 2);
                for (unsigned r = 0; r < rows; r++)
                    for (unsigned c = 0; c < columns; c++) {
                        size_t bit = size_t(by_column ? c * stride + r : r * stride + c) * width;
                        uint64_t pattern = encode(type, matrix[r * columns + c]);
                        if (width < 32)
                            pattern &= (1u << width) - 1;
                        words[bit / 32] |= u32(pattern) << bit % 32;
                        if (width == 64)
                            words[bit / 32 + 1] = u32(pattern >> 32);
                    }
                return std::pair(words, stride);
            };
            std::vector<int> a(one.m * one.k), b(one.k * one.n), c(one.m * one.n);
            int low = a_type[0] == 'u' || a_type == "b1" ? 0 : -3, high = a_type == "b1" ? 1 : 3;
            for (int &x : a)
                x = small(low, high);
            for (int &x : b)
                x = small(low, high);
            for (int &x : c)
                x = small(-50, 50);
            auto [wa, sa] = store(a, one.m, one.k, a_column, bits, a_type);
            auto [wb, sb] = store(b, one.k, one.n, b_column, bits, a_type);
            auto [wc, sc] = store(c, one.m, one.n, c_column, c_bits, d_type);
            std::string shape = ".m" + std::to_string(one.m) + "n" + std::to_string(one.n) + "k" +
                                std::to_string(one.k);
            auto layout = [](bool column) { return std::string(column ? ".col" : ".row"); };
            const char *wide = bits == 64 ? "b64" : "b32";
            std::string body =
                std::string("{ .reg .") + wide + " %s<8>, %t<8>, %u<8>, %v<8>;\n" +
                "wmma.load.a.sync.aligned" + layout(a_column) + shape + ".global." + a_type + " " +
                group('s', one.ra) + ", [%p1], " + std::to_string(sa) + ";\n" +
                "wmma.load.b.sync.aligned" + layout(b_column) + shape + "." + a_type + " " +
                group('t', one.rb) + ", [%p2], " + std::to_string(sb) + ";\n" +
                "wmma.load.c.sync.aligned" + layout(c_column) + shape + "." + d_type + " " +
                group('u', one.rc) + ", [%p3], " + std::to_string(sc) + ";\n" + "wmma.mma" +
                (a_type == "b1" ? ".and.popc" : "") + ".sync.aligned" + layout(a_column) +
                layout(b_column) + shape + one.mma + " " + group('v', one.rc) + ", " +
                group('s', one.ra) + ", " + group('t', one.rb) + ", " + group('u', one.rc) +
                ";\nwmma.store.d.sync.aligned" + layout(c_column) + shape + ".global." + d_type +
                " [%p0], " + group('v', one.rc) + ", " + std::to_string(sc) + ";\n}";
            auto got = evaluate<u32>(body, wc.size(), 32, {upload(wa), upload(wb), upload(wc)});
            for (unsigned r = 0; r < one.m; r++)
                for (unsigned n = 0; n < one.n; n++) {
                    int sum = c[r * one.n + n];
                    for (unsigned k = 0; k < one.k; k++)
                        sum += a[r * one.k + k] * b[k * one.n + n];
                    size_t bit = size_t(c_column ? n * sc + r : r * sc + n) * c_bits;
                    uint64_t value = got[bit / 32] >> bit % 32;
                    if (c_bits == 16)
                        value &= 0xffff;
                    if (c_bits == 64)
                        value |= uint64_t(got[bit / 32 + 1]) << 32;
                    ASSERT_EQ(decode(d_type, value), sum) << r << " " << n;
                }
        }
}

TEST_F(Matrix, LoadsRowsOfSharedMemory)
{
    // Element j of row r of matrix m is 64 m + 8 r + j; rows lie 32 bytes apart, matrices last
    // first.
    std::string fill = "mov.u32 %r9, tile; mov.u32 %r1, %r0;\n"
                       "L: shr.u32 %r2, %r1, 3; shl.b32 %r2, %r2, 5; and.b32 %r3, %r1, 7; "
                       "shl.b32 %r3, %r3, 1; add.u32 %r2, %r2, %r3; add.u32 %r2, %r2, %r9;\n"
                       "cvt.u16.u32 %h1, %r1; st.shared.u16 [%r2], %h1; add.u32 %r1, %r1, 32; "
                       "setp.lt.u32 %q1, %r1, 256; @%q1 bra L; bar.sync 0;\n"
                       "shl.b32 %r4, %r0, 5; add.u32 %r4, %r4, %r9;\n";
    std::string give = "mul.wide.u32 %d1, %r0, 16; add.u64 %d1, %d1, %p0; "
                       "st.global.v4.b32 [%d1], {%r10, %r11, %r12, %r13};";
    const char *module = ".shared .align 16 .b8 tile[1024];\n";
    auto pair = [](unsigned low, unsigned high) { return low | high << 16; };
    auto plain = evaluate<u32>(
        fill + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r4];" + give,
        128, 32, {}, module);
    auto turned = evaluate<u32>(
        fill + "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r10, %r11, %r12, %r13}, [%r4];" +
            give,
        128, 32, {}, module);
    auto two = evaluate<u32>(
        fill +
            "mov.u32 %r12, 7; mov.u32 %r13, 7; setp.gt.u32 %q2, %r0, 15; @%q2 mov.u32 %r4, 1;\n"
            "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r10, %r11}, [%r4];" +
            give,
        128, 32, {}, module);
    for (unsigned lane = 0; lane < 32; lane++)
        for (unsigned m = 0; m < 4; m++) {
            unsigned row = lane / 4, column = lane % 4 * 2, first = 64 * m;
            EXPECT_EQ(plain[lane * 4 + m],
                      pair(first + 8 * row + column, first + 8 * row + column + 1));
            EXPECT_EQ(turned[lane * 4 + m],
                      pair(first + 8 * column + row, first + 8 * (column + 1) + row));
            EXPECT_EQ(two[lane * 4 + m], m < 2 ? plain[lane * 4 + m] : 7u);
        }
    auto fault = [&](const std::string &change) {
        return run(kernel(fill + change + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r4];",
                          module),
                   {1}, {32}, {})
            .kind;
    };
    EXPECT_EQ(fault("add.u32 %r4, %r4, 2;"), Fault::Kind::misaligned_address);
    EXPECT_EQ(fault("add.u32 %r4, %r4, 1024;"), Fault::Kind::illegal_address);
}

TEST_F(Matrix, TransposesInRegisters)
{
    auto got = evaluate<u32>("shl.b32 %r1, %r0, 1; add.u32 %r2, %r1, 1; shl.b32 %r2, %r2, 16; "
                             "or.b32 %r1, %r1, %r2;\n"
                             "movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r1;\n"
                             "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; "
                             "st.global.b32 [%d1], %r1;",
                             32, 32);
    for (unsigned lane = 0; lane < 32; lane++) {
        unsigned row = lane / 4, column = lane % 4 * 2;
        EXPECT_EQ(got[lane], (8 * column + row) | (8 * (column + 1) + row) << 16);
    }
}

TEST_F(Matrix, WaitsForLanesThatAreElsewhere)
{
    // Odd lanes come back from behind the product, to which the even ones get first.
    auto got = evaluate<float>(
        "mov.f32 %f4, 0f00000000; mov.u32 %r1, 0x3f800000; and.b32 %r2, %r0, 1;\n"
        "setp.eq.u32 %q1, %r2, 1; @%q1 mov.u32 %r1, 0; @%q1 bra FAR;\n"
        "NEAR: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3}, "
        "{%r1, %r1, %r1, %r1}, {%r1, %r1}, {%f4, %f4, %f4, %f4};\n"
        "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; st.global.f32 [%d1], %f0; bra END;\n"
        "FAR: mov.u32 %r1, 0x3f800000; bra NEAR;\nEND:",
        32, 32);
    EXPECT_EQ(got, std::vector<float>(32, 8.f));
}

TEST_F(Matrix, RefusesWhatTheDeviceLacks)
{
    auto refusal = [](const std::string &text) {
        try {
            Program::compile(kernel(text));
            return std::string();
        } catch (const std::exception &error) {
            return std::string(error.what());
        }
    };
    for (std::string text :
         {"wgmma.fence.sync.aligned", "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16",
          "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64",
          "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32",
          "mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
          "mma.sync.aligned.m16n8k16.col.col.f32.f16.f16.f32",
          "stmatrix.sync.aligned.m8n8.x1.shared.b16",
          "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32.satfinite"})
        EXPECT_NE(refusal(text + " {%f0}, {%r1}, {%r2}, {%f4};").find(text + " is not supported"),
                  std::string::npos)
            << refusal(text + " {%f0}, {%r1}, {%r2}, {%f4};");
    EXPECT_NE(refusal("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3}, "
                      "{%r1}, {%r1}, {%f0, %f1, %f2, %f3};")
                  .find("takes 2 registers"),
              std::string::npos);
}

} // namespace
} // namespace vgpu::soft
