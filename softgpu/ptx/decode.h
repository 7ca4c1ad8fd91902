// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/matrix.h"
#include "softgpu/ptx/module.h"
#include "softgpu/ptx/operations.h"
#include "softgpu/ptx/syntax.h"
#include "softgpu/ptx/texture-site.h"

#include <map>
#include <unordered_set>

namespace vgpu::soft
{

/// Makes the Code of one function from its syntax. Used once.
class Decoder
{
public:
    Decoder(Module &module, const syntax::Function &source, Code &code);
    void run();

    /// Those that are more than a row of the operation tables.
    static std::vector<std::string_view> instructions();

private:
    using Instruction = syntax::Instruction;
    using Operand = syntax::Operand;

    struct Register {
        Type type = Type::none;
        Slot slot = kNoSlot;
        unsigned definitions = 0;
        unsigned uses = 0;
        bool fixed = false; ///< an alias of something that never changes
    };
    /// What a register holds that was made of base + index * scale, while `index` lasts.
    struct Sum {
        Register *index = nullptr;
        Register *base = nullptr; ///< null: of a product
        uint32_t scale = 0;
        bool sign = false;
        size_t made = 0;      ///< the place of its multiplication in the body
        bool lasting = false; ///< made before the first label, of what never changes
        unsigned block = 0;
        unsigned taken = 0; ///< uses that were spared
    };
    /// A value: where it lies and how wide its lanes are (0 for a predicate).
    struct Value {
        Slot slot = kNoSlot;
        size_t bytes = 0;
    };
    struct Place {
        const syntax::Variable *variable = nullptr;
        uint64_t offset = 0;
        bool parameter = false; ///< of the kernel, in its packed buffer
    };
    struct Patch {
        size_t inst = 0;
        std::string_view label;
        unsigned scope = 0;
        Position at;
    };
    /// Where a memory operand points.
    struct Address {
        enum class Kind { slot, frame, parameter } kind = Kind::slot;
        Slot slot = kNoSlot;
        size_t width = 8;
        int64_t offset = 0;
        Space space = Space::none; ///< of the variable, if one is named
        uint64_t room = 0;         ///< bytes from offset to the variable's end
    };

    // Names (decode.cc).
    void layout();
    void parameters();
    Register *find_register(std::string_view name, unsigned scope);
    const Place *find_place(std::string_view name, unsigned scope);
    Register &make_register(unsigned scope, std::string_view name, Type type);
    void count_definitions();
    void find_fixed(const Instruction &in);
    void define(const Operand &operand, unsigned scope);
    std::vector<uint32_t> resolve_labels(const std::vector<std::string_view> &names,
                                         const Instruction &in);
    size_t label(std::string_view name, unsigned scope, Position at) const;

    // Accesses by base and index (decode-index.cc).
    void count_uses();
    void find_indexed();
    const Sum *index_of(const Instruction &in) const;
    void index_into(Inst &inst, const Sum &sum, int64_t offset);
    Slot slot_of(Register &reg);

    // Values (decode-values.cc).
    Slot allocate(size_t bytes);
    Slot temporary(size_t bytes);
    Slot constant(uint64_t bits, size_t bytes);
    Slot relocated(unsigned variable, size_t bytes, int64_t addend);
    Slot launch_constant(uint32_t parameter, Type type, size_t bytes);
    std::optional<Special> special(const Operand &operand) const;
    bool clock(const Operand &operand, const Instruction &in, Value &value);
    Value value(const Operand &operand, const Instruction &in, Type type, size_t bytes);
    Value address_of(const Operand &operand, const Instruction &in, size_t bytes);
    Value fixed_value(const Operand &operand, const Instruction &in, Type type, size_t bytes);
    Slot source(const Operand &operand, const Instruction &in, Type type, size_t bytes);
    Slot destination(const Operand &operand, const Instruction &in, size_t bytes);
    Slot destination_or_none(const Operand &operand, const Instruction &in, size_t bytes);
    uint64_t literal(const Operand &operand, Type type, size_t bytes) const;

