// SPDX-License-Identifier: Apache-2.0
// Nodes: every kind is added and changed by one request, whatever the function is called; what was
// given is remembered, and given out again.
#include "remoting/client/entry.h"
#include "remoting/client/graph.h"
#include "remoting/client/memory.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <cstring>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

bool plain(const CUgraphEdgeData *edges, size_t count)
{
    return !edges || std::all_of(edges, edges + count, [](const CUgraphEdgeData &edge) {
        return !edge.from_port && !edge.to_port && !edge.type;
    });
}

// Sends `head`, then what the node does.
template<class Head>
CUresult send(Session &session, api::Call call, const CUgraphNodeParams &parameters,
              std::vector<CUgraph> &bodies, Head &&head, uint64_t *address = nullptr)
{
    Context *context = context_of_node(session, parameters);
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    // Beside the thread's buffer, which describing a function may need on the way.
    std::vector<std::byte> bytes;
    wire::Encoder body(bytes);
    head(body);
    CUresult result = put_node(session, body, parameters, bodies);
    if (result != CUDA_SUCCESS)
        return result;
    if (bytes.size() > wire::kMaxMessage - 64)
        return CUDA_ERROR_INVALID_VALUE;
    Request request;
    request.out().bytes(bytes);
    Answer answer;
    result = exchange(session, context->word(), call, request, answer);
    if (result != CUDA_SUCCESS || !address)
        return result;
    wire::Decoder in(answer.body());
    *address = in.u64();
    return in.done() ? result : misunderstood(session, call, "no address");
}

CUresult add(CUgraphNode *node, CUgraph graph, const CUgraphNode *before, size_t count,
             const CUgraphNodeParams &parameters, GraphNode **made = nullptr)
{
    return entry([&](Session &session) -> CUresult {
        if (!node || (!before && count) || count > wire::kMaxMessage / 16)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = session.new_id(api::Kind::graph_node), address = 0;
        std::vector<CUgraph> bodies;
        CUresult result = send(
            session, api::Call::vgpuGraphNodeAdd, parameters, bodies,
            [&](wire::Encoder &out) {
                out.u64(api::id_of(graph));
                out.u64(id);
                out.u64(count);
                for (size_t i = 0; i < count; ++i)
                    out.u64(api::id_of(before[i]));
            },
            &address);
        if (result != CUDA_SUCCESS)
            return result;
        auto known = remember(session, graph, parameters, std::move(bodies));
        if (parameters.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) {
            known->parameters.alloc.dptr = address;
            result = note_allocation(session, *current_context(), address,
                                     parameters.alloc.bytesize, 0, true);
            if (result != CUDA_SUCCESS)
                return result;
        }
        if (made)
            *made = known.get();
        session.graph_nodes.add(id, std::move(known));
        *node = api::handle_of<CUgraphNode>(id);
        return CUDA_SUCCESS;
    });
}

CUresult set(CUgraphNode node, const CUgraphNodeParams &parameters)
{
    return entry([&](Session &session) -> CUresult {
        std::vector<CUgraph> bodies;
        CUresult result = send(session, api::Call::vgpuGraphNodeSet, parameters, bodies,
                               [&](wire::Encoder &out) { out.u64(api::id_of(node)); });
        if (result != CUDA_SUCCESS)
            return result;
        auto known = session.graph_nodes.find(api::id_of(node));
        auto graph = api::handle_of<CUgraph>(known ? known->graph : 0);
        session.graph_nodes.add(api::id_of(node), remember(session, graph, parameters, {}));
        return CUDA_SUCCESS;
    });
}

CUresult set_in(CUgraphExec exec, CUgraphNode node, const CUgraphNodeParams &parameters)
{
    return entry([&](Session &session) -> CUresult {
        std::vector<CUgraph> bodies;
        return send(session, api::Call::vgpuGraphExecNodeSet, parameters, bodies,
                    [&](wire::Encoder &out) {
                        out.u64(api::id_of(exec));
                        out.u64(api::id_of(node));
                    });
    });
}

