// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/launch.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

// How many blocks fit, by the limits of compute capability 8.0.

namespace vgpu::soft::driver
{

unsigned blocks_per_unit(const KernelView &kernel, unsigned threads, size_t dynamic_shared)
{
    if (threads == 0 || threads > kernel.info.max_threads ||
        dynamic_shared > kernel.dynamic_shared_limit())
        return 0;
    unsigned warps = (threads + limits::warp - 1) / limits::warp;
    unsigned blocks =
        std::min(limits::blocks_per_unit, limits::threads_per_unit / (warps * limits::warp));
    // Registers are given out by warps, in steps of 8 for each thread. Those of a PTX text are
    // virtual: what the compiler for a real device would use is at most this.
    unsigned registers = std::clamp((kernel.info.registers + 7) / 8 * 8, 8u, 64u);
    blocks = std::min(blocks, limits::registers_per_unit / (registers * warps * limits::warp));
    size_t shared = kernel.info.static_shared_bytes + dynamic_shared + limits::shared_reserved;
    return std::min(blocks, static_cast<unsigned>(limits::shared_per_unit / shared));
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, CUfunction function, int threads, size_t shared, unsigned int flags)
{
    ENTRY({
        require(blocks && threads > 0 &&
                !(flags & ~unsigned(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)));
        *blocks = static_cast<int>(
            blocks_per_unit(function_of(function)->view(), static_cast<unsigned>(threads), shared));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                                         CUfunction function,
                                                                         int threads, size_t shared)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, shared,
                                                                0);
}

SOFT_EXPORT CUresult CUDAAPI cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block,
                                                                       CUfunction handle,
                                                                       CUoccupancyB2DSize shared_of,
                                                                       size_t shared, int limit,
                                                                       unsigned int flags)
{
    ENTRY({
        require(grid && block && limit >= 0 &&
                !(flags & ~unsigned(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)));
        auto function = function_of(handle);
        auto context = function->context.lock();
        require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
        unsigned most = function->info.max_threads;
        if (limit)
            most = std::min(most, static_cast<unsigned>(limit));
        unsigned best = 0, best_blocks = 0, best_threads = 0;
        // The largest block that gives the most threads on a unit.
        for (unsigned threads = most; threads;
             threads = (threads - 1) / limits::warp * limits::warp) {
            size_t bytes = shared_of ? shared_of(static_cast<int>(threads)) : shared;
            unsigned blocks = blocks_per_unit(function->view(), threads, bytes);
            if (blocks * threads > best) {
                best = blocks * threads;
                best_blocks = blocks;
                best_threads = threads;
            }
        }
        *grid = static_cast<int>(best_blocks * context->device.units);
        *block = static_cast<int>(best_threads);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuOccupancyMaxPotentialBlockSize(int *grid, int *block,
                                                              CUfunction function,
                                                              CUoccupancyB2DSize shared_of,
                                                              size_t shared, int limit)
{
    return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, function, shared_of, shared,
                                                     limit, 0);
}

SOFT_EXPORT CUresult CUDAAPI cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes,
                                                                     CUfunction handle, int blocks,
                                                                     int threads)
{
    ENTRY({
        require(bytes && blocks > 0 && threads > 0);
        auto view = function_of(handle)->view();
        require(static_cast<unsigned>(blocks) <=
                blocks_per_unit(view, static_cast<unsigned>(threads), 0));
        size_t share = limits::shared_per_unit / static_cast<unsigned>(blocks) / 128 * 128;
        size_t taken = view.info.static_shared_bytes + limits::shared_reserved;
        *bytes = std::min(share > taken ? share - taken : 0, view.dynamic_shared_limit());
    });
}
