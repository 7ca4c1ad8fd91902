// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <cstring>

// Nodes: how each kind is put into a graph, asked about and changed.

namespace vgpu::soft::driver
{
namespace
{

void add(CUgraphNode *out, CUgraph handle, const CUgraphNode *before, size_t count,
         const std::function<Payload(Graph &)> &make)
{
    require(out != nullptr);
    auto graph = graph_of(handle);
    auto nodes = nodes_of(before, count, *graph);
    *out = handle_of<CUgraphNode>(graph->add(make(*graph), nodes));
}

/// Replaces a payload by one of the same kind.
template<class T>
void change(CUgraphNode handle, T payload)
{
    payload_of<T>(*node_of(handle)) = std::move(payload);
}

template<class T>
std::shared_ptr<Node> node_with(CUgraphNode handle)
{
    auto node = node_of(handle);
    payload_of<T>(*node);
    return node;
}

#if CUDA_VERSION >= 12030
ConditionalNode read_conditional(CUDA_CONDITIONAL_NODE_PARAMS &it, Graph &graph)
{
    ConditionalNode node;
    auto found = graph.conditions.find(it.handle);
    require(found != graph.conditions.end());
    node.condition = found->second;
    using enum ConditionalNode::Way;
    bool one = it.size == 1;
    if (it.type == CU_GRAPH_COND_TYPE_WHILE)
        node.way = loop;
    else if (it.type == CU_GRAPH_COND_TYPE_IF)
        one = one || it.size == 2;           // the second for else
    else if (static_cast<int>(it.type) == 2) // CU_GRAPH_COND_TYPE_SWITCH came with CUDA 12.8
        node.way = choose, one = it.size >= 1 && it.size <= 4096;
    else
        one = false;
    require(one);
    node.handles = std::make_shared<std::vector<CUgraph>>();
    for (unsigned i = 0; i < it.size; i++) {
        node.bodies.push_back(Graph::create(true));
        // A body may hold conditional nodes of its own, under handles made for the graph.
        node.bodies.back()->conditions = graph.conditions;
        node.handles->push_back(handle_of<CUgraph>(*node.bodies.back()));
    }
    it.phGraph_out = node.handles->data();
    return node;
}

/// Any kind of node from the parameters that name it. What can be changed only has no `graph`.
Payload read_any(CUgraphNodeParams *it, Graph *graph)
{
    require(it != nullptr);
    switch (it->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
        CUDA_KERNEL_NODE_PARAMS kernel;
        static_assert(sizeof kernel == sizeof it->kernel);
        memcpy(&kernel, &it->kernel, sizeof kernel);
        return read_kernel(&kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        require(!it->memcpy.flags);
        return read_copy(&it->memcpy.copyParams, it->memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
        auto &from = it->memset;
        CUDA_MEMSET_NODE_PARAMS fill{from.dst,         from.pitch, from.value,
                                     from.elementSize, from.width, from.height};
        return read_fill(&fill, from.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
        CUDA_HOST_NODE_PARAMS call{};
        call.fn = it->host.fn;
        call.userData = it->host.userData;
        return read_host(&call);
    }
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        return read_record(it->eventRecord.event);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        return read_wait(it->eventWait.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
        CUDA_BATCH_MEM_OP_NODE_PARAMS batch{it->memOp.ctx, it->memOp.count, it->memOp.paramArray,
                                            it->memOp.flags};
        return read_batch(&batch);
    }
    default:
        break;
    }
    require(graph != nullptr);
    switch (it->type) {
    case CU_GRAPH_NODE_TYPE_GRAPH: {
        auto child = graph_of(it->graph.graph);
        return read_child(*child, *graph, true);
    }
    case CU_GRAPH_NODE_TYPE_EMPTY:
        return EmptyNode{};
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
        CUDA_MEM_ALLOC_NODE_PARAMS alloc{};
        static_assert(sizeof alloc == sizeof it->alloc);
        memcpy(&alloc, &it->alloc, sizeof alloc);
        auto node = read_alloc(&alloc);
        it->alloc.dptr = alloc.dptr;
        return node;
    }
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        return read_free(it->free.dptr, graph);
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        return read_conditional(it->conditional, *graph);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT:
        throw Failure(CUDA_ERROR_NOT_SUPPORTED);
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}
#endif

} // namespace

#if CUDA_VERSION >= 12030
Payload read_replacement(CUgraphNodeParams *parameters)
{
    return read_any(parameters, nullptr);
}
#endif

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph,
                                                     const CUgraphNode *before, size_t count,
                                                     const CUDA_KERNEL_NODE_PARAMS *parameters)
{
    GRAPH_ENTRY(
        { add(node, graph, before, count, [&](auto &) { return read_kernel(parameters); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphKernelNodeGetParams_v2(CUgraphNode node,
                                                           CUDA_KERNEL_NODE_PARAMS *parameters)
{
    GRAPH_ENTRY({
        require(parameters != nullptr);
        *parameters = parameters_of(payload_of<KernelNode>(*node_of(node)));
    });
}

SOFT_EXPORT CUresult CUDAAPI
cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *parameters)
{
    GRAPH_ENTRY({
        auto own = node_with<KernelNode>(node);
        auto read = read_kernel(parameters);
        read.attributes = payload_of<KernelNode>(*own).attributes;
        own->payload = std::move(read);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphKernelNodeCopyAttributes(CUgraphNode to, CUgraphNode from)
{
    GRAPH_ENTRY({
        payload_of<KernelNode>(*node_of(to)).attributes =
            payload_of<KernelNode>(*node_of(from)).attributes;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphKernelNodeGetAttribute(CUgraphNode node,
                                                           CUkernelNodeAttrID attribute,
                                                           CUkernelNodeAttrValue *value)
{
    GRAPH_ENTRY({
        require(value != nullptr);
        auto &attributes = payload_of<KernelNode>(*node_of(node)).attributes;
        check_attribute(attribute);
        auto it = attributes.find(attribute);
        *value = it == attributes.end() ? CUkernelNodeAttrValue{} : it->second;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphKernelNodeSetAttribute(CUgraphNode node,
                                                           CUkernelNodeAttrID attribute,
                                                           const CUkernelNodeAttrValue *value)
{
    GRAPH_ENTRY({
        require(value != nullptr);
        auto &kernel = payload_of<KernelNode>(*node_of(node));
        CUlaunchAttribute one{};
        one.id = attribute;
        one.value = *value;
        Shape probe = kernel.shape;
        apply(one, probe);
        kernel.attributes[attribute] = *value;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph,
                                                  const CUgraphNode *before, size_t count,
                                                  const CUDA_MEMCPY3D *copy, CUcontext context)
{
    GRAPH_ENTRY(
        { add(node, graph, before, count, [&](auto &) { return read_copy(copy, context); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D *copy)
{
    GRAPH_ENTRY({
        require(copy != nullptr);
        *copy = payload_of<CopyNode>(*node_of(node)).copy;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D *copy)
{
    GRAPH_ENTRY({
        auto &own = payload_of<CopyNode>(*node_of(node));
        auto context = own.context.lock();
        require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
        own = read_copy(copy, handle_of<CUcontext>(*context));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph,
                                                  const CUgraphNode *before, size_t count,
                                                  const CUDA_MEMSET_NODE_PARAMS *fill,
                                                  CUcontext context)
{
    GRAPH_ENTRY(
        { add(node, graph, before, count, [&](auto &) { return read_fill(fill, context); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemsetNodeGetParams(CUgraphNode node,
                                                        CUDA_MEMSET_NODE_PARAMS *fill)
{
    GRAPH_ENTRY({
        require(fill != nullptr);
        *fill = payload_of<FillNode>(*node_of(node)).fill;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemsetNodeSetParams(CUgraphNode node,
                                                        const CUDA_MEMSET_NODE_PARAMS *fill)
{
    GRAPH_ENTRY({
        auto &own = payload_of<FillNode>(*node_of(node));
        auto context = own.context.lock();
        require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
        own = read_fill(fill, handle_of<CUcontext>(*context));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddHostNode(CUgraphNode *node, CUgraph graph,
                                                const CUgraphNode *before, size_t count,
                                                const CUDA_HOST_NODE_PARAMS *call)
{
    GRAPH_ENTRY({ add(node, graph, before, count, [&](auto &) { return read_host(call); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS *call)
{
    GRAPH_ENTRY({
        require(call != nullptr);
        *call = payload_of<HostNode>(*node_of(node)).call;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphHostNodeSetParams(CUgraphNode node,
                                                      const CUDA_HOST_NODE_PARAMS *call)
{
    GRAPH_ENTRY({ change(node, read_host(call)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph,
                                                      const CUgraphNode *before, size_t count,
                                                      CUgraph child)
{
    GRAPH_ENTRY({
        add(node, graph, before, count,
            [&](Graph &parent) { return read_child(*graph_of(child), parent, true); });
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph)
{
    GRAPH_ENTRY({
        require(graph != nullptr);
        *graph = handle_of<CUgraph>(*payload_of<ChildNode>(*node_of(node)).graph);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph,
                                                 const CUgraphNode *before, size_t count)
{
    GRAPH_ENTRY({ add(node, graph, before, count, [](auto &) { return EmptyNode{}; }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph,
                                                       const CUgraphNode *before, size_t count,
                                                       CUevent event)
{
    GRAPH_ENTRY({ add(node, graph, before, count, [&](auto &) { return read_record(event); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *event)
{
    GRAPH_ENTRY({
        require(event != nullptr);
        *event = handle_of<CUevent>(*payload_of<RecordNode>(*node_of(node)).event);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event)
{
    GRAPH_ENTRY({ change(node, read_record(event)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph,
                                                     const CUgraphNode *before, size_t count,
                                                     CUevent event)
{
    GRAPH_ENTRY({ add(node, graph, before, count, [&](auto &) { return read_wait(event); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *event)
{
    GRAPH_ENTRY({
        require(event != nullptr);
        *event = handle_of<CUevent>(*payload_of<WaitNode>(*node_of(node)).event);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event)
{
    GRAPH_ENTRY({ change(node, read_wait(event)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddBatchMemOpNode(CUgraphNode *node, CUgraph graph,
                                                      const CUgraphNode *before, size_t count,
                                                      const CUDA_BATCH_MEM_OP_NODE_PARAMS *batch)
{
    GRAPH_ENTRY({ add(node, graph, before, count, [&](auto &) { return read_batch(batch); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphBatchMemOpNodeGetParams(CUgraphNode node,
                                                            CUDA_BATCH_MEM_OP_NODE_PARAMS *batch)
{
    GRAPH_ENTRY({
        require(batch != nullptr);
        auto &own = payload_of<BatchNode>(*node_of(node));
        auto context = own.context.lock();
        batch->ctx = context ? handle_of<CUcontext>(*context) : nullptr;
        batch->count = static_cast<unsigned>(own.operations.size());
        batch->paramArray = own.operations.data();
        batch->flags = own.flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI
cuGraphBatchMemOpNodeSetParams(CUgraphNode node, const CUDA_BATCH_MEM_OP_NODE_PARAMS *batch)
{
    GRAPH_ENTRY({ change(node, read_batch(batch)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddMemAllocNode(CUgraphNode *node, CUgraph graph,
                                                    const CUgraphNode *before, size_t count,
                                                    CUDA_MEM_ALLOC_NODE_PARAMS *parameters)
{
    GRAPH_ENTRY(
        { add(node, graph, before, count, [&](auto &) { return read_alloc(parameters); }); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemAllocNodeGetParams(CUgraphNode node,
                                                          CUDA_MEM_ALLOC_NODE_PARAMS *out)
{
    GRAPH_ENTRY({
        require(out != nullptr);
        auto &own = payload_of<AllocNode>(*node_of(node));
        *out = {};
        out->poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
        out->poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        out->poolProps.location.id = own.memory->device.ordinal;
        out->accessDescs = own.access.data();
        out->accessDescCount = own.access.size();
        out->bytesize = own.memory->bytes;
        out->dptr = own.memory->address;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddMemFreeNode(CUgraphNode *node, CUgraph graph,
                                                   const CUgraphNode *before, size_t count,
                                                   CUdeviceptr pointer)
{
    GRAPH_ENTRY({
        add(node, graph, before, count, [&](Graph &owner) { return read_free(pointer, &owner); });
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphMemFreeNodeGetParams(CUgraphNode node, CUdeviceptr *pointer)
{
    GRAPH_ENTRY({
        require(pointer != nullptr);
        *pointer = payload_of<FreeNode>(*node_of(node)).pointer;
    });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph,
                                               const CUgraphNode *before,
                                               const CUgraphEdgeData *edges, size_t count,
                                               CUgraphNodeParams *parameters)
{
    GRAPH_ENTRY({
        check_edges(edges, count);
        add(node, graph, before, count, [&](Graph &owner) { return read_any(parameters, &owner); });
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeSetParams(CUgraphNode handle, CUgraphNodeParams *parameters)
{
    GRAPH_ENTRY({
        auto node = node_of(handle);
        auto payload = read_any(parameters, nullptr);
        require(payload.index() == node->payload.index());
        node->payload = std::move(payload);
    });
}
#endif
