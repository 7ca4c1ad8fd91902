// SPDX-License-Identifier: Apache-2.0
// What a node does, told to the client in its own names: for those that the driver made by a
// capture, a clone or inside a child graph, which the client was never given the parameters of.
#include "remoting/server/calls.h"
#include "remoting/server/graph-node.h"
#include "remoting/server/launch.h"

#include <cstring>

namespace vgpu::server
{
namespace
{

template<class Function, class... Arguments>
CUresult ask(Function function, Arguments... arguments)
{
    return function ? function(arguments...) : CUDA_ERROR_NOT_SUPPORTED;
}

void put(wire::Encoder &out, std::initializer_list<uint64_t> values)
{
    for (uint64_t value : values)
        out.u64(value);
}

// A function's parameters as they lie in a buffer, from pointers to each or from such a buffer.
CUresult pack(const Driver &driver, uint64_t id, Handles::Entry &function,
              const CUDA_KERNEL_NODE_PARAMS_v2 &kernel, std::vector<std::byte> &packed)
{
    packed.resize(parameter_bytes(driver, id, function));
    if (packed.empty())
        return CUDA_SUCCESS;
    if (!kernel.kernelParams) {
        const void *buffer = nullptr;
        size_t bytes = 0;
        for (void **at = kernel.extra; at && *at != CU_LAUNCH_PARAM_END; at += 2) {
            if (*at == CU_LAUNCH_PARAM_BUFFER_POINTER)
                buffer = at[1];
            else if (*at == CU_LAUNCH_PARAM_BUFFER_SIZE)
                bytes = *static_cast<size_t *>(at[1]);
        }
        if (!buffer)
            return CUDA_ERROR_UNKNOWN;
        std::memcpy(packed.data(), buffer, std::min(bytes, packed.size()));
        return CUDA_SUCCESS;
    }
    size_t offset, bytes;
    for (size_t i = 0; parameter(driver, id, function.handle, i, offset, bytes) == CUDA_SUCCESS;
         ++i)
        std::memcpy(packed.data() + offset, kernel.kernelParams[i], bytes);
    return CUDA_SUCCESS;
}

// A captured launch of a kernel may have what the driver made of it in the current context.
uint64_t kernel_made_into(Session &session, CUfunction function)
{
    for (void *kernel : session.handles.all_of(api::Kind::kernel)) {
        CUfunction made = nullptr;
        if (ask(session.driver.cuKernelGetFunction, &made, CUkernel(kernel)) == CUDA_SUCCESS &&
            made == function)
            return session.handles.id_of(api::Kind::kernel, kernel);
    }
    return 0;
}

CUresult put_kernel(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_KERNEL_NODE_PARAMS_v2 kernel{};
    CUresult result = ask(session.driver.cuGraphKernelNodeGetParams_v2, node, &kernel);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t id = kernel.func ? session.handles.id_of(api::Kind::function, kernel.func) : 0;
    if (!id) // the driver takes a kernel where it takes a function
        id = session.handles.id_of(api::Kind::kernel,
                                   kernel.kern ? (void *)kernel.kern : (void *)kernel.func);
    if (!id)
        id = kernel_made_into(session, kernel.func);
    Handles::Entry *function = session.handles.function(id);
    if (!function) // of a library on this side
        return CUDA_ERROR_NOT_SUPPORTED;
    std::vector<std::byte> packed;
    result = pack(session.driver, id, *function, kernel, packed);
    put(out, {id, kernel.gridDimX, kernel.gridDimY, kernel.gridDimZ, kernel.blockDimX,
              kernel.blockDimY, kernel.blockDimZ, kernel.sharedMemBytes, packed.size()});
    out.bytes(packed);
    return result;
}

// `beside`: the node that may be hidden beside this end, if it is none itself.
CUresult put_end(Session &session, wire::Encoder &out, CUmemorytype type, const void *host,
                 CUdeviceptr device, CUarray array, std::initializer_list<uint64_t> rest,
                 CUgraphNode beside)
{
    uint64_t where = device, offset = 0;
    auto find = [&](const void *pointer) {
        return session.host_memory.find(pointer, where, offset);
    };
    if (auto transfer = beside ? session.graphs.transfer_of(beside) : nullptr) {
        type = CU_MEMORYTYPE_HOST;
        where = transfer->place;
    } else if (type == CU_MEMORYTYPE_ARRAY) {
        where = session.handles.id_of(api::Kind::array, array);
    } else if (type == CU_MEMORYTYPE_HOST) {
        if (!find(host))
            return CUDA_ERROR_NOT_SUPPORTED;
    } else if (find(reinterpret_cast<const void *>(device))) {
        type = CU_MEMORYTYPE_HOST;
    }
    put(out, {uint64_t(type), where, offset});
    put(out, rest);
    return CUDA_SUCCESS;
}

CUresult put_copy(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_MEMCPY3D it{};
    CUresult result = ask(session.driver.cuGraphMemcpyNodeGetParams, node, &it);
    if (result != CUDA_SUCCESS)
        return result;
    CUgraphNode first = session.graphs.first_of(node), last = session.graphs.last_of(node);
    put(out, {it.WidthInBytes, it.Height, it.Depth});
    result = put_end(session, out, it.dstMemoryType, it.dstHost, it.dstDevice, it.dstArray,
                     {it.dstXInBytes, it.dstY, it.dstZ, it.dstPitch, it.dstHeight, it.dstLOD},
                     last != node ? last : nullptr);
    if (result == CUDA_SUCCESS)
        result = put_end(session, out, it.srcMemoryType, it.srcHost, it.srcDevice, it.srcArray,
                         {it.srcXInBytes, it.srcY, it.srcZ, it.srcPitch, it.srcHeight, it.srcLOD},
                         first != node ? first : nullptr);
    return result;
}

CUresult put_fill(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_MEMSET_NODE_PARAMS it{};
    CUresult result = ask(session.driver.cuGraphMemsetNodeGetParams, node, &it);
    put(out, {it.dst, it.pitch, it.value, it.elementSize, it.width, it.height});
    return result;
}

CUresult put_call(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_HOST_NODE_PARAMS it{};
    CUresult result = ask(session.driver.cuGraphHostNodeGetParams, node, &it);
    if (result == CUDA_SUCCESS && it.fn != HostService::run)
        return CUDA_ERROR_NOT_SUPPORTED;
    out.u64(result == CUDA_SUCCESS ? static_cast<HostService::Call *>(it.userData)->number : 0);
    return result;
}

template<class Get>
CUresult put_event(Session &session, CUgraphNode node, Get get, wire::Encoder &out)
{
    CUevent event = nullptr;
    CUresult result = ask(get, node, &event);
    out.u64(session.handles.id_of(api::Kind::event, event));
    return result;
}

CUresult put_allocation(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_MEM_ALLOC_NODE_PARAMS it{};
    CUresult result = ask(session.driver.cuGraphMemAllocNodeGetParams, node, &it);
    if (result != CUDA_SUCCESS)
        return result;
    auto slice_of = [&](int device) {
        uint64_t at = 0;
        while (at + 1 < session.slices.size() && session.slices[at].device != device)
            ++at;
        return at;
    };
    put(out, {slice_of(it.poolProps.location.id), it.bytesize, it.accessDescCount});
    for (auto &one : std::span(it.accessDescs, it.accessDescs ? it.accessDescCount : 0))
        put(out, {slice_of(one.location.id), uint64_t(one.flags)});
    out.u64(it.dptr);
    return result;
}

CUresult put_freeing(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUdeviceptr address = 0;
    CUresult result = ask(session.driver.cuGraphMemFreeNodeGetParams, node, &address);
    out.u64(address);
    return result;
}

CUresult put_batch(Session &session, CUgraphNode node, wire::Encoder &out)
{
    CUDA_BATCH_MEM_OP_NODE_PARAMS it{};
    CUresult result = ask(session.driver.cuGraphBatchMemOpNodeGetParams, node, &it);
    if (result != CUDA_SUCCESS)
        return result;
    put(out, {it.flags, uint64_t(it.count) * 4});
    for (auto &one : std::span(it.paramArray, it.count)) {
        if (one.operation == CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES ||
            one.operation == CU_STREAM_MEM_OP_BARRIER)
            put(out, {uint64_t(one.operation), 0, 0, one.memoryBarrier.flags});
        else
            put(out, {uint64_t(one.operation), one.waitValue.address, one.waitValue.value64,
                      one.waitValue.flags});
    }
    return result;
}

CUresult describe(Session &session, CUgraphNode node, CUgraphNodeType type, wire::Encoder &out)
{
    const Driver &driver = session.driver;
    switch (type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return put_kernel(session, node, out);
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        return put_copy(session, node, out);
    case CU_GRAPH_NODE_TYPE_MEMSET:
        return put_fill(session, node, out);
    case CU_GRAPH_NODE_TYPE_HOST:
        return put_call(session, node, out);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        return put_event(session, node, driver.cuGraphEventRecordNodeGetEvent, out);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        return put_event(session, node, driver.cuGraphEventWaitNodeGetEvent, out);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return put_allocation(session, node, out);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        return put_freeing(session, node, out);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        return put_batch(session, node, out);
    default: // has no parameters that can be asked for
        return CUDA_ERROR_INVALID_VALUE;
    }
}

} // namespace

namespace calls
{

void vgpuGraphNodeGet(Session &session, Request &request)
{
    void *found = nullptr;
    CUresult result = session.handles.find(api::Kind::graph_node, request.in.u64(), found);
    request.check_done();
    auto node = CUgraphNode(found);
    CUgraphNodeType type{};
    if (result == CUDA_SUCCESS)
        result = ask(session.driver.cuGraphNodeGetType, node, &type);
    std::vector<std::byte> bytes;
    wire::Encoder out(bytes);
    out.u64(session.handles.id_of(api::Kind::graph, session.graphs.graph_of(node)));
    out.u64(uint64_t(type));
    if (result == CUDA_SUCCESS)
        result = describe(session, node, type, out);
    if (result != CUDA_SUCCESS || bytes.size() > api::kMaxReplyArray)
        return session.answer(request, result == CUDA_SUCCESS ? CUDA_ERROR_NOT_SUPPORTED : result);
    session.replies.send(request.reply_to(), CUDA_SUCCESS, bytes);
}

} // namespace calls
} // namespace vgpu::server
