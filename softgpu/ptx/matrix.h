// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/fragment.h"

// mma, wmma, ldmatrix, movmatrix: instructions of a whole warp on matrices spread over its lanes.
namespace vgpu::soft
{

inline constexpr unsigned kMatrixRegisters = 8;
inline constexpr unsigned kMatrixElements = 1024; ///< of the largest operand: 16 x 64 of four bits

/// A matrix operand: where its elements are, register by register.
struct MatrixOperand {
    const Fragment *layout = nullptr;
    std::array<Slot, kMatrixRegisters> slots{};
};

/// What an instruction on matrices needs beyond Inst, which names it by its place in
/// Code::matrices.
struct MatrixSite {
    MatrixOperand a, b, c, d; ///< loads and stores have `d` alone
    uint16_t m = 0, n = 0, k = 0;
    uint8_t products = 1;
    uint8_t count = 0;    ///< ldmatrix: matrices
    uint8_t bits = 0;     ///< of an element in memory
    uint8_t rounding = 0; ///< f64, as in Modifier
    bool saturate = false;
    bool a_signed = false, b_signed = false;
    bool bits_and = false; ///< single bits: popc of and; else of xor
    bool by_column = false;
    bool transposed = false;
    Space space = Space::none;
};

const Inst *run_together(Warp &, const Inst *);     ///< waits until all live lanes are here
const Inst *run_matrix_load(Warp &, const Inst *);  ///< wmma.load. a: address, b: stride or none
const Inst *run_matrix_store(Warp &, const Inst *); ///< wmma.store
const Inst *run_row_load(Warp &, const Inst *);     ///< ldmatrix
const Inst *run_transpose(Warp &, const Inst *);    ///< movmatrix

} // namespace vgpu::soft
