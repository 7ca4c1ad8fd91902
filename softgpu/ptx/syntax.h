// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "remoting/image/expression.h"
#include "remoting/image/lexer.h"
#include "softgpu/ptx/types.h"

#include <array>
#include <deque>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vgpu::soft
{
using image::constant_expression;
using image::fail_at;
using image::Lexer;
using image::Position;
using image::Token;
} // namespace vgpu::soft

// What the parser makes of PTX: names are still names, views into the text.
namespace vgpu::soft::syntax
{

struct Operand {
    enum class Kind : uint8_t {
        name,    ///< register, special register, variable, label or function, plus `offset`
        integer, ///< `bits`
        real32,
        real64,
        memory, ///< [name + offset] or [offset]
        vector, ///< {a, b, ...}
        pair,   ///< a|b
        list,   ///< (a, b): arguments of a call
    };
    Kind kind = Kind::name;
    bool negated = false;       ///< !p
    std::string_view name;      ///< empty in [imm]
    std::string_view component; ///< ".x" of %tid.x
    int64_t offset = 0;
    uint64_t bits = 0;
    std::vector<Operand> elements;
    Position at;
};

struct Instruction {
    Position at;
    std::string_view guard; ///< empty: unconditional
    bool guard_negated = false;
    std::string_view opcode;
    std::vector<std::string_view> modifiers; ///< with their dots
    std::vector<Operand> operands;
    unsigned scope = 0;
};

/// One element of an initialiser.
struct Initial {
    uint64_t bits = 0;
    bool real32 = false, real64 = false;
    std::string_view symbol; ///< address of this, plus bits
    bool generic = false;
    uint64_t mask = 0; ///< 0xFF(symbol) picks one byte: the mask, else 0
    Position at;
};

struct Variable {
    Space space = Space::none;
    Type type = Type::none;
    std::string_view name;
    uint64_t alignment = 1;
    uint64_t size = 0;    ///< bytes
    uint64_t element = 0; ///< bytes of one initialised element
    bool external = false;
    bool managed = false;
    bool open = false; ///< `[]`: dynamic shared memory
    std::vector<Initial> initial;
    Position at;
};

/// `.reg .b32 %r<10>` (count 10) or `.reg .b32 x` (count 0).
struct Registers {
    Type type = Type::none;
    unsigned vector = 1;
    uint64_t count = 0;
};

struct Scope {
    unsigned parent = 0;
    std::unordered_map<std::string_view, Registers> registers;
    std::unordered_map<std::string_view, Registers> ranges; ///< by prefix
    std::unordered_map<std::string_view, Variable> variables;
    std::unordered_map<std::string_view, size_t> labels; ///< -> index in `body`
    std::unordered_map<std::string_view, std::vector<std::string_view>> targets;
};

struct Function {
    std::string_view name;
    bool kernel = false;
    bool has_body = false;
    bool external = false;
    std::vector<Variable> returns, parameters;
    unsigned max_threads = 0;
    std::array<unsigned, 3> required{};
    std::deque<Scope> scopes; ///< [0] is the function's own
    std::vector<Instruction> body;
    Position at;
};

struct Module {
    std::vector<Variable> variables;
    std::vector<Function> functions;
    unsigned target = 0; ///< of the .target line, 80 for sm_80; 0 if there is none
};

/// Fails at the first instruction that the text's .target does not have.
void check_target(const Module &module);

} // namespace vgpu::soft::syntax
