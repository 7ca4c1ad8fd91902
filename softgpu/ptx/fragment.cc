// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fragment.h"

#include "softgpu/ptx/machine.h"

#include <map>
#include <mutex>

namespace vgpu::soft
{
namespace
{

struct Position {
    unsigned row, column;
};

/// The layouts that mma has had since compute capability 7.5: lanes in groups of four, a group for
/// each of eight rows (columns of B). Larger matrices are tiles of these, as many as registers are
/// left; where there are more registers than tiles (wmma's f16), the tiles are held again.
Position group_position(const FragmentShape &s, unsigned packed, unsigned reg, unsigned lane,
                        unsigned element)
{
    unsigned group = lane / 4, of_group = lane % 4;
    if (s.part == MatrixPart::c) {
        unsigned index = reg * packed + element;
        unsigned in_tile = s.m == 8 ? 2 : 4, tile = index / in_tile;
        unsigned across = s.n / 8u;
        return {group + 8 * (index % in_tile / 2) + 16 * (tile / across),
                of_group * 2 + index % 2 + 8 * (tile % across)};
    }
    unsigned steps = s.k / (4 * packed); // along k, until a tile is complete
    if (s.part == MatrixPart::a && s.m == 8)
        return {group, of_group * packed + element + reg % steps * 4 * packed};
    if (s.part == MatrixPart::a) {
        unsigned in_tile = reg % (2 * steps), tile = reg / (2 * steps) % (s.m / 16u);
        return {group + 8 * (in_tile % 2) + 16 * tile,
                of_group * packed + element + in_tile / 2 * 4 * packed};
    }
    unsigned tile = reg / steps % (s.n / 8u);
    return {of_group * packed + element + reg % steps * 4 * packed, group + 8 * tile};
}

/// mma.m8n8k4 of f16, from compute capability 7.0: lanes 4q to 4q+3 and 16 more make product q. The
/// products' matrices lie below each other.
Position quad_position(const FragmentShape &s, unsigned packed, unsigned reg, unsigned lane,
                       unsigned element)
{
    unsigned product = lane % 16 / 4, index = reg * packed + element, upper = lane < 16 ? 0 : 4;
    switch (s.part) {
    case MatrixPart::a:
        return s.by_column ? Position{product * 8 + index + upper, lane % 4}
                           : Position{product * 8 + lane % 4 + upper, index};
    case MatrixPart::b:
        return s.by_column ? Position{product * 4 + index, lane % 4 + upper}
                           : Position{product * 4 + lane % 4, index + upper};
    default:
        return s.bits == 16 ? Position{product * 8 + lane % 4 + upper, index}
                            : Position{product * 8 + (lane & 1) + (index & 2) + upper,
                                       (index & 4) + (lane & 2) + (index & 1)};
    }
}

Fragment make(const FragmentShape &s)
{
    Fragment result;
    result.shape = s;
    unsigned products = s.quad_pair ? 4 : 1;
    result.rows = products * (s.part == MatrixPart::b ? s.k : s.m);
    result.columns = s.part == MatrixPart::a ? s.k : s.n;
    result.packed = s.bits >= 32 ? 1 : 32 / s.bits;
    bool whole = s.part != MatrixPart::c || result.packed == 2;
    if (!s.quad_pair && whole)
        result.order = s.part == MatrixPart::b ? BlockOrder::columns : BlockOrder::rows;
    result.distinct = result.rows * result.columns / (kLanes * result.packed);
    for (unsigned reg = 0; reg < s.registers; reg++)
        for (unsigned lane = 0; lane < kLanes; lane++)
            for (unsigned element = 0; element < result.packed; element++) {
                auto [row, column] = s.quad_pair
                                         ? quad_position(s, result.packed, reg, lane, element)
                                         : group_position(s, result.packed, reg, lane, element);
                result.place.push_back(uint16_t(row * result.columns + column));
                result.row.push_back(uint8_t(row));
                result.column.push_back(uint8_t(column));
            }
    return result;
}

} // namespace

const Fragment &fragment(const FragmentShape &shape)
{
    static std::mutex lock;
    static std::map<FragmentShape, Fragment> known;
    std::lock_guard guard(lock);
    auto [found, fresh] = known.try_emplace(shape);
    if (fresh)
        found->second = make(shape);
    return found->second;
}

} // namespace vgpu::soft
