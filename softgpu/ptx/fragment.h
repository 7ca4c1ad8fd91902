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

struct Fragment {
    FragmentShape shape;
    unsigned rows = 0, columns = 0; ///< of the dense matrix
    unsigned packed = 1;            ///< elements in a register
    /// [(register * 32 + lane) * packed + element]: row * columns + column. Elements that no
    /// register has room for do not exist; some are held by several lanes.
    std::vector<uint16_t> place;
};

/// Made once for each shape, never freed: there are only as many as PTX has shapes.
const Fragment &fragment(const FragmentShape &shape);

} // namespace vgpu::soft
