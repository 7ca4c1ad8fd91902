// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/program.h"
#include "softgpu/ptx/types.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// Decoded PTX: what the executor runs.
namespace vgpu::soft
{

struct Warp;
struct Inst;

/// Executes one instruction for the active lanes and returns the next one.
using Handler = const Inst *(*)(Warp &, const Inst *);

/// Where an operand's 32 lanes lie: a bank in the upper two bits, a byte offset in the rest.
using Slot = uint32_t;
inline constexpr unsigned kBankShift = 30;
inline constexpr Slot kRegisterBank = 0u << kBankShift;
inline constexpr Slot kConstantBank = 1u << kBankShift;
inline constexpr Slot kSpecialBank = 2u << kBankShift; ///< of the warp
inline constexpr Slot kBlockBank = 3u << kBankShift;   ///< special registers of the block
inline constexpr Slot kOffsetMask = (1u << kBankShift) - 1;
inline constexpr Slot kNoSlot = ~Slot(0);

/// Modifiers of a floating-point instruction, in Inst::aux.
enum Modifier : uint32_t {
    kRoundMask = 3, ///< 0 nearest even, 1 down, 2 up, 3 toward zero: the order of MXCSR.RC
    kRoundDown = 1,
    kRoundUp = 2,
    kRoundZero = 3,
    kFtz = 4,
    kSat = 8,
    kRelu = 16,
    kNanResult = 32, ///< min.NaN, max.NaN
    kXorSign = 64,
    kToInteger = 128, ///< cvt: round to an integral value (.rni, ...)
    kApprox = 256,
    kAwayTies = 512, ///< cvt.rna
    kFull = 1024,    ///< div.full
};

/// In Inst::aux of an indexed access; its scale is in the upper half.
inline constexpr uint32_t kSignedIndex = 0x100;

struct Inst {
    Handler run = nullptr;
    Slot d = 0, a = 0, b = 0, c = 0, e = 0, f = 0;
    int64_t imm = 0;
    uint32_t aux = 0;
    uint32_t line = 0;
};

/// 64 bytes of a constant bank, aligned for vector loads.
struct alignas(64) Chunk {
    std::array<std::byte, 64> bytes{};
};

/// An address that is known once the module is bound: broadcast into the constant bank.
struct Relocation {
    uint32_t offset = 0; ///< in the constant bank
    unsigned variable = 0;
    int64_t addend = 0;
    unsigned bytes = 8;
};

/// A kernel parameter that a launch broadcasts into the constant bank.
struct LaunchConstant {
    uint32_t offset = 0; ///< in the constant bank
    uint32_t parameter = 0;
    Type type = Type::none;
    unsigned bytes = 8; ///< of the register
};

/// One argument or result of a call: bytes in the caller's frame, or a register.
struct Argument {
    uint32_t offset = 0;
    uint32_t size = 0;
    Slot slot = kNoSlot;
};

enum class Builtin : uint8_t { none, print, allocate, release, assert_fail, set_condition };

struct CallSite {
    int callee = -1; ///< index in the module; -1: `target` holds a function address
    Builtin builtin = Builtin::none;
    Slot target = kNoSlot;
    std::vector<Argument> arguments, results;
};

struct MatrixSite;
struct TextureSite;

struct Code {
    std::string name;
    bool kernel = false;
    bool defined = false;
    std::vector<Inst> insts;
    std::vector<std::string> mnemonics; ///< by Inst::line's index in `lines`
    std::vector<Chunk> constants;
    std::vector<Relocation> relocations;
    std::vector<LaunchConstant> launch_constants;
    std::vector<CallSite> calls;
    std::vector<std::shared_ptr<const MatrixSite>> matrices;
    std::vector<std::shared_ptr<const TextureSite>> textures;
    std::vector<std::vector<uint32_t>> branch_targets;
    std::vector<Argument> parameters, results; ///< in the frame (functions only)
    size_t register_bytes = 0;
    size_t frame_bytes = 0; ///< local memory of one thread for one activation
    bool uses_common_shared = false;
    KernelInfo info;         ///< kernels only
    size_t stack_bytes = 0;  ///< kernels only: local memory a thread needs, callees included
    bool open_stack = false; ///< kernels only: there is recursion or an indirect call
};

} // namespace vgpu::soft
