// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-test.h"

#include <algorithm>

// Logic, shifts, bit fields and permutations, one bit or byte at a time.
namespace vgpu::soft::rows
{
namespace
{

bool bit(uint64_t value, uint64_t index)
{
    return index < 64 && (value >> index & 1);
}

/// A value whose bit i is f(i).
template<class F>
uint64_t bitwise(unsigned width, F f)
{
    uint64_t result = 0;
    for (unsigned i = 0; i < width; i++)
        result |= uint64_t(bool(f(i))) << i;
    return result;
}

uint64_t count(uint64_t value, unsigned width)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < width; i++)
        sum += bit(value, i);
    return sum;
}

/// The highest bit that differs from the sign (0 for unsigned), or -1.
int64_t highest(uint64_t value, unsigned width, bool sign)
{
    bool other = sign && bit(value, width - 1);
    for (int i = int(width) - 1; i >= 0; i--)
        if (bit(value, unsigned(i)) != other)
            return i;
    return -1;
}

/// The manual's definition: bits past the top, and all of an empty field's, are the sign or zero.
uint64_t extract(const Args &args, unsigned width, bool sign)
{
    uint64_t position = args.in[1] & 0xff, length = args.in[2] & 0xff;
    uint64_t top = std::min<uint64_t>(position + length - 1, width - 1);
    bool fill = sign && length != 0 && bit(args.in[0], top);
    return bitwise(width, [&](unsigned i) {
        return i < length && position + i < width ? bit(args.in[0], position + i) : fill;
    });
}

uint64_t insert(const Args &args, unsigned width)
{
    uint64_t position = args.in[2] & 0xff, length = args.in[3] & 0xff;
    return bitwise(width, [&](unsigned i) {
        bool inside = i >= position && i < position + length;
        return bit(args.in[inside ? 0 : 1], inside ? i - position : i);
    });
}

/// Funnel shift: the 64 bits b:a.
uint64_t funnel(const Args &args, bool left, bool wrap)
{
    uint64_t pair = args.in[1] << 32 | args.in[0];
    uint64_t n = wrap ? args.in[2] & 31 : std::min<uint64_t>(args.in[2], 32);
    return bitwise(32, [&](unsigned i) { return bit(pair, left ? 32 + i - n : i + n); });
}

uint64_t permute(const Args &args, const std::string &mode)
{
    uint64_t pair = args.in[1] << 32 | args.in[0], c = args.in[2] & 3, result = 0;
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t from = args.in[2] >> (4 * i) & 15;
        if (mode == "f4e")
            from = c + i;
        else if (mode == "b4e")
            from = (c + 8 - i) % 8;
        else if (mode == "rc8")
            from = c;
        else if (mode == "ecl")
            from = std::max(c, i);
        else if (mode == "ecr")
            from = std::min(c, i);
        else if (mode == "rc16")
            from = (c & 1) * 2 + (i & 1);
        uint64_t byte = pair >> (8 * (from & 7)) & 0xff;
        if (from & 8)
            byte = byte & 0x80 ? 0xff : 0;
        result |= byte << (8 * i);
    }
    return result;
}

/// fns: the n-th set bit from `base`, upward for a positive offset.
uint64_t nth_set(const Args &args)
{
    auto base = int64_t(args.in[1] & 31);
    auto offset = int64_t(int32_t(args.in[2]));
    if (offset == 0)
        return bit(args.in[0], uint64_t(base)) ? uint64_t(base) : 0xffffffffu;
    int64_t step = offset > 0 ? 1 : -1, seen = 0;
    for (int64_t at = base; at >= 0 && at < 32; at += step) {
        seen += bit(args.in[0], uint64_t(at)) ? step : 0;
        if (seen == offset && bit(args.in[0], uint64_t(at)))
            return uint64_t(at);
    }
    return 0xffffffffu;
}

uint64_t dot(const Name &name, const Args &args)
{
    bool four = name.opcode == "dp4a";
    bool a_sign = is_signed(name.types[0]), b_sign = is_signed(name.types[1]);
    unsigned n = four ? 4 : 2, first = name.stem == "dp2a.hi" ? 2 : 0;
    Int sum = Int(args.in[2]);
    for (unsigned i = 0; i < n; i++)
        sum += integer(args.in[0] >> ((four ? 8 : 16) * i), four ? 8 : 16, a_sign) *
               integer(args.in[1] >> (8 * (first + i)), 8, b_sign);
    return wrapped(sum, 32);
}

