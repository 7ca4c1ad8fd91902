// SPDX-License-Identifier: Apache-2.0
// What nodes do, on its way to the worker.
#include "remoting/client/call.h"
#include "remoting/client/copy.h"
#include "remoting/client/function.h"
#include "remoting/client/graph.h"

#include <cstring>
#include <span>

namespace vgpu::client
{
namespace
{

std::shared_ptr<Function> function_of(Session &session, const CUDA_KERNEL_NODE_PARAMS_v3 &kernel)
{
    return kernel.func ? find_function(session, kernel.func) : find_kernel(session, kernel.kern);
}

CUresult put_kernel(Session &session, wire::Encoder &out, const CUDA_KERNEL_NODE_PARAMS_v3 &kernel)
{
    if (!kernel.func && !kernel.kern)
        return CUDA_ERROR_INVALID_VALUE;
    auto function = function_of(session, kernel);
    if (!function)
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = describe(session, *function);
    if (result != CUDA_SUCCESS)
        return result;
    for (uint64_t value :
         {function->id, uint64_t(kernel.gridDimX), uint64_t(kernel.gridDimY),
          uint64_t(kernel.gridDimZ), uint64_t(kernel.blockDimX), uint64_t(kernel.blockDimY),
          uint64_t(kernel.blockDimZ), uint64_t(kernel.sharedMemBytes)})
        out.u64(value);
    return put_parameters(out, *function, kernel.kernelParams, kernel.extra);
}

// One end of a copy, as the structure has it.
struct Corner {
    CUmemorytype type;
    size_t x, y, z, level;
    const void *host;
    CUdeviceptr device;
    CUarray array;
    size_t pitch, height;
};

CUresult put_end(Session &session, wire::Encoder &out, const Corner &end, const CUDA_MEMCPY3D &copy)
{
    uint64_t where = 0, offset = 0;
    CUmemorytype type = end.type;
    size_t x = end.x, y = end.y, z = end.z;
    if (type == CU_MEMORYTYPE_ARRAY) {
        where = api::id_of(end.array);
    } else {
        // A box in linear memory begins at its first byte.
        uint64_t address = type == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(end.host)
                                                      : uint64_t(end.device);
        uint64_t pitch = end.pitch ? end.pitch : copy.WidthInBytes;
        uint64_t height = end.height ? end.height : copy.Height;
        if (address == 0)
            return CUDA_ERROR_INVALID_VALUE;
        address += (z * height + y) * pitch + x;
        x = y = z = 0;
        Hint hint = type == CU_MEMORYTYPE_HOST     ? Hint::host
                    : type == CU_MEMORYTYPE_DEVICE ? Hint::device
                                                   : Hint::unified;
        Place place = locate(session, {address, pitch, hint}, copy.WidthInBytes,
                             (copy.Depth - 1) * height + copy.Height);
        where = address;
        if (place.side == Place::Side::bad)
            return CUDA_ERROR_INVALID_VALUE;
        if (place.side == Place::Side::host) {
            type = CU_MEMORYTYPE_HOST;
            where = place.host;
            offset = place.offset;
            if (!place.host)
                where = session.host_service.keep(session, {place.pointer, size_t(pitch),
                                                            copy.WidthInBytes, copy.Height,
                                                            size_t(pitch * height), copy.Depth});
        } else if (type == CU_MEMORYTYPE_HOST) {
            type = CU_MEMORYTYPE_DEVICE; // a device's address is good there too
        }
    }
    for (uint64_t value : {uint64_t(type), where, offset, uint64_t(x), uint64_t(y), uint64_t(z),
                           uint64_t(end.pitch), uint64_t(end.height), uint64_t(end.level)})
        out.u64(value);
    return CUDA_SUCCESS;
}

CUresult put_copy(Session &session, wire::Encoder &out, const CUDA_MEMCPY3D &copy)
{
    if (copy.WidthInBytes == 0 || copy.Height == 0 || copy.Depth == 0)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t value : {copy.WidthInBytes, copy.Height, copy.Depth})
        out.u64(value);
    Corner to{copy.dstMemoryType, copy.dstXInBytes, copy.dstY,     copy.dstZ,     copy.dstLOD,
              copy.dstHost,       copy.dstDevice,   copy.dstArray, copy.dstPitch, copy.dstHeight};
    Corner from{copy.srcMemoryType, copy.srcXInBytes, copy.srcY,     copy.srcZ,     copy.srcLOD,
                copy.srcHost,       copy.srcDevice,   copy.srcArray, copy.srcPitch, copy.srcHeight};
    CUresult result = put_end(session, out, to, copy);
    return result == CUDA_SUCCESS ? put_end(session, out, from, copy) : result;
}

CUresult put_conditional(Session &session, wire::Encoder &out,
                         const CUDA_CONDITIONAL_NODE_PARAMS &conditional,
                         std::vector<CUgraph> &bodies)
{
    constexpr unsigned kMostBodies = 4096;
    if (conditional.size == 0 || conditional.size > kMostBodies)
        return CUDA_ERROR_INVALID_VALUE;
    for (uint64_t value :
         {uint64_t(conditional.handle), uint64_t(conditional.type), uint64_t(conditional.size)})
        out.u64(value);
    for (unsigned i = 0; i < conditional.size; ++i) {
        uint64_t id = session.new_id(api::Kind::graph);
        out.u64(id);
        bodies.push_back(api::handle_of<CUgraph>(id));
    }
    return CUDA_SUCCESS;
}

CUresult put_allocation(Session &session, wire::Encoder &out,
                        const CUDA_MEM_ALLOC_NODE_PARAMS_v2 &alloc)
{
    auto good = [&](const CUmemLocation &location) {
        return location.type == CU_MEM_LOCATION_TYPE_DEVICE && location.id >= 0 &&
               size_t(location.id) < session.devices().size();
    };
    auto &pool = alloc.poolProps;
    if (pool.allocType != CU_MEM_ALLOCATION_TYPE_PINNED || pool.handleTypes ||
        alloc.bytesize == 0 || !good(pool.location) ||
        (!alloc.accessDescs && alloc.accessDescCount) ||
        alloc.accessDescCount > session.devices().size())
        return CUDA_ERROR_INVALID_VALUE;
    for (uint64_t value :
         {uint64_t(pool.location.id), uint64_t(alloc.bytesize), uint64_t(alloc.accessDescCount)})
        out.u64(value);
    for (auto &one : std::span(alloc.accessDescs, alloc.accessDescCount)) {
        if (!good(one.location))
            return CUDA_ERROR_INVALID_VALUE;
        out.u64(uint64_t(one.location.id));
        out.u64(uint64_t(one.flags));
    }
    return CUDA_SUCCESS;
}

CUresult put_batch(Session &session, wire::Encoder &out,
                   const CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 &batch)
{
    constexpr unsigned kMost = 256; // the driver's own limit
    if (!batch.paramArray || batch.count == 0 || batch.count > kMost)
        return CUDA_ERROR_INVALID_VALUE;
    out.u64(batch.flags);
    out.u64(uint64_t(batch.count) * 4);
    for (auto &one : std::span(batch.paramArray, batch.count)) {
        uint64_t words[4];
        if (CUresult result = words_of(session, one, words); result != CUDA_SUCCESS)
            return result;
        for (uint64_t word : words)
            out.u64(word);
    }
    return CUDA_SUCCESS;
}

} // namespace

