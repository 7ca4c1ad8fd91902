// SPDX-License-Identifier: Apache-2.0
// The entry points of programs built with --default-stream per-thread: stream 0 means the thread's
// own. Those that copy and wait are beside their plain forms.
#include "remoting/cudart/runtime.h"

using namespace vgpu::cudart;

VGPU_CUDART_ENTRY cudaError_t cudaLaunchKernel_ptsz(const void *func, dim3 grid, dim3 block,
                                                    void **arguments, size_t shared,
                                                    cudaStream_t stream)
{
    return cudaLaunchKernel(func, grid, block, arguments, shared, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaLaunchCooperativeKernel_ptsz(const void *func, dim3 grid,
                                                               dim3 block, void **arguments,
                                                               size_t shared, cudaStream_t stream)
{
    return cudaLaunchCooperativeKernel(func, grid, block, arguments, shared, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaLaunchHostFunc_ptsz(cudaStream_t stream, cudaHostFn_t function,
                                                      void *data)
{
    return cudaLaunchHostFunc(per_thread(stream), function, data);
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyAsync_ptsz(void *to, const void *from, size_t size,
                                                   cudaMemcpyKind kind, cudaStream_t stream)
{
    return cudaMemcpyAsync(to, from, size, kind, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyToSymbolAsync_ptsz(const void *symbol, const void *from,
                                                           size_t size, size_t offset,
                                                           cudaMemcpyKind kind, cudaStream_t stream)
{
    return cudaMemcpyToSymbolAsync(symbol, from, size, offset, kind, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyFromSymbolAsync_ptsz(void *to, const void *symbol,
                                                             size_t size, size_t offset,
                                                             cudaMemcpyKind kind,
                                                             cudaStream_t stream)
{
    return cudaMemcpyFromSymbolAsync(to, symbol, size, offset, kind, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DAsync_ptsz(void *to, size_t to_pitch, const void *from,
                                                     size_t from_pitch, size_t width, size_t height,
                                                     cudaMemcpyKind kind, cudaStream_t stream)
{
    return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind,
                             per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DToArrayAsync_ptsz(cudaArray_t to, size_t x, size_t y,
                                                            const void *from, size_t pitch,
                                                            size_t width, size_t height,
                                                            cudaMemcpyKind kind,
                                                            cudaStream_t stream)
{
    return cudaMemcpy2DToArrayAsync(to, x, y, from, pitch, width, height, kind, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DFromArrayAsync_ptsz(void *to, size_t pitch,
                                                              cudaArray_const_t from, size_t x,
                                                              size_t y, size_t width, size_t height,
                                                              cudaMemcpyKind kind,
                                                              cudaStream_t stream)
{
    return cudaMemcpy2DFromArrayAsync(to, pitch, from, x, y, width, height, kind,
                                      per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3DAsync_ptsz(const cudaMemcpy3DParms *parameters,
                                                     cudaStream_t stream)
{
    return cudaMemcpy3DAsync(parameters, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3DPeerAsync_ptsz(const cudaMemcpy3DPeerParms *parameters,
                                                         cudaStream_t stream)
{
    return cudaMemcpy3DPeerAsync(parameters, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemsetAsync_ptsz(void *to, int value, size_t size,
                                                   cudaStream_t stream)
{
    return cudaMemsetAsync(to, value, size, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemset2DAsync_ptsz(void *to, size_t pitch, int value,
                                                     size_t width, size_t height,
                                                     cudaStream_t stream)
{
    return cudaMemset2DAsync(to, pitch, value, width, height, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemset3DAsync_ptsz(cudaPitchedPtr to, int value,
                                                     cudaExtent extent, cudaStream_t stream)
{
    return cudaMemset3DAsync(to, value, extent, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMallocAsync_ptsz(void **pointer, size_t size, cudaStream_t stream)
{
    return cudaMallocAsync(pointer, size, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaFreeAsync_ptsz(void *pointer, cudaStream_t stream)
{
    return cudaFreeAsync(pointer, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMallocFromPoolAsync_ptsz(void **pointer, size_t size,
                                                           cudaMemPool_t pool, cudaStream_t stream)
{
    return cudaMallocFromPoolAsync(pointer, size, pool, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamSynchronize_ptsz(cudaStream_t stream)
{
    return cudaStreamSynchronize(per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamQuery_ptsz(cudaStream_t stream)
{
    return cudaStreamQuery(per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamWaitEvent_ptsz(cudaStream_t stream, cudaEvent_t event,
                                                       unsigned int flags)
{
    return cudaStreamWaitEvent(per_thread(stream), event, flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamAddCallback_ptsz(cudaStream_t stream,
                                                         cudaStreamCallback_t function, void *data,
                                                         unsigned int flags)
{
    return cudaStreamAddCallback(per_thread(stream), function, data, flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamAttachMemAsync_ptsz(cudaStream_t stream, void *pointer,
                                                            size_t length, unsigned int flags)
{
    return cudaStreamAttachMemAsync(per_thread(stream), pointer, length, flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetPriority_ptsz(cudaStream_t stream, int *priority)
{
    return cudaStreamGetPriority(per_thread(stream), priority);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetFlags_ptsz(cudaStream_t stream, unsigned int *flags)
{
    return cudaStreamGetFlags(per_thread(stream), flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetId_ptsz(cudaStream_t stream, unsigned long long *id)
{
    return cudaStreamGetId(per_thread(stream), id);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetAttribute_ptsz(cudaStream_t stream,
                                                          cudaStreamAttrID attribute,
                                                          cudaStreamAttrValue *value)
{
    return cudaStreamGetAttribute(per_thread(stream), attribute, value);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamSetAttribute_ptsz(cudaStream_t stream,
                                                          cudaStreamAttrID attribute,
                                                          const cudaStreamAttrValue *value)
{
    return cudaStreamSetAttribute(per_thread(stream), attribute, value);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamBeginCapture_ptsz(cudaStream_t stream,
                                                          cudaStreamCaptureMode mode)
{
    return cudaStreamBeginCapture(per_thread(stream), mode);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamEndCapture_ptsz(cudaStream_t stream, cudaGraph_t *graph)
{
    return cudaStreamEndCapture(per_thread(stream), graph);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamIsCapturing_ptsz(cudaStream_t stream,
                                                         cudaStreamCaptureStatus *status)
{
    return cudaStreamIsCapturing(per_thread(stream), status);
}

VGPU_CUDART_ENTRY cudaError_t cudaEventRecord_ptsz(cudaEvent_t event, cudaStream_t stream)
{
    return cudaEventRecord(event, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaEventRecordWithFlags_ptsz(cudaEvent_t event, cudaStream_t stream,
                                                            unsigned int flags)
{
    return cudaEventRecordWithFlags(event, per_thread(stream), flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaGraphUpload_ptsz(cudaGraphExec_t exec, cudaStream_t stream)
{
    return cudaGraphUpload(exec, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaGraphLaunch_ptsz(cudaGraphExec_t exec, cudaStream_t stream)
{
    return cudaGraphLaunch(exec, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamCopyAttributes_ptsz(cudaStream_t to, cudaStream_t from)
{
    return cudaStreamCopyAttributes(per_thread(to), per_thread(from));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamBeginCaptureToGraph_ptsz(
    cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t *dependencies,
    const cudaGraphEdgeData *edges, size_t count, cudaStreamCaptureMode mode)
{
    return cudaStreamBeginCaptureToGraph(per_thread(stream), graph, dependencies, edges, count,
                                         mode);
}

VGPU_CUDART_ENTRY cudaError_t cudaGraphInstantiateWithParams_ptsz(
    cudaGraphExec_t *exec, cudaGraph_t graph, cudaGraphInstantiateParams *parameters)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    parameters->uploadStream = per_thread(parameters->uploadStream);
    return cudaGraphInstantiateWithParams(exec, graph, parameters);
}

// The driver's forms for per-thread streams, unless the caller asked for the others.
VGPU_CUDART_ENTRY cudaError_t cudaGetDriverEntryPointByVersion_ptsz(
    const char *symbol, void **function, unsigned int version, unsigned long long flags,
    cudaDriverEntryPointQueryResult *status)
{
    if (flags == cudaEnableDefault)
        flags = cudaEnablePerThreadDefaultStream;
    return cudaGetDriverEntryPointByVersion(symbol, function, version, flags, status);
}

VGPU_CUDART_ENTRY cudaError_t cudaGetDriverEntryPoint_ptsz(const char *symbol, void **function,
                                                           unsigned long long flags,
                                                           cudaDriverEntryPointQueryResult *status)
{
    return cudaGetDriverEntryPointByVersion_ptsz(symbol, function, CUDART_VERSION, flags, status);
}

#if CUDART_VERSION >= 12080
VGPU_CUDART_ENTRY cudaError_t cudaStreamGetDevice_ptsz(cudaStream_t stream, int *device)
{
    return cudaStreamGetDevice(per_thread(stream), device);
}
#endif

#if CUDART_VERSION >= 13000
VGPU_CUDART_ENTRY cudaError_t cudaMemPrefetchAsync_ptsz(const void *pointer, size_t size,
                                                        cudaMemLocation location,
                                                        unsigned int flags, cudaStream_t stream)
{
    return cudaMemPrefetchAsync(pointer, size, location, flags, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetCaptureInfo_ptsz(
    cudaStream_t stream, cudaStreamCaptureStatus *status, unsigned long long *id,
    cudaGraph_t *graph, const cudaGraphNode_t **dependencies, const cudaGraphEdgeData **edges,
    size_t *count)
{
    return cudaStreamGetCaptureInfo(per_thread(stream), status, id, graph, dependencies, edges,
                                    count);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamUpdateCaptureDependencies_ptsz(
    cudaStream_t stream, cudaGraphNode_t *dependencies, const cudaGraphEdgeData *edges,
    size_t count, unsigned int flags)
{
    return cudaStreamUpdateCaptureDependencies(per_thread(stream), dependencies, edges, count,
                                               flags);
}
#else
VGPU_CUDART_ENTRY cudaError_t cudaMemPrefetchAsync_ptsz(const void *pointer, size_t size,
                                                        int device, cudaStream_t stream)
{
    return cudaMemPrefetchAsync(pointer, size, device, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetCaptureInfo_v2_ptsz(
    cudaStream_t stream, cudaStreamCaptureStatus *status, unsigned long long *id,
    cudaGraph_t *graph, const cudaGraphNode_t **dependencies, size_t *count)
{
    return cudaStreamGetCaptureInfo(per_thread(stream), status, id, graph, dependencies, count);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamUpdateCaptureDependencies_ptsz(
    cudaStream_t stream, cudaGraphNode_t *dependencies, size_t count, unsigned int flags)
{
    return cudaStreamUpdateCaptureDependencies(per_thread(stream), dependencies, count, flags);
}

VGPU_CUDART_ENTRY cudaError_t cudaMemPrefetchAsync_v2_ptsz(const void *pointer, size_t size,
                                                           cudaMemLocation location,
                                                           unsigned int flags, cudaStream_t stream)
{
    return cudaMemPrefetchAsync_v2(pointer, size, location, flags, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamGetCaptureInfo_v3_ptsz(
    cudaStream_t stream, cudaStreamCaptureStatus *status, unsigned long long *id,
    cudaGraph_t *graph, const cudaGraphNode_t **dependencies, const cudaGraphEdgeData **edges,
    size_t *count)
{
    return cudaStreamGetCaptureInfo_v3(per_thread(stream), status, id, graph, dependencies, edges,
                                       count);
}

VGPU_CUDART_ENTRY cudaError_t cudaStreamUpdateCaptureDependencies_v2_ptsz(
    cudaStream_t stream, cudaGraphNode_t *dependencies, const cudaGraphEdgeData *edges,
    size_t count, unsigned int flags)
{
    return cudaStreamUpdateCaptureDependencies_v2(per_thread(stream), dependencies, edges, count,
                                                  flags);
}
#endif
