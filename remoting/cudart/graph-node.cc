// SPDX-License-Identifier: Apache-2.0
// Graph nodes whose parameters the runtime and the driver write down differently: kernels are named
// by stubs, and fills belong to a context. Copies are in graph-copy.cc.
#include "remoting/cudart/copy.h"
#include "remoting/cudart/registry.h"

#include <string.h>

namespace vgpu::cudart
{
namespace
{

static_assert(sizeof(cudaMemsetParams) == sizeof(CUDA_MEMSET_NODE_PARAMS));
static_assert(sizeof(cudaHostNodeParams) == sizeof(CUDA_HOST_NODE_PARAMS));
static_assert(sizeof(cudaMemAllocNodeParams) == sizeof(CUDA_MEM_ALLOC_NODE_PARAMS));
static_assert(sizeof(cudaKernelNodeAttrValue) == sizeof(CUkernelNodeAttrValue));

cudaError_t translate_kernel(const cudaKernelNodeParams *from, CUDA_KERNEL_NODE_PARAMS *to)
{
    if (!from)
        return cudaErrorInvalidValue;
    memset(to, 0, sizeof *to);
    to->gridDimX = from->gridDim.x;
    to->gridDimY = from->gridDim.y;
    to->gridDimZ = from->gridDim.z;
    to->blockDimX = from->blockDim.x;
    to->blockDimY = from->blockDim.y;
    to->blockDimZ = from->blockDim.z;
    to->sharedMemBytes = from->sharedMemBytes;
    to->kernelParams = from->kernelParams;
    to->extra = from->extra;
    return find_kernel(from->func, &to->kern);
}

// A node that was made with the driver's API may have a kernel that the runtime has no name for.
cudaError_t describe_kernel(const CUDA_KERNEL_NODE_PARAMS &from, cudaKernelNodeParams *to)
{
    const void *stub = find_stub(from.kern ? from.kern : as<CUkernel>(from.func));
    if (!stub)
        return cudaErrorInvalidDeviceFunction;
    to->func = const_cast<void *>(stub);
    to->gridDim = {from.gridDimX, from.gridDimY, from.gridDimZ};
    to->blockDim = {from.blockDimX, from.blockDimY, from.blockDimZ};
    to->sharedMemBytes = from.sharedMemBytes;
    to->kernelParams = from.kernelParams;
    to->extra = from.extra;
    return cudaSuccess;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                   const cudaGraphNode_t *dependencies, size_t count,
                                   const cudaKernelNodeParams *parameters)
{
    return within_context([&] {
        CUDA_KERNEL_NODE_PARAMS kernel;
        cudaError_t error = translate_kernel(parameters, &kernel);
        return error == cudaSuccess ? invoke(driver().cuGraphAddKernelNode, node, graph,
                                             dependencies, count, &kernel)
                                    : error;
    });
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams *parameters)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_KERNEL_NODE_PARAMS kernel;
        cudaError_t error = invoke(driver().cuGraphKernelNodeGetParams, node, &kernel);
        return error == cudaSuccess ? describe_kernel(kernel, parameters) : error;
    });
}

cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node,
                                         const cudaKernelNodeParams *parameters)
{
    return within_context([&] {
        CUDA_KERNEL_NODE_PARAMS kernel;
        cudaError_t error = translate_kernel(parameters, &kernel);
        return error == cudaSuccess ? invoke(driver().cuGraphKernelNodeSetParams, node, &kernel)
                                    : error;
    });
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaKernelNodeParams *parameters)
{
    return within_context([&] {
        CUDA_KERNEL_NODE_PARAMS kernel;
        cudaError_t error = translate_kernel(parameters, &kernel);
        return error == cudaSuccess
                   ? invoke(driver().cuGraphExecKernelNodeSetParams, exec, node, &kernel)
                   : error;
    });
}

cudaError_t cudaGraphKernelNodeCopyAttributes(cudaGraphNode_t to, cudaGraphNode_t from)
{
    return call(driver().cuGraphKernelNodeCopyAttributes, to, from);
}

cudaError_t cudaGraphKernelNodeGetAttribute(cudaGraphNode_t node, cudaKernelNodeAttrID attribute,
                                            cudaKernelNodeAttrValue *value)
{
    return call(driver().cuGraphKernelNodeGetAttribute, node, attribute, value);
}

cudaError_t cudaGraphKernelNodeSetAttribute(cudaGraphNode_t node, cudaKernelNodeAttrID attribute,
                                            const cudaKernelNodeAttrValue *value)
{
    return call(driver().cuGraphKernelNodeSetAttribute, node, attribute, value);
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                   const cudaGraphNode_t *dependencies, size_t count,
                                   const cudaMemsetParams *parameters)
{
    return within_context([&] {
        return invoke(driver().cuGraphAddMemsetNode, node, graph, dependencies, count, parameters,
                      current_context());
    });
}

cudaError_t cudaGraphMemsetNodeGetParams(cudaGraphNode_t node, cudaMemsetParams *parameters)
{
    return call(driver().cuGraphMemsetNodeGetParams, node, parameters);
}

cudaError_t cudaGraphMemsetNodeSetParams(cudaGraphNode_t node, const cudaMemsetParams *parameters)
{
    return call(driver().cuGraphMemsetNodeSetParams, node, parameters);
}

cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemsetParams *parameters)
{
    return within_context([&] {
        return invoke(driver().cuGraphExecMemsetNodeSetParams, exec, node, parameters,
                      current_context());
    });
}

cudaError_t cudaGraphAddHostNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                 const cudaGraphNode_t *dependencies, size_t count,
                                 const cudaHostNodeParams *parameters)
{
    return call(driver().cuGraphAddHostNode, node, graph, dependencies, count, parameters);
}

cudaError_t cudaGraphHostNodeGetParams(cudaGraphNode_t node, cudaHostNodeParams *parameters)
{
    return call(driver().cuGraphHostNodeGetParams, node, parameters);
}

cudaError_t cudaGraphHostNodeSetParams(cudaGraphNode_t node, const cudaHostNodeParams *parameters)
{
    return call(driver().cuGraphHostNodeSetParams, node, parameters);
}

cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                           const cudaHostNodeParams *parameters)
{
    return call(driver().cuGraphExecHostNodeSetParams, exec, node, parameters);
}

cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                     const cudaGraphNode_t *dependencies, size_t count,
                                     cudaMemAllocNodeParams *parameters)
{
    return call(driver().cuGraphAddMemAllocNode, node, graph, dependencies, count, parameters);
}

cudaError_t cudaGraphMemAllocNodeGetParams(cudaGraphNode_t node, cudaMemAllocNodeParams *parameters)
{
    return call(driver().cuGraphMemAllocNodeGetParams, node, parameters);
}

static cudaError_t translate_node(const cudaGraphNodeParams *parameters,
                                  CUgraphNodeParams *translated)
{
    static_assert(sizeof *parameters == sizeof *translated);
    memcpy(translated, parameters, sizeof *translated);
    if (parameters->type == cudaGraphNodeTypeKernel) {
        const cudaKernelNodeParamsV2 &from = parameters->kernel;
        cudaKernelNodeParams plain = {from.func,           from.gridDim,      from.blockDim,
                                      from.sharedMemBytes, from.kernelParams, from.extra};
        CUDA_KERNEL_NODE_PARAMS kernel;
        cudaError_t error = translate_kernel(&plain, &kernel);
        translated->kernel.func = nullptr;
        translated->kernel.kern = kernel.kern;
        translated->kernel.ctx = nullptr; // the current one
        return error;
    }
    if (parameters->type == cudaGraphNodeTypeMemcpy) {
        translated->memcpy.copyCtx = current_context();
        return translate_copy(parameters->memcpy.copyParams, &translated->memcpy.copyParams);
    }
    if (parameters->type == cudaGraphNodeTypeMemset)
        translated->memset.ctx = current_context();
    if (parameters->type == cudaGraphNodeTypeConditional)
        translated->conditional.ctx = current_context();
    return cudaSuccess;
}

// What the driver answers inside the parameters.
static void answer_node(const CUgraphNodeParams &translated, cudaGraphNodeParams *parameters)
{
    if (parameters->type == cudaGraphNodeTypeMemAlloc)
        parameters->alloc.dptr = reinterpret_cast<void *>(translated.alloc.dptr);
    if (parameters->type == cudaGraphNodeTypeConditional)
        parameters->conditional.phGraph_out = translated.conditional.phGraph_out;
}

cudaError_t VGPU_SECOND(cudaGraphAddNode)(cudaGraphNode_t *node, cudaGraph_t graph,
                                          const cudaGraphNode_t *dependencies,
                                          const cudaGraphEdgeData *edges, size_t count,
                                          cudaGraphNodeParams *parameters)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUgraphNodeParams translated;
        cudaError_t error = translate_node(parameters, &translated);
        if (error == cudaSuccess)
            error = invoke(driver().VGPU_SECOND(cuGraphAddNode), node, graph, dependencies, edges,
                           count, &translated);
        answer_node(translated, parameters);
        return error;
    });
}

#if CUDART_VERSION < 13000
cudaError_t cudaGraphAddNode(cudaGraphNode_t *node, cudaGraph_t graph,
                             const cudaGraphNode_t *dependencies, size_t count,
                             cudaGraphNodeParams *parameters)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUgraphNodeParams translated;
        cudaError_t error = translate_node(parameters, &translated);
        if (error == cudaSuccess)
            error = invoke(driver().cuGraphAddNode, node, graph, dependencies, count, &translated);
        answer_node(translated, parameters);
        return error;
    });
}
#endif
}

// Changes a node of any kind, in its graph or in what was made of that.
template<typename Change>
static cudaError_t change_node(cudaGraphNodeParams *parameters, Change change)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUgraphNodeParams translated;
        cudaError_t error = translate_node(parameters, &translated);
        return error == cudaSuccess ? translate(change(&translated)) : error;
    });
}

extern "C" {

cudaError_t cudaGraphNodeSetParams(cudaGraphNode_t node, cudaGraphNodeParams *parameters)
{
    return change_node(parameters, [&](CUgraphNodeParams *translated) {
        return driver().cuGraphNodeSetParams(node, translated);
    });
}

cudaError_t cudaGraphExecNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                       cudaGraphNodeParams *parameters)
{
    return change_node(parameters, [&](CUgraphNodeParams *translated) {
        return driver().cuGraphExecNodeSetParams(exec, node, translated);
    });
}
}
