// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"

#include <algorithm>

// Branches, calls, barriers, warp-wide operations.
namespace vgpu::soft
{
namespace
{

bool has(const syntax::Instruction &in, std::string_view name)
{
    return std::find(in.modifiers.begin(), in.modifiers.end(), name) != in.modifiers.end();
}

Builtin builtin(std::string_view name)
{
    static const std::unordered_map<std::string_view, Builtin> names = {
        {"vprintf", Builtin::print},
        {"malloc", Builtin::allocate},
        {"free", Builtin::release},
        {"__assertfail", Builtin::assert_fail},
        {"cudaGraphSetConditional", Builtin::set_condition},
    };
    auto found = names.find(name);
    return found == names.end() ? Builtin::none : found->second;
}

size_t arguments_of(Builtin builtin)
{
    if (builtin == Builtin::print || builtin == Builtin::set_condition)
        return 2;
    return builtin == Builtin::assert_fail ? 5 : 1;
}

} // namespace

void Decoder::branch(const Instruction &in)
{
    need(in, 1, 1);
    const Operand &target = in.operands[0];
    if (target.kind != Operand::Kind::name)
        fail_at(target.at, "a label is needed here");
    Slot guard = kNoSlot;
    if (!in.guard.empty()) {
        Operand predicate;
        predicate.name = in.guard;
        predicate.at = in.at;
        guard = source(predicate, in, Type::pred, 0);
    }
    patches_.push_back({code_.insts.size(), target.name, in.scope, target.at});
    Inst &inst = emit(in, guard == kNoSlot ? run_branch : run_branch_if);
    inst.a = guard;
    inst.aux = in.guard_negated;
}

void Decoder::branch_index(const Instruction &in)
{
    need(in, 2, 2);
    if (!has(in, ".idx"))
        unsupported(in);
    Slot index = source(in.operands[0], in, Type::u32, 4);
    const std::vector<std::string_view> *targets = nullptr;
    for (unsigned scope = in.scope;; scope = source_.scopes[scope].parent) {
        auto found = source_.scopes[scope].targets.find(in.operands[1].name);
        if (found != source_.scopes[scope].targets.end()) {
            targets = &found->second;
            break;
        }
        if (scope == 0)
            break;
    }
    if (!targets)
        fail_at(in.operands[1].at, "the list of targets is not defined");
    table_labels_.push_back(*targets);
    table_patches_.push_back({0, {}, in.scope, in.operands[1].at});
    Inst &inst = emit(in, run_branch_index);
    inst.a = index;
    inst.imm = int64_t(table_labels_.size() - 1);
}

/// A parameter of a call: a .param variable of the caller, or a register.
Argument Decoder::argument(const Operand &operand, const Instruction &in)
{
    if (operand.kind == Operand::Kind::name && !find_register(operand.name, in.scope)) {
        const Place *place = find_place(operand.name, in.scope);
        if (place && !place->parameter &&
            (place->variable->space == Space::param || place->variable->space == Space::local))
            return {uint32_t(place->offset), uint32_t(place->variable->size), kNoSlot};
    }
    Value found = value(operand, in, Type::b32, 4);
    if (found.bytes == 0)
        fail_at(operand.at, "a predicate cannot be a parameter");
    return {0, uint32_t(found.bytes), found.slot};
}

void Decoder::call(const Instruction &in)
{
    size_t at = 0;
    CallSite site;
    auto list = [&](size_t index, std::vector<Argument> &to) {
        for (const Operand &element : in.operands[index].elements)
            to.push_back(argument(element, in));
    };
    if (!in.operands.empty() && in.operands[0].kind == Operand::Kind::list)
        list(at++, site.results);
    for (const Argument &result : site.results)
        if (result.slot != kNoSlot && result.slot >> kBankShift != kRegisterBank >> kBankShift)
            fail_at(in.at, "a call's result cannot go there");
    if (at >= in.operands.size() || in.operands[at].kind != Operand::Kind::name)
        fail_at(in.at, "call needs a function");
    const Operand &target = in.operands[at++];
    if (at < in.operands.size() && in.operands[at].kind == Operand::Kind::list)
        list(at, site.arguments);
    if (Register *reg = find_register(target.name, in.scope)) {
        if (reg->type == Type::pred || size_of(reg->type) != 8)
            fail_at(target.at, "a function's address has 64 bits");
        site.target = value(target, in, Type::b64, 8).slot;
    } else {
        int index = module_.function_index(target.name);
        if (index < 0)
            fail_at(target.at,
                    "function '" + std::string(target.name.substr(0, 200)) + "' is not declared");
        const Code &callee = module_.functions()[size_t(index)];
        site.callee = index;
        if (!callee.defined) {
            site.builtin = builtin(target.name);
            if (site.builtin == Builtin::none && callee.name.starts_with("cuda"))
                fail_at(target.at, "dynamic parallelism is not supported (" + callee.name + ")");
            if (site.builtin == Builtin::none)
                fail_at(target.at, "unresolved extern function '" + callee.name + "'");
            if (site.arguments.size() != arguments_of(site.builtin))
                fail_at(in.at, "'" + callee.name + "' takes other parameters");
        } else if (callee.kernel) {
            fail_at(target.at, "a kernel cannot be called");
        }
    }
    code_.calls.push_back(std::move(site));
    emit(in, run_call).imm = int64_t(code_.calls.size() - 1);
}

void Decoder::barrier(const Instruction &in)
{
    if (has(in, ".warp"))
        return warp_operation(in);
    if (has(in, ".cluster")) { // a cluster is one block
        if (has(in, ".wait")) {
            Slot zero = special_slot(kZero);
            Inst &inst = emit(in, run_barrier);
            inst.a = zero;
            inst.aux = uint32_t(BarrierKind::sync);
        } else {
            emit(in, run_fence);
        }
        return;
    }
    BarrierKind kind = BarrierKind::sync;
    size_t at = 0;
    Slot d = kNoSlot, c = kNoSlot;
    bool negated = false;
    if (has(in, ".arrive")) {
        kind = BarrierKind::arrive;
    } else if (has(in, ".red")) {
        need(in, 3, 4);
        kind = has(in, ".popc")  ? BarrierKind::popc
               : has(in, ".and") ? BarrierKind::all
               : has(in, ".or")  ? BarrierKind::any
                                 : BarrierKind::sync;
        if (kind == BarrierKind::sync)
            unsupported(in);
        d = destination(in.operands[0], in, kind == BarrierKind::popc ? 4 : 0);
        Operand predicate = in.operands.back();
        negated = predicate.negated;
        predicate.negated = false;
        c = source(predicate, in, Type::pred, 0);
        at = 1;
    } else if (!has(in, ".sync")) {
        unsupported(in);
    }
    size_t end = in.operands.size() - (d == kNoSlot ? 0 : 1);
    Slot a = at < end ? source(in.operands[at], in, Type::u32, 4) : special_slot(kZero);
    Slot b = at + 1 < end ? source(in.operands[at + 1], in, Type::u32, 4) : kNoSlot;
    if (kind == BarrierKind::arrive && b == kNoSlot)
        fail_at(in.at, "bar.arrive needs a thread count");
    Inst &inst = emit(in, run_barrier);
    inst.d = d;
    inst.a = a;
    inst.b = b;
    inst.c = c;
    inst.aux = uint32_t(kind) | uint32_t(negated) << 8;
}

void Decoder::warp_operation(const Instruction &in)
{
    static const std::map<std::string_view, WarpKind> shuffles = {{".up", WarpKind::shfl_up},
                                                                  {".down", WarpKind::shfl_down},
                                                                  {".bfly", WarpKind::shfl_bfly},
                                                                  {".idx", WarpKind::shfl_idx}};
    static const std::map<std::string_view, WarpKind> votes = {{".all", WarpKind::vote_all},
                                                               {".any", WarpKind::vote_any},
                                                               {".uni", WarpKind::vote_uni},
                                                               {".ballot", WarpKind::vote_ballot}};
    static const std::map<std::string_view, std::pair<WarpKind, WarpKind>> reductions = {
        {".add", {WarpKind::redux_add, WarpKind::redux_add}},
        {".min", {WarpKind::redux_min_u, WarpKind::redux_min_s}},
        {".max", {WarpKind::redux_max_u, WarpKind::redux_max_s}},
        {".and", {WarpKind::redux_and, WarpKind::redux_and}},
        {".or", {WarpKind::redux_or, WarpKind::redux_or}},
        {".xor", {WarpKind::redux_xor, WarpKind::redux_xor}}};
    auto choose = [&](const auto &table) {
        for (std::string_view modifier : in.modifiers)
            if (auto found = table.find(modifier); found != table.end())
                return found->second;
        unsupported(in);
    };
    bool synchronous = has(in, ".sync");
    const auto &ops = in.operands;
    Slot d = kNoSlot, e = kNoSlot, a = kNoSlot, b = kNoSlot, c = kNoSlot, f = kNoSlot;
    uint32_t aux = 0;
    int64_t inverted = 0;
    auto member_mask = [&](size_t index) {
        if (synchronous)
            f = source(ops[index], in, Type::b32, 4);
    };
    auto pair = [&](const Operand &to, size_t bytes) {
        bool two = to.kind == Operand::Kind::pair;
        d = destination(two ? to.elements[0] : to, in, bytes);
        e = two ? destination_or_none(to.elements[1], in, 0) : kNoSlot;
    };
    if (in.opcode == "shfl") {
        aux = uint32_t(choose(shuffles));
        need(in, synchronous ? 5 : 4, synchronous ? 5 : 4);
        a = source(ops[1], in, Type::b32, 4);
        b = source(ops[2], in, Type::b32, 4);
        c = source(ops[3], in, Type::b32, 4);
        if (synchronous)
            member_mask(4);
        pair(ops[0], 4);
    } else if (in.opcode == "vote") {
        WarpKind kind = choose(votes);
        aux = uint32_t(kind);
        need(in, synchronous ? 3 : 2, synchronous ? 3 : 2);
        Operand predicate = ops[1];
        inverted = predicate.negated;
        predicate.negated = false;
        a = source(predicate, in, Type::pred, 0);
        if (synchronous)
            member_mask(2);
        bool ballot = kind == WarpKind::vote_ballot;
        aux |= ballot ? 0u : uint32_t(kWarpPredicate);
        d = destination(ops[0], in, ballot ? 4 : 0);
    } else if (in.opcode == "match") {
        need(in, 3, 3);
        bool wide = has(in, ".b64"), all = has(in, ".all");
        aux = uint32_t(all ? (wide ? WarpKind::match_all64 : WarpKind::match_all32)
                           : (wide ? WarpKind::match_any64 : WarpKind::match_any32));
        a = source(ops[1], in, wide ? Type::b64 : Type::b32, wide ? 8 : 4);
        member_mask(2);
        pair(ops[0], 4);
    } else if (in.opcode == "redux") {
        need(in, 3, 3);
        if (has(in, ".f32"))
            unsupported(in);
        auto [plain, with_sign] = choose(reductions);
        aux = uint32_t(has(in, ".s32") ? with_sign : plain);
        a = source(ops[1], in, Type::b32, 4);
        member_mask(2);
        d = destination(ops[0], in, 4);
    } else if (in.opcode == "elect") {
        need(in, 2, 2);
        aux = uint32_t(WarpKind::elect);
        member_mask(1);
        const Operand &to = ops[0];
        if (to.kind != Operand::Kind::pair)
            unsupported(in);
        d = destination_or_none(to.elements[0], in, 4);
        aux |= d == kNoSlot ? uint32_t(kWarpNoResult) : 0u;
        e = destination_or_none(to.elements[1], in, 0);
    } else { // bar.warp.sync
        need(in, 1, 1);
        synchronous = true;
        aux = uint32_t(WarpKind::bar_warp) | kWarpNoResult;
        member_mask(0);
    }
    Inst &inst = emit(in, run_warp_operation);
    inst.d = d;
    inst.a = a;
    inst.b = b;
    inst.c = c;
    inst.e = e;
    inst.f = f;
    inst.aux = aux;
    inst.imm = inverted;
}

} // namespace vgpu::soft
