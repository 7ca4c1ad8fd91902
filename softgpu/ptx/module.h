// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/syntax.h"

#include <unordered_map>

namespace vgpu::soft
{

/// One byte range of a global's initial value that is an address.
struct InitialAddress {
    uint64_t offset = 0;
    unsigned bytes = 8;
    std::string symbol;
    uint64_t addend = 0;
    uint64_t mask = 0; ///< picks one byte of the address; 0: the whole
};

struct GlobalVariable {
    GlobalInfo info;
    std::vector<std::byte> initial; ///< may be shorter than the variable: the rest is zero
    std::vector<InitialAddress> addresses;
};

/// What Program::compile makes.
class Module final : public Program
{
public:
    explicit Module(std::string_view ptx);

    std::vector<KernelInfo> kernels() const override;
    const KernelInfo *kernel(std::string_view name) const override;
    std::vector<GlobalInfo> globals() const override;
    void bind(const std::function<uint64_t(const GlobalInfo &)> &place) override;
    std::shared_ptr<Program> copy() const override;

    const std::vector<Code> &functions() const { return functions_; }
    const Code *find_kernel(std::string_view name) const;

    // What the decoder asks while the module is being made.
    int function_index(std::string_view name) const;
    int variable_index(std::string_view name) const;
    const GlobalVariable &variable(unsigned index) const { return variables_[index]; }
    /// Offset in the common part of shared memory, or npos for another name.
    size_t shared_offset(std::string_view name) const;
    bool is_dynamic_shared(std::string_view name) const;
    size_t common_shared_bytes() const { return common_shared_; }
    static constexpr size_t npos = ~size_t(0);
    /// A `.global`, `.const` or `.shared` variable declared inside a function.
    void add_variable(const syntax::Variable &variable);
    size_t add_shared(const syntax::Variable &variable);

private:
    void declare(const syntax::Module &source);
    void measure_stacks();
    size_t stack_of(size_t index, std::vector<size_t> &known, std::vector<char> &open,
                    unsigned level) const;

    std::vector<Code> functions_;
    std::unordered_map<std::string, int> function_names_;
    std::vector<GlobalVariable> variables_;
    std::unordered_map<std::string, int> variable_names_;
    std::unordered_map<std::string, size_t> shared_names_;
    std::unordered_map<std::string, bool> dynamic_names_;
    size_t common_shared_ = 0;
    bool bound_ = false;
};

} // namespace vgpu::soft
