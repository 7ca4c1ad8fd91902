// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-real.h"

// setp, selp, slct.
namespace vgpu::soft::rows
{
namespace
{

enum class Order { less, equal, greater, unordered };

Order order_of(Type type, uint64_t a, uint64_t b, bool ftz)
{
    int sign;
    if (is_float(type)) {
        Binary f = format_of(type);
        if (f.is_nan(a) || f.is_nan(b))
            return Order::unordered;
        static thread_local Real x(64), y(64);
        decode(x, f, ftz ? f.flushed(a) : a);
        decode(y, f, ftz ? f.flushed(b) : b);
        sign = mpfr_cmp(x, y);
    } else {
        unsigned bits = bits_of(type);
        Int x = integer(a, bits, is_signed(type)), y = integer(b, bits, is_signed(type));
        sign = x < y ? -1 : x > y;
    }
    return sign < 0 ? Order::less : sign > 0 ? Order::greater : Order::equal;
}

bool holds(const std::string &comparison, Order order)
{
    bool unordered = order == Order::unordered;
    if (comparison == "num" || comparison == "nan")
        return unordered == (comparison == "nan");
    if (unordered)
        return comparison.size() == 3; // equ, neu, ltu, ...
    std::string kind = comparison.substr(0, 2);
    return kind == "eq"   ? order == Order::equal
           : kind == "ne" ? order != Order::equal
           : kind == "lt" ? order == Order::less
           : kind == "le" ? order != Order::greater
           : kind == "gt" ? order == Order::greater
                          : order != Order::less;
}

uint64_t combined(uint32_t modifiers, bool value, bool with)
{
    return modifiers & kWithAnd   ? value && with
           : modifiers & kWithOr  ? value || with
           : modifiers & kWithXor ? value != with
                                  : value;
}

} // namespace

Reference compare_reference(const Name &name)
{
    Reference reference;
    reference.accuracy = "exact";
    Type type = name.types.empty() ? Type::none : name.types.back();
    reference.floating = is_float(type) ? type : Type::none;
    if (name.opcode == "setp") {
        std::string comparison = name.stem.substr(5);
        bool pair = type == Type::f16x2 || type == Type::bf16x2;
        reference.second = true;
        reference.judge = [=](const Args &args, const Result &got) -> std::string {
            bool ftz = args.modifiers & kFtz, with = args.in[2];
            uint64_t first, second;
            if (pair) {
                auto half = [&](unsigned part) {
                    auto of = [&](uint64_t bits) { return bits >> (16 * part) & 0xffff; };
                    Order order = order_of(type, of(args.in[0]), of(args.in[1]), ftz);
                    return combined(args.modifiers, holds(comparison, order), with);
                };
                first = half(0);
                second = half(1);
            } else {
                bool value = holds(comparison, order_of(type, args.in[0], args.in[1], ftz));
                first = combined(args.modifiers, value, with);
                second = combined(args.modifiers, !value, with);
            }
            return got.value == first && got.second == second
                       ? ""
                       : std::to_string(first) + "|" + std::to_string(second);
        };
        return reference;
    }
    if (name.opcode == "selp")
        return exactly([](const Args &args) { return args.in[args.in[2] ? 0 : 1]; });
    if (name.opcode == "slct" && name.types.size() == 2) {
        reference.judge = exactly([=](const Args &args) {
                              Order order = order_of(type, args.in[2], 0, args.modifiers & kFtz);
                              bool first = order == Order::equal || order == Order::greater;
                              return args.in[first ? 0 : 1];
                          }).judge;
        return reference;
    }
    return {};
}

} // namespace vgpu::soft::rows
