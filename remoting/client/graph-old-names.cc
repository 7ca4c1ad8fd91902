// SPDX-License-Identifier: Apache-2.0
// Older forms of functions of graphs, over the newer ones.
#include "remoting/client/entry.h"

#include <cstring>

namespace
{

// The newer structure has the kernel and the context behind the same beginning.
CUDA_KERNEL_NODE_PARAMS_v2 newer(const CUDA_KERNEL_NODE_PARAMS_v1 &old)
{
    CUDA_KERNEL_NODE_PARAMS_v2 out{};
    std::memcpy(&out, &old, sizeof old);
    return out;
}

} // namespace

VGPU_ENTRY cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                size_t count, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphAddKernelNode_v2(node, graph, before, count, &own);
}

VGPU_ENTRY cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    CUDA_KERNEL_NODE_PARAMS_v2 own{};
    CUresult result =
        parameters ? cuGraphKernelNodeGetParams_v2(node, &own) : CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        std::memcpy(parameters, &own, sizeof *parameters);
        if (own.kern)
            parameters->func = reinterpret_cast<CUfunction>(own.kern);
    }
    return result;
}

VGPU_ENTRY cuGraphKernelNodeSetParams(CUgraphNode node,
                                      const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphKernelNodeSetParams_v2(node, &own);
}

VGPU_ENTRY cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                          const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphExecKernelNodeSetParams_v2(exec, node, &own);
}

VGPU_ENTRY cuGraphAddNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count,
                          CUgraphNodeParams *parameters)
{
    return cuGraphAddNode_v2(node, graph, before, nullptr, count, parameters);
}
