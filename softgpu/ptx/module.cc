// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/module.h"

#include "remoting/base/error.h"
#include "softgpu/ptx/decode.h"
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/parser.h"

#include <algorithm>
#include <cstring>

namespace vgpu::soft
{
namespace
{

constexpr size_t kMaxText = 256u << 20;
constexpr size_t kOpenStack =
    64u << 10; ///< of a thread, where recursion or pointers hide the depth
constexpr size_t kMaxStack = 16u << 20;
constexpr unsigned kMaxChain = 1000; ///< calls whose stack is added up

uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

/// The kernel's or function's constants that are addresses in shared memory of its own.
void place_shared(Code &code, uint64_t base)
{
    auto *bank = reinterpret_cast<std::byte *>(code.constants.data());
    for (const Relocation &relocation : code.relocations) {
        if (relocation.variable != unsigned(-1))
            continue;
        uint64_t address = base + uint64_t(relocation.addend);
        for (size_t lane = 0; lane < kLanes; lane++)
            std::memcpy(bank + relocation.offset + lane * relocation.bytes, &address,
                        relocation.bytes);
    }
}

} // namespace

std::shared_ptr<Program> Program::compile(std::string_view ptx)
{
    return std::make_shared<Module>(ptx);
}

Module::Module(std::string_view ptx)
{
    if (ptx.size() > kMaxText)
        fail_at({1, 1}, "the text is longer than 256 MiB");
    syntax::Module source = parse(ptx);
    check_target(source);
    declare(source);
    for (const syntax::Function &function : source.functions)
        if (function.has_body)
            Decoder(*this, function, functions_[size_t(function_index(function.name))]).run();
    measure_stacks();
}

void Module::declare(const syntax::Module &source)
{
    for (const syntax::Variable &variable : source.variables) {
        if (variable.space == Space::shared &&
            (variable.open || (variable.external && variable.size == 0)))
            dynamic_names_.emplace(variable.name, true);
        else if (variable.space == Space::shared)
            add_shared(variable);
        else
            add_variable(variable);
    }
    for (const syntax::Function &function : source.functions) {
        auto [found, fresh] =
            function_names_.try_emplace(std::string(function.name), int(functions_.size()));
        if (fresh)
            functions_.emplace_back();
        Code &code = functions_[size_t(found->second)];
        if (function.has_body && code.defined)
            fail_at(function.at, "'" + std::string(function.name) + "' is defined twice");
        code.name = function.name;
        code.kernel = function.kernel;
        if (!function.has_body)
            continue;
        code.defined = true;
        code.info.name = function.name;
        uint64_t required =
            uint64_t(function.required[0]) * function.required[1] * function.required[2];
        if (required) {
            code.info.required_block = function.required;
            code.info.max_threads = unsigned(std::min<uint64_t>(required, 1024));
        } else if (function.max_threads) {
            code.info.max_threads = std::min(function.max_threads, 1024u);
        }
    }
}

void Module::add_variable(const syntax::Variable &variable)
{
    auto [found, fresh] =
        variable_names_.try_emplace(std::string(variable.name), int(variables_.size()));
    if (!fresh) {
        // A declaration may come before the definition.
        GlobalVariable &known = variables_[size_t(found->second)];
        if (!known.info.external && !variable.external)
            fail_at(variable.at, "'" + std::string(variable.name) + "' is defined twice");
        if (variable.external)
            return;
        known = GlobalVariable{};
    } else {
        variables_.emplace_back();
    }
    GlobalVariable &global = variables_[size_t(found->second)];
    global.info.name = variable.name;
    global.info.size = variable.size;
    global.info.alignment = variable.alignment;
    global.info.constant = variable.space == Space::constant;
    global.info.external = variable.external;
    global.info.managed = variable.managed;
    global.initial.resize(variable.initial.size() * variable.element);
    uint64_t offset = 0;
    for (const syntax::Initial &value : variable.initial) {
        uint64_t bits = value.bits;
        if (value.real64 && variable.type == Type::f32) {
            double wide;
            std::memcpy(&wide, &bits, 8);
            auto narrow = float(wide);
            uint32_t pattern;
            std::memcpy(&pattern, &narrow, 4);
            bits = pattern;
        }
        if (value.symbol.empty())
            std::memcpy(global.initial.data() + offset, &bits,
                        std::min<size_t>(8, variable.element));
        else if (value.mask == 0 && variable.element < 4)
            fail_at(value.at, "an address does not fit here");
        else
            global.addresses.push_back({offset, unsigned(std::min<size_t>(8, variable.element)),
                                        std::string(value.symbol), bits, value.mask});
        offset += variable.element;
    }
}

size_t Module::add_shared(const syntax::Variable &variable)
{
    common_shared_ = round_up(common_shared_, variable.alignment);
    size_t offset = common_shared_;
    common_shared_ += variable.size;
    if (common_shared_ > (1u << 24))
        fail_at(variable.at, "shared memory is too large");
    shared_names_.emplace(variable.name, offset);
    return offset;
}

int Module::function_index(std::string_view name) const
{
    auto found = function_names_.find(std::string(name));
    return found == function_names_.end() ? -1 : found->second;
}

int Module::variable_index(std::string_view name) const
{
    auto found = variable_names_.find(std::string(name));
    return found == variable_names_.end() ? -1 : found->second;
}

size_t Module::shared_offset(std::string_view name) const
{
    auto found = shared_names_.find(std::string(name));
    return found == shared_names_.end() ? npos : found->second;
}

bool Module::is_dynamic_shared(std::string_view name) const
{
    return dynamic_names_.contains(std::string(name));
}

/// Bytes of stack below and including the function; npos if there is no bound.
size_t Module::stack_of(size_t index, std::vector<size_t> &known, std::vector<char> &open,
                        unsigned level) const
{
    if (known[index])
        return known[index];
    // Hostile text has chains of calls that would fill our own stack.
    if (open[index] || level > kMaxChain)
        return npos;
    open[index] = 1;
    const Code &code = functions_[index];
    size_t deepest = 0;
    for (const CallSite &site : code.calls) {
        if (site.builtin != Builtin::none)
            continue;
        size_t below =
            site.callee < 0 ? npos : stack_of(size_t(site.callee), known, open, level + 1);
        deepest = std::max(deepest, below);
        if (deepest == npos)
            break;
    }
    open[index] = 0;
    size_t total = deepest == npos ? npos : deepest + code.frame_bytes;
    known[index] = total;
    return total;
}

/// What a kernel needs because of what it calls: stack, and the common part of shared memory.
void Module::measure_stacks()
{
    std::vector<size_t> known(functions_.size());
    std::vector<char> open(functions_.size());
    // Whether an indirect call may reach shared memory is not known: assume it.
    bool changed = true;
    while (changed) {
        changed = false;
        for (Code &code : functions_)
            for (const CallSite &site : code.calls) {
                bool uses = site.builtin == Builtin::none &&
                            (site.callee < 0 ? common_shared_ > 0
                                             : functions_[size_t(site.callee)].uses_common_shared);
                if (uses && !code.uses_common_shared)
                    changed = code.uses_common_shared = true;
            }
    }
    for (size_t i = 0; i < functions_.size(); i++) {
        Code &code = functions_[i];
        if (!code.kernel || !code.defined)
            continue;
        size_t depth = stack_of(i, known, open, 0);
        code.open_stack = depth == npos;
        if (depth == npos)
            depth = code.frame_bytes + kOpenStack;
        if (depth > kMaxStack)
            throw Error(218, "kernel '" + code.name + "' needs " + std::to_string(depth) +
                                 " bytes of local memory a thread: at most " +
                                 std::to_string(kMaxStack) + " are supported");
        code.stack_bytes = round_up(depth, 16);
        if (!code.uses_common_shared)
            place_shared(code, 0);
        else if (code.info.static_shared_bytes == 0)
            code.info.static_shared_bytes = common_shared_;
        else {
            // The kernel's own come behind, at the largest alignment there is use for.
            size_t base = round_up(common_shared_, 128);
            place_shared(code, base);
            code.info.static_shared_bytes += base;
        }
    }
}

const Code *Module::find_kernel(std::string_view name) const
{
    int index = function_index(name);
    if (index < 0)
        return nullptr;
    const Code &code = functions_[size_t(index)];
    return code.kernel && code.defined ? &code : nullptr;
}

std::vector<KernelInfo> Module::kernels() const
{
    std::vector<KernelInfo> result;
    for (const Code &code : functions_)
        if (code.kernel && code.defined)
            result.push_back(code.info);
    return result;
}

const KernelInfo *Module::kernel(std::string_view name) const
{
    const Code *code = find_kernel(name);
    return code ? &code->info : nullptr;
}

std::vector<GlobalInfo> Module::globals() const
{
    std::vector<GlobalInfo> result;
    for (const GlobalVariable &variable : variables_)
        result.push_back(variable.info);
    return result;
}

std::shared_ptr<Program> Module::copy() const
{
    if (bound_)
        throw Error(EINVAL, "the module is bound already");
    return std::make_shared<Module>(*this);
}

void Module::bind(const std::function<uint64_t(const GlobalInfo &)> &place)
{
    if (bound_)
        throw Error(EINVAL, "the module is bound already");
    bound_ = true;
    for (GlobalVariable &variable : variables_) {
        if (variable.info.size == 0 && !variable.info.external)
            continue;
        variable.info.address = place(variable.info);
        if (variable.info.address && !variable.initial.empty())
            std::memcpy(reinterpret_cast<void *>(variable.info.address), variable.initial.data(),
                        std::min(variable.initial.size(), variable.info.size));
    }
    for (GlobalVariable &variable : variables_)
        for (const InitialAddress &initial : variable.addresses) {
            uint64_t address = initial.addend;
            if (int global = variable_index(initial.symbol); global >= 0)
                address += variables_[size_t(global)].info.address;
            else if (int function = function_index(initial.symbol); function >= 0)
                address += kFunctionWindow + uint64_t(function) * 16;
            else if (size_t shared = shared_offset(initial.symbol); shared != npos)
                address += kSharedWindow + shared;
            else
                throw Error(218, "'" + initial.symbol + "', whose address '" + variable.info.name +
                                     "' holds, is not defined");
            if (initial.mask)
                address = (address & initial.mask) >> std::countr_zero(initial.mask);
            if (variable.info.address && initial.offset + initial.bytes <= variable.info.size)
                std::memcpy(reinterpret_cast<void *>(variable.info.address + initial.offset),
                            &address, initial.bytes);
        }
    for (Code &code : functions_) {
        auto *bank = reinterpret_cast<std::byte *>(code.constants.data());
        for (const Relocation &relocation : code.relocations) {
            if (relocation.variable == unsigned(-1))
                continue;
            uint64_t address =
                variables_[relocation.variable].info.address + uint64_t(relocation.addend);
            for (size_t lane = 0; lane < kLanes; lane++)
                std::memcpy(bank + relocation.offset + lane * relocation.bytes, &address,
                            relocation.bytes);
        }
    }
}

} // namespace vgpu::soft
