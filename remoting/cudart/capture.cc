// SPDX-License-Identifier: Apache-2.0
// Capturing streams into graphs.
#include "remoting/cudart/runtime.h"

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    return call(driver().cuStreamBeginCapture, stream, mode);
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t *dependencies,
                                          const cudaGraphEdgeData *edges, size_t count,
                                          cudaStreamCaptureMode mode)
{
    static_assert(sizeof(cudaGraphEdgeData) == sizeof(CUgraphEdgeData));
    return call(driver().cuStreamBeginCaptureToGraph, stream, graph, dependencies, edges, count,
                mode);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    return call(driver().cuStreamEndCapture, stream, graph);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status)
{
    return call(driver().cuStreamIsCapturing, stream, status);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode)
{
    return call(driver().cuThreadExchangeStreamCaptureMode, mode);
}

#if CUDART_VERSION >= 13000
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus *status,
                                     unsigned long long *id, cudaGraph_t *graph,
                                     const cudaGraphNode_t **dependencies,
                                     const cudaGraphEdgeData **edges, size_t *count)
{
    return call(driver().cuStreamGetCaptureInfo, stream, status, id, graph, dependencies, edges,
                count);
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t *dependencies,
                                                const cudaGraphEdgeData *edges, size_t count,
                                                unsigned int flags)
{
    return call(driver().cuStreamUpdateCaptureDependencies, stream, dependencies, edges, count,
                flags);
}
#endif
}