uint64_t extend(const Args &args, bool sign, bool wrap)
{
    uint64_t n = wrap ? args.in[1] & 31 : std::min<uint64_t>(args.in[1], 32);
    return n == 0 ? 0 : wrapped(integer(args.in[0], unsigned(n), sign), 32);
}

uint64_t mask(const Args &args, bool wrap)
{
    uint64_t position = args.in[0], length = args.in[1];
    if (wrap)
        position &= 31, length &= 31;
    return bitwise(32, [&](uint64_t i) { return i >= position && i - position < length; });
}

} // namespace

Reference bit_reference(const Name &name)
{
    if (name.opcode == "dp4a" || name.opcode == "dp2a")
        return exactly([name](const Args &args) { return dot(name, args); });
    if (name.types.size() != 1 || is_float(name.types[0]))
        return {};
    bool predicate = name.types[0] == Type::pred, sign = is_signed(name.types[0]);
    unsigned width = predicate ? 1 : bits_of(name.types[0]);
    const std::string &stem = name.stem;
    using In = const Args &;
    std::map<std::string, std::function<uint64_t(In)>> all = {
        {"and",
         [=](In x) {
             return bitwise(width, [&](int i) { return bit(x.in[0], i) && bit(x.in[1], i); });
         }},
        {"or",
         [=](In x) {
             return bitwise(width, [&](int i) { return bit(x.in[0], i) || bit(x.in[1], i); });
         }},
        {"xor",
         [=](In x) {
             return bitwise(width, [&](int i) { return bit(x.in[0], i) != bit(x.in[1], i); });
         }},
        {"not", [=](In x) { return bitwise(width, [&](int i) { return !bit(x.in[0], i); }); }},
        {"mov", [=](In x) { return bitwise(width, [&](int i) { return bit(x.in[0], i); }); }},
        {"cnot", [=](In x) { return uint64_t(count(x.in[0], width) == 0); }},
        {"shl",
         [=](In x) {
             return bitwise(width,
                            [&](unsigned i) { return i >= x.in[1] && bit(x.in[0], i - x.in[1]); });
         }},
        {"shr",
         [=](In x) {
             bool fill = sign && bit(x.in[0], width - 1);
             return bitwise(width, [&](unsigned i) {
                 return x.in[1] + i < width ? bit(x.in[0], x.in[1] + i) : fill;
             });
         }},
        {"popc", [=](In x) { return count(x.in[0], width); }},
        {"clz",
         [=](In x) { return uint64_t(int64_t(width) - 1 - highest(x.in[0], width, false)); }},
        {"brev",
         [=](In x) {
             return bitwise(width, [&](unsigned i) { return bit(x.in[0], width - 1 - i); });
         }},
        {"bfind", [=](In x) { return uint32_t(highest(x.in[0], width, sign)); }},
        {"bfind.shiftamt",
         [=](In x) {
             int64_t at = highest(x.in[0], width, sign);
             return at < 0 ? 0xffffffffu : uint32_t(width - 1 - uint64_t(at));
         }},
        {"bfe", [=](In x) { return extract(x, width, sign); }},
        {"bfi", [=](In x) { return insert(x, width); }},
        {"bmsk.clamp", [=](In x) { return mask(x, false); }},
        {"bmsk.wrap", [=](In x) { return mask(x, true); }},
        {"szext.clamp", [=](In x) { return extend(x, sign, false); }},
        {"szext.wrap", [=](In x) { return extend(x, sign, true); }},
        {"shf.l.wrap", [=](In x) { return funnel(x, true, true); }},
        {"shf.r.wrap", [=](In x) { return funnel(x, false, true); }},
        {"shf.l.clamp", [=](In x) { return funnel(x, true, false); }},
        {"shf.r.clamp", [=](In x) { return funnel(x, false, false); }},
        {"lop3",
         [=](In x) {
             return bitwise(32, [&](unsigned i) {
                 return bit(x.in[3], bit(x.in[0], i) * 4 + bit(x.in[1], i) * 2 + bit(x.in[2], i));
             });
         }},
        {"prmt", [=](In x) { return permute(x, ""); }},
        {"fns", [=](In x) { return nth_set(x); }},
    };
    if (stem.starts_with("prmt."))
        return exactly([mode = stem.substr(5)](In x) { return permute(x, mode); });
    auto found = all.find(stem);
    return found == all.end() ? Reference{} : exactly(found->second);
}

} // namespace vgpu::soft::rows