CUresult put_node(Session &session, wire::Encoder &out, const CUgraphNodeParams &parameters,
                  std::vector<CUgraph> &bodies)
{
    out.u64(uint64_t(parameters.type));
    switch (parameters.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return put_kernel(session, out, parameters.kernel);
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        return parameters.memcpy.flags ? CUDA_ERROR_INVALID_VALUE
                                       : put_copy(session, out, parameters.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
        auto &fill = parameters.memset;
        for (uint64_t value :
             {uint64_t(fill.dst), uint64_t(fill.pitch), uint64_t(fill.value),
              uint64_t(fill.elementSize), uint64_t(fill.width), uint64_t(fill.height)})
            out.u64(value);
        return CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
        out.u64(api::id_of(parameters.graph.graph));
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_EMPTY:
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        if (!session.events.has(api::id_of(parameters.eventRecord.event)))
            return CUDA_ERROR_INVALID_VALUE;
        out.u64(api::id_of(parameters.eventRecord.event));
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        if (!session.events.has(api::id_of(parameters.eventWait.event)))
            return CUDA_ERROR_INVALID_VALUE;
        out.u64(api::id_of(parameters.eventWait.event));
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        return put_conditional(session, out, parameters.conditional, bodies);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT:
        return refused("a graph node of external semaphores",
                       "they belong to a device of the same machine");
    case CU_GRAPH_NODE_TYPE_HOST:
        if (!parameters.host.fn)
            return CUDA_ERROR_INVALID_VALUE;
        out.u64(session.host_service.keep(session, parameters.host.fn, parameters.host.userData));
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return put_allocation(session, out, parameters.alloc);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        out.u64(parameters.free.dptr);
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        return put_batch(session, out, parameters.memOp);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

Context *context_of_node(Session &session, const CUgraphNodeParams &parameters)
{
    CUcontext given = nullptr;
    switch (parameters.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        if (auto function = function_of(session, parameters.kernel); function && function->context)
            given = api::handle_of<CUcontext>(function->context);
        else
            given = parameters.kernel.ctx;
        break;
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        given = parameters.memcpy.copyCtx;
        break;
    case CU_GRAPH_NODE_TYPE_MEMSET:
        given = parameters.memset.ctx;
        break;
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        given = parameters.conditional.ctx;
        break;
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        given = parameters.memOp.ctx;
        break;
    default:
        break;
    }
    return given ? session.contexts.find(given) : current_context();
}

std::shared_ptr<GraphNode> remember(Session &session, CUgraph graph,
                                    const CUgraphNodeParams &parameters,
                                    std::vector<CUgraph> bodies)
{
    auto node = std::make_shared<GraphNode>();
    node->graph = api::id_of(graph);
    node->parameters = parameters;
    node->bodies = std::move(bodies);
    if (parameters.type == CU_GRAPH_NODE_TYPE_CONDITIONAL)
        node->parameters.conditional.phGraph_out = node->bodies.data();
    if (parameters.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC && parameters.alloc.accessDescs) {
        auto &alloc = node->parameters.alloc;
        node->access.assign(alloc.accessDescs, alloc.accessDescs + alloc.accessDescCount);
        alloc.accessDescs = node->access.data();
    }
    if (parameters.type == CU_GRAPH_NODE_TYPE_BATCH_MEM_OP) {
        auto &batch = node->parameters.memOp;
        node->operations.assign(batch.paramArray, batch.paramArray + batch.count);
        batch.paramArray = node->operations.data();
    }
    if (parameters.type != CU_GRAPH_NODE_TYPE_KERNEL)
        return node;
    auto function = function_of(session, parameters.kernel);
    if (!function)
        return node;
    std::vector<std::byte> bytes;
    wire::Encoder out(bytes);
    auto &own = node->parameters.kernel;
    put_parameters(out, *function, own.kernelParams, own.extra);
    node->packed.assign(bytes.begin() + 8, bytes.end());
    for (auto &parameter : function->parameters)
        node->pointers.push_back(node->packed.data() + parameter.offset);
    own.kernelParams = node->pointers.data();
    own.extra = nullptr;
    return node;
}

} // namespace vgpu::client
