// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/machine.h"

#include "softgpu/ptx/module.h"

#include <cstdio>

// What goes wrong in a kernel, and the slow way to an address: every lane on its own, every space.
namespace vgpu::soft
{
namespace
{

std::string hex(uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string triple(unsigned x, unsigned y, unsigned z)
{
    return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
}

std::byte *inside(std::byte *base, uint64_t offset, size_t size, uint64_t limit)
{
    return offset <= limit && size <= limit - offset ? base + offset : nullptr;
}

} // namespace

void raise_fault(Warp &warp, const Inst *inst, unsigned lane, Fault::Kind kind,
                 const std::string &what)
{
    const Block &block = *warp.block;
    const Grid &grid = block.core->grid;
    unsigned thread = thread_of(warp, lane);
    const Dim3 &size = grid.launch.block;
    const Code &code = *warp.frame->code;
    std::string text = what + " in kernel '" + grid.code.name + "'";
    if (&code != &grid.code)
        text += ", function '" + code.name + "'";
    if (inst) {
        text += ", PTX line " + std::to_string(inst->line);
        size_t index = size_t(inst - code.insts.data());
        if (index < code.mnemonics.size())
            text += " (" + code.mnemonics[index] + ")";
    }
    text += ", block " + triple(block.index.x, block.index.y, block.index.z) + ", thread " +
            triple(thread % size.x, thread / size.x % size.y, thread / size.x / size.y);
    throw KernelFault{Fault{kind, std::move(text)}};
}

const Range *Core::find(uint64_t address)
{
    if (const Range *range = MemoryMap::find(*table, address))
        return range;
    auto workspace = reinterpret_cast<uint64_t>(grid.workspace.data());
    if (address - workspace < sizeof grid.workspace) {
        extra = Range{workspace, workspace + sizeof grid.workspace, true};
        return &extra;
    }
    // The kernel's own malloc may have grown the map since.
    auto now = grid.memory.snapshot();
    if (now == table)
        return nullptr;
    table = std::move(now);
    return MemoryMap::find(*table, address);
}

const Range *find_range(Warp &warp, uint64_t address)
{
    return warp.block->core->find(address);
}

std::byte *resolve(Warp &warp, const Inst *inst, unsigned lane, uint64_t address, size_t size,
                   size_t alignment, bool write, Space space)
{
    Block &block = *warp.block;
    auto fault = [&](Fault::Kind kind, const char *what) {
        raise_fault(warp, inst, lane, kind,
                    std::string(what) + (write ? " write" : " read") + " of " +
                        std::to_string(size) + " bytes at address " + hex(address));
    };
    if (!lies_in(space, address))
        fault(Fault::Kind::illegal_address, "illegal (of another state space)");
    std::byte *place = nullptr;
    if (address < kWindowBase) {
        const Range *range = block.core->find(address);
        if (range && range->contains(address, size)) {
            if (write && !range->writable)
                fault(Fault::Kind::illegal_address, "illegal (read-only memory)");
            place = reinterpret_cast<std::byte *>(address);
        }
    } else if (address - kSharedWindow < kWindowBytes) {
        place = inside(block.shared, address - kSharedWindow, size, block.shared_bytes);
    } else if (address - kLocalWindow < kWindowBytes) {
        place = inside(block.local + size_t(thread_of(warp, lane)) * block.stack_bytes,
                       address - kLocalWindow, size, block.stack_bytes);
    } else if (address - kParamWindow < kWindowBytes) {
        const auto &parameters = block.core->grid.launch.parameters;
        place = inside(const_cast<std::byte *>(parameters.data()), address - kParamWindow, size,
                       parameters.size());
        if (place && write)
            fault(Fault::Kind::illegal_address, "illegal (kernel parameters)");
    }
    if (!place)
        fault(Fault::Kind::illegal_address, "illegal");
    if (address % alignment != 0)
        fault(Fault::Kind::misaligned_address, "misaligned");
    return place;
}

} // namespace vgpu::soft
