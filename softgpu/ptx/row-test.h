// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/operations.h"
#include "softgpu/ptx/types.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

// The independent computations that rows of the operation tables are compared with. None of them
// uses a handler's code: integers are computed as mathematical integers of 128 bits, reals by MPFR.
namespace vgpu::soft::rows
{

__extension__ using Int = __int128;
__extension__ using Nat = unsigned __int128;

/// A row's name taken apart: "mul.hi.u32" is the stem "mul.hi" and the types {u32}.
struct Name {
    explicit Name(std::string_view row);
    std::string text, opcode, stem;
    std::vector<Type> types;
};

/// One lane's operands, their bits zero-extended, and the modifiers of the form.
struct Args {
    uint64_t in[4] = {};
    bool carry = false; ///< CC.CF before
    uint32_t modifiers = 0;
};

/// setp's combination with a third predicate, in Args::modifiers beside the bits of Modifier.
enum Combination : uint32_t { kWithAnd = 1u << 28, kWithOr = 1u << 29, kWithXor = 1u << 30 };

/// What an instruction leaves: its result, and a second one (a carry, the other predicate).
struct Result {
    uint64_t value = 0;
    uint64_t second = 0;
};

/// Empty if `got` is right, else what was wanted.
using Judge = std::function<std::string(const Args &, const Result &got)>;

struct Reference {
    Judge judge;
    std::string accuracy;       ///< for the manual: "exact", "2 ulp"
    Type floating = Type::none; ///< of the sources, for the choice of edge values
    bool takes_carry = false;   ///< CC.CF is an operand and a result
    bool second = false;        ///< `setp p|q`
};

/// The reference of a row, or one without judge.
Reference find_reference(const Name &name);

// Each knows some of the rows.
Reference integer_reference(const Name &name);
Reference bit_reference(const Name &name);
Reference float_reference(const Name &name);
Reference convert_reference(const Name &name);
Reference compare_reference(const Name &name);

/// Makes a judge of a function that gives the one right result.
Reference exactly(std::function<uint64_t(const Args &)> compute);

/// Bits of a register of that type.
unsigned bits_of(Type type);
/// The mathematical value of the low bits.
Int integer(uint64_t bits, unsigned width, bool sign);
uint64_t wrapped(Int value, unsigned width);
std::string hex(uint64_t value);

/// One way to write a row's instruction: "add.rz.ftz.f32".
struct Form {
    std::string mnemonic;
    uint32_t modifiers = 0;
};
std::vector<Form> forms_of(const Name &name, const Operation &row);

} // namespace vgpu::soft::rows
