// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/row-test.h"

#include <algorithm>
#include <cstring>

// Names of rows, and the instructions of PTX that they stand for.
namespace vgpu::soft::rows
{
namespace
{

using Variants = std::vector<std::pair<std::string, uint32_t>>;

Variants operator*(const Variants &first, const Variants &second)
{
    Variants all;
    for (auto &[a, x] : first)
        for (auto &[b, y] : second)
            all.emplace_back(a + b, x | y);
    return all;
}

const Variants kNone = {{"", 0}};
const Variants kRounds = {{".rn", 0}, {".rz", kRoundZero}, {".rm", kRoundDown}, {".rp", kRoundUp}};
const Variants kIntegral = {{".rni", kToInteger},
                            {".rzi", kToInteger | kRoundZero},
                            {".rmi", kToInteger | kRoundDown},
                            {".rpi", kToInteger | kRoundUp}};
const Variants kMaybeFtz = {{"", 0}, {".ftz", kFtz}};
const Variants kMaybeSat = {{"", 0}, {".sat", kSat}};
const Variants kMaybeRelu = {{"", 0}, {".relu", kRelu}};
const Variants kApproximate = {{".approx", kApprox}};
const Variants kCombinations = {{"", 0}, {".and", kWithAnd}, {".or", kWithOr}, {".xor", kWithXor}};

Variants join(Variants first, const Variants &second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

bool is_half(Type type)
{
    return type == Type::f16 || type == Type::bf16 || type == Type::f16x2 || type == Type::bf16x2;
}

Variants conversions(Type to, Type from)
{
    Variants ftz = to == Type::f32 || from == Type::f32 ? kMaybeFtz : kNone;
    if (to == Type::tf32)
        return Variants{{".rna", kAwayTies}, {".rn", 0}, {".rn.relu", kRelu}};
    if (!is_float(to) && !is_float(from))
        return kMaybeSat;
    if (!is_float(to))
        return kIntegral * (from == Type::f32 ? kMaybeFtz : kNone) * kMaybeSat;
    if (!is_float(from))
        return kRounds * kMaybeSat;
    if (to == from)
        return join(kNone, kIntegral) * ftz * kMaybeSat;
    bool narrows =
        size_of(to) < size_of(from) || (is_half(to) && is_half(from)) || size_of(to) == 4;
    if (size_of(to) > size_of(from) && !(to == Type::f16x2 || to == Type::bf16x2))
        narrows = false;
    if (!narrows)
        return ftz * kMaybeSat;
    Variants all = kRounds * ftz * kMaybeSat;
    return is_half(to) && from == Type::f32 ? join(kRounds * kMaybeRelu, kRounds * ftz * kMaybeSat)
                                            : all;
}

Variants variants(const Name &name)
{
    const std::string &op = name.opcode;
    Type type = name.types.empty() ? Type::none : name.types.back();
    bool f32 = type == Type::f32, f64 = type == Type::f64, half = is_half(type);
    if (op == "cvt")
        return conversions(name.types[0], name.types[1]);
    if (op == "setp")
        return kCombinations *
               (f32 || type == Type::f16 || type == Type::f16x2 ? kMaybeFtz : kNone);
    if (op == "slct")
        return f32 ? kMaybeFtz : kNone;
    if (!is_float(type))
        return kNone;
    if (half) {
        bool f16 = type == Type::f16 || type == Type::f16x2;
        Variants ftz = f16 ? kMaybeFtz : kNone;
        if (op == "add" || op == "sub" || op == "mul")
            return Variants{{"", 0}, {".rn", 0}} * ftz * (f16 ? kMaybeSat : kNone);
        if (op == "fma")
            return Variants{{".rn", 0}} * ftz *
                   (f16 ? join(kMaybeSat, {{".relu", kRelu}}) : kMaybeRelu);
        if (op == "min" || op == "max")
            return ftz * Variants{{"", 0}, {".NaN", kNanResult}};
        if (op == "ex2")
            return f16 ? kApproximate : Variants{{".approx.ftz", kApprox | kFtz}};
        if (op == "tanh")
            return kApproximate;
        return op == "neg" || op == "abs" ? ftz : kNone;
    }
    Variants ftz = f32 ? kMaybeFtz : kNone, sat = f32 ? kMaybeSat : kNone;
    if (op == "add" || op == "sub" || op == "mul")
        return join(kNone, kRounds) * ftz * sat;
    if (op == "fma" || op == "mad")
        return kRounds * ftz * sat;
    if (op == "div" && f32)
        return join(join(kRounds, kApproximate), {{".full", kFull}}) * ftz;
    if (op == "sqrt" || op == "rcp" || op == "div") {
        Variants all = kRounds * ftz;
        if (f32)
            all = join(all, kApproximate * ftz);
        return op == "rcp" && f64 ? join(all, {{".approx.ftz", kApprox | kFtz}}) : all;
    }
    if (op == "rsqrt")
        return kApproximate * kMaybeFtz;
    if (op == "min" || op == "max")
        return f32 ? ftz * Variants{{"", 0}, {".NaN", kNanResult}} *
                         Variants{{"", 0}, {".xorsign.abs", kXorSign}}
                   : kNone;
    if (op == "tanh")
        return kApproximate;
    if (op == "sin" || op == "cos" || op == "lg2" || op == "ex2")
        return kApproximate * ftz;
    return op == "neg" || op == "abs" ? ftz : kNone;
}

/// The types that a row of untyped bits serves.
std::vector<std::string> spellings(const Name &name)
{
    static constexpr std::string_view kArithmetic[] = {
        "add",    "sub",  "mul.lo",  "mad.lo",    "add.cc",     "addc",   "addc.cc",
        "sub.cc", "subc", "subc.cc", "mad.lo.cc", "madc.lo.cc", "madc.lo"};
    std::string typed;
    for (Type type : name.types)
        typed += name_of(type);
    Type first = name.types.empty() ? Type::none : name.types[0];
    if (first != Type::b16 && first != Type::b32 && first != Type::b64)
        return {typed};
    std::string width = std::string(name_of(name.types[0]).substr(2));
    std::string rest = typed.substr(name_of(name.types[0]).size());
    if (std::find(std::begin(kArithmetic), std::end(kArithmetic), name.stem) !=
        std::end(kArithmetic))
        return {".u" + width, ".s" + width};
    if (name.stem == "neg")
        return {".s" + width};
    if (name.stem == "setp.eq" || name.stem == "setp.ne" || name.opcode == "selp" ||
        name.opcode == "slct" || name.stem == "mov")
        return {".b" + width + rest, ".u" + width + rest, ".s" + width + rest};
    if (name.stem == "shr")
        return {".b" + width, ".u" + width};
    return {typed};
}

} // namespace

Name::Name(std::string_view row) : text(row)
{
    std::string_view rest = row;
    size_t dot = rest.find('.');
    opcode = stem = std::string(rest.substr(0, dot));
    while (dot != std::string_view::npos) {
        rest.remove_prefix(dot);
        dot = rest.find('.', 1);
        std::string_view part = rest.substr(0, dot);
        if (auto type = parse_type(part))
            types.push_back(*type);
        else
            stem += part;
    }
}

std::vector<Form> forms_of(const Name &name, const Operation &row)
{
    std::string stem = name.stem, after;
    // SIMD video instructions say .sat and .add at the end; prmt says its mode there.
    bool video = name.opcode[0] == 'v' && name.types.size() == 3;
    bool permutes = name.opcode == "prmt";
    if (size_t dot = stem.find('.'); (video || permutes) && dot != std::string::npos) {
        after = stem.substr(dot);
        stem.resize(dot);
    }
    // The clamping forms of bfind and the like name their mode before the type: no change.
    std::vector<Form> forms;
    for (const std::string &types : spellings(name))
        for (auto &[text, bits] : variants(name)) {
            // A boolean combination stands before .ftz.
            forms.push_back({stem + text + types + after, bits});
        }
    // .lo .ls .hi .hs are unsigned comparisons' other names.
    static const std::map<std::string, std::string> old = {{"setp.lt", "setp.lo"},
                                                           {"setp.le", "setp.ls"},
                                                           {"setp.gt", "setp.hi"},
                                                           {"setp.ge", "setp.hs"}};
    if (auto found = old.find(stem); found != old.end() && name_of(name.types[0]).starts_with(".u"))
        forms.push_back({found->second + std::string(name_of(name.types[0])), 0});
    (void)row;
    return forms;
}

unsigned bits_of(Type type)
{
    return std::max(16u, unsigned(size_of(type)) * 8);
}

Int integer(uint64_t bits, unsigned width, bool sign)
{
    Nat mask = (Nat(1) << width) - 1;
    Nat value = bits & mask;
    return sign && (value >> (width - 1) & 1) ? Int(value) - (Int(1) << width) : Int(value);
}

uint64_t wrapped(Int value, unsigned width)
{
    return uint64_t(Nat(value) & ((Nat(1) << width) - 1));
}

std::string hex(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)value);
    return text;
}

Reference exactly(std::function<uint64_t(const Args &)> compute)
{
    Reference reference;
    reference.accuracy = "exact";
    reference.judge = [compute = std::move(compute)](const Args &args, const Result &got) {
        uint64_t want = compute(args);
        return got.value == want ? std::string() : hex(want);
    };
    return reference;
}

Reference find_reference(const Name &name)
{
    for (auto source :
         {integer_reference, bit_reference, float_reference, convert_reference, compare_reference})
        if (Reference found = source(name); found.judge)
            return found;
    return {};
}

} // namespace vgpu::soft::rows
