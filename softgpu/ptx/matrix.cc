// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/matrix.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"

#include <algorithm>
#include <cstring>

// Loads, stores and transpositions of matrices that a warp holds together. The products are in
// ops-matrix.cc.
namespace vgpu::soft
{
namespace
{

const MatrixSite &site_of(const Warp &warp, const Inst *inst)
{
    return *warp.frame->code->matrices[inst->e];
}

/// The generic address that a lane's operand `a` and the offset in `imm` give.
uint64_t address_of(Warp &warp, const Inst *inst, Space space, unsigned lane)
{
    uint64_t address = inst->aux == 8
                           ? lanes<uint64_t>(warp, inst->a)[lane] + uint64_t(inst->imm)
                           : uint32_t(lanes<uint32_t>(warp, inst->a)[lane] + uint32_t(inst->imm));
    bool offset = (space == Space::shared || inst->aux == 4) && address < kWindowBytes;
    return offset ? address + kSharedWindow : address;
}

/// All of [address, address + size) at once if it is global or shared memory that is there, else
/// null: then each element is looked at by itself.
std::byte *whole(Warp &warp, const Inst *inst, uint64_t address, uint64_t size, bool write,
                 Space space)
{
    if (!lies_in(space, address))
        return nullptr;
    if (uint64_t offset = address - kSharedWindow; offset < kWindowBytes)
        return offset <= warp.shared_size && size <= warp.shared_size - offset
                   ? warp.shared + offset
                   : nullptr;
    if (address >= kWindowBase)
        return nullptr;
    Span &span = warp.spans[inst->f & 255];
    auto fits = [&] { return size <= span.size && address - span.lo <= span.size - size; };
    if (!fits() || write) {
        const Range *range = find_range(warp, address);
        if (!range || !range->contains(address, size) || (write && !range->writable))
            return nullptr;
        span = {range->lo, range->hi - range->lo};
    }
    return reinterpret_cast<std::byte *>(address);
}

/// How one lane's elements lie in memory.
struct Lines {
    uint64_t start = 0;  ///< generic address of the first element
    uint64_t stride = 0; ///< bytes from line to line
    uint64_t extent = 0; ///< bytes from the first to the end of the last

