// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

#include <cstring>

// Older forms of functions of graphs and captures, over the newer ones. cuda.h renames them, so it
// must forget that here.
#undef cuGraphAddDependencies
#undef cuGraphAddKernelNode
#undef cuGraphAddNode
#undef cuGraphExecKernelNodeSetParams
#undef cuGraphExecUpdate
#undef cuGraphGetEdges
#undef cuGraphInstantiate
#undef cuGraphKernelNodeGetParams
#undef cuGraphKernelNodeSetParams
#undef cuGraphNodeGetDependencies
#undef cuGraphNodeGetDependentNodes
#undef cuGraphRemoveDependencies
#undef cuStreamBatchMemOp
#undef cuStreamBeginCapture
#undef cuStreamGetCaptureInfo
#undef cuStreamUpdateCaptureDependencies
#undef cuStreamWaitValue32
#undef cuStreamWaitValue64
#undef cuStreamWriteValue32
#undef cuStreamWriteValue64

// The header hides what it has renamed.
SOFT_EXPORT CUresult CUDAAPI cuStreamGetCaptureInfo_v2(CUstream, CUstreamCaptureStatus *,
                                                       cuuint64_t *, CUgraph *,
                                                       const CUgraphNode **, size_t *);

namespace
{

/// The newer structure has the kernel and the context behind the same beginning.
CUDA_KERNEL_NODE_PARAMS newer(const CUDA_KERNEL_NODE_PARAMS_v1 &old)
{
    CUDA_KERNEL_NODE_PARAMS out{};
    memcpy(&out, &old, sizeof old);
    return out;
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph,
                                                  const CUgraphNode *before, size_t count,
                                                  const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphAddKernelNode_v2(node, graph, before, count, &own);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphKernelNodeGetParams(CUgraphNode node,
                                                        CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    CUDA_KERNEL_NODE_PARAMS own{};
    CUresult result =
        parameters ? cuGraphKernelNodeGetParams_v2(node, &own) : CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        memcpy(parameters, &own, sizeof *parameters);
        if (own.kern)
            parameters->func = reinterpret_cast<CUfunction>(own.kern);
    }
    return result;
}

SOFT_EXPORT CUresult CUDAAPI
cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphKernelNodeSetParams_v2(node, &own);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecKernelNodeSetParams(
    CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    auto own = newer(*parameters);
    return cuGraphExecKernelNodeSetParams_v2(exec, node, &own);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *node,
                                                char *log, size_t bytes)
{
    if (node)
        *node = nullptr;
    if (log && bytes)
        *log = 0;
    return cuGraphInstantiateWithFlags(exec, graph, 0);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph,
                                                   CUgraphNode *node, char *log, size_t bytes)
{
    return cuGraphInstantiate(exec, graph, node, log, bytes);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *node,
                                               CUgraphExecUpdateResult *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    CUgraphExecUpdateResultInfo own{};
    CUresult result = cuGraphExecUpdate_v2(exec, graph, &own);
    *out = own.result;
    if (node)
        *node = own.errorNode;
    return result;
}

SOFT_EXPORT CUresult CUDAAPI cuStreamBeginCapture(CUstream stream)
{
    return cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus *status,
                                                    cuuint64_t *number)
{
    return cuStreamGetCaptureInfo_v2(stream, status, number, nullptr, nullptr, nullptr);
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                                             size_t *count)
{
    return cuGraphGetEdges_v2(graph, from, to, nullptr, count);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes,
                                                        size_t *count)
{
    return cuGraphNodeGetDependencies_v2(node, nodes, nullptr, count);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes,
                                                          size_t *count)
{
    return cuGraphNodeGetDependentNodes_v2(node, nodes, nullptr, count);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from,
                                                    const CUgraphNode *to, size_t count)
{
    return cuGraphAddDependencies_v2(graph, from, to, nullptr, count);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode *from,
                                                       const CUgraphNode *to, size_t count)
{
    return cuGraphRemoveDependencies_v2(graph, from, to, nullptr, count);
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddNode(CUgraphNode *node, CUgraph graph,
                                            const CUgraphNode *before, size_t count,
                                            CUgraphNodeParams *parameters)
{
    return cuGraphAddNode_v2(node, graph, before, nullptr, count, parameters);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode *nodes,
                                                               size_t count, unsigned int flags)
{
    return cuStreamUpdateCaptureDependencies_v2(stream, nodes, nullptr, count, flags);
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuStreamWaitValue32(CUstream stream, CUdeviceptr address,
                                                 cuuint32_t value, unsigned int flags)
{
    return cuStreamWaitValue32_v2(stream, address, value, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWaitValue64(CUstream stream, CUdeviceptr address,
                                                 cuuint64_t value, unsigned int flags)
{
    return cuStreamWaitValue64_v2(stream, address, value, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWriteValue32(CUstream stream, CUdeviceptr address,
                                                  cuuint32_t value, unsigned int flags)
{
    return cuStreamWriteValue32_v2(stream, address, value, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWriteValue64(CUstream stream, CUdeviceptr address,
                                                  cuuint64_t value, unsigned int flags)
{
    return cuStreamWriteValue64_v2(stream, address, value, flags);
}

SOFT_EXPORT CUresult CUDAAPI cuStreamBatchMemOp(CUstream stream, unsigned int count,
                                                CUstreamBatchMemOpParams *operations,
                                                unsigned int flags)
{
    return cuStreamBatchMemOp_v2(stream, count, operations, flags);
}
