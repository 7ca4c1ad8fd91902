// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"

#include <bit>
#include <cstring>

// Operands of the decoder: registers, constants, addresses.
namespace vgpu::soft
{
namespace
{

size_t lane_bytes(size_t bytes)
{
    return bytes < 2 ? 2 : bytes;
}

/// Bytes of a register of that type.
size_t width_of(Type type)
{
    return type == Type::pred ? 0 : lane_bytes(size_of(type));
}

} // namespace

Slot Decoder::allocate(size_t bytes)
{
    // Vectors are aligned for vector loads; predicates, one word each, are packed.
    size_t size = bytes == 0 ? 4 : lane_bytes(bytes) * kLanes;
    size_t alignment = bytes == 0 ? 4 : 64;
    size_t offset = (code_.register_bytes + alignment - 1) / alignment * alignment;
    code_.register_bytes = offset + size;
    return kRegisterBank | Slot(offset);
}

Slot Decoder::slot_of(Register &reg)
{
    if (reg.slot == kNoSlot)
        reg.slot = allocate(width_of(reg.type));
    return reg.slot;
}

Slot Decoder::temporary(size_t bytes)
{
    auto &pool = temporaries_[bytes];
    size_t index = temporaries_used_[bytes]++;
    if (index == pool.size())
        pool.push_back(allocate(bytes));
    return pool[index];
}

Slot Decoder::constant(uint64_t bits, size_t bytes)
{
    if (bytes == 0)
        bits = bits ? ~0u : 0;
    else if (bytes < 8)
        bits &= (uint64_t(1) << (bytes * 8)) - 1;
    auto [found, fresh] =
        constants_.try_emplace({bits, bytes}, uint32_t(code_.constants.size() * 64));
    if (fresh) {
        size_t size = bytes == 0 ? 64 : lane_bytes(bytes) * kLanes;
        code_.constants.resize(code_.constants.size() + size / 64);
        auto *base = reinterpret_cast<std::byte *>(code_.constants.data()) + found->second;
        for (size_t lane = 0; lane < (bytes == 0 ? 1 : kLanes); lane++)
            std::memcpy(base + lane * lane_bytes(bytes), &bits, bytes == 0 ? 4 : lane_bytes(bytes));
    }
    return kConstantBank | found->second;
}

Slot Decoder::relocated(unsigned variable, size_t bytes, int64_t addend)
{
    auto [found, fresh] =
        relocations_.try_emplace({variable, bytes, addend}, uint32_t(code_.constants.size() * 64));
    if (fresh) {
        code_.constants.resize(code_.constants.size() + bytes * kLanes / 64);
        code_.relocations.push_back({found->second, variable, addend, unsigned(bytes)});
    }
    return kConstantBank | found->second;
}

Slot Decoder::launch_constant(uint32_t parameter, Type type, size_t bytes)
{
    bytes = lane_bytes(bytes);
    auto [found, fresh] = launch_constants_.try_emplace({parameter, type, bytes},
                                                        uint32_t(code_.constants.size() * 64));
    if (fresh) {
        code_.constants.resize(code_.constants.size() + bytes * kLanes / 64);
        code_.launch_constants.push_back({found->second, parameter, type, unsigned(bytes)});
    }
    return kConstantBank | found->second;
}

std::optional<Special> Decoder::special(const Operand &operand) const
{
    static const std::unordered_map<std::string_view, Special> plain = {
        {"%laneid", kLaneid},
        {"%lanemask_eq", kLanemaskEq},
        {"%lanemask_le", kLanemaskLe},
        {"%lanemask_lt", kLanemaskLt},
        {"%lanemask_ge", kLanemaskGe},
        {"%lanemask_gt", kLanemaskGt},
        {"%warpid", kWarpid},
        {"%nwarpid", kNwarpid},
        {"%gridid", kGridid},
        {"%smid", kSmid},
        {"%nsmid", kNsmid},
        {"%dynamic_smem_size", kDynamicSmem},
        {"%total_smem_size", kTotalSmem},
        {"%aggr_smem_size", kTotalSmem},
        {"%envreg1", kEnvreg1},
        {"%envreg2", kEnvreg2},
        {"%is_explicit_cluster", kZero},
        {"%cluster_ctarank", kZero},
        {"%cluster_nctarank", kOne},
    };
    static const std::unordered_map<std::string_view, Special> triples = {
        {"%tid", kTidX},       {"%ntid", kNtidX},       {"%ctaid", kCtaidX},
        {"%nctaid", kNctaidX}, {"%clusterid", kCtaidX}, {"%nclusterid", kNctaidX},
    };
    std::string_view name = operand.name;
    if (auto found = plain.find(name); found != plain.end() && operand.component.empty())
        return found->second;
    if (name.starts_with("%envreg") || name.starts_with("%pm") ||
        name.starts_with("%reserved_smem_offset"))
        return kZero;
    if (operand.component.size() != 2)
        return std::nullopt;
    char component = operand.component[1];
    unsigned index = component == 'x' || component == 'r'   ? 0
                     : component == 'y' || component == 'g' ? 1
                     : component == 'z' || component == 'b' ? 2
                                                            : 3;
    if (name == "%cluster_ctaid")
        return kZero;
    if (name == "%cluster_nctaid")
        return kOne;
    auto found = triples.find(name);
    if (found == triples.end())
        return std::nullopt;
    return index == 3 ? kZero : Special(found->second + index);
}

/// Registers that tick are read when they are read.
bool Decoder::clock(const Operand &operand, const Instruction &in, Value &value)
{
    static const std::unordered_map<std::string_view, std::pair<unsigned, size_t>> clocks = {
        {"%clock", {0, 4}},       {"%clock_hi", {4, 4}},       {"%clock64", {1, 8}},
        {"%globaltimer", {2, 8}}, {"%globaltimer_lo", {2, 4}}, {"%globaltimer_hi", {3, 4}},
    };
    auto found = clocks.find(operand.name);
    if (found == clocks.end())
        return false;
    auto [kind, bytes] = found->second;
    value = {temporary(bytes), bytes};
    Inst &inst = emit(in, run_clock);
    inst.d = value.slot;
    inst.aux = kind;
    inst.imm = int64_t(bytes);
    return true;
}

uint64_t Decoder::literal(const Operand &operand, Type type, size_t bytes) const
{
    if (operand.kind == Operand::Kind::integer) {
        if (type == Type::f32)
            return std::bit_cast<uint32_t>(float(int64_t(operand.bits)));
        if (type == Type::f64)
            return std::bit_cast<uint64_t>(double(int64_t(operand.bits)));
        return operand.negated ? operand.bits == 0 : operand.bits;
    }
    bool wide = operand.kind == Operand::Kind::real64;
    if (wide && bytes == 4)
        return std::bit_cast<uint32_t>(float(std::bit_cast<double>(operand.bits)));
    if (!wide && bytes == 8)
        return std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(operand.bits))));
    return operand.bits;
}