// read(const CUgraphNodeParams &) of a node of that type, as it was given.
template<class Read>
CUresult get(CUgraphNode node, CUgraphNodeType type, Read &&read)
{
    return entry([&](Session &session) -> CUresult {
        auto known = session.graph_nodes.find(api::id_of(node));
        if (!known)
            if (CUresult result = ask_of(session, node, known); result != CUDA_SUCCESS)
                return result;
        if (known->parameters.type != type)
            return CUDA_ERROR_INVALID_VALUE;
        read(*known);
        return CUDA_SUCCESS;
    });
}

CUgraphNodeParams of_type(CUgraphNodeType type)
{
    CUgraphNodeParams parameters{};
    parameters.type = type;
    return parameters;
}

CUgraphNodeParams kernel(const CUDA_KERNEL_NODE_PARAMS_v2 &given)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_KERNEL);
    static_assert(sizeof given == sizeof parameters.kernel);
    std::memcpy(&parameters.kernel, &given, sizeof given);
    return parameters;
}

CUgraphNodeParams copy(const CUDA_MEMCPY3D_v2 &given, CUcontext context)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_MEMCPY);
    parameters.memcpy.copyParams = given;
    parameters.memcpy.copyCtx = context;
    return parameters;
}

CUgraphNodeParams fill(const CUDA_MEMSET_NODE_PARAMS_v1 &given, CUcontext context)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_MEMSET);
    parameters.memset = {given.dst,   given.pitch,  given.value, given.elementSize,
                         given.width, given.height, context};
    return parameters;
}

CUgraphNodeParams host(const CUDA_HOST_NODE_PARAMS_v1 &given)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_HOST);
    parameters.host.fn = given.fn;
    parameters.host.userData = given.userData;
    return parameters;
}

CUgraphNodeParams child(CUgraph graph)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_GRAPH);
    parameters.graph.graph = graph;
    return parameters;
}

CUgraphNodeParams batch(const CUDA_BATCH_MEM_OP_NODE_PARAMS_v1 &given)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_BATCH_MEM_OP);
    parameters.memOp = {given.ctx, given.count, given.paramArray, given.flags};
    return parameters;
}

CUgraphNodeParams record(CUevent event)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_EVENT_RECORD);
    parameters.eventRecord.event = event;
    return parameters;
}

CUgraphNodeParams wait(CUevent event)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_WAIT_EVENT);
    parameters.eventWait.event = event;
    return parameters;
}

// The context in which a copy or a fill was, for changes that give none.
CUcontext context_of(CUgraphNode node)
{
    CUresult why;
    Session *session = Session::get(why);
    auto known = session ? session->graph_nodes.find(api::id_of(node)) : nullptr;
    if (!known)
        return nullptr;
    return known->parameters.type == CU_GRAPH_NODE_TYPE_MEMCPY   ? known->parameters.memcpy.copyCtx
           : known->parameters.type == CU_GRAPH_NODE_TYPE_MEMSET ? known->parameters.memset.ctx
                                                                 : nullptr;
}

} // namespace

VGPU_ENTRY cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                   size_t count, const CUDA_KERNEL_NODE_PARAMS_v2 *parameters)
{
    return parameters ? add(node, graph, before, count, kernel(*parameters))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v2 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_KERNEL, [&](const GraphNode &known) {
        std::memcpy(out, &known.parameters.kernel, sizeof *out);
        if (out->func) {
            out->kern = nullptr;
            out->ctx = nullptr;
        }
    });
}

