// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/mbarrier.h"

#include <algorithm>

// ld, st, atom, red, cp.async, mbarrier, and what turns addresses of one space into those of
// another.
namespace vgpu::soft
{
namespace
{

/// What a memory instruction's modifiers say.
struct Access {
    Space space = Space::none;
    Type type = Type::none;
    unsigned count = 1;
    bool known = true; ///< no modifier was strange
};

bool is_harmless(std::string_view modifier)
{
    static constexpr std::string_view names[] = {
        ".volatile", ".relaxed", ".acquire", ".release", ".acq_rel", ".weak", ".mmio", ".cta",
        ".cluster",  ".gpu",     ".sys",     ".nc",      ".ca",      ".cg",   ".cs",   ".lu",
        ".cv",       ".wb",      ".wt",      ".noftz",   ".sc",      ".rn"};
    return std::find(std::begin(names), std::end(names), modifier) != std::end(names) ||
           modifier.starts_with(".L1::") || modifier.starts_with(".L2::");
}

Space parse_space(std::string_view modifier)
{
    if (modifier == ".global")
        return Space::global;
    if (modifier == ".const")
        return Space::constant;
    if (modifier.starts_with(".shared"))
        return Space::shared;
    if (modifier == ".local")
        return Space::local;
    return modifier.starts_with(".param") ? Space::param : Space::none;
}

Access parse_access(const syntax::Instruction &in, std::vector<std::string_view> *rest = nullptr)
{
    Access access;
    for (std::string_view modifier : in.modifiers) {
        if (Space space = parse_space(modifier); space != Space::none)
            access.space = space;
        else if (auto type = parse_type(modifier))
            access.type = *type;
        else if (modifier == ".v2" || modifier == ".v4")
            access.count = modifier == ".v2" ? 2 : 4;
        else if (is_harmless(modifier))
            continue;
        else if (rest)
            rest->push_back(modifier);
        else
            access.known = false;
    }
    return access;
}

/// "b32", "s16": what the bytes in memory are to a load into a register of `bytes`.
std::string memory_type(Type type, size_t bytes)
{
    bool extends = is_signed(type) && size_of(type) < bytes;
    if (type == Type::s8)
        return "s8";
    return (extends ? "s" : "b") + std::to_string(size_of(type) * 8);
}

std::string suffix(unsigned count)
{
    return count == 1 ? "" : ".v" + std::to_string(count);
}

} // namespace

Decoder::Address Decoder::address(const Operand &operand, const Instruction &in)
{
    if (operand.kind != Operand::Kind::memory)
        fail_at(operand.at, "an address in [] is needed here");
    Address result;
    result.offset = operand.offset;
    result.room = UINT64_MAX;
    if (operand.name.empty()) {
        result.slot = constant(0, 8);
        return result;
    }
    if (Register *reg = find_register(operand.name, in.scope)) {
        Operand base = operand;
        base.kind = Operand::Kind::name;
        base.offset = 0;
        base.elements.clear();
        Value found = value(base, in, Type::b64, 8);
        if (found.bytes != 4 && found.bytes != 8)
            fail_at(operand.at, "an address has 32 or 64 bits");
        result.slot = found.slot;
        result.width = found.bytes;
        (void)reg;
        return result;
    }
    const Place *place = find_place(operand.name, in.scope);
    if (place &&
        (place->variable->space == Space::param || place->variable->space == Space::local)) {
        if (operand.offset < 0 || uint64_t(operand.offset) > place->variable->size)
            fail_at(operand.at, "the offset is outside of '" + std::string(operand.name) + "'");
        result.kind = place->parameter ? Address::Kind::parameter : Address::Kind::frame;
        result.space = place->variable->space;
        result.room = place->variable->size - uint64_t(operand.offset);
        result.offset = int64_t(place->offset) + operand.offset;
        return result;
    }
    Operand base = operand;
    base.kind = Operand::Kind::name;
    base.offset = 0;
    base.elements.clear();
    bool shared = (place && place->variable->space == Space::shared) ||
                  module_.shared_offset(operand.name) != Module::npos ||
                  module_.is_dynamic_shared(operand.name);
    Value found = address_of(base, in, shared ? 4 : 8);
    result.slot = found.slot;
    result.width = found.bytes;
    result.space = shared ? Space::shared : Space::global;
    return result;
}

void Decoder::address_into(Inst &inst, const Address &address)
{
    inst.a = address.slot;
    inst.imm = address.offset;
    inst.aux = uint32_t(address.width);
    inst.f = span_++ & 255;
}

/// The part of a handler's name that tells the space.
std::string Decoder::memory_space(const Instruction &in, const Address &address, Space space) const
{
    switch (space) {
    case Space::global:
    case Space::constant:
        if (address.width != 8)
            fail_at(in.at, "a global address has 64 bits");
        return "global";
    case Space::shared:
        return "shared";
    case Space::local:
        return "local";
    default:
        if (address.space == Space::shared)
            return "shared";
        if (address.width != 8)
            fail_at(in.at, "a generic address has 64 bits");
        return "generic";
    }
}

void Decoder::load(const Instruction &in)
{
    Access access = parse_access(in);
    if (!access.known || access.type == Type::none || access.type == Type::b128 ||
        access.type == Type::pred)
        unsupported(in);
    need(in, 2, 3);
    Address from = address(in.operands[1], in);
    const Operand &to = in.operands[0];
    std::vector<const Operand *> targets;
    if (to.kind == Operand::Kind::vector)
        for (const Operand &element : to.elements)
            targets.push_back(&element);
    else
        targets.push_back(&to);
    if (targets.size() != access.count)
        fail_at(to.at, "the vector has the wrong number of elements");
    size_t size = size_of(access.type);
    if (from.room != UINT64_MAX && size * access.count > from.room)
        fail_at(in.operands[1].at, "the access is outside of the variable");
    // All elements have registers of one width.
    size_t bytes = std::max<size_t>(2, size);
    for (const Operand *target : targets)
        if (target->kind == Operand::Kind::name)
            if (Register *reg = find_register(target->name, in.scope))
                bytes = reg->type == Type::pred ? 0 : std::max<size_t>(2, size_of(reg->type));
    if (bytes < size || bytes > 8)
        fail_at(to.at, "the register is narrower than the type");
    Slot slots[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
    for (size_t i = 0; i < targets.size(); i++)
        slots[i] = access.count == 1 ? destination(*targets[i], in, bytes)
                                     : destination_or_none(*targets[i], in, bytes);
    if (from.kind == Address::Kind::parameter) {
        for (size_t i = 0; i < targets.size(); i++) {
            if (slots[i] == kNoSlot)
                continue;
            Slot constant =
                launch_constant(uint32_t(from.offset) + uint32_t(i * size), access.type, bytes);
            Inst &inst = emit(in, "mov.b" + std::to_string(bytes * 8));
            inst.d = slots[i];
            inst.a = constant;
        }
        return;
    }
    std::string form =
        memory_type(access.type, bytes) + "." + width_letter(bytes) + suffix(access.count);
    if (from.kind == Address::Kind::frame) {
        Inst &inst = emit(in, "ld.frame." + form);
        inst.imm = from.offset;
        inst.d = slots[0];
        inst.b = slots[1];
        inst.c = slots[2];
        inst.e = slots[3];
        return;
    }
    // A parameter by computed address: the kernel's are a window of their own, a function's lie in
    // its frame.
    Space space = access.space;
    if (space == Space::param) {
        space = code_.kernel ? Space::none : Space::local;
        if (code_.kernel)
            from.offset = int64_t(uint64_t(from.offset) + kParamWindow);
    }
    const Sum *sum = index_of(in);
    Inst &inst = emit(in, "ld." + (sum ? "index" : memory_space(in, from, space)) + "." + form);
    if (sum)
        index_into(inst, *sum, from.offset);
    else
        address_into(inst, from);
    inst.d = slots[0];
    inst.b = slots[1];
    inst.c = slots[2];
    inst.e = slots[3];
}

void Decoder::store(const Instruction &in)
{
    if (std::find(in.modifiers.begin(), in.modifiers.end(), ".async") != in.modifiers.end())
        unsupported(in);
    Access access = parse_access(in);
    if (!access.known || access.type == Type::none || access.type == Type::b128 ||
        access.type == Type::pred)
        unsupported(in);
    need(in, 2, 3);
    Address to = address(in.operands[0], in);
    if (to.kind == Address::Kind::parameter)
        fail_at(in.at, "kernel parameters cannot be written");
    const Operand &from = in.operands[1];
    std::vector<const Operand *> values;
    if (from.kind == Operand::Kind::vector)
        for (const Operand &element : from.elements)
            values.push_back(&element);
    else
        values.push_back(&from);
    if (values.size() != access.count)
        fail_at(from.at, "the vector has the wrong number of elements");
    size_t size = size_of(access.type), bytes = std::max<size_t>(2, size);
    if (to.room != UINT64_MAX && size * access.count > to.room)
        fail_at(in.operands[0].at, "the access is outside of the variable");
    for (const Operand *one : values)
        if (one->kind == Operand::Kind::name)
            if (Register *reg = find_register(one->name, in.scope))
                bytes = reg->type == Type::pred ? 0 : std::max(bytes, size_of(reg->type));
    if (bytes < size || bytes > 8)
        fail_at(from.at, "the register has the wrong size for st");
    Slot slots[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
    for (size_t i = 0; i < values.size(); i++)
        slots[i] = source(*values[i], in, access.type, bytes);
    std::string form =
        "b" + std::to_string(size * 8) + "." + width_letter(bytes) + suffix(access.count);
    bool frame = to.kind == Address::Kind::frame;
    Space space = access.space == Space::param ? Space::local : access.space;
    const Sum *sum = index_of(in);
    Inst &inst = emit(in, "st." +
                              (frame ? "frame"
                               : sum ? "index"
                                     : memory_space(in, to, space)) +
                              "." + form);
    if (frame)
        inst.imm = to.offset;
    else if (sum)
        index_into(inst, *sum, to.offset);
    else
        address_into(inst, to);
    inst.d = slots[0];
    inst.b = slots[1];
    inst.c = slots[2];
    inst.e = slots[3];
}

void Decoder::atomic(const Instruction &in)
{
    std::vector<std::string_view> rest;
    Access access = parse_access(in, &rest);
    if (rest.size() != 1 || access.type == Type::none)
        unsupported(in);
    bool gives = in.opcode == "atom", swaps = rest[0] == ".cas";
    size_t at = gives ? 1 : 0;
    need(in, at + (swaps ? 3 : 2), at + (swaps ? 4 : 3));
    size_t bytes = std::max<size_t>(2, size_of(access.type));
    Address to = address(in.operands[at], in);
    if (to.kind != Address::Kind::slot)
        fail_at(in.operands[at].at, "atomics work on global and shared memory");
    std::string space = memory_space(in, to, access.space);
    auto name = [&](const std::string &type) {
        return "atom." + space + std::string(rest[0]) + suffix(access.count) + type;
    };
    std::string full = name(std::string(name_of(access.type)));
    if (!find_operation(full))
        full = name(".b" + std::to_string(size_of(access.type) * 8));
    if (access.count > 1) {
        if (gives || in.operands[1].kind != Operand::Kind::vector ||
            in.operands[1].elements.size() != access.count)
            unsupported(in);
        Slot slots[4] = {kNoSlot, kNoSlot, kNoSlot, kNoSlot};
        for (size_t i = 0; i < access.count; i++)
            slots[i] = source(in.operands[1].elements[i], in, access.type, bytes);
        Inst &inst = emit(in, full);
        address_into(inst, to);
        inst.d = slots[0];
        inst.b = slots[1];
        inst.c = slots[2];
        inst.e = slots[3];
        return;
    }
    Slot b = source(in.operands[at + 1], in, access.type, bytes);
    Slot c = swaps ? source(in.operands[at + 2], in, access.type, bytes) : kNoSlot;
    Slot d = gives ? destination_or_none(in.operands[0], in, bytes) : kNoSlot;
    Inst &inst = emit(in, full);
    address_into(inst, to);
    inst.b = b;
    inst.c = c;
    inst.d = d;
}

/// cp.async completes at once, so its groups have nothing to wait for.
void Decoder::copy_async(const Instruction &in)
{
    if (in.modifiers.empty() || in.modifiers[0] != ".async")
        unsupported(in);
    auto has = [&](std::string_view name) {
        return std::find(in.modifiers.begin(), in.modifiers.end(), name) != in.modifiers.end();
    };
    if (has(".bulk") || has(".reduce"))
        unsupported(in);
    if (has(".commit_group") || has(".wait_group") || has(".wait_all")) {
        emit(in, run_nothing);
        return;
    }
    if (std::find_if(in.modifiers.begin(), in.modifiers.end(), [](std::string_view m) {
            return m.starts_with(".mbarrier");
        }) != in.modifiers.end())
        return membarrier(in);
    need(in, 3, 5);
    Address to = address(in.operands[0], in), from = address(in.operands[1], in);
    const Operand &size = in.operands[2];
    if (size.kind != Operand::Kind::integer ||
        (size.bits != 4 && size.bits != 8 && size.bits != 16))
        fail_at(size.at, "cp.async copies 4, 8 or 16 bytes");
    bool hint = has(".L2::cache_hint");
    Slot read = kNoSlot;
    if (in.operands.size() > (hint ? 4u : 3u)) {
        const Operand &extra = in.operands[3];
        Register *reg =
            extra.kind == Operand::Kind::name ? find_register(extra.name, in.scope) : nullptr;
        if (reg && reg->type == Type::pred) { // ignore-src: nothing is read where it is true
            Slot ignored = source(extra, in, Type::pred, 0), none = constant(0, 4);
            Slot whole = constant(size.bits, 4);
            read = temporary(4);
            Inst &select = emit(in, "selp.b32");
            select.d = read;
            select.a = none;
            select.b = whole;
            select.c = ignored;
        } else {
            read = source(extra, in, Type::b32, 4);
        }
    }
    if (from.width != 8)
        fail_at(in.operands[1].at, "a global address has 64 bits");
    Inst &inst = emit(in, "cp.async");
    inst.a = from.slot;
    inst.imm = from.offset;
    inst.b = to.slot;
    inst.f = uint32_t(int32_t(to.offset));
    inst.c = read;
    inst.e = uint32_t(size.bits);
    inst.aux = uint32_t(to.width);
}

void Decoder::convert_address(const Instruction &in)
{
    need(in, 2, 2);
    bool to_space = false;
    Space space = Space::none;
    Type type = Type::none;
    for (std::string_view modifier : in.modifiers) {
        if (modifier == ".to")
            to_space = true;
        else if (Space named = parse_space(modifier); named != Space::none)
            space = named;
        else if (auto found = parse_type(modifier))
            type = *found;
        else
            unsupported(in);
    }
    if (space == Space::none || size_of(type) != 8)
        unsupported(in);
    Slot a = source(in.operands[1], in, Type::b64, 8);
    Slot d = destination(in.operands[0], in, 8);
    uint64_t window = space == Space::shared  ? kSharedWindow
                      : space == Space::local ? kLocalWindow
                      : space == Space::param ? (code_.kernel ? kParamWindow : kLocalWindow)
                                              : 0;
    Slot b = constant(window, 8);
    Inst &inst = emit(in, window == 0 ? "mov.b64" : to_space ? "sub.b64" : "add.b64");
    inst.d = d;
    inst.a = a;
    inst.b = b;
}

void Decoder::is_space(const Instruction &in)
{
    need(in, 2, 2);
    Space space = Space::none;
    for (std::string_view modifier : in.modifiers)
        if (Space named = parse_space(modifier); named != Space::none)
            space = named;
    Value a = value(in.operands[1], in, Type::b64, 8);
    if (space == Space::none || (a.bytes != 8 && a.bytes != 4))
        unsupported(in);
    Slot d = destination(in.operands[0], in, 0);
    Inst &inst = emit(in, run_isspace);
    inst.d = d;
    inst.a = a.slot;
    inst.aux = uint32_t(a.bytes);
    inst.imm = space == Space::shared  ? int64_t(kSharedWindow)
               : space == Space::local ? int64_t(kLocalWindow)
               : space == Space::param ? int64_t(kParamWindow)
                                       : 0;
    inst.c = space == Space::constant;
}

/// mbarrier.*, and cp.async.mbarrier.arrive, which has nothing left to wait for.
void Decoder::membarrier(const Instruction &in)
{
    auto has = [&](std::string_view name) {
        return std::find_if(in.modifiers.begin(), in.modifiers.end(), [&](std::string_view m) {
                   return m.starts_with(name);
               }) != in.modifiers.end();
    };
    bool copies = in.opcode == "cp";
    MbarrierKind kind;
    if (has(".init"))
        kind = MbarrierKind::init;
    else if (has(".inval"))
        kind = MbarrierKind::invalidate;
    else if (has(".test_wait") || has(".try_wait"))
        kind = has(".parity") ? MbarrierKind::test_parity : MbarrierKind::test;
    else if (has(".arrive_drop") && !has(".expect_tx"))
        kind = MbarrierKind::arrive_drop;
    else if (has(".arrive") && !has(".expect_tx"))
        kind = MbarrierKind::arrive;
    else if (has(".pending_count"))
        kind = MbarrierKind::pending;
    else
        unsupported(in);
    bool gives = kind >= MbarrierKind::arrive && !copies;
    need(in, gives ? 2 : 1, 4);
    if (kind == MbarrierKind::pending) {
        Slot a = source(in.operands[1], in, Type::b64, 8), d = destination(in.operands[0], in, 4);
        Inst &inst = emit(in, run_mbarrier);
        inst.d = d;
        inst.e = a;
        inst.imm = int64_t(kind);
        inst.b = constant(0, 8);
        return;
    }
    Address at = address(in.operands[gives ? 1 : 0], in);
    if (at.kind != Address::Kind::slot)
        unsupported(in);
    size_t next = gives ? 2 : 1;
    bool token = kind == MbarrierKind::test;
    Slot e = kNoSlot;
    if (in.operands.size() > next)
        e = token ? source(in.operands[next], in, Type::b64, 8)
                  : source(in.operands[next], in, Type::b32, 4);
    Slot d = kNoSlot;
    if (gives && kind >= MbarrierKind::test)
        d = destination(in.operands[0], in, 0);
    else if (gives)
        d = destination_or_none(in.operands[0], in, 8);
    // A copy's arrival counts as one more expected unless .noinc says that it was counted.
    if (copies && !has(".noinc"))
        kind = MbarrierKind::arrive_counted;
    Inst &inst = emit(in, run_mbarrier);
    inst.b = at.slot;
    inst.aux = uint32_t(at.width);
    inst.c = Slot(int32_t(at.offset));
    inst.d = d;
    inst.e = e;
    inst.imm = int64_t(kind);
}

} // namespace vgpu::soft
