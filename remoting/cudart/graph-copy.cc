// SPDX-License-Identifier: Apache-2.0
// Graph nodes that copy: boxes, rows of bytes, and variables.
#include "remoting/cudart/copy.h"
#include "remoting/cudart/registry.h"

namespace vgpu::cudart
{
namespace
{

// A copy of one row of bytes as the driver's box.
CUDA_MEMCPY3D row_copy(void *to, const void *from, size_t size, cudaMemcpyKind kind)
{
    CUDA_MEMCPY3D box = {};
    box.srcMemoryType = source_type(kind);
    box.srcHost = from;
    box.srcDevice = address(from);
    box.srcPitch = size;
    box.dstMemoryType = destination_type(kind);
    box.dstHost = to;
    box.dstDevice = address(to);
    box.dstPitch = size;
    box.WidthInBytes = size;
    box.Height = 1;
    box.Depth = 1;
    return box;
}

cudaError_t symbol_place(const void *symbol, size_t size, size_t offset, char **place)
{
    CUdeviceptr start = 0;
    size_t whole = 0;
    cudaError_t error = find_symbol(symbol, &start, &whole);
    if (error == cudaSuccess && (offset > whole || size > whole - offset))
        error = cudaErrorInvalidValue;
    *place = reinterpret_cast<char *>(start) + offset;
    return error;
}

// What the driver tells of a copy, in the runtime's words.
cudaError_t describe_copy(const CUDA_MEMCPY3D &from, cudaMemcpy3DParms *to)
{
    *to = {};
    to->srcArray = reinterpret_cast<cudaArray_t>(from.srcArray);
    to->dstArray = reinterpret_cast<cudaArray_t>(from.dstArray);
    size_t to_unit, from_unit;
    cudaError_t error = copy_units(*to, &to_unit, &from_unit);
    if (error != cudaSuccess)
        return error;
    size_t unit = from.dstArray ? to_unit : from_unit;
    to->srcPos = {from.srcXInBytes / from_unit, from.srcY, from.srcZ};
    to->dstPos = {from.dstXInBytes / to_unit, from.dstY, from.dstZ};
    to->extent = {from.WidthInBytes / unit, from.Height, from.Depth};
    auto memory = [&](CUmemorytype type, const void *host, CUdeviceptr device, size_t pitch,
                      size_t height) -> cudaPitchedPtr {
        if (type == CU_MEMORYTYPE_ARRAY)
            return {};
        void *place = type == CU_MEMORYTYPE_HOST ? const_cast<void *>(host)
                                                 : reinterpret_cast<void *>(device);
        return {place, pitch, from.WidthInBytes, height};
    };
    to->srcPtr =
        memory(from.srcMemoryType, from.srcHost, from.srcDevice, from.srcPitch, from.srcHeight);
    to->dstPtr =
        memory(from.dstMemoryType, from.dstHost, from.dstDevice, from.dstPitch, from.dstHeight);
    bool from_host = from.srcMemoryType == CU_MEMORYTYPE_HOST;
    bool to_host = from.dstMemoryType == CU_MEMORYTYPE_HOST;
    if (from.srcMemoryType == CU_MEMORYTYPE_UNIFIED || from.dstMemoryType == CU_MEMORYTYPE_UNIFIED)
        to->kind = cudaMemcpyDefault;
    else if (from_host)
        to->kind = to_host ? cudaMemcpyHostToHost : cudaMemcpyHostToDevice;
    else
        to->kind = to_host ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice;
    return cudaSuccess;
}

cudaError_t add_copy(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *dependencies,
                     size_t count, const CUDA_MEMCPY3D &box)
{
    return translate(
        driver().cuGraphAddMemcpyNode(node, graph, dependencies, count, &box, current_context()));
}

cudaError_t change_copy(cudaGraphExec_t exec, cudaGraphNode_t node, const CUDA_MEMCPY3D &box)
{
    return translate(driver().cuGraphExecMemcpyNodeSetParams(exec, node, &box, current_context()));
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                   const cudaGraphNode_t *dependencies, size_t count,
                                   const cudaMemcpy3DParms *parameters)
{
    return within_context([&] {
        CUDA_MEMCPY3D box;
        cudaError_t error = parameters ? translate_copy(*parameters, &box) : cudaErrorInvalidValue;
        return error == cudaSuccess ? add_copy(node, graph, dependencies, count, box) : error;
    });
}

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t *node, cudaGraph_t graph,
                                     const cudaGraphNode_t *dependencies, size_t count, void *to,
                                     const void *from, size_t size, cudaMemcpyKind kind)
{
    return within_context(
        [&] { return add_copy(node, graph, dependencies, count, row_copy(to, from, size, kind)); });
}

cudaError_t cudaGraphAddMemcpyNodeToSymbol(cudaGraphNode_t *node, cudaGraph_t graph,
                                           const cudaGraphNode_t *dependencies, size_t count,
                                           const void *symbol, const void *from, size_t size,
                                           size_t offset, cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        return error == cudaSuccess
                   ? add_copy(node, graph, dependencies, count, row_copy(place, from, size, kind))
                   : error;
    });
}

