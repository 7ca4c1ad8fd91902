// SPDX-License-Identifier: Apache-2.0
// Graphs as wholes, and what the driver takes just as it is. Nodes whose parameters need
// translating are in graph-node.cc.
#include "remoting/cudart/runtime.h"

using namespace vgpu::cudart;

static_assert(sizeof(cudaGraphInstantiateParams) == sizeof(CUDA_GRAPH_INSTANTIATE_PARAMS));
static_assert(sizeof(cudaGraphExecUpdateResultInfo) == sizeof(CUgraphExecUpdateResultInfo));

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned int flags)
{
    return call(driver().cuGraphCreate, graph, flags);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    return call(driver().cuGraphDestroy, graph);
}

cudaError_t cudaGraphClone(cudaGraph_t *clone, cudaGraph_t graph)
{
    return call(driver().cuGraphClone, clone, graph);
}

cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char *path, unsigned int flags)
{
    return call(driver().cuGraphDebugDotPrint, graph, path, flags);
}

cudaError_t cudaGraphNodeFindInClone(cudaGraphNode_t *node, cudaGraphNode_t original,
                                     cudaGraph_t clone)
{
    return call(driver().cuGraphNodeFindInClone, node, original, clone);
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType *type)
{
    return call(driver().cuGraphNodeGetType, node, type);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    return call(driver().cuGraphGetNodes, graph, nodes, count);
}

cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    return call(driver().cuGraphGetRootNodes, graph, nodes, count);
}

cudaError_t cudaGraphDestroyNode(cudaGraphNode_t node)
{
    return call(driver().cuGraphDestroyNode, node);
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
                                          unsigned long long flags)
{
    return call(driver().cuGraphInstantiateWithFlags, exec, graph, flags);
}

cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t *exec, cudaGraph_t graph,
                                           cudaGraphInstantiateParams *parameters)
{
    return call(driver().cuGraphInstantiateWithParams, exec, graph, parameters);
}

cudaError_t cudaGraphExecGetFlags(cudaGraphExec_t exec, unsigned long long *flags)
{
    return call(driver().cuGraphExecGetFlags, exec, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream)
{
    return call(driver().cuGraphUpload, exec, stream);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    return call(driver().cuGraphLaunch, exec, stream);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    return call(driver().cuGraphExecDestroy, exec);
}

cudaError_t cudaGraphNodeSetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node,
                                    unsigned int enabled)
{
    return call(driver().cuGraphNodeSetEnabled, exec, node, enabled);
}

cudaError_t cudaGraphNodeGetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node,
                                    unsigned int *enabled)
{
    return call(driver().cuGraphNodeGetEnabled, exec, node, enabled);
}

cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                  const cudaGraphNode_t *dependencies, size_t count)
{
    return call(driver().cuGraphAddEmptyNode, node, graph, dependencies, count);
}

cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                       const cudaGraphNode_t *dependencies, size_t count,
                                       cudaGraph_t child)
{
    return call(driver().cuGraphAddChildGraphNode, node, graph, dependencies, count, child);
}

cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t *graph)
{
    return call(driver().cuGraphChildGraphNodeGetGraph, node, graph);
}

cudaError_t cudaGraphExecChildGraphNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 cudaGraph_t child)
{
    return call(driver().cuGraphExecChildGraphNodeSetParams, exec, node, child);
}

cudaError_t cudaGraphAddEventRecordNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                        const cudaGraphNode_t *dependencies, size_t count,
                                        cudaEvent_t event)
{
    return call(driver().cuGraphAddEventRecordNode, node, graph, dependencies, count, event);
}

cudaError_t cudaGraphEventRecordNodeGetEvent(cudaGraphNode_t node, cudaEvent_t *event)
{
    return call(driver().cuGraphEventRecordNodeGetEvent, node, event);
}

cudaError_t cudaGraphEventRecordNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event)
{
    return call(driver().cuGraphEventRecordNodeSetEvent, node, event);
}

cudaError_t cudaGraphExecEventRecordNodeSetEvent(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 cudaEvent_t event)
{
    return call(driver().cuGraphExecEventRecordNodeSetEvent, exec, node, event);
}

cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                      const cudaGraphNode_t *dependencies, size_t count,
                                      cudaEvent_t event)
{
    return call(driver().cuGraphAddEventWaitNode, node, graph, dependencies, count, event);
}

cudaError_t cudaGraphEventWaitNodeGetEvent(cudaGraphNode_t node, cudaEvent_t *event)
{
    return call(driver().cuGraphEventWaitNodeGetEvent, node, event);
}

cudaError_t cudaGraphEventWaitNodeSetEvent(cudaGraphNode_t node, cudaEvent_t event)
{
    return call(driver().cuGraphEventWaitNodeSetEvent, node, event);
}

cudaError_t cudaGraphExecEventWaitNodeSetEvent(cudaGraphExec_t exec, cudaGraphNode_t node,
                                               cudaEvent_t event)
{
    return call(driver().cuGraphExecEventWaitNodeSetEvent, exec, node, event);
}

cudaError_t cudaGraphAddMemFreeNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                    const cudaGraphNode_t *dependencies, size_t count,
                                    void *pointer)
{
    return call(driver().cuGraphAddMemFreeNode, node, graph, dependencies, count, pointer);
}