VGPU_ENTRY cuGraphKernelNodeSetParams_v2(CUgraphNode node,
                                         const CUDA_KERNEL_NODE_PARAMS_v2 *parameters)
{
    return parameters ? set(node, kernel(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                             const CUDA_KERNEL_NODE_PARAMS_v2 *parameters)
{
    return parameters ? set_in(exec, node, kernel(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                size_t count, const CUDA_MEMCPY3D_v2 *parameters, CUcontext context)
{
    return parameters ? add(node, graph, before, count, copy(*parameters, context))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D_v2 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_MEMCPY,
               [&](const GraphNode &known) { *out = known.parameters.memcpy.copyParams; });
}

VGPU_ENTRY cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D_v2 *parameters)
{
    return parameters ? set(node, copy(*parameters, context_of(node))) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                          const CUDA_MEMCPY3D_v2 *parameters, CUcontext context)
{
    return parameters ? set_in(exec, node, copy(*parameters, context ? context : context_of(node)))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                size_t count, const CUDA_MEMSET_NODE_PARAMS_v1 *parameters,
                                CUcontext context)
{
    return parameters ? add(node, graph, before, count, fill(*parameters, context))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphMemsetNodeGetParams(CUgraphNode node, CUDA_MEMSET_NODE_PARAMS_v1 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_MEMSET, [&](const GraphNode &known) {
        auto &own = known.parameters.memset;
        *out = {own.dst, own.pitch, own.value, own.elementSize, own.width, own.height};
    });
}

VGPU_ENTRY cuGraphMemsetNodeSetParams(CUgraphNode node,
                                      const CUDA_MEMSET_NODE_PARAMS_v1 *parameters)
{
    return parameters ? set(node, fill(*parameters, context_of(node))) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                          const CUDA_MEMSET_NODE_PARAMS_v1 *parameters,
                                          CUcontext context)
{
    return parameters ? set_in(exec, node, fill(*parameters, context ? context : context_of(node)))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphAddHostNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                              size_t count, const CUDA_HOST_NODE_PARAMS_v1 *parameters)
{
    return parameters ? add(node, graph, before, count, host(*parameters))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS_v1 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_HOST, [&](const GraphNode &known) {
        out->fn = known.parameters.host.fn;
        out->userData = known.parameters.host.userData;
    });
}

VGPU_ENTRY cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS_v1 *parameters)
{
    return parameters ? set(node, host(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_HOST_NODE_PARAMS_v1 *parameters)
{
    return parameters ? set_in(exec, node, host(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                    size_t count, CUgraph inner)
{
    return add(node, graph, before, count, child(inner));
}

VGPU_ENTRY cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph)
{
    return entry([&](Session &session) -> CUresult {
        if (!graph)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = 0;
        CUresult result = remote::vgpuGraphChild(node, session.new_id(api::Kind::graph), &id);
        if (result == CUDA_SUCCESS)
            *graph = api::handle_of<CUgraph>(id);
        return result;
    });
}

VGPU_ENTRY cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph inner)
{
    return set_in(exec, node, child(inner));
}

VGPU_ENTRY cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                               size_t count)
{
    return add(node, graph, before, count, of_type(CU_GRAPH_NODE_TYPE_EMPTY));
}

VGPU_ENTRY cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                     size_t count, CUevent event)
{
    return add(node, graph, before, count, record(event));
}

VGPU_ENTRY cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_EVENT_RECORD,
               [&](const GraphNode &known) { *out = known.parameters.eventRecord.event; });
}

VGPU_ENTRY cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event)
{
    return set(node, record(event));
}

VGPU_ENTRY cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return set_in(exec, node, record(event));
}

VGPU_ENTRY cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                   size_t count, CUevent event)
{
    return add(node, graph, before, count, wait(event));
}

VGPU_ENTRY cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_WAIT_EVENT,
               [&](const GraphNode &known) { *out = known.parameters.eventWait.event; });
}

VGPU_ENTRY cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event)
{
    return set(node, wait(event));
}

VGPU_ENTRY cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return set_in(exec, node, wait(event));
}