cudaError_t cudaGraphAddMemcpyNodeFromSymbol(cudaGraphNode_t *node, cudaGraph_t graph,
                                             const cudaGraphNode_t *dependencies, size_t count,
                                             void *to, const void *symbol, size_t size,
                                             size_t offset, cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        return error == cudaSuccess
                   ? add_copy(node, graph, dependencies, count, row_copy(to, place, size, kind))
                   : error;
    });
}

cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms *parameters)
{
    if (!parameters)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUDA_MEMCPY3D box;
        cudaError_t error = invoke(driver().cuGraphMemcpyNodeGetParams, node, &box);
        return error == cudaSuccess ? describe_copy(box, parameters) : error;
    });
}

cudaError_t cudaGraphMemcpyNodeSetParams(cudaGraphNode_t node, const cudaMemcpy3DParms *parameters)
{
    return within_context([&] {
        CUDA_MEMCPY3D box;
        cudaError_t error = parameters ? translate_copy(*parameters, &box) : cudaErrorInvalidValue;
        return error == cudaSuccess ? invoke(driver().cuGraphMemcpyNodeSetParams, node, &box)
                                    : error;
    });
}

cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void *to, const void *from,
                                           size_t size, cudaMemcpyKind kind)
{
    CUDA_MEMCPY3D box = row_copy(to, from, size, kind);
    return call(driver().cuGraphMemcpyNodeSetParams, node, &box);
}

cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemcpy3DParms *parameters)
{
    return within_context([&] {
        CUDA_MEMCPY3D box;
        cudaError_t error = parameters ? translate_copy(*parameters, &box) : cudaErrorInvalidValue;
        return error == cudaSuccess ? change_copy(exec, node, box) : error;
    });
}

cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void *to,
                                               const void *from, size_t size, cudaMemcpyKind kind)
{
    return within_context([&] { return change_copy(exec, node, row_copy(to, from, size, kind)); });
}

cudaError_t cudaGraphMemcpyNodeSetParamsToSymbol(cudaGraphNode_t node, const void *symbol,
                                                 const void *from, size_t size, size_t offset,
                                                 cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        CUDA_MEMCPY3D box = row_copy(place, from, size, kind);
        return error == cudaSuccess ? invoke(driver().cuGraphMemcpyNodeSetParams, node, &box)
                                    : error;
    });
}

cudaError_t cudaGraphMemcpyNodeSetParamsFromSymbol(cudaGraphNode_t node, void *to,
                                                   const void *symbol, size_t size, size_t offset,
                                                   cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        CUDA_MEMCPY3D box = row_copy(to, place, size, kind);
        return error == cudaSuccess ? invoke(driver().cuGraphMemcpyNodeSetParams, node, &box)
                                    : error;
    });
}

cudaError_t cudaGraphExecMemcpyNodeSetParamsToSymbol(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                     const void *symbol, const void *from,
                                                     size_t size, size_t offset,
                                                     cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        return error == cudaSuccess ? change_copy(exec, node, row_copy(place, from, size, kind))
                                    : error;
    });
}

cudaError_t cudaGraphExecMemcpyNodeSetParamsFromSymbol(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                       void *to, const void *symbol, size_t size,
                                                       size_t offset, cudaMemcpyKind kind)
{
    return within_context([&] {
        char *place = nullptr;
        cudaError_t error = symbol_place(symbol, size, offset, &place);
        return error == cudaSuccess ? change_copy(exec, node, row_copy(to, place, size, kind))
                                    : error;
    });
}
}
