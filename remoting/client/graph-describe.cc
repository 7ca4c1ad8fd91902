// SPDX-License-Identifier: Apache-2.0
// What a node does that the worker's driver made: told by the worker in the form in which nodes are
// added, and kept as if it had been given here.
#include "remoting/client/call.h"
#include "remoting/client/function.h"
#include "remoting/client/graph.h"

#include <cstring>

namespace vgpu::client
{
namespace
{

bool read_kernel(Session &session, wire::Decoder &in, GraphNode &node)
{
    auto &kernel = node.parameters.kernel;
    uint64_t id = in.u64();
    bool of_function = api::kind_of(id) == api::Kind::function;
    if (of_function)
        kernel.func = api::handle_of<CUfunction>(id);
    else
        kernel.kern = api::handle_of<CUkernel>(id);
    for (unsigned *value : {&kernel.gridDimX, &kernel.gridDimY, &kernel.gridDimZ, &kernel.blockDimX,
                            &kernel.blockDimY, &kernel.blockDimZ, &kernel.sharedMemBytes})
        *value = in.u32();
    auto packed = in.bytes(in.u64());
    node.packed.assign(packed.begin(), packed.end());
    auto function = session.functions.find(id);
    if (!in.ok() || !function || describe(session, *function) != CUDA_SUCCESS ||
        node.packed.size() < function->parameter_bytes)
        return false;
    for (auto &parameter : function->parameters)
        node.pointers.push_back(node.packed.data() + parameter.offset);
    kernel.kernelParams = node.pointers.data();
    return true;
}

struct End {
    CUmemorytype type;
    uint64_t where, offset;
    size_t x, y, z, pitch, height, level;
    void *host = nullptr;
};

bool read_end(Session &session, wire::Decoder &in, End &end)
{
    end.type = CUmemorytype(in.u32());
    for (uint64_t *field : {&end.where, &end.offset})
        *field = in.u64();
    for (size_t *field : {&end.x, &end.y, &end.z, &end.pitch, &end.height, &end.level})
        *field = in.u64();
    if (!in.ok() || end.type != CU_MEMORYTYPE_HOST)
        return in.ok();
    HostService::Place place{};
    if (api::kind_of(end.where) == api::Kind::host) {
        uint64_t base = session.ranges.base_of_host(end.where);
        end.host = reinterpret_cast<void *>(base + end.offset);
        return base != 0;
    }
    if (!session.host_service.place_of(end.where, place))
        return false;
    end.host = place.address;
    end.pitch = place.pitch;
    end.height = place.pitch ? place.slice / place.pitch : 0;
    return true;
}

bool read_copy(Session &session, wire::Decoder &in, GraphNode &node)
{
    auto &copy = node.parameters.memcpy.copyParams;
    for (size_t *value : {&copy.WidthInBytes, &copy.Height, &copy.Depth})
        *value = in.u64();
    End to, from;
    if (!read_end(session, in, to) || !read_end(session, in, from))
        return false;
    auto device = [](const End &end) {
        return end.type == CU_MEMORYTYPE_DEVICE || end.type == CU_MEMORYTYPE_UNIFIED ? end.where
                                                                                     : 0;
    };
    auto array = [](const End &end) {
        return end.type == CU_MEMORYTYPE_ARRAY ? api::handle_of<CUarray>(end.where) : nullptr;
    };
    copy.dstMemoryType = to.type;
    copy.dstXInBytes = to.x;
    copy.dstY = to.y;
    copy.dstZ = to.z;
    copy.dstLOD = to.level;
    copy.dstHost = to.host;
    copy.dstDevice = device(to);
    copy.dstArray = array(to);
    copy.dstPitch = to.pitch;
    copy.dstHeight = to.height;
    copy.srcMemoryType = from.type;
    copy.srcXInBytes = from.x;
    copy.srcY = from.y;
    copy.srcZ = from.z;
    copy.srcLOD = from.level;
    copy.srcHost = from.host;
    copy.srcDevice = device(from);
    copy.srcArray = array(from);
    copy.srcPitch = from.pitch;
    copy.srcHeight = from.height;
    return true;
}

bool read_fill(wire::Decoder &in, CUDA_MEMSET_NODE_PARAMS_v2 &fill)
{
    fill.dst = in.u64();
    fill.pitch = in.u64();
    fill.value = in.u32();
    fill.elementSize = in.u32();
    fill.width = in.u64();
    fill.height = in.u64();
    return true;
}

bool read_allocation(wire::Decoder &in, GraphNode &node)
{
    auto read_place = [&](CUmemLocation &location) {
        location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        location.id = in.i32();
    };
    auto &alloc = node.parameters.alloc;
    alloc.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    read_place(alloc.poolProps.location);
    alloc.bytesize = in.u64();
    uint64_t n = in.u64();
    if (n > in.left() / 16)
        return false;
    for (uint64_t i = 0; i < n; ++i) {
        CUmemAccessDesc one{};
        read_place(one.location);
        one.flags = CUmemAccess_flags(in.u32());
        node.access.push_back(one);
    }
    alloc.accessDescs = node.access.empty() ? nullptr : node.access.data();
    alloc.accessDescCount = node.access.size();
    alloc.dptr = in.u64();
    return true;
}

bool read_batch(wire::Decoder &in, GraphNode &node)
{
    auto &batch = node.parameters.memOp;
    batch.flags = in.u32();
    uint64_t n = in.u64();
    if (n > in.left() / 8 || n % 4 != 0)
        return false;
    for (uint64_t i = 0; i < n; i += 4) {
        CUstreamBatchMemOpParams one{};
        one.operation = CUstreamBatchMemOpType(in.u32());
        uint64_t address = in.u64(), value = in.u64();
        unsigned flags = in.u32();
        if (one.operation == CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES ||
            one.operation == CU_STREAM_MEM_OP_BARRIER) {
            one.memoryBarrier.flags = flags;
        } else { // what waits and what writes are laid out alike
            one.waitValue.address = address;
            one.waitValue.value64 = value;
            one.waitValue.flags = flags;
        }
        node.operations.push_back(one);
    }
    batch.count = unsigned(node.operations.size());
    batch.paramArray = node.operations.data();
    return true;
}

bool read(Session &session, wire::Decoder &in, GraphNode &node)
{
    auto &parameters = node.parameters;
    switch (parameters.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return read_kernel(session, in, node);
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        return read_copy(session, in, node);
    case CU_GRAPH_NODE_TYPE_MEMSET:
        return read_fill(in, parameters.memset);
    case CU_GRAPH_NODE_TYPE_HOST:
        return session.host_service.function_of(in.u64(), parameters.host.fn,
                                                parameters.host.userData);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        parameters.eventRecord.event = api::handle_of<CUevent>(in.u64());
        return true;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        parameters.eventWait.event = api::handle_of<CUevent>(in.u64());
        return true;
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return read_allocation(in, node);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        parameters.free.dptr = in.u64();
        return true;
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        return read_batch(in, node);
    default:
        return false;
    }
}

} // namespace

CUresult ask_of(Session &session, CUgraphNode handle, std::shared_ptr<GraphNode> &known)
{
    Request request;
    request.out().u64(api::id_of(handle));
    Answer answer;
    CUresult result =
        exchange(session, current_word(), api::Call::vgpuGraphNodeGet, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    // The thread's buffer is needed again to describe a function.
    std::vector<std::byte> body(answer.body().begin(), answer.body().end());
    wire::Decoder in(body);
    auto node = std::make_shared<GraphNode>();
    node->graph = in.u64();
    node->parameters.type = CUgraphNodeType(in.u32());
    if (!read(session, in, *node) || !in.done())
        return refused("asking for the parameters of a graph node of that kind",
                       "the worker's driver gives none that could be carried");
    known = session.graph_nodes.add(api::id_of(handle), std::move(node));
    return CUDA_SUCCESS;
}

} // namespace vgpu::client