    // Instructions.
    void instruction(const Instruction &in);
    void dispatch(const Instruction &in);
    using Methods = std::unordered_map<std::string_view, void (Decoder::*)(const Instruction &)>;
    using Handlers = std::unordered_map<std::string_view, Handler>;
    static const Methods &methods();
    static const Handlers &handlers();
    bool is_control(const Instruction &in) const;
    Inst &emit(const Instruction &in, Handler handler);
    Inst &emit(const Instruction &in, const std::string &operation);
    const Operation &operation(const Instruction &in, const std::string &name) const;
    [[noreturn]] void unsupported(const Instruction &in) const;
    void need(const Instruction &in, size_t least, size_t most) const;
    void resize(const Instruction &in, Slot to, size_t to_bytes, Slot from, size_t from_bytes,
                bool sign);

    void plain(const Instruction &in); // decode-plain.cc
    void compare(const Instruction &in);
    void set(const Instruction &in);
    void convert(const Instruction &in);
    void pack(const Instruction &in);
    void move(const Instruction &in);
    void move_vector(const Instruction &in);
    Inst &finish_compare(const Instruction &in, const std::string &name, Type type, uint32_t aux);

    void load(const Instruction &in); // decode-memory.cc
    void store(const Instruction &in);
    void atomic(const Instruction &in);
    void copy_async(const Instruction &in);
    void convert_address(const Instruction &in);
    void is_space(const Instruction &in);
    void membarrier(const Instruction &in);
    Address address(const Operand &operand, const Instruction &in);
    void address_into(Inst &inst, const Address &address);
    std::string memory_space(const Instruction &in, const Address &address, Space space) const;

    void matrix(const Instruction &in); // decode-matrix.cc
    void matrix_multiply(const Instruction &in);
    void matrix_memory(const Instruction &in);
    void load_rows(const Instruction &in);
    void transpose(const Instruction &in);
    void matrix_operand(const Operand &operand, const Instruction &in, const FragmentShape &shape,
                        bool writes, MatrixOperand &to);
    Inst &emit_matrix(const Instruction &in, Handler handler,
                      std::shared_ptr<const MatrixSite> site);

    void texture(const Instruction &in); // decode-texture.cc
    void texture_query(const Instruction &in);
    void surface(const Instruction &in);
    void texture_place(const Operand &operand, const Instruction &in, unsigned dimensions,
                       bool layered, Type type, TextureSite &site);
    void texture_values(const Operand &operand, const Instruction &in, Type type, size_t count,
                        bool writes, TextureSite &site);
    Inst &emit_texture(const Instruction &in, Handler handler, const TextureSite &site);

    void branch(const Instruction &in); // decode-control.cc
    void branch_index(const Instruction &in);
    void call(const Instruction &in);
    void barrier(const Instruction &in);
    void warp_operation(const Instruction &in);
    Argument argument(const Operand &operand, const Instruction &in);

    Module &module_;
    const syntax::Function &source_;
    Code &code_;
    std::deque<Register> registers_;
    std::vector<std::unordered_map<std::string_view, Register *>> names_;
    std::vector<std::unordered_map<std::string_view, Place>> places_;
    std::unordered_map<std::string_view, Place> formals_;
    std::map<std::pair<uint64_t, size_t>, uint32_t> constants_;
    std::map<std::tuple<unsigned, size_t, int64_t>, uint32_t> relocations_;
    std::map<std::tuple<uint32_t, Type, size_t>, uint32_t> launch_constants_;
    std::map<size_t, std::vector<Slot>> temporaries_;
    std::map<size_t, size_t> temporaries_used_;
    std::vector<size_t> starts_; ///< body index -> instruction index
    std::vector<Patch> patches_;
    std::vector<std::pair<size_t, std::vector<std::pair<size_t, unsigned>>>> tables_;
    std::vector<std::vector<std::string_view>> table_labels_;
    std::vector<Patch> table_patches_;
    std::unordered_map<const Instruction *, Sum> indexed_; ///< loads and stores
    std::unordered_set<const Instruction *> spared_;       ///< whose results nobody reads any more
    unsigned span_ = 0;
};

} // namespace vgpu::soft