VGPU_ENTRY cuGraphAddBatchMemOpNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                    size_t count,
                                    const CUDA_BATCH_MEM_OP_NODE_PARAMS_v1 *parameters)
{
    return parameters ? add(node, graph, before, count, batch(*parameters))
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphBatchMemOpNodeGetParams(CUgraphNode node, CUDA_BATCH_MEM_OP_NODE_PARAMS_v1 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, [&](const GraphNode &known) {
        auto &own = known.parameters.memOp;
        *out = {own.ctx, own.count, own.paramArray, own.flags};
    });
}

VGPU_ENTRY cuGraphBatchMemOpNodeSetParams(CUgraphNode node,
                                          const CUDA_BATCH_MEM_OP_NODE_PARAMS_v1 *parameters)
{
    return parameters ? set(node, batch(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecBatchMemOpNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                              const CUDA_BATCH_MEM_OP_NODE_PARAMS_v1 *parameters)
{
    return parameters ? set_in(exec, node, batch(*parameters)) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphAddMemAllocNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                  size_t count, CUDA_MEM_ALLOC_NODE_PARAMS_v1 *given)
{
    if (!given)
        return CUDA_ERROR_INVALID_VALUE;
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    static_assert(sizeof *given == sizeof parameters.alloc);
    std::memcpy(&parameters.alloc, given, sizeof *given);
    GraphNode *made = nullptr;
    CUresult result = add(node, graph, before, count, parameters, &made);
    if (result == CUDA_SUCCESS)
        given->dptr = made->parameters.alloc.dptr;
    return result;
}

VGPU_ENTRY cuGraphMemAllocNodeGetParams(CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS_v1 *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_MEM_ALLOC, [&](const GraphNode &known) {
        std::memcpy(out, &known.parameters.alloc, sizeof *out);
    });
}

VGPU_ENTRY cuGraphAddMemFreeNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                 size_t count, CUdeviceptr address)
{
    auto parameters = of_type(CU_GRAPH_NODE_TYPE_MEM_FREE);
    parameters.free.dptr = address;
    return add(node, graph, before, count, parameters);
}

VGPU_ENTRY cuGraphMemFreeNodeGetParams(CUgraphNode node, CUdeviceptr *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    return get(node, CU_GRAPH_NODE_TYPE_MEM_FREE,
               [&](const GraphNode &known) { *out = known.parameters.free.dptr; });
}

VGPU_ENTRY cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                             const CUgraphEdgeData *edges, size_t count,
                             CUgraphNodeParams *parameters)
{
    if (!parameters || !plain(edges, count))
        return CUDA_ERROR_INVALID_VALUE;
    GraphNode *made = nullptr;
    CUresult result = add(node, graph, before, count, *parameters, &made);
    if (result == CUDA_SUCCESS && parameters->type == CU_GRAPH_NODE_TYPE_CONDITIONAL)
        parameters->conditional.phGraph_out = made->parameters.conditional.phGraph_out;
    if (result == CUDA_SUCCESS && parameters->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
        parameters->alloc.dptr = made->parameters.alloc.dptr;
    return result;
}

VGPU_ENTRY cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams *parameters)
{
    return parameters ? set(node, *parameters) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                    CUgraphNodeParams *parameters)
{
    return parameters ? set_in(exec, node, *parameters) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGraphKernelNodeGetAttribute(CUgraphNode node, CUlaunchAttributeID attribute,
                                         CUlaunchAttributeValue *value)
{
    if (!value)
        return CUDA_ERROR_INVALID_VALUE;
    return remote::vgpuGraphAttribute(node, uint32_t(attribute),
                                      reinterpret_cast<unsigned char *>(value), sizeof *value);
}

VGPU_ENTRY cuGraphKernelNodeSetAttribute(CUgraphNode node, CUlaunchAttributeID attribute,
                                         const CUlaunchAttributeValue *value)
{
    if (!value)
        return CUDA_ERROR_INVALID_VALUE;
    return remote::vgpuGraphSetAttribute(
        node, uint32_t(attribute), reinterpret_cast<const unsigned char *>(value), sizeof *value);
}