/// What never changes during a launch; kNoSlot for anything else.
Decoder::Value Decoder::fixed_value(const Operand &operand, const Instruction &in, Type type,
                                    size_t bytes)
{
    if (operand.kind == Operand::Kind::integer || operand.kind == Operand::Kind::real32 ||
        operand.kind == Operand::Kind::real64)
        return {constant(literal(operand, type, bytes), bytes), lane_bytes(bytes)};
    if (operand.kind != Operand::Kind::name || operand.negated)
        return {};
    if (Register *reg = find_register(operand.name, in.scope)) {
        if (!reg->fixed || operand.offset != 0)
            return {};
        return {reg->slot, width_of(reg->type)};
    }
    if (auto which = special(operand))
        return {special_slot(*which), 4};
    const Place *place = find_place(operand.name, in.scope);
    if (place && place->variable->space == Space::param && !place->parameter)
        return {};
    if (place && place->variable->space == Space::local && !code_.kernel)
        return {};
    if (!place && module_.variable_index(operand.name) < 0 &&
        module_.shared_offset(operand.name) == Module::npos &&
        !module_.is_dynamic_shared(operand.name) && module_.function_index(operand.name) < 0)
        return {};
    bool dynamic = place ? place->variable->open : module_.is_dynamic_shared(operand.name);
    if (dynamic && (operand.offset != 0 || bytes != 4))
        return {};
    return address_of(operand, in, bytes);
}

/// The address of a variable or function, in its own space.
Decoder::Value Decoder::address_of(const Operand &operand, const Instruction &in, size_t bytes)
{
    if (bytes != 4 && bytes != 8)
        fail_at(operand.at, "an address has 32 or 64 bits");
    const Place *place = find_place(operand.name, in.scope);
    if (place && place->variable->space != Space::global &&
        place->variable->space != Space::constant) {
        const syntax::Variable &variable = *place->variable;
        uint64_t offset = place->offset + uint64_t(operand.offset);
        if (variable.space == Space::shared && variable.open)
            place = nullptr;
        else if (variable.space == Space::shared && !code_.kernel) {
            code_.uses_common_shared = true;
            return {constant(offset, bytes), bytes};
        } else if (variable.space == Space::shared) {
            // The kernel's own come after the common part; that is known when all functions are
            // decoded.
            Slot slot = relocated(unsigned(-1), bytes, int64_t(offset));
            return {slot, bytes};
        } else if (place->parameter || code_.kernel)
            return {constant(offset, bytes), bytes};
        else {
            Value value{temporary(bytes), bytes};
            Inst &inst = emit(in, run_local_address);
            inst.d = value.slot;
            inst.imm = int64_t(offset);
            inst.aux = uint32_t(bytes);
            return value;
        }
    }
    if (size_t offset = module_.shared_offset(operand.name); offset != Module::npos) {
        code_.uses_common_shared = true;
        return {constant(offset + uint64_t(operand.offset), bytes), bytes};
    }
    if (module_.is_dynamic_shared(operand.name) ||
        (place == nullptr && find_place(operand.name, in.scope))) {
        if (operand.offset == 0 && bytes == 4)
            return {special_slot(kDynamicOffset), 4};
        Slot wide = temporary(bytes);
        resize(in, wide, bytes, special_slot(kDynamicOffset), 4, false);
        if (operand.offset != 0) {
            Slot addend = constant(uint64_t(operand.offset), bytes);
            Inst &inst = emit(in, bytes == 8 ? "add.b64" : "add.b32");
            inst.d = inst.a = wide;
            inst.b = addend;
        }
        return {wide, bytes};
    }
    if (int index = module_.variable_index(operand.name); index >= 0)
        return {relocated(unsigned(index), bytes, operand.offset), bytes};
    if (int index = module_.function_index(operand.name); index >= 0)
        return {constant(kFunctionWindow + uint64_t(index) * 16, bytes), bytes};
    fail_at(operand.at, "'" + std::string(operand.name.substr(0, 200)) + "' is not defined");
}

