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

#if CUDART_VERSION < 13000
#define WITH_EDGES(name) name##_v3
#else
#define WITH_EDGES(name) name
#endif
cudaError_t WITH_EDGES(cudaStreamGetCaptureInfo)(cudaStream_t stream,
                                                 cudaStreamCaptureStatus *status,
                                                 unsigned long long *id, cudaGraph_t *graph,
                                                 const cudaGraphNode_t **dependencies,
                                                 const cudaGraphEdgeData **edges, size_t *count)
{
    return call(driver().WITH_EDGES(cuStreamGetCaptureInfo), stream, status, id, graph,
                dependencies, edges, count);
}

cudaError_t VGPU_SECOND(cudaStreamUpdateCaptureDependencies)(cudaStream_t stream,
                                                             cudaGraphNode_t *dependencies,
                                                             const cudaGraphEdgeData *edges,
                                                             size_t count, unsigned int flags)
{
    return call(driver().VGPU_SECOND(cuStreamUpdateCaptureDependencies), stream, dependencies,
                edges, count, flags);
}

#if CUDART_VERSION < 13000
// The header's macro makes it cudaStreamGetCaptureInfo_v2.
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus *status,
                                     unsigned long long *id, cudaGraph_t *graph,
                                     const cudaGraphNode_t **dependencies, size_t *count)
{
    return call(driver().cuStreamGetCaptureInfo, stream, status, id, graph, dependencies, count);
}

#undef cudaStreamGetCaptureInfo
// The form of CUDA 11, which no header declares any more.
VGPU_CUDART_ENTRY cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream,
                                                       cudaStreamCaptureStatus *status,
                                                       unsigned long long *id)
{
    return call(driver().cuStreamGetCaptureInfo, stream, status, id, nullptr, nullptr, nullptr);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetCaptureInfo_ptsz(cudaStream_t stream,
                                                            cudaStreamCaptureStatus *status,
                                                            unsigned long long *id)
{
    return cudaStreamGetCaptureInfo(per_thread(stream), status, id);
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t *dependencies,
                                                size_t count, unsigned int flags)
{
    return call(driver().cuStreamUpdateCaptureDependencies, stream, dependencies, count, flags);
}
#endif
}
