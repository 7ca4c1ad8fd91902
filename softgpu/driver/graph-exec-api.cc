// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-exec.h"
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/launch.h"
#include "softgpu/driver/machine.h"

// Graphs that are ready to run: instantiating, launching, changing.

namespace vgpu::soft::driver
{
namespace
{

constexpr unsigned long long kFlags =
    CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
    CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;

std::shared_ptr<Exec> exec_of(CUgraphExec handle)
{
    return machine().execs.get(handle, CUDA_ERROR_INVALID_VALUE);
}

void instantiate(CUgraphExec *out, CUgraph handle, unsigned long long flags)
{
    require(out && !(flags & ~kFlags));
    // A kernel that launches a graph is dynamic parallelism by another name.
    require(!(flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH), CUDA_ERROR_NOT_SUPPORTED);
    auto exec = std::make_shared<Exec>(*graph_of(handle), flags);
    machine().execs.add(exec);
    *out = handle_of<CUgraphExec>(*exec);
}

std::shared_ptr<Context> context_of_copy(Exec &exec, CUgraphNode handle)
{
    Node &copy = exec.find(*node_of(handle));
    auto *context = std::get_if<CopyNode>(&copy.payload);
    auto *fill = std::get_if<FillNode>(&copy.payload);
    require(context || fill);
    auto it = context ? context->context.lock() : fill->context.lock();
    require(it != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    return it;
}

void change(CUgraphExec exec_handle, CUgraphNode node, Payload payload)
{
    auto exec = exec_of(exec_handle);
    exec->change(exec->find(*node_of(node)), std::move(payload));
}

/// The context that a changed copy or fill works in: the one given, or the one that it has.
CUcontext context_for(CUgraphExec exec, CUgraphNode node, CUcontext given)
{
    auto own = context_of_copy(*exec_of(exec), node);
    return given ? given : handle_of<CUcontext>(*own);
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                                         unsigned long long flags)
{
    GRAPH_ENTRY({ instantiate(exec, graph, flags); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph,
                                                          CUDA_GRAPH_INSTANTIATE_PARAMS *parameters)
{
    GRAPH_ENTRY({
        require(exec && parameters);
        parameters->hErrNode_out = nullptr;
        parameters->result_out = CUDA_GRAPH_INSTANTIATE_ERROR;
        // The nodes were checked one by one, so what is wrong now is how they hang together.
        try {
            graph_of(graph)->order();
        } catch (const Failure &) {
            parameters->result_out = CUDA_GRAPH_INSTANTIATE_INVALID_STRUCTURE;
            throw;
        }
        try {
            instantiate(exec, graph, parameters->flags);
        } catch (const Failure &failure) {
            if (failure.code() == CUDA_ERROR_NOT_SUPPORTED)
                parameters->result_out = CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED;
            throw;
        }
        parameters->result_out = CUDA_GRAPH_INSTANTIATE_SUCCESS;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecGetFlags(CUgraphExec exec, cuuint64_t *flags)
{
    GRAPH_ENTRY({
        require(flags != nullptr);
        *flags = exec_of(exec)->flags;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec handle)
{
    ENTRY({
        auto exec = exec_of(handle);
        require(machine().execs.remove(exec->id));
    });
}

// Without the graphs' lock: a launch may wait for a full stream, whose works may need that lock.
SOFT_EXPORT CUresult CUDAAPI cuGraphLaunch(CUgraphExec handle, CUstream stream)
{
    ENTRY({
        auto exec = exec_of(handle);
        auto where = stream_of(stream, *current::get());
        if (captured(*where)) {
            capture_node(*where, exec->as_child());
            return;
        }
        exec->launch(*where);
        finish_launch(*where->context.lock(), *where);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphUpload(CUgraphExec handle, CUstream stream)
{
    ENTRY({
        // What is launched is ready where it is needed, so there is nothing to carry there before.
        exec_of(handle);
        captured(*stream_of(stream, *current::get()));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph,
                                                  CUgraphExecUpdateResultInfo *result)
{
    GRAPH_ENTRY({
        require(result != nullptr);
        const Node *theirs = nullptr;
        Node *ours = nullptr;
        result->result = exec_of(exec)->update(*graph_of(graph), &theirs, &ours);
        result->errorNode = theirs ? handle_of<CUgraphNode>(*theirs) : nullptr;
        result->errorFromNode = nullptr;
        return result->result == CU_GRAPH_EXEC_UPDATE_SUCCESS
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecKernelNodeSetParams_v2(
    CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *parameters)
{
    GRAPH_ENTRY({
        auto read = read_kernel(parameters);
        auto &old = payload_of<KernelNode>(exec_of(exec)->find(*node_of(node)));
        read.attributes = old.attributes;
        change(exec, node, std::move(read));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                            const CUDA_MEMCPY3D *copy,
                                                            CUcontext context)
{
    GRAPH_ENTRY({ change(exec, node, read_copy(copy, context_for(exec, node, context))); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                            const CUDA_MEMSET_NODE_PARAMS *fill,
                                                            CUcontext context)
{
    GRAPH_ENTRY({ change(exec, node, read_fill(fill, context_for(exec, node, context))); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                          const CUDA_HOST_NODE_PARAMS *call)
{
    GRAPH_ENTRY({ change(exec, node, read_host(call)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node,
                                                                CUevent event)
{
    GRAPH_ENTRY({ change(exec, node, read_record(event)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node,
                                                              CUevent event)
{
    GRAPH_ENTRY({ change(exec, node, read_wait(event)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecBatchMemOpNodeSetParams(
    CUgraphExec exec, CUgraphNode node, const CUDA_BATCH_MEM_OP_NODE_PARAMS *batch)
{
    GRAPH_ENTRY({ change(exec, node, read_batch(batch)); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphExecChildGraphNodeSetParams(CUgraphExec handle,
                                                                CUgraphNode node, CUgraph child)
{
    GRAPH_ENTRY({
        auto exec = exec_of(handle);
        exec->change_child(exec->find(*node_of(node)), *graph_of(child));
    });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                      CUgraphNodeParams *parameters)
{
    GRAPH_ENTRY({
        require(parameters != nullptr);
        if (parameters->type == CU_GRAPH_NODE_TYPE_GRAPH)
            return cuGraphExecChildGraphNodeSetParams(exec, node, parameters->graph.graph);
        change(exec, node, read_replacement(parameters));
        return CUDA_SUCCESS;
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeSetEnabled(CUgraphExec handle, CUgraphNode node,
                                                   unsigned int enabled)
{
    GRAPH_ENTRY({
        auto exec = exec_of(handle);
        exec->enable(exec->find(*node_of(node)), enabled != 0);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetEnabled(CUgraphExec exec, CUgraphNode node,
                                                   unsigned int *enabled)
{
    GRAPH_ENTRY({
        require(enabled != nullptr);
        Node &copy = exec_of(exec)->find(*node_of(node));
        require(Exec::can_be_disabled(copy));
        *enabled = copy.enabled;
    });
}