Decoder::Value Decoder::value(const Operand &operand, const Instruction &in, Type type,
                              size_t bytes)
{
    switch (operand.kind) {
    case Operand::Kind::integer:
    case Operand::Kind::real32:
    case Operand::Kind::real64:
        return {constant(literal(operand, type, bytes), bytes), bytes == 0 ? 0 : lane_bytes(bytes)};
    case Operand::Kind::name:
        break;
    default:
        fail_at(operand.at, "this operand is not supported here");
    }
    Value result;
    if (Register *reg = find_register(operand.name, in.scope)) {
        if (!operand.component.empty() || operand.offset != 0)
            fail_at(operand.at, "components and offsets of registers are not supported here");
        result = {slot_of(*reg), width_of(reg->type)};
        if (operand.negated) {
            if (result.bytes != 0)
                fail_at(operand.at, "'!' needs a predicate");
            Slot inverse = temporary(0);
            Inst &inst = emit(in, "not.pred");
            inst.d = inverse;
            inst.a = result.slot;
            result.slot = inverse;
        }
        return result;
    }
    if (auto which = special(operand))
        return {special_slot(*which), 4};
    if (clock(operand, in, result))
        return result;
    if (operand.name == "WARP_SZ")
        return {constant(kLanes, bytes), lane_bytes(bytes)};
    if (operand.name.starts_with("%"))
        fail_at(operand.at,
                "register '" + std::string(operand.name.substr(0, 200)) + "' is not defined");
    return address_of(operand, in, bytes);
}

Slot Decoder::source(const Operand &operand, const Instruction &in, Type type, size_t bytes)
{
    Value found = value(operand, in, type, bytes);
    size_t wanted = bytes == 0 ? 0 : lane_bytes(bytes);
    if (found.bytes == wanted)
        return found.slot;
    // 32-bit special registers are read into wider ones, and only they.
    if (found.slot >= kSpecialBank && wanted != 0) {
        Slot other = temporary(wanted);
        resize(in, other, wanted, found.slot, found.bytes, false);
        return other;
    }
    fail_at(operand.at, "'" + std::string(operand.name.substr(0, 200)) +
                            "' has the wrong size for " + std::string(in.opcode));
}

Slot Decoder::destination(const Operand &operand, const Instruction &in, size_t bytes)
{
    if (operand.kind != Operand::Kind::name)
        fail_at(operand.at, "a register is needed here");
    if (operand.name == "_")
        return temporary(bytes);
    Register *reg = find_register(operand.name, in.scope);
    if (!reg)
        fail_at(operand.at,
                "register '" + std::string(operand.name.substr(0, 200)) + "' is not defined");
    if (width_of(reg->type) != (bytes == 0 ? 0 : lane_bytes(bytes)))
        fail_at(operand.at, "'" + std::string(operand.name.substr(0, 200)) +
                                "' has the wrong size for " + std::string(in.opcode));
    if (reg->slot == kNoSlot)
        reg->slot = allocate(width_of(reg->type));
    return reg->slot;
}

Slot Decoder::destination_or_none(const Operand &operand, const Instruction &in, size_t bytes)
{
    return operand.kind == Operand::Kind::name && operand.name == "_"
               ? kNoSlot
               : destination(operand, in, bytes);
}

void Decoder::resize(const Instruction &in, Slot to, size_t to_bytes, Slot from, size_t from_bytes,
                     bool sign)
{
    auto name = [&](size_t bytes) { return (sign ? ".s" : ".u") + std::to_string(bytes * 8); };
    Inst &inst = emit(in, "cvt" + name(to_bytes) + name(from_bytes));
    inst.d = to;
    inst.a = from;
}

} // namespace vgpu::soft