cudaError_t cudaGraphMemFreeNodeGetParams(cudaGraphNode_t node, void *pointer)
{
    return call(driver().cuGraphMemFreeNodeGetParams, node, pointer);
}

cudaError_t cudaDeviceGraphMemTrim(int device)
{
    return about_device(device,
                        [](CUdevice handle) { return driver().cuDeviceGraphMemTrim(handle); });
}

cudaError_t cudaDeviceGetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute,
                                           void *value)
{
    return about_device(device, [&](CUdevice handle) {
        return invoke(driver().cuDeviceGetGraphMemAttribute, handle, attribute, value);
    });
}

cudaError_t cudaDeviceSetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute,
                                           void *value)
{
    return about_device(device, [&](CUdevice handle) {
        return invoke(driver().cuDeviceSetGraphMemAttribute, handle, attribute, value);
    });
}

cudaError_t cudaUserObjectCreate(cudaUserObject_t *object, void *pointer, cudaHostFn_t destroy,
                                 unsigned int references, unsigned int flags)
{
    return call(driver().cuUserObjectCreate, object, pointer, destroy, references, flags);
}

cudaError_t cudaUserObjectRetain(cudaUserObject_t object, unsigned int count)
{
    return call(driver().cuUserObjectRetain, object, count);
}

cudaError_t cudaUserObjectRelease(cudaUserObject_t object, unsigned int count)
{
    return call(driver().cuUserObjectRelease, object, count);
}

cudaError_t cudaGraphRetainUserObject(cudaGraph_t graph, cudaUserObject_t object,
                                      unsigned int count, unsigned int flags)
{
    return call(driver().cuGraphRetainUserObject, graph, object, count, flags);
}

cudaError_t cudaGraphReleaseUserObject(cudaGraph_t graph, cudaUserObject_t object,
                                       unsigned int count)
{
    return call(driver().cuGraphReleaseUserObject, graph, object, count);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    return call(driver().cuGraphInstantiateWithFlags, exec, graph, flags);
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo *result)
{
    return call(driver().cuGraphExecUpdate, exec, graph, result);
}

cudaError_t VGPU_SECOND(cudaGraphGetEdges)(cudaGraph_t graph, cudaGraphNode_t *from,
                                           cudaGraphNode_t *to, cudaGraphEdgeData *edges,
                                           size_t *count)
{
    return call(driver().VGPU_SECOND(cuGraphGetEdges), graph, from, to, edges, count);
}

cudaError_t VGPU_SECOND(cudaGraphNodeGetDependencies)(cudaGraphNode_t node, cudaGraphNode_t *nodes,
                                                      cudaGraphEdgeData *edges, size_t *count)
{
    return call(driver().VGPU_SECOND(cuGraphNodeGetDependencies), node, nodes, edges, count);
}

cudaError_t VGPU_SECOND(cudaGraphNodeGetDependentNodes)(cudaGraphNode_t node,
                                                        cudaGraphNode_t *nodes,
                                                        cudaGraphEdgeData *edges, size_t *count)
{
    return call(driver().VGPU_SECOND(cuGraphNodeGetDependentNodes), node, nodes, edges, count);
}

cudaError_t VGPU_SECOND(cudaGraphAddDependencies)(cudaGraph_t graph, const cudaGraphNode_t *from,
                                                  const cudaGraphNode_t *to,
                                                  const cudaGraphEdgeData *edges, size_t count)
{
    return call(driver().VGPU_SECOND(cuGraphAddDependencies), graph, from, to, edges, count);
}

cudaError_t VGPU_SECOND(cudaGraphRemoveDependencies)(cudaGraph_t graph, const cudaGraphNode_t *from,
                                                     const cudaGraphNode_t *to,
                                                     const cudaGraphEdgeData *edges, size_t count)
{
    return call(driver().VGPU_SECOND(cuGraphRemoveDependencies), graph, from, to, edges, count);
}

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle *handle, cudaGraph_t graph,
                                             unsigned int initial, unsigned int flags)
{
    return within_context([&] {
        CUcontext context = nullptr;
        CUresult result = driver().cuCtxGetCurrent(&context);
        return result == CUDA_SUCCESS ? invoke(driver().cuGraphConditionalHandleCreate, handle,
                                               graph, context, initial, flags)
                                      : translate(result);
    });
}

#if CUDART_VERSION < 13000
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to,
                              size_t *count)
{
    return call(driver().cuGraphGetEdges, graph, from, to, count);
}

cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *nodes,
                                         size_t *count)
{
    return call(driver().cuGraphNodeGetDependencies, node, nodes, count);
}

cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t *nodes,
                                           size_t *count)
{
    return call(driver().cuGraphNodeGetDependentNodes, node, nodes, count);
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t *from,
                                     const cudaGraphNode_t *to, size_t count)
{
    return call(driver().cuGraphAddDependencies, graph, from, to, count);
}

cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t *from,
                                        const cudaGraphNode_t *to, size_t count)
{
    return call(driver().cuGraphRemoveDependencies, graph, from, to, count);
}
#endif
}
