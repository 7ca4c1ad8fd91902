// SPDX-License-Identifier: Apache-2.0
// Occupancy. The driver knows how its device allots registers and shared memory: it is asked once
// for each shape, and remembered.
#include "remoting/client/occupancy.h"
#include "remoting/client/entry.h"
#include "remoting/client/function.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <span>

namespace vgpu::client
{

// Larger blocks win ties: they leave more threads to share what a block shares.
BlockChoice best_block(int warp, int largest, int most_threads,
                       const std::function<int(int)> &blocks_of)
{
    BlockChoice best;
    int best_threads = 0;
    for (int size = (largest + warp - 1) / warp * warp; size > 0; size -= warp) {
        int block = std::min(size, largest);
        int blocks = blocks_of(block);
        if (blocks < 0)
            return {};
        if (blocks * block > best_threads) {
            best_threads = blocks * block;
            best = {block, blocks};
        }
        if (best_threads >= most_threads)
            break;
    }
    return best;
}

CUresult active_blocks(Function &function, int block, size_t dynamic, unsigned flags, int &blocks)
{
    std::tuple key{block, uint64_t(dynamic), flags};
    {
        std::lock_guard lock(function.mutex);
        auto known = function.occupancy.find(key);
        if (known != function.occupancy.end()) {
            blocks = known->second;
            return CUDA_SUCCESS;
        }
    }
    CUresult result = remote::cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        &blocks, api::handle_of<CUfunction>(function.id), block, dynamic, flags);
    if (result == CUDA_SUCCESS) {
        std::lock_guard lock(function.mutex);
        function.occupancy.emplace(key, blocks);
    }
    return result;
}

} // namespace vgpu::client

using namespace vgpu::client;

VGPU_ENTRY cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction handle,
                                                                int block, size_t dynamic,
                                                                unsigned flags)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        auto function = find_function(session, handle);
        if (!function)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!blocks || block <= 0 ||
            (flags & ~unsigned(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        return active_blocks(*function, block, dynamic, flags, *blocks);
    });
}

VGPU_ENTRY cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int block,
                                                       size_t dynamic)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, handle, block, dynamic, 0);
}

VGPU_ENTRY cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block, CUfunction handle,
                                                     CUoccupancyB2DSize dynamic_of, size_t dynamic,
                                                     int limit, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto function = find_function(session, handle);
        if (!function)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!grid || !block || limit < 0)
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = describe(session, *function);
        if (result != CUDA_SUCCESS)
            return result;
        const Device &device = session.devices()[size_t(context.device)];
        int largest =
            std::min(device[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK],
                     std::max(1, function->attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)));
        if (limit > 0)
            largest = std::min(largest, limit);
        BlockChoice best =
            best_block(std::max(1, device[CU_DEVICE_ATTRIBUTE_WARP_SIZE]), largest,
                       device[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR], [&](int size) {
                           int blocks = 0;
                           size_t bytes = dynamic_of ? dynamic_of(size) : dynamic;
                           result = active_blocks(*function, size, bytes, flags, blocks);
                           return result == CUDA_SUCCESS ? blocks : -1;
                       });
        if (result != CUDA_SUCCESS)
            return result;
        *block = best.block;
        *grid = best.blocks * device[CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT];
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuOccupancyMaxPotentialBlockSize(int *grid, int *block, CUfunction handle,
                                            CUoccupancyB2DSize dynamic_of, size_t dynamic,
                                            int limit)
{
    return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, handle, dynamic_of, dynamic,
                                                     limit, 0);
}

namespace
{

// The launch that is asked about, as far as clusters are concerned.
CUresult clusters(uint32_t which, CUfunction handle, const CUlaunchConfig *config, int *result)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!config || !result || (config->numAttrs && !config->attrs))
            return CUDA_ERROR_INVALID_VALUE;
        if (!find_function(session, handle))
            return CUDA_ERROR_INVALID_HANDLE;
        uint32_t numbers[10] = {config->gridDimX,      config->gridDimY,  config->gridDimZ,
                                config->blockDimX,     config->blockDimY, config->blockDimZ,
                                config->sharedMemBytes};
        for (auto &attribute : std::span(config->attrs, config->numAttrs))
            if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
                auto &cluster = attribute.value.clusterDim;
                numbers[7] = cluster.x;
                numbers[8] = cluster.y;
                numbers[9] = cluster.z;
            }
        return remote::vgpuClusters(which, handle, numbers, std::size(numbers), result);
    });
}

} // namespace

VGPU_ENTRY cuOccupancyMaxActiveClusters(int *number, CUfunction function,
                                        const CUlaunchConfig *config)
{
    return clusters(0, function, config, number);
}

VGPU_ENTRY cuOccupancyMaxPotentialClusterSize(int *size, CUfunction function,
                                              const CUlaunchConfig *config)
{
    return clusters(1, function, config, size);
}
