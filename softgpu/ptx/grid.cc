// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/barrier.h"
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/module.h"
#include "softgpu/ptx/resident.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace vgpu::soft
{
namespace
{

void store_constant(std::byte *at, unsigned bytes, uint64_t bits)
{
    for (unsigned lane = 0; lane < kLanes; lane++)
        std::memcpy(at + lane * bytes, &bits, bytes);
}

/// The kernel's constant bank with its parameters in place.
std::vector<Chunk> fill_constants(const Code &code, const std::vector<std::byte> &parameters)
{
    std::vector<Chunk> bank = code.constants;
    auto *base = reinterpret_cast<std::byte *>(bank.data());
    for (const LaunchConstant &constant : code.launch_constants) {
        uint64_t bits = 0;
        size_t size = size_of(constant.type);
        std::memcpy(&bits, parameters.data() + constant.parameter, size);
        if (is_signed(constant.type))
            bits = uint64_t(int64_t(bits << (64 - size * 8)) >> (64 - size * 8));
        store_constant(base + constant.offset, constant.bytes, bits);
    }
    return bank;
}

std::string check(const Launch &launch, const Code *code)
{
    if (!code)
        return "no kernel '" + launch.kernel + "' in the program";
    if (launch.parameters.size() < code->info.parameter_bytes)
        return "kernel '" + launch.kernel + "' takes " +
               std::to_string(code->info.parameter_bytes) + " bytes of parameters, given were " +
               std::to_string(launch.parameters.size());
    uint64_t threads = uint64_t(launch.block.x) * launch.block.y * launch.block.z;
    if (threads == 0 || threads > 1024 || !launch.grid.x || !launch.grid.y || !launch.grid.z)
        return "a block has 1 to 1024 threads, and no dimension is 0";
    if (launch.dynamic_shared_bytes > (1u << 24))
        return "more shared memory than a block can have";
    return {};
}

/// What the launch asks for, in what one mapping and 32-bit offsets can hold.
size_t stack_for(const Launch &launch)
{
    constexpr size_t kMost = 16u << 20;
    return (std::min(launch.stack_bytes, kMost) + 15) & ~size_t(15);
}

} // namespace

Fault execute(const Launch &launch, const MemoryMap &memory, Host &host, unsigned threads)
try {
    auto *module = dynamic_cast<const Module *>(launch.program.get());
    const Code *code = module ? module->find_kernel(launch.kernel) : nullptr;
    if (std::string problem = check(launch, code); !problem.empty())
        return Fault{Fault::Kind::internal, problem};
    Grid grid{.launch = launch, .memory = memory, .host = host, .module = *module, .code = *code};
    grid.constants = fill_constants(*code, launch.parameters);
    grid.blocks = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
    grid.threads_per_block = launch.block.x * launch.block.y * launch.block.z;
    grid.warps_per_block = (grid.threads_per_block + kLanes - 1) / kLanes;
    grid.dynamic_offset = uint32_t((code->info.static_shared_bytes + 15) & ~size_t(15));
    grid.shared_bytes = launch.dynamic_shared_bytes
                            ? grid.dynamic_offset + launch.dynamic_shared_bytes
                            : code->info.static_shared_bytes;
    grid.stack_bytes = code->stack_bytes;
    if (code->open_stack)
        grid.stack_bytes = std::max(code->stack_bytes, stack_for(launch));
    grid.deadline_ns =
        launch.timeout_seconds > 0 ? now_ns() + uint64_t(launch.timeout_seconds * 1e9) : UINT64_MAX;
    // The first word of the workspace is its size: what cooperative groups check and use is behind
    // it.
    grid.workspace[0] = sizeof grid.workspace;
    uint64_t useful = std::min<uint64_t>(std::max(1u, threads), grid.blocks);
    grid.cores = unsigned(useful);
    std::vector<std::thread> helpers;
    auto reinforce = [&] {
        for (unsigned number = 1; number < useful; number++)
            helpers.emplace_back([&grid, number] { run_core(grid, number); });
    };
    // Blocks of a cooperative grid wait for each other, so all cores take their share at once.
    if (launch.cooperative) {
        reinforce();
        run_core(grid, 0);
    } else {
        run_core(grid, 0, useful > 1 ? std::function<void()>(reinforce) : nullptr);
    }
    for (std::thread &helper : helpers)
        helper.join();
    return grid.fault;
} catch (const std::exception &error) {
    return Fault{Fault::Kind::internal, error.what()};
}

} // namespace vgpu::soft
