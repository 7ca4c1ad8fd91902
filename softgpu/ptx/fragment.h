// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

// How the elements of a matrix lie in the registers of a warp's lanes: the fragment layouts of the
// PTX manual, as tables.
namespace vgpu::soft
{

enum class MatrixPart : uint8_t { a, b, c };

/// What decides a layout. `bits` of one element; a fragment of single bits is one of words, with
/// `k` counted in words.
struct FragmentShape {
    MatrixPart part = MatrixPart::a;
    uint16_t m = 0, n = 0, k = 0;
    uint8_t bits = 0;
    uint8_t registers = 0;  ///< in each lane
    bool quad_pair = false; ///< mma.m8n8k4 of f16: four products, each of eight lanes
    bool by_column = false; ///< the layouts of quad_pair know the operand's order

    friend auto operator<=>(const FragmentShape &, const FragmentShape &) = default;
};

/// How the elements of one register, lane after lane, make a block of the matrix: eight rows, each
/// in four lanes; or the same turned; or in another way.
enum class BlockOrder : uint8_t { rows, columns, other };

struct Fragment {
    FragmentShape shape;
    BlockOrder order = BlockOrder::other;
    unsigned distinct = 0;          ///< registers; register r holds what r % distinct does
    unsigned rows = 0, columns = 0; ///< of the dense matrix
    unsigned packed = 1;            ///< elements in a register
    /// [(register * 32 + lane) * packed + element]: row * columns + column.
    std::vector<uint16_t> place;
    std::vector<uint8_t> row, column; ///< the same, taken apart
};

/// Made once for each shape, never freed: there are only as many as PTX has shapes.
const Fragment &fragment(const FragmentShape &shape);

} // namespace vgpu::soft
