// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/graph-node.h"

#include "remoting/server/calls.h"
#include "remoting/server/launch.h"

namespace vgpu::server
{
namespace
{

template<class H>
CUresult find(Session &session, uint64_t id, H &handle)
{
    void *found = nullptr;
    CUresult result = session.handles.find(api::kKind<H>, id, found);
    handle = H(found);
    return result;
}

CUresult read_kernel(Session &session, wire::Decoder &in, NodeParameters &node)
{
    auto &kernel = node.driver.kernel;
    uint64_t id = in.u64();
    kernel.gridDimX = in.u32();
    kernel.gridDimY = in.u32();
    kernel.gridDimZ = in.u32();
    kernel.blockDimX = in.u32();
    kernel.blockDimY = in.u32();
    kernel.blockDimZ = in.u32();
    kernel.sharedMemBytes = in.u32();
    node.packed = in.bytes(in.u64());
    Handles::Entry *function = session.handles.function(id);
    if (!in.ok() || !function)
        return CUDA_ERROR_INVALID_VALUE;
    node.packed_bytes = parameter_bytes(session.driver, id, *function);
    if (node.packed.size() < node.packed_bytes)
        return CUDA_ERROR_INVALID_VALUE;
    if (api::kind_of(id) == api::Kind::kernel)
        kernel.kern = CUkernel(function->handle);
    else
        kernel.func = CUfunction(function->handle);
    if (kernel.kern && session.contexts.current())
        kernel.ctx = session.contexts.current()->handle;
    if (node.packed_bytes == 0)
        return CUDA_SUCCESS;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, const_cast<std::byte *>(node.packed.data()),
                     CU_LAUNCH_PARAM_BUFFER_SIZE, &node.packed_bytes, CU_LAUNCH_PARAM_END};
    std::copy(std::begin(extra), std::end(extra), node.extra);
    kernel.extra = node.extra;
    return CUDA_SUCCESS;
}

// One end of a copy.
struct End {
    CUmemorytype type = CUmemorytype(0);
    uint64_t where = 0, offset = 0;
    size_t x = 0, y = 0, z = 0, pitch = 0, height = 0, level = 0;
    std::byte *host = nullptr;
    CUarray array = nullptr;
};

End read_end(wire::Decoder &in)
{
    End end;
    end.type = CUmemorytype(in.u32());
    for (uint64_t *field : {&end.where, &end.offset})
        *field = in.u64();
    for (size_t *field : {&end.x, &end.y, &end.z, &end.pitch, &end.height, &end.level})
        *field = in.u64();
    return end;
}

// What an end names must be the session's.
CUresult resolve(Session &session, End &end, const CUDA_MEMCPY3D &copy,
                 std::shared_ptr<HostService::Transfer> &transfer, bool to_device)
{
    switch (end.type) {
    case CU_MEMORYTYPE_ARRAY:
        return find(session, end.where, end.array);
    case CU_MEMORYTYPE_DEVICE:
    case CU_MEMORYTYPE_UNIFIED:
        return session.handles.pointer(end.where);
    case CU_MEMORYTYPE_HOST: {
        if (api::kind_of(end.where) != api::Kind::host) {
            uint64_t bytes;
            if (__builtin_mul_overflow(copy.WidthInBytes, copy.Height, &bytes) ||
                __builtin_mul_overflow(bytes, copy.Depth, &bytes))
                return CUDA_ERROR_INVALID_VALUE;
            transfer = make_transfer(session, end.where, to_device, bytes);
            end.host = transfer ? transfer->memory->data() : nullptr;
            end.pitch = copy.WidthInBytes;
            end.height = copy.Height;
            return transfer ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
        }
        // As many rows as lie between the first and the last, whole slices before the last one.
        uint64_t rows;
        size_t pitch = end.pitch ? end.pitch : copy.WidthInBytes;
        size_t height = end.height ? end.height : copy.Height;
        if (copy.Depth == 0 || copy.Height == 0 || copy.WidthInBytes == 0 ||
            __builtin_mul_overflow(copy.Depth - 1, height, &rows) ||
            __builtin_add_overflow(rows, copy.Height, &rows))
            return CUDA_ERROR_INVALID_VALUE;
        end.host = session.host_memory.rows(end.where, end.offset, pitch, copy.WidthInBytes, rows);
        return end.host ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    }
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

CUresult read_copy(Session &session, wire::Decoder &in, NodeParameters &node)
{
    auto &copy = node.driver.memcpy.copyParams;
    copy.WidthInBytes = in.u64();
    copy.Height = in.u64();
    copy.Depth = in.u64();
    End to = read_end(in), from = read_end(in);
    if (!in.ok())
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = resolve(session, to, copy, node.give, false);
    if (result == CUDA_SUCCESS)
        result = resolve(session, from, copy, node.fetch, true);
    node.driver.memcpy.copyCtx = session.contexts.current()->handle;
    copy.dstMemoryType = to.type;
    copy.dstXInBytes = to.x;
    copy.dstY = to.y;
    copy.dstZ = to.z;
    copy.dstLOD = to.level;
    copy.dstHost = to.host;
    copy.dstDevice =
        to.type == CU_MEMORYTYPE_DEVICE || to.type == CU_MEMORYTYPE_UNIFIED ? to.where : 0;
    copy.dstArray = to.array;
    copy.dstPitch = to.pitch;
    copy.dstHeight = to.height;
    copy.srcMemoryType = from.type;
    copy.srcXInBytes = from.x;
    copy.srcY = from.y;
    copy.srcZ = from.z;
    copy.srcLOD = from.level;
    copy.srcHost = from.host;
    copy.srcDevice =
        from.type == CU_MEMORYTYPE_DEVICE || from.type == CU_MEMORYTYPE_UNIFIED ? from.where : 0;
    copy.srcArray = from.array;
    copy.srcPitch = from.pitch;
    copy.srcHeight = from.height;
    return result;
}

CUresult read_fill(Session &session, wire::Decoder &in, NodeParameters &node)
{
    auto &fill = node.driver.memset;
    fill.dst = in.u64();
    fill.pitch = in.u64();
    fill.value = in.u32();
    fill.elementSize = in.u32();
    fill.width = in.u64();
    fill.height = in.u64();
    fill.ctx = session.contexts.current()->handle;
    return session.handles.pointer(fill.dst);
}

CUresult read_call(Session &session, wire::Decoder &in, NodeParameters &node)
{
    uint64_t number = in.u64();
    if (!in.ok() || !session.host_service.is_open())
        return CUDA_ERROR_NOT_PERMITTED;
    node.driver.host.fn = HostService::run;
    node.driver.host.userData = session.host_service.make(number, false);
    return node.driver.host.userData ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult read_conditional(Session &session, wire::Decoder &in, NodeParameters &node)
{
    constexpr size_t kMostBodies = 4096;
    auto &conditional = node.driver.conditional;
    conditional.handle = in.u64();
    conditional.type = CUgraphConditionalNodeType(in.u32());
    uint64_t n = in.u64();
    if (n > in.left() / 8 || n > kMostBodies) {
        in.fail("more bodies than a message has room for");
        return CUDA_ERROR_INVALID_VALUE;
    }
    conditional.size = unsigned(n);
    conditional.ctx = session.contexts.current()->handle;
    CUresult result = CUDA_SUCCESS;
    for (uint64_t i = 0; i < n; ++i) {
        node.bodies.push_back(in.u64());
        if (result == CUDA_SUCCESS)
            result = session.handles.claim(api::Kind::graph, node.bodies.back());
    }
    return result;
}

CUresult read_allocation(Session &session, wire::Decoder &in, NodeParameters &node)
{
    auto &alloc = node.driver.alloc;
    auto read_place = [&](CUmemLocation &location) {
        CUdevice device = 0;
        CUresult result = session.handles.device(in.i32(), device);
        location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
        return result;
    };
    alloc.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    CUresult result = read_place(alloc.poolProps.location);
    alloc.bytesize = in.u64();
    uint64_t n = in.u64();
    if (n > session.slices.size()) {
        in.fail("access for more devices than there are");
        return CUDA_ERROR_INVALID_VALUE;
    }
    for (uint64_t i = 0; i < n; ++i) {
        CUmemAccessDesc one{};
        if (CUresult found = read_place(one.location); result == CUDA_SUCCESS)
            result = found;
        one.flags = CUmemAccess_flags(in.u32());
        node.access.push_back(one);
    }
    alloc.accessDescs = node.access.data();
    alloc.accessDescCount = node.access.size();
    return result;
}

CUresult read_batch(Session &session, wire::Decoder &in, NodeParameters &node)
{
    auto &batch = node.driver.memOp;
    batch.flags = in.u32();
    batch.ctx = session.contexts.current()->handle;
    uint64_t n = in.u64();
    auto bytes = in.bytes(std::min(n, in.left() / 8) * 8);
    CUresult result = read_operations(
        session, {reinterpret_cast<const uint64_t *>(bytes.data()), bytes.size() / 8},
        node.operations);
    batch.count = unsigned(node.operations.size());
    batch.paramArray = node.operations.data();
    return result;
}

} // namespace

CUresult read_node(Session &session, Request &request, NodeParameters &node)
{
    wire::Decoder &in = request.in;
    CUresult result = CUDA_SUCCESS;
    node.driver.type = CUgraphNodeType(in.u32());
    if (!session.contexts.current())
        return CUDA_ERROR_INVALID_CONTEXT;
    switch (node.driver.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        result = read_kernel(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        result = read_copy(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_MEMSET:
        result = read_fill(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_GRAPH:
        result = find(session, in.u64(), node.driver.graph.graph);
        break;
    case CU_GRAPH_NODE_TYPE_HOST:
        result = read_call(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_EMPTY:
        break;
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        result = find(session, in.u64(), node.driver.eventRecord.event);
        break;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        result = find(session, in.u64(), node.driver.eventWait.event);
        break;
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        result = read_conditional(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        result = read_allocation(session, in, node);
        break;
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        node.driver.free.dptr = in.u64();
        result = session.captures.blocks.contains(node.driver.free.dptr) ? CUDA_SUCCESS
                                                                         : CUDA_ERROR_INVALID_VALUE;
        break;
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        result = read_batch(session, in, node);
        break;
    default:
        return CUDA_ERROR_NOT_SUPPORTED; // which a client of this version does not send
    }
    request.check_done();
    return result;
}

namespace
{

CUresult keep(Session &session, CUgraph graph, std::shared_ptr<HostService::Transfer> &transfer,
              CUgraphNodeParams &node, CUgraphExec exec = nullptr)
{
    node.type = CU_GRAPH_NODE_TYPE_HOST;
    node.host.fn = HostService::transfer;
    node.host.userData = transfer.get();
    if (exec) {
        session.captures.execs[exec].push_back(transfer);
        return CUDA_SUCCESS;
    }
    auto kept = std::make_unique<Captures::Kept>();
    kept->transfer = transfer;
    return session.captures.keep(graph, std::move(kept));
}

// With what is hidden beside it.
CUresult add(Session &session, CUgraph graph, std::vector<CUgraphNode> &before,
             NodeParameters &parameters, CUgraphNode &node)
{
    const Driver &driver = session.driver;
    for (CUgraphNode &one : before)
        one = session.graphs.last_of(one);
    CUgraphNodeParams hidden{};
    CUgraphNode helper = nullptr;
    CUresult result = CUDA_SUCCESS;
    if (parameters.fetch) {
        result = keep(session, graph, parameters.fetch, hidden);
        if (result == CUDA_SUCCESS)
            result = driver.cuGraphAddNode_v2(&helper, graph, before.data(), nullptr, before.size(),
                                              &hidden);
        before = {helper};
    }
    auto add_itself = [&] {
        return driver.cuGraphAddNode_v2(&node, graph, before.data(), nullptr, before.size(),
                                        &parameters.driver);
    };
    auto &alloc = parameters.driver.alloc;
    if (parameters.driver.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
        return allocate_in_graph(session, graph, alloc.bytesize, [&] {
            CUresult made = add_itself();
            return std::pair(made, alloc.dptr);
        });
    if (result == CUDA_SUCCESS)
        result = add_itself();
    if (result == CUDA_SUCCESS && parameters.give) {
        result = keep(session, graph, parameters.give, hidden = {});
        if (result == CUDA_SUCCESS)
            result = driver.cuGraphAddNode_v2(&helper, graph, &node, nullptr, 1, &hidden);
        if (result == CUDA_SUCCESS)
            return result;
        driver.cuGraphDestroyNode(node);
    } else if (result != CUDA_SUCCESS && helper) {
        driver.cuGraphDestroyNode(helper);
    }
    return result;
}

// The node itself, and what is hidden beside it. Neither may come or go by this.
template<class Change>
CUresult set(Session &session, Change change, CUgraphNode node, NodeParameters &parameters,
             CUgraph graph, CUgraphExec exec = nullptr)
{
    CUgraphNode first = session.graphs.first_of(node), last = session.graphs.last_of(node);
    if ((first != node) != (parameters.fetch != nullptr) ||
        (last != node) != (parameters.give != nullptr))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = change(node, &parameters.driver);
    CUgraphNodeParams hidden{};
    if (result == CUDA_SUCCESS && parameters.fetch) {
        result = keep(session, graph, parameters.fetch, hidden, exec);
        if (result == CUDA_SUCCESS)
            result = change(first, &hidden);
    }
    if (result == CUDA_SUCCESS && parameters.give) {
        result = keep(session, graph, parameters.give, hidden = {}, exec);
        if (result == CUDA_SUCCESS)
            result = change(last, &hidden);
    }
    return result;
}

} // namespace

namespace calls
{

void vgpuGraphNodeAdd(Session &session, Request &request)
{
    wire::Decoder &in = request.in;
    CUgraph graph = nullptr;
    CUresult result = find(session, in.u64(), graph);
    uint64_t id = in.u64();
    if (result == CUDA_SUCCESS)
        result = session.handles.claim(api::Kind::graph_node, id);
    std::vector<CUgraphNode> before(std::min(in.u64(), in.left() / 8));
    for (CUgraphNode &node : before)
        if (CUresult one = find(session, in.u64(), node); result == CUDA_SUCCESS)
            result = one;
    NodeParameters parameters;
    CUresult read = read_node(session, request, parameters);
    if (result == CUDA_SUCCESS)
        result = read;
    if (result == CUDA_SUCCESS && !session.driver.cuGraphAddNode_v2)
        result = CUDA_ERROR_NOT_SUPPORTED;
    CUgraphNode node = nullptr;
    if (result == CUDA_SUCCESS)
        result = add(session, graph, before, parameters, node);
    if (result != CUDA_SUCCESS)
        return session.answer(request, result);
    session.handles.add(id, node, 0);
    session.graphs.name(id, node, graph);
    for (size_t i = 0; i < parameters.bodies.size(); ++i)
        session.graphs.id_of_inner(parameters.driver.conditional.phGraph_out[i],
                                   parameters.bodies[i], node);
    bool allocates = parameters.driver.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC;
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.u64(allocates ? parameters.driver.alloc.dptr : 0);
    session.replies.send(request.reply_to(), CUDA_SUCCESS, session.reply);
}

void vgpuGraphNodeSet(Session &session, Request &request)
{
    CUgraphNode node = nullptr;
    CUresult result = find(session, request.in.u64(), node);
    NodeParameters parameters;
    CUresult read = read_node(session, request, parameters);
    if (result == CUDA_SUCCESS)
        result = read;
    if (result == CUDA_SUCCESS)
        result = set(session, session.driver.cuGraphNodeSetParams, node, parameters,
                     session.graphs.graph_of(node));
    session.answer(request, result);
}

void vgpuGraphExecNodeSet(Session &session, Request &request)
{
    CUgraphExec exec = nullptr;
    CUgraphNode node = nullptr;
    CUresult result = find(session, request.in.u64(), exec);
    if (CUresult one = find(session, request.in.u64(), node); result == CUDA_SUCCESS)
        result = one;
    NodeParameters parameters;
    CUresult read = read_node(session, request, parameters);
    if (result == CUDA_SUCCESS)
        result = read;
    auto change = [&](CUgraphNode which, CUgraphNodeParams *to) {
        return session.driver.cuGraphExecNodeSetParams(exec, which, to);
    };
    if (result == CUDA_SUCCESS)
        result = session.driver.cuGraphExecNodeSetParams
                     ? set(session, change, node, parameters, session.graphs.graph_of(node), exec)
                     : CUDA_ERROR_NOT_SUPPORTED;
    session.answer(request, result);
}

} // namespace calls
} // namespace vgpu::server
