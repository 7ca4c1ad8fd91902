// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/matrix.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/machine.h"

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
std::byte *whole(Warp &warp, const Inst *inst, uint64_t address, uint64_t size, bool write)
{
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

/// Calls move(memory, register's bytes) for each element of the lane. Elements of less than a byte
/// move a register at a time, as they lie in a row of memory.
template<class F>
void each_element(Warp &warp, const Inst *inst, unsigned lane, bool write, F move)
{
    const MatrixSite &site = site_of(warp, inst);
    const Fragment &layout = *site.d.layout;
    unsigned bits = layout.shape.bits;
    unsigned step = bits < 8 ? layout.packed : 1; // elements moved together
    uint64_t bytes = bits * step / 8, register_bytes = bits == 64 ? 8 : 4;
    unsigned lines = site.by_column ? layout.columns : layout.rows;
    unsigned length = site.by_column ? layout.rows : layout.columns;
    uint64_t line_bytes = inst->b == kNoSlot
                              ? length * bits / 8
                              : uint64_t(lanes<uint32_t>(warp, inst->b)[lane]) * site.bits / 8;
    uint64_t start = address_of(warp, inst, site.space, lane);
    uint64_t extent = (lines - 1) * line_bytes + length * bits / 8;
    std::byte *all = start % bytes == 0 ? whole(warp, inst, start, extent, write) : nullptr;
    for (unsigned reg = 0; reg < layout.shape.registers; reg++) {
        auto *value = lanes<std::byte>(warp, site.d.slots[reg]) + lane * register_bytes;
        const uint16_t *place = layout.place.data() + (reg * kLanes + lane) * layout.packed;
        for (unsigned i = 0; i < layout.packed; i += step, value += bytes) {
            unsigned row = place[i] / layout.columns, column = place[i] % layout.columns;
            uint64_t offset = site.by_column ? column * line_bytes + row * bits / 8
                                             : row * line_bytes + column * bits / 8;
            std::byte *at =
                all ? all + offset : resolve(warp, inst, lane, start + offset, bytes, bytes, write);
            move(at, value, bytes);
        }
    }
}

} // namespace

const Inst *run_together(Warp &warp, const Inst *inst)
{
    return warp.active == warp.live ? inst + 1 : run_warp_operation(warp, inst);
}

const Inst *run_matrix_load(Warp &warp, const Inst *inst)
{
    // A register of the result may hold the address of the same lane: it is read before.
    each_lane(warp.active, [&](unsigned lane) {
        each_element(warp, inst, lane, false,
                     [](std::byte *memory, std::byte *value, size_t bytes) {
                         std::memcpy(value, memory, bytes);
                     });
    });
    return inst + 1;
}

const Inst *run_matrix_store(Warp &warp, const Inst *inst)
{
    each_lane(warp.active, [&](unsigned lane) {
        each_element(warp, inst, lane, true, [](std::byte *memory, std::byte *value, size_t bytes) {
            std::memcpy(memory, value, bytes);
        });
    });
    return inst + 1;
}

/// ldmatrix: lanes 8m to 8m + 7 bring the addresses of the rows of matrix m.
const Inst *run_row_load(Warp &warp, const Inst *inst)
{
    const MatrixSite &site = site_of(warp, inst);
    uint16_t matrix[4][8][8] = {};
    each_lane(warp.active, [&](unsigned lane) {
        if (lane >= site.count * 8u)
            return;
        uint64_t address = address_of(warp, inst, Space::shared, lane);
        if (address - kSharedWindow >= kWindowBytes)
            raise_fault(warp, inst, lane, Fault::Kind::illegal_address,
                        "ldmatrix of an address outside of shared memory");
        std::memcpy(matrix[lane / 8][lane % 8], resolve(warp, inst, lane, address, 16, 16, false),
                    16);
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
