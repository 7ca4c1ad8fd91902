// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include <algorithm>
#include <cstring>

// Instructions whose typed forms are rows of the tables: the name is put together from the
// modifiers that tell forms apart, the others become bits of Inst::aux.
namespace vgpu::soft
{
namespace
{

struct ModifierRow {
    std::string_view name;
    uint32_t bits;
};

constexpr ModifierRow kModifiers[] = {
    {".rn", 0},
    {".rm", kRoundDown},
    {".rp", kRoundUp},
    {".rz", kRoundZero},
    {".rni", kToInteger},
    {".rmi", kRoundDown | kToInteger},
    {".rpi", kRoundUp | kToInteger},
    {".rzi", kRoundZero | kToInteger},
    {".rna", kAwayTies},
    {".ftz", kFtz},
    {".sat", kSat},
    {".relu", kRelu},
    {".NaN", kNanResult},
    {".approx", kApprox},
    {".full", kFull},
    {".noftz", 0},
    {".satfinite", 0},
};

const ModifierRow *find_modifier(std::string_view name)
{
    auto found = std::find_if(std::begin(kModifiers), std::end(kModifiers),
                              [&](const ModifierRow &row) { return row.name == name; });
    return found == std::end(kModifiers) ? nullptr : found;
}

/// ".b32" for any type of four bytes.
std::string untyped(Type type)
{
    return type == Type::pred ? ".pred" : ".b" + std::to_string(size_of(type) * 8);
}

std::string comparison(std::string_view modifier)
{
    if (modifier == ".lo")
        return ".lt";
    if (modifier == ".ls")
        return ".le";
    if (modifier == ".hi")
        return ".gt";
    return modifier == ".hs" ? ".ge" : std::string(modifier);
}

bool is_comparison(std::string_view modifier)
{
    static constexpr std::string_view names[] = {".eq",  ".ne",  ".lt",  ".le",  ".gt",  ".ge",
                                                 ".lo",  ".ls",  ".hi",  ".hs",  ".equ", ".neu",
                                                 ".ltu", ".leu", ".gtu", ".geu", ".num", ".nan"};
    return std::find(std::begin(names), std::end(names), modifier) != std::end(names);
}

size_t bytes_of(char letter)
{
    return letter == 'p' ? 0 : letter == 'h' ? 2 : letter == 'w' ? 4 : 8;
}

} // namespace

void Decoder::plain(const Instruction &in)
{
    std::string stem(in.opcode), integer_suffix;
    std::vector<Type> types;
    uint32_t aux = 0;
    bool rounding_seen = false;
    for (size_t i = 0; i < in.modifiers.size(); i++) {
        std::string_view modifier = in.modifiers[i];
        if (auto type = parse_type(modifier)) {
            types.push_back(*type);
        } else if (modifier == ".xorsign") {
            aux |= kXorSign;
            i += i + 1 < in.modifiers.size() && in.modifiers[i + 1] == ".abs";
        } else if (const ModifierRow *row = find_modifier(modifier)) {
            aux |= row->bits;
            rounding_seen |= modifier.starts_with(".r") && modifier != ".relu";
            if (modifier == ".sat" || modifier == ".relu")
                integer_suffix += modifier;
        } else {
            stem += modifier;
        }
    }
    if (types.empty())
        unsupported(in);
    if (!is_float(types.back())) {
        // For integers .sat and .relu make another operation, and the rest has no meaning.
        if (rounding_seen || (aux & ~(kSat | kRelu)))
            unsupported(in);
        stem += integer_suffix;
        aux = 0;
    }
    auto named = [&](size_t generic) {
        std::string name = stem;
        for (size_t i = 0; i < types.size(); i++)
            name += i < generic ? untyped(types[i]) : std::string(name_of(types[i]));
        return find_operation(name);
    };
    const Operation *found = named(0);
    if (!found)
        found = named(1);
    if (!found && types.size() > 1)
        found = named(types.size());
    if (!found || (aux & ~found->modifiers))
        unsupported(in);
    size_t count = strlen(found->signature);
    need(in, count, count);
    if (count < 2 || count > 5)
        unsupported(in);
    Slot sources[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
    for (size_t i = 1; i < count; i++) {
        bool first_type = in.opcode == "slct" && i < 3;
        Type type = first_type ? types[0] : types.back();
        sources[i - 1] = source(in.operands[i], in, type, bytes_of(found->signature[i]));
    }
    Slot d = destination(in.operands[0], in, bytes_of(found->signature[0]));
    Inst &inst = emit(in, found->run);
    inst.d = d;
    inst.a = sources[0];
    inst.b = sources[1];
    inst.c = sources[2];
    inst.e = sources[3];
    inst.aux = aux;
}

/// The comparison of setp and set, without its destinations; operands 1 and 2, and c of a boolean
/// combination.
Inst &Decoder::finish_compare(const Instruction &in, const std::string &name, Type type,
                              uint32_t aux)
{
    const Operation *found = find_operation("setp" + name + std::string(name_of(type)));
    if (!found)
        found = find_operation("setp" + name + untyped(type));
    if (!found && type >= Type::b8 && type <= Type::b64) // .b32 compares for order are unsigned
        found = find_operation("setp" + name + ".u" + std::to_string(size_of(type) * 8));
    if (!found || (aux & ~found->modifiers))
        unsupported(in);
    size_t bytes = size_of(type);
    int64_t combine = 0;
    for (std::string_view modifier : in.modifiers)
        combine = modifier == ".and" ? 1 : modifier == ".or" ? 2 : modifier == ".xor" ? 3 : combine;
    need(in, combine ? 4 : 3, combine ? 4 : 3);
    Slot a = source(in.operands[1], in, type, bytes), b = source(in.operands[2], in, type, bytes);
    Slot c = combine ? source(in.operands[3], in, Type::pred, 0) : kNoSlot;
    Inst &inst = emit(in, found->run);
    inst.a = a;
    inst.b = b;
    inst.c = c;
    inst.imm = combine;
    inst.aux = aux;
    return inst;
}

void Decoder::compare(const Instruction &in)
{
    std::string name;
    uint32_t aux = 0;
    Type type = Type::none;
    for (std::string_view modifier : in.modifiers) {
        if (is_comparison(modifier))
            name = comparison(modifier);
        else if (modifier == ".ftz")
            aux |= kFtz;
        else if (auto found = parse_type(modifier))
            type = *found;
        else if (modifier != ".and" && modifier != ".or" && modifier != ".xor")
            unsupported(in);
    }
    if (in.operands.empty())
        need(in, 3, 4);
    const Operand &to = in.operands[0];
    bool pair = to.kind == Operand::Kind::pair;
    Slot d = destination_or_none(pair ? to.elements[0] : to, in, 0);
    Slot e = pair ? destination_or_none(to.elements[1], in, 0) : kNoSlot;
    Inst &inst = finish_compare(in, name, type, aux);
    inst.d = d;
    inst.e = e;
}

/// set = setp, then a choice between true's pattern and 0.
void Decoder::set(const Instruction &in)
{
    std::string name;
    uint32_t aux = 0;
    std::vector<Type> types;
    for (std::string_view modifier : in.modifiers) {
        if (is_comparison(modifier))
            name = comparison(modifier);
        else if (modifier == ".ftz")
            aux |= kFtz;
        else if (auto found = parse_type(modifier))
            types.push_back(*found);
        else if (modifier != ".and" && modifier != ".or" && modifier != ".xor")
            unsupported(in);
    }
    if (types.size() == 1) // set.eq.f16x2 names its type once in old text
        types.push_back(types[0]);
    if (types.size() != 2 || in.operands.empty())
        unsupported(in);
    size_t bytes = size_of(types[0]);
    bool halves = types[1] == Type::f16x2 || types[1] == Type::bf16x2;
    uint64_t truth = types[0] == Type::f32      ? 0x3f800000u
                     : types[0] == Type::f16    ? 0x3c00u
                     : types[0] == Type::bf16   ? 0x3f80u
                     : types[0] == Type::f16x2  ? 0x3c00u
                     : types[0] == Type::bf16x2 ? 0x3f80u
                     : halves                   ? 0xffffu
                                                : ~uint64_t(0);
    Slot p = temporary(0), q = halves ? temporary(0) : kNoSlot;
    Inst &test = finish_compare(in, name, types[1], aux);
    test.d = p;
    test.e = q;
    Slot d = destination(in.operands[0], in, bytes);
    auto select = [&](Slot to, uint64_t yes, Slot by) {
        Slot a = constant(yes, bytes), b = constant(0, bytes);
        Inst &inst = emit(in, "selp.b" + std::to_string(bytes * 8));
        inst.d = to;
        inst.a = a;
        inst.b = b;
        inst.c = by;
    };
    select(d, truth, p);
    if (halves) {
        Slot upper = temporary(bytes);
        select(upper, truth << 16, q);
        Inst &inst = emit(in, "or.b32");
        inst.d = inst.a = d;
        inst.b = upper;
    }
}

/// cvt may read a wider register and write a wider one.
void Decoder::convert(const Instruction &in)
{
    std::vector<Type> types;
    uint32_t aux = 0;
    if (!in.modifiers.empty() && in.modifiers[0] == ".pack")
        return pack(in);
    for (std::string_view modifier : in.modifiers) {
        if (auto type = parse_type(modifier))
            types.push_back(*type);
        else if (const ModifierRow *row = find_modifier(modifier))
            aux |= row->bits;
        else
            unsupported(in);
    }
    if (types.size() != 2)
        unsupported(in);
    const Operation &found =
        operation(in, "cvt" + std::string(name_of(types[0])) + std::string(name_of(types[1])));
    bool pair = types[0] == Type::f16x2 || types[0] == Type::bf16x2;
    need(in, pair ? 3 : 2, pair ? 3 : 2);
    // A rounding without effect (integer to integer, widening) is no modifier of the work.
    if (!is_float(types[0]) && !is_float(types[1]))
        aux &= kSat;
    else if (types[0] != types[1] && is_float(types[0]) && is_float(types[1]))
        aux &= ~uint32_t(kToInteger);
    size_t to = std::max<size_t>(2, size_of(types[0])),
           from = std::max<size_t>(2, size_of(types[1]));
    Slot sources[2] = {kNoSlot, kNoSlot};
    for (size_t i = 1; i < in.operands.size(); i++) {
        Value operand = value(in.operands[i], in, types[1], from);
        if (operand.bytes < from)
            fail_at(in.operands[i].at, "the source is narrower than its type");
        if (operand.bytes > from) {
            Slot narrow = temporary(from);
            resize(in, narrow, from, operand.slot, operand.bytes, false);
            operand.slot = narrow;
        }
        sources[i - 1] = operand.slot;
    }
    const Operand &target = in.operands[0];
    Register *reg =
        target.kind == Operand::Kind::name ? find_register(target.name, in.scope) : nullptr;
    size_t width = reg && reg->type != Type::pred ? std::max<size_t>(2, size_of(reg->type)) : to;
    if (width < to)
        fail_at(target.at, "the destination is narrower than its type");
    Slot d = destination(target, in, width);
    Slot result = width == to ? d : temporary(to);
    Inst &inst = emit(in, found.run);
    inst.d = result;
    inst.a = sources[0];
    inst.b = sources[1];
    inst.aux = aux;
    if (width != to)
        resize(in, d, width, result, to, is_signed(types[0]));
}

/// cvt.pack: all modifiers are the row's name, small types that no register has among them.
void Decoder::pack(const Instruction &in)
{
    std::string name(in.opcode);
    for (std::string_view modifier : in.modifiers)
        name += modifier;
    const Operation &found = operation(in, name);
    size_t count = strlen(found.signature);
    need(in, count, count);
    Slot sources[3] = {kNoSlot, kNoSlot, kNoSlot};
    for (size_t i = 1; i < count; i++)
        sources[i - 1] = source(in.operands[i], in, Type::b32, 4);
    Slot d = destination(in.operands[0], in, 4);
    Inst &inst = emit(in, found.run);
    inst.d = d;
    inst.a = sources[0];
    inst.b = sources[1];
    inst.c = sources[2];
}

void Decoder::move(const Instruction &in)
{
    need(in, 2, 2);
    if (in.operands[0].kind == Operand::Kind::vector ||
        in.operands[1].kind == Operand::Kind::vector)
        return move_vector(in);
    auto type = in.modifiers.size() == 1 ? parse_type(in.modifiers[0]) : std::nullopt;
    if (!type || *type == Type::b128)
        unsupported(in);
    size_t bytes = size_of(*type);
    Value from = value(in.operands[1], in, *type, bytes);
    Slot a = from.slot;
    if (from.bytes != (bytes == 1 ? 2 : bytes)) {
        // %tid and its like are 32 bits wide, and may be moved to 64 and to 16.
        if (bytes == 0 || from.bytes == 0 || find_register(in.operands[1].name, in.scope))
            fail_at(in.operands[1].at, "the source has the wrong size for mov");
        a = temporary(bytes);
        resize(in, a, bytes, from.slot, from.bytes, false);
    }
    Slot d = destination(in.operands[0], in, bytes);
    Inst &inst = emit(in, "mov" + untyped(*type));
    inst.d = d;
    inst.a = a;
}

void Decoder::move_vector(const Instruction &in)
{
    auto type = in.modifiers.size() == 1 ? parse_type(in.modifiers[0]) : std::nullopt;
    if (!type)
        unsupported(in);
    bool unpacks = in.operands[0].kind == Operand::Kind::vector;
    const Operand &vector = in.operands[unpacks ? 0 : 1];
    size_t parts = vector.elements.size(), bytes = size_of(*type);
    if (parts == 0 || (parts != 2 && parts != 4) || bytes % parts != 0 || bytes / parts < 2 ||
        bytes > 8)
        unsupported(in);
    size_t part = bytes / parts;
    std::string name =
        std::string(unpacks ? "unpack." : "pack.") + width_letter(bytes) + "." + width_letter(part);
    const Operation &found = operation(in, name);
    Slot slots[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
    if (unpacks) {
        Slot a = source(in.operands[1], in, *type, bytes);
        for (size_t i = 0; i < parts; i++)
            slots[i] = destination_or_none(vector.elements[i], in, part);
        Inst &inst = emit(in, found.run);
        inst.a = a;
        inst.d = slots[0];
        inst.b = slots[1];
        inst.c = slots[2];
        inst.e = slots[3];
        return;
    }
    Type part_type = part == 2 ? Type::b16 : Type::b32;
    for (size_t i = 0; i < parts; i++)
        slots[i] = source(vector.elements[i], in, part_type, part);
    Slot d = destination(in.operands[0], in, bytes);
    Inst &inst = emit(in, found.run);
    inst.d = d;
    inst.a = slots[0];
    inst.b = slots[1];
    inst.c = slots[2];
    inst.e = slots[3];
}

} // namespace vgpu::soft