    friend bool operator==(const Lines &, const Lines &) = default;
};

Lines lines_of(Warp &warp, const Inst *inst, const MatrixSite &site, unsigned lane)
{
    const Fragment &layout = *site.d.layout;
    uint64_t lines = site.by_column ? layout.columns : layout.rows;
    uint64_t length =
        uint64_t(site.by_column ? layout.rows : layout.columns) * layout.shape.bits / 8;
    Lines result;
    result.start = address_of(warp, inst, site.space, lane);
    result.stride = inst->b == kNoSlot
                        ? length
                        : uint64_t(lanes<uint32_t>(warp, inst->b)[lane]) * site.bits / 8;
    result.extent = (lines - 1) * result.stride + length;
    return result;
}

/// Moves the elements of lane `lane`; those of less than a byte a register at a time, as they lie
/// in a row of memory. T is as long as what is moved at once; at(offset) gives its place in memory.
template<bool kStores, class T, class F>
void move_lane(Warp &warp, const MatrixSite &site, unsigned reg, unsigned lane, uint64_t stride,
               F at)
{
    const Fragment &layout = *site.d.layout;
    unsigned parts = layout.shape.bits < 8 ? 1 : layout.packed;
    T *value = lanes<T>(warp, site.d.slots[reg]) + lane * parts;
    size_t first = (reg * kLanes + lane) * layout.packed;
    for (unsigned i = 0; i < parts; i++) {
        uint64_t row = layout.row[first + i], column = layout.column[first + i];
        uint64_t bits = layout.shape.bits;
        uint64_t offset =
            site.by_column ? column * stride + row * bits / 8 : row * stride + column * bits / 8;
        if (kStores)
            std::memcpy(at(offset), value + i, sizeof(T));
        else
            std::memcpy(value + i, at(offset), sizeof(T));
    }
}

template<bool kStores, class T>
void move_matrix(Warp &warp, const Inst *inst, const MatrixSite &site)
{
    const Fragment &layout = *site.d.layout;
    // The manual wants one address and one stride of all lanes.
    if (warp.active == kAllLanes) {
        Lines first = lines_of(warp, inst, site, 0);
        bool same = true;
        for (unsigned lane = 1; lane < kLanes; lane++)
            same = same && lines_of(warp, inst, site, lane) == first;
        std::byte *all = same && first.start % sizeof(T) == 0
                             ? whole(warp, inst, first.start, first.extent, kStores, site.space)
                             : nullptr;
        if (all) {
            unsigned registers = std::min<unsigned>(layout.shape.registers, layout.distinct);
            for (unsigned reg = 0; reg < registers; reg++)
                for (unsigned lane = 0; lane < kLanes; lane++)
                    move_lane<kStores, T>(warp, site, reg, lane, first.stride,
                                          [&](uint64_t offset) { return all + offset; });
            for (unsigned reg = registers; reg < layout.shape.registers && !kStores; reg++)
                std::memcpy(lanes<uint32_t>(warp, site.d.slots[reg]),
                            lanes<uint32_t>(warp, site.d.slots[reg % registers]), 4 * kLanes);
            return;
        }
    }
    each_lane(warp.active, [&](unsigned lane) {
        Lines own = lines_of(warp, inst, site, lane);
        for (unsigned reg = 0; reg < layout.shape.registers; reg++)
            move_lane<kStores, T>(warp, site, reg, lane, own.stride, [&](uint64_t offset) {
                return resolve(warp, inst, lane, own.start + offset, sizeof(T), sizeof(T), kStores,
                               site.space);
            });
    });
}

template<bool kStores>
const Inst *move_by_size(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    switch (site.d.layout->shape.bits) {
    case 8:
        move_matrix<kStores, uint8_t>(warp, inst, site);
        break;
    case 16:
        move_matrix<kStores, uint16_t>(warp, inst, site);
        break;
    case 64:
        move_matrix<kStores, uint64_t>(warp, inst, site);
        break;
    default:
        move_matrix<kStores, uint32_t>(warp, inst, site);
    }
    return inst + 1;
}

/// ldmatrix of a whole warp whose addresses are all good: false if it has to be looked at closely.
bool load_rows(Warp &warp, const Inst *inst, const MatrixSite &site)
{
    if (warp.active != kAllLanes || inst->aux != 4 || warp.shared_size < 16)
        return false;
    const uint32_t *a = lanes<uint32_t>(warp, inst->a);
    uint32_t offset[kLanes];
    uint64_t last = warp.shared_size - 16;
    bool bad = false;
    for (unsigned l = 0; l < site.count * 8u; l++) {
        offset[l] = a[l] + uint32_t(inst->imm);
        bad |= (offset[l] > last) | ((offset[l] & 15) != 0);
    }
    if (bad)
        return false;
    for (unsigned m = 0; m < site.count; m++) {
        auto *d = lanes<uint32_t>(warp, site.d.slots[m]);
        if (!site.transposed) {
            for (unsigned row = 0; row < 8; row++)
                std::memcpy(d + 4 * row, warp.shared + offset[8 * m + row], 16);
            continue;
        }
        uint16_t matrix[8][8];
        for (unsigned row = 0; row < 8; row++)
            std::memcpy(matrix[row], warp.shared + offset[8 * m + row], 16);
        for (unsigned l = 0; l < kLanes; l++)
            d[l] = matrix[l % 4 * 2][l / 4] | uint32_t(matrix[l % 4 * 2 + 1][l / 4]) << 16;
    }
    return true;
}

} // namespace

const Inst *run_together(Warp &warp, const Inst *inst)
{
    return warp.active == warp.live ? inst + 1 : run_warp_operation(warp, inst);
}

const Inst *run_matrix_load(Warp &warp, const Inst *inst)
{
    return move_by_size<false>(warp, inst);
}

const Inst *run_matrix_store(Warp &warp, const Inst *inst)
{
    return move_by_size<true>(warp, inst);
}

/// ldmatrix: lanes 8m to 8m + 7 bring the addresses of the rows of matrix m.
const Inst *run_row_load(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    if (load_rows(warp, inst, site))
        return inst + 1;
    uint16_t matrix[4][8][8] = {};
    each_lane(warp.active, [&](unsigned lane) {
        if (lane >= site.count * 8u)
            return;
        uint64_t address = address_of(warp, inst, Space::shared, lane);
        std::byte *row = resolve(warp, inst, lane, address, 16, 16, false, Space::shared);
        std::memcpy(matrix[lane / 8][lane % 8], row, 16);
    });
    for (unsigned m = 0; m < site.count; m++) {
        auto *d = lanes<uint32_t>(warp, site.d.slots[m]);
        each_lane(warp.active, [&](unsigned lane) {
            unsigned row = lane / 4, column = lane % 4 * 2;
            uint32_t low = site.transposed ? matrix[m][column][row] : matrix[m][row][column];
            uint32_t high =
                site.transposed ? matrix[m][column + 1][row] : matrix[m][row][column + 1];
            d[lane] = low | high << 16;
        });
    }
    return inst + 1;
}

const Inst *run_transpose(Warp &warp, const Inst *inst)
{
    uint32_t source[kLanes];
    std::memcpy(source, lanes<uint32_t>(warp, inst->a), sizeof source);
    auto *d = lanes<uint32_t>(warp, inst->d);
    each_lane(warp.active, [&](unsigned lane) {
        unsigned row = lane / 4, column = lane % 4 * 2;
        auto element = [&](unsigned r, unsigned c) {
            return source[r * 4 + c / 2] >> (c % 2 * 16) & 0xffffu;
        };
        d[lane] = element(column, row) | element(column + 1, row) << 16;
    });
    return inst + 1;
}

} // namespace vgpu::soft
