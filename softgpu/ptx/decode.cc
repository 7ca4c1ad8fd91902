// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"

#include <algorithm>
#include <charconv>

// The decoder's names: registers, variables, labels; and the order of its work.
namespace vgpu::soft
{
namespace
{

constexpr size_t kMaxFrame = 64u << 20;

uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

} // namespace

Decoder::Decoder(Module &module, const syntax::Function &source, Code &code)
    : module_(module), source_(source), code_(code), names_(source.scopes.size()),
      places_(source.scopes.size())
{
}

void Decoder::run()
{
    parameters();
    layout();
    count_definitions();
    for (const Instruction &in : source_.body)
        find_fixed(in);
    find_indexed();
    starts_.reserve(source_.body.size() + 1);
    for (const Instruction &in : source_.body) {
        starts_.push_back(code_.insts.size());
        instruction(in);
        if (code_.register_bytes > kMaxFrame || code_.constants.size() * 64 > kMaxFrame)
            fail_at(in.at, "too many registers in '" + code_.name + "'");
    }
    starts_.push_back(code_.insts.size());
    Instruction end;
    end.at = source_.body.empty() ? source_.at : source_.body.back().at;
    end.opcode = "ret";
    emit(end, run_return);
    for (const Patch &patch : patches_)
        code_.insts[patch.inst].imm = int64_t(label(patch.label, patch.scope, patch.at));
    for (size_t i = 0; i < table_labels_.size(); i++) {
        code_.branch_targets.emplace_back();
        for (std::string_view name : table_labels_[i])
            code_.branch_targets.back().push_back(
                uint32_t(label(name, table_patches_[i].scope, table_patches_[i].at)));
    }
    if (code_.kernel) {
        code_.info.registers =
            unsigned(std::clamp<size_t>(code_.register_bytes / 128 + 8, 16, 255));
        code_.info.local_bytes = code_.frame_bytes;
    }
}

/// Kernel parameters lie packed in the launch's buffer; those of functions at the start of the
/// frame.
void Decoder::parameters()
{
    auto place = [&](const syntax::Variable &variable, uint64_t &offset) {
        offset = round_up(offset, variable.alignment);
        formals_[variable.name] = Place{&variable, offset, code_.kernel};
        Argument result{uint32_t(offset), uint32_t(variable.size), kNoSlot};
        offset += variable.size;
        if (offset > (1u << 20))
            fail_at(variable.at, "the parameters are too large");
        return result;
    };
    uint64_t offset = 0;
    if (code_.kernel) {
        for (const syntax::Variable &variable : source_.parameters) {
            Argument argument = place(variable, offset);
            code_.info.parameters.push_back({argument.offset, argument.size});
        }
        code_.info.parameter_bytes = offset;
        return;
    }
    for (const syntax::Variable &variable : source_.returns)
        code_.results.push_back(place(variable, offset));
    for (const syntax::Variable &variable : source_.parameters)
        code_.parameters.push_back(place(variable, offset));
    // Never empty, so that a recursion fills the stack.
    code_.frame_bytes = std::max<uint64_t>(16, round_up(offset, 16));
}

/// Local variables and the parameters of calls share the frame; scopes beside each other overlap.
void Decoder::layout()
{
    std::vector<uint64_t> end(source_.scopes.size());
    uint64_t largest = code_.frame_bytes, own_shared = 0;
    for (size_t i = 0; i < source_.scopes.size(); i++) {
        const syntax::Scope &scope = source_.scopes[i];
        uint64_t offset = i == 0 ? code_.frame_bytes : end[scope.parent];
        // Ordered by place in the text, so that the same text always gives the same layout.
        std::vector<const syntax::Variable *> variables;
        for (auto &[name, variable] : scope.variables)
            variables.push_back(&variable);
        std::sort(variables.begin(), variables.end(), [](auto *a, auto *b) {
            return std::pair(a->at.line, a->at.column) < std::pair(b->at.line, b->at.column);
        });
        for (const syntax::Variable *variable : variables) {
            Place &place = places_[i][variable->name];
            place.variable = variable;
            if (variable->space == Space::global || variable->space == Space::constant) {
                module_.add_variable(*variable);
            } else if (variable->space == Space::shared) {
                if (code_.kernel && !variable->open) {
                    own_shared = round_up(own_shared, variable->alignment);
                    place.offset = own_shared;
                    own_shared += variable->size;
                } else if (!variable->open) {
                    place.offset = module_.add_shared(*variable);
                }
            } else {
                offset = round_up(offset, variable->alignment);
                place.offset = offset;
                offset += variable->size;
                if (offset > kMaxFrame)
                    fail_at(variable->at, "local memory of '" + code_.name + "' is too large");
            }
        }
        end[i] = offset;
        largest = std::max(largest, offset);
    }
    code_.frame_bytes = round_up(largest, 16);
    if (own_shared > (1u << 24))
        fail_at(source_.at, "shared memory of '" + code_.name + "' is too large");
    code_.info.static_shared_bytes = own_shared;
}

Decoder::Register &Decoder::make_register(unsigned scope, std::string_view name, Type type)
{
    registers_.push_back(Register{type});
    names_[scope][name] = &registers_.back();
    return registers_.back();
}

Decoder::Register *Decoder::find_register(std::string_view name, unsigned scope)
{
    for (;;) {
        if (auto found = names_[scope].find(name); found != names_[scope].end())
            return found->second;
        const syntax::Scope &here = source_.scopes[scope];
        if (auto found = here.registers.find(name); found != here.registers.end())
            return &make_register(scope, name, found->second.type);
        // `%r<10>` declares %r0 to %r9; the prefix may itself end in a digit.
        size_t digits = name.size();
        while (digits > 1 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
            digits--;
        for (size_t split = digits; split < name.size(); split++) {
            auto found = here.ranges.find(name.substr(0, split));
            if (found == here.ranges.end())
                continue;
            uint64_t number = 0;
            auto [stop, error] =
                std::from_chars(name.data() + split, name.data() + name.size(), number);
            bool leading_zero = name[split] == '0' && split + 1 < name.size();
            if (error == std::errc() && !leading_zero && number < found->second.count)
                return &make_register(scope, name, found->second.type);
        }
        if (scope == 0)
            return nullptr;
        scope = here.parent;
    }
}

const Decoder::Place *Decoder::find_place(std::string_view name, unsigned scope)
{
    for (;; scope = source_.scopes[scope].parent) {
        if (auto found = places_[scope].find(name); found != places_[scope].end())
            return &found->second;
        if (scope == 0)
            break;
    }
    auto found = formals_.find(name);
    return found == formals_.end() ? nullptr : &found->second;
}

size_t Decoder::label(std::string_view name, unsigned scope, Position at) const
{
    for (;; scope = source_.scopes[scope].parent) {
        const auto &labels = source_.scopes[scope].labels;
        if (auto found = labels.find(name); found != labels.end())
            return starts_[found->second];
        if (scope == 0)
            fail_at(at, "label '" + std::string(name) + "' is not defined");
    }
}

void Decoder::define(const Operand &operand, unsigned scope)
{
    for (const Operand &element : operand.elements)
        define(element, scope);
    if (operand.kind == Operand::Kind::name)
        if (Register *reg = find_register(operand.name, scope))
            reg->definitions++;
}

void Decoder::count_definitions()
{
    for (const Instruction &in : source_.body) {
        if (in.opcode == "call") {
            for (const Operand &operand : in.operands)
                define(operand, in.scope);
        } else if (!in.operands.empty() && in.operands[0].kind != Operand::Kind::memory) {
            define(in.operands[0], in.scope);
        }
    }
}

/// A register whose one definition copies what never changes during a launch is that thing itself,
/// and the copy is not executed: kernel parameters, special registers, literals, addresses.
void Decoder::find_fixed(const Instruction &in)
{
    bool copies = in.opcode == "mov" || in.opcode == "cvta" || in.opcode == "ld";
    if (!copies || !in.guard.empty() || in.operands.size() != 2 ||
        in.operands[0].kind != Operand::Kind::name || in.modifiers.empty())
        return;
    Register *target = find_register(in.operands[0].name, in.scope);
    auto type = parse_type(in.modifiers.back());
    if (!target || target->definitions != 1 || !type || *type == Type::pred ||
        *type == Type::b128 || target->type == Type::pred)
        return;
    size_t bytes = size_of(target->type);
    Value value;
    if (in.opcode == "ld") {
        const Operand &from = in.operands[1];
        if (!code_.kernel || in.modifiers.size() != 2 || !in.modifiers[0].starts_with(".param") ||
            from.kind != Operand::Kind::memory || size_of(*type) > bytes || bytes < 2)
            return;
        const Place *place = from.name.empty() ? nullptr : find_place(from.name, in.scope);
        if (!place || !place->parameter || from.offset < 0 ||
            uint64_t(from.offset) + size_of(*type) > place->variable->size)
            return;
        value = {launch_constant(uint32_t(place->offset + uint64_t(from.offset)), *type, bytes),
                 bytes};
    } else {
        if (size_of(*type) != bytes)
            return;
        if (in.opcode == "cvta" &&
            std::find_if(in.modifiers.begin(), in.modifiers.end(), [](std::string_view m) {
                return m == ".global" || m == ".const";
            }) == in.modifiers.end())
            return;
        value = fixed_value(in.operands[1], in, *type, bytes);
    }
    if (value.slot == kNoSlot || value.bytes != bytes)
        return;
    target->slot = value.slot;
    target->fixed = true;
}

void Decoder::instruction(const Instruction &in)
{
    temporaries_used_.clear();
    if (spared_.contains(&in))
        return;
    // A copy into a fixed register has been done already.
    if (in.operands.size() == 2 && in.operands[0].kind == Operand::Kind::name && in.guard.empty() &&
        (in.opcode == "mov" || in.opcode == "cvta" || in.opcode == "ld")) {
        Register *target = find_register(in.operands[0].name, in.scope);
        if (target && target->fixed)
            return;
    }
    if (in.guard.empty() || in.opcode == "bra")
        return dispatch(in);
    Register *guard = find_register(in.guard, in.scope);
    if (!guard || guard->type != Type::pred)
        fail_at(in.at, "'" + std::string(in.guard) + "' is no predicate");
    if (guard->slot == kNoSlot)
        guard->slot = allocate(0);
    size_t at = code_.insts.size();
    // What moves lanes about is branched around; the rest is executed with fewer lanes.
    bool control = is_control(in);
    Inst &inst = emit(in, control ? run_branch_if : run_guard);
    inst.a = guard->slot;
    inst.aux = in.guard_negated != control;
    dispatch(in);
    code_.insts[at].imm =
        control ? int64_t(code_.insts.size()) : int64_t(code_.insts.size() - at - 1);
}

bool Decoder::is_control(const Instruction &in) const
{
    static constexpr std::string_view names[] = {
        "call",  "ret",       "exit", "bar",  "barrier",  "shfl", "vote", "match",    "redux",
        "elect", "nanosleep", "brx",  "trap", "mbarrier", "mma",  "wmma", "ldmatrix", "movmatrix"};
    return std::find(std::begin(names), std::end(names), in.opcode) != std::end(names);
}

Inst &Decoder::emit(const Instruction &in, Handler handler)
{
    Inst inst;
    inst.run = handler;
    inst.d = inst.a = inst.b = inst.c = inst.e = inst.f = kNoSlot;
    inst.line = in.at.line;
    code_.insts.push_back(inst);
    std::string name(in.opcode);
    for (std::string_view modifier : in.modifiers)
        name += modifier;
    code_.mnemonics.push_back(std::move(name));
    return code_.insts.back();
}

const Operation &Decoder::operation(const Instruction &in, const std::string &name) const
{
    const Operation *found = find_operation(name);
    if (!found)
        unsupported(in);
    return *found;
}

Inst &Decoder::emit(const Instruction &in, const std::string &name)
{
    return emit(in, operation(in, name).run);
}

void Decoder::unsupported(const Instruction &in) const
{
    std::string name(in.opcode);
    for (std::string_view modifier : in.modifiers)
        name += modifier;
    fail_at(in.at, name.substr(0, 200) + " is not supported");
}

void Decoder::need(const Instruction &in, size_t least, size_t most) const
{
    if (in.operands.size() < least || in.operands.size() > most)
        fail_at(in.at, std::string(in.opcode) + " takes " + std::to_string(least) +
                           (least == most ? "" : " to " + std::to_string(most)) +
                           " operands, not " + std::to_string(in.operands.size()));
}

const Decoder::Methods &Decoder::methods()
{
    static const Methods all = {
        {"ld", &Decoder::load},
        {"ldu", &Decoder::load},
        {"st", &Decoder::store},
        {"atom", &Decoder::atomic},
        {"red", &Decoder::atomic},
        {"cp", &Decoder::copy_async},
        {"cvta", &Decoder::convert_address},
        {"isspacep", &Decoder::is_space},
        {"mbarrier", &Decoder::membarrier},
        {"bra", &Decoder::branch},
        {"brx", &Decoder::branch_index},
        {"call", &Decoder::call},
        {"bar", &Decoder::barrier},
        {"barrier", &Decoder::barrier},
        {"shfl", &Decoder::warp_operation},
        {"vote", &Decoder::warp_operation},
        {"match", &Decoder::warp_operation},
        {"redux", &Decoder::warp_operation},
        {"elect", &Decoder::warp_operation},
        {"setp", &Decoder::compare},
        {"set", &Decoder::set},
        {"cvt", &Decoder::convert},
        {"mov", &Decoder::move},
        {"tex", &Decoder::texture},
        {"tld4", &Decoder::texture},
        {"txq", &Decoder::texture_query},
        {"suq", &Decoder::texture_query},
        {"suld", &Decoder::surface},
        {"sust", &Decoder::surface},
        {"sured", &Decoder::surface},
        {"mma", &Decoder::matrix},
        {"wmma", &Decoder::matrix},
        {"ldmatrix", &Decoder::load_rows},
        {"movmatrix", &Decoder::transpose},
    };
    return all;
}

/// What has no operands that matter.
const Decoder::Handlers &Decoder::handlers()
{
    static const Handlers all = {
        {"ret", run_return},
        {"exit", run_exit},
        {"trap", run_trap},
        {"membar", run_fence},
        {"fence", run_fence},
        {"nanosleep", run_sleep},
        {"brkpt", run_nothing},
        {"prefetch", run_nothing},
        {"prefetchu", run_nothing},
        {"pmevent", run_nothing},
        {"griddepcontrol", run_nothing},
        {"discard", run_nothing},
        {"applypriority", run_nothing},
        {"setmaxnreg", run_nothing},
    };
    return all;
}

std::vector<std::string_view> Decoder::instructions()
{
    std::vector<std::string_view> all = {"activemask", "createpolicy"};
    for (auto &[name, method] : methods())
        all.push_back(name);
    for (auto &[name, handler] : handlers())
        all.push_back(name);
    return all;
}

void Decoder::dispatch(const Instruction &in)
{
    if (auto found = methods().find(in.opcode); found != methods().end())
        return (this->*found->second)(in);
    if (in.opcode == "prefetch" && !in.modifiers.empty() && in.modifiers.back() == ".tensormap")
        unsupported(in);
    if (auto found = handlers().find(in.opcode); found != handlers().end()) {
        emit(in, found->second);
        return;
    }
    if (in.opcode == "activemask") {
        need(in, 1, 1);
        Slot d = destination(in.operands[0], in, 4);
        emit(in, run_active_mask).d = d;
        return;
    }
    if (in.opcode == "createpolicy") {
        need(in, 1, 8);
        Slot d = destination(in.operands[0], in, 8), zero = constant(0, 8);
        Inst &inst = emit(in, "mov.b64");
        inst.d = d;
        inst.a = zero;
        return;
    }
    plain(in);
}

} // namespace vgpu::soft
