// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-test.h"

// Integer arithmetic, carries and video instructions: the mathematical value, then its low bits.
namespace vgpu::soft::rows
{
namespace
{

struct Operands {
    Int a, b, c;
    unsigned bits;
};

Int product(Int a, Int b)
{
    return Int(Nat(a) * Nat(b)); // of 64-bit factors: right modulo 2^128, which is all that is used
}

/// The upper half of a 2n-bit product.
Int upper(Int a, Int b, unsigned bits, bool sign)
{
    Int whole = product(a, b);
    return sign ? whole >> bits : Int(Nat(whole) >> bits);
}

Int clamped(Int value, unsigned bits, bool sign)
{
    Int high = (Int(1) << (bits - sign)) - 1, low = sign ? -high - 1 : 0;
    return value < low ? low : value > high ? high : value;
}

Int quotient(Int a, Int b)
{
    return b == 0 ? -1 : a / b; // by zero: all ones, as hardware gives
}

Int low24(Int a, bool sign)
{
    return integer(uint64_t(a) & 0xffffff, 24, sign);
}

using Formula = Int (*)(const Operands &, bool sign);

const std::map<std::string, Formula> &formulas()
{
    static const std::map<std::string, Formula> all = {
        {"add", [](const Operands &o, bool) { return o.a + o.b; }},
        {"sub", [](const Operands &o, bool) { return o.a - o.b; }},
        {"neg", [](const Operands &o, bool) { return -o.a; }},
        {"abs", [](const Operands &o, bool) { return o.a < 0 ? -o.a : o.a; }},
        {"mul.lo", [](const Operands &o, bool) { return product(o.a, o.b); }},
        {"mul.wide", [](const Operands &o, bool) { return product(o.a, o.b); }},
        {"mul.hi", [](const Operands &o, bool s) { return upper(o.a, o.b, o.bits, s); }},
        {"mad.lo", [](const Operands &o, bool) { return Int(Nat(product(o.a, o.b)) + Nat(o.c)); }},
        {"mad.wide", [](const Operands &o, bool) { return product(o.a, o.b) + o.c; }},
        {"mad.hi", [](const Operands &o, bool s) { return upper(o.a, o.b, o.bits, s) + o.c; }},
        {"add.sat", [](const Operands &o, bool s) { return clamped(o.a + o.b, o.bits, s); }},
        {"sub.sat", [](const Operands &o, bool s) { return clamped(o.a - o.b, o.bits, s); }},
        {"mad.hi.sat", [](const Operands &o,
                          bool s) { return clamped(upper(o.a, o.b, o.bits, s) + o.c, o.bits, s); }},
        {"mul24.lo", [](const Operands &o, bool s) { return low24(o.a, s) * low24(o.b, s); }},
        {"mul24.hi", [](const Operands &o, bool s) { return low24(o.a, s) * low24(o.b, s) >> 16; }},
        {"mad24.lo", [](const Operands &o, bool s) { return low24(o.a, s) * low24(o.b, s) + o.c; }},
        {"mad24.hi",
         [](const Operands &o, bool s) { return (low24(o.a, s) * low24(o.b, s) >> 16) + o.c; }},
        {"div", [](const Operands &o, bool) { return quotient(o.a, o.b); }},
        {"rem",
         [](const Operands &o, bool) { return o.b == 0 ? o.a : o.a - o.b * quotient(o.a, o.b); }},
        {"min", [](const Operands &o, bool) { return o.a < o.b ? o.a : o.b; }},
        {"max", [](const Operands &o, bool) { return o.a < o.b ? o.b : o.a; }},
        {"min.relu",
         [](const Operands &o, bool) {
             Int least = o.a < o.b ? o.a : o.b;
             return least < 0 ? 0 : least;
         }},
        {"max.relu",
         [](const Operands &o, bool) {
             Int most = o.a < o.b ? o.b : o.a;
             return most < 0 ? 0 : most;
         }},
        {"sad", [](const Operands &o, bool) { return o.c + (o.a < o.b ? o.b - o.a : o.a - o.b); }},
    };
    return all;
}

/// The pair's halves each by the formula.
uint64_t by_halves(Formula formula, const Args &args, bool sign)
{
    uint64_t result = 0;
    for (unsigned part = 0; part < 2; part++) {
        auto half = [&](uint64_t bits) { return integer(bits >> (16 * part) & 0xffff, 16, sign); };
        Operands o{half(args.in[0]), half(args.in[1]), 0, 16};
        result |= wrapped(formula(o, sign), 16) << (16 * part);
    }
    return result;
}

/// add, sub and mad with the carry flag: the carry is bit n of the unsigned sum.
Reference with_carry(const Name &name, std::string stem)
{
    bool out = stem.ends_with(".cc");
    if (out)
        stem.resize(stem.size() - 3);
    bool in = stem.starts_with("addc") || stem.starts_with("subc") || stem.starts_with("madc");
    if (in)
        stem.erase(3, 1);
    if (!in && !out)
        return {};
    bool subtracts = stem == "sub", multiplies = stem.starts_with("mad."), high = stem == "mad.hi";
    unsigned bits = bits_of(name.types[0]);
    bool sign = is_signed(name.types[0]);
    Reference reference;
    reference.accuracy = "exact";
    reference.takes_carry = true;
    reference.judge = [=](const Args &args, const Result &got) -> std::string {
        Int a = integer(args.in[0], bits, false), b = integer(args.in[1], bits, false);
        Int carry = in && args.carry;
        Int sum;
        if (multiplies) {
            Int x = integer(args.in[0], bits, sign), y = integer(args.in[1], bits, sign);
            uint64_t part = wrapped(high ? upper(x, y, bits, sign) : product(x, y), bits);
            sum = Int(part) + integer(args.in[2], bits, false) + carry;
        } else {
            sum = subtracts ? a - b - carry : a + b + carry;
        }
        uint64_t flag = out ? uint64_t(subtracts ? sum < 0 : (sum >> bits) != 0) : args.carry;
        uint64_t value = wrapped(sum, bits);
        return got.value == value && got.second == flag
                   ? ""
                   : hex(value) + " and carry " + std::to_string(flag);
    };
    return reference;
}

Int video_part(const std::string &operation, Int a, Int b)
{
    if (operation == "vadd")
        return a + b;
    if (operation == "vsub")
        return a - b;
    if (operation == "vabsdiff")
        return a > b ? a - b : b - a;
    if (operation == "vmin")
        return a < b ? a : b;
    if (operation == "vmax")
        return a < b ? b : a;
    // vavrg rounds half away from zero: (a + b + (a + b >= 0)) >> 1
    return (a + b + (a + b >= 0 ? 1 : 0)) >> 1;
}

Reference video(const Name &name)
{
    size_t digit = name.opcode.find_first_of("24");
    if (name.opcode[0] != 'v' || digit == std::string::npos || name.types.size() != 3)
        return {};
    std::string operation = name.opcode.substr(0, digit);
    unsigned parts = unsigned(name.opcode[digit] - '0'), bits = 32 / parts;
    bool sat = name.stem.ends_with(".sat"), sums = name.stem.ends_with(".add");
    bool to_sign = is_signed(name.types[0]);
    bool a_sign = is_signed(name.types[1]), b_sign = is_signed(name.types[2]);
    return exactly([=](const Args &args) {
        uint64_t packed = 0;
        Int sum = Int(args.in[2]);
        for (unsigned i = 0; i < parts; i++) {
            Int a = integer(args.in[0] >> (bits * i), bits, a_sign);
            Int b = integer(args.in[1] >> (bits * i), bits, b_sign);
            Int value = video_part(operation, a, b);
            value = sat ? clamped(value, bits, to_sign) : value;
            sum += value;
            packed |= wrapped(value, bits) << (bits * i);
        }
        return sums ? wrapped(sum, 32) : packed;
    });
}

} // namespace

Reference integer_reference(const Name &name)
{
    if (Reference found = video(name); found.judge)
        return found;
    if (name.types.size() != 1 || is_float(name.types[0]) || name.types[0] == Type::pred)
        return {};
    Type type = name.types[0];
    if (Reference found = with_carry(name, name.stem); found.judge)
        return found;
    auto found = formulas().find(name.stem);
    if (found == formulas().end())
        return {};
    Formula formula = found->second;
    if (type == Type::u16x2 || type == Type::s16x2)
        return exactly(
            [=](const Args &args) { return by_halves(formula, args, type == Type::s16x2); });
    unsigned bits = bits_of(type);
    bool sign = is_signed(type), wide = name.stem.ends_with(".wide");
    return exactly([=](const Args &args) {
        Operands o{integer(args.in[0], bits, sign), integer(args.in[1], bits, sign),
                   integer(args.in[2], wide ? 2 * bits : bits, sign), bits};
        return wrapped(formula(o, sign), wide ? 2 * bits : bits);
    });
}

} // namespace vgpu::soft::rows
