// SPDX-License-Identifier: Apache-2.0
// Graphs as wholes: what is in them, how it hangs together, and what they are when they run.
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"
#include "remoting/server/launch.h"

#include "remoting/base/fd.h"

#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::server::calls
{
namespace
{

// A driver's function that may not be there.
template<class Function, class... Arguments>
CUresult ask(Function function, Arguments... arguments)
{
    return function ? function(arguments...) : CUDA_ERROR_NOT_SUPPORTED;
}

// Asks how many there are, then for all.
template<class Query>
CUresult list(std::vector<CUgraphNode> &nodes, Query query)
{
    size_t count = 0;
    CUresult result = query(nullptr, &count);
    nodes.resize(count);
    if (result == CUDA_SUCCESS && count != 0)
        result = query(nodes.data(), &count);
    return result;
}

enum What : uint64_t { kNodes, kRoots, kEdges, kBefore, kAfter };

CUresult collect(Session &session, uint64_t what, uint64_t subject, std::vector<uint64_t> &ids)
{
    const Driver &driver = session.driver;
    bool of_node = what == kBefore || what == kAfter;
    void *found = nullptr;
    CUresult result =
        session.handles.find(of_node ? api::Kind::graph_node : api::Kind::graph, subject, found);
    if (result != CUDA_SUCCESS)
        return result;
    Graphs &graphs = session.graphs;
    auto node = CUgraphNode(found);
    CUgraph graph = of_node ? graphs.graph_of(node) : CUgraph(found);
    if (of_node)
        node = what == kBefore ? graphs.first_of(node) : graphs.last_of(node);
    std::vector<CUgraphNode> nodes, ends;
    switch (what) {
    case kNodes:
        result = list(nodes, [&](CUgraphNode *to, size_t *count) {
            return ask(driver.cuGraphGetNodes, graph, to, count);
        });
        break;
    case kRoots:
        result = list(nodes, [&](CUgraphNode *to, size_t *count) {
            return ask(driver.cuGraphGetRootNodes, graph, to, count);
        });
        break;
    case kBefore:
        result = list(nodes, [&](CUgraphNode *to, size_t *count) {
            return ask(driver.cuGraphNodeGetDependencies_v2, node, to, nullptr, count);
        });
        break;
    case kAfter:
        result = list(nodes, [&](CUgraphNode *to, size_t *count) {
            return ask(driver.cuGraphNodeGetDependentNodes_v2, node, to, nullptr, count);
        });
        break;
    case kEdges:
        result = list(nodes, [&](CUgraphNode *to, size_t *count) {
            ends.resize(*count);
            return ask(driver.cuGraphGetEdges_v2, graph, to, to ? ends.data() : nullptr, nullptr,
                       count);
        });
        break;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (result != CUDA_SUCCESS)
        return result;
    for (size_t i = 0; i < nodes.size(); ++i) {
        if (what == kNodes && graphs.is_hidden(nodes[i]))
            continue;
        CUgraphNode first = graphs.seen(nodes[i]);
        CUgraphNode last = what == kEdges ? graphs.seen(ends[i]) : nullptr;
        if (first == last) // the edge between a copy and what is hidden beside it
            continue;
        ids.push_back(graphs.id_of(first, graph));
        if (last)
            ids.push_back(graphs.id_of(last, graph));
    }
    return ids.size() > api::kMaxReplyArray / 8 ? CUDA_ERROR_NOT_SUPPORTED : CUDA_SUCCESS;
}

// Whether a launch may ask of the client, and whether the graph has memory of its own. What is in
// the body of a conditional node cannot be asked for. What it copies of the client's memory is
// added to `transfers`.
constexpr uint32_t kAsks = 1, kHasMemory = 2;
using Transfers = std::vector<std::shared_ptr<HostService::Transfer>>;
uint32_t what_it_needs(Session &session, CUgraph graph, Transfers &transfers)
{
    uint32_t needs = 0;
    const Driver &driver = session.driver;
    std::vector<CUgraphNode> nodes;
    if (list(nodes, [&](CUgraphNode *to, size_t *count) {
            return ask(driver.cuGraphGetNodes, graph, to, count);
        }) != CUDA_SUCCESS)
        return 0;
    const uint32_t asks = session.host_service.is_open() ? kAsks : 0;
    for (CUgraphNode node : nodes) {
        CUgraphNodeType type{};
        CUgraph inner = nullptr;
        if (ask(driver.cuGraphNodeGetType, node, &type) != CUDA_SUCCESS)
            continue;
        if (type == CU_GRAPH_NODE_TYPE_HOST || type == CU_GRAPH_NODE_TYPE_CONDITIONAL)
            needs |= asks;
        if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || type == CU_GRAPH_NODE_TYPE_MEM_FREE)
            needs |= kHasMemory;
        if (HostService::Transfer *transfer = session.graphs.transfer_of(node))
            transfers.push_back(transfer->shared_from_this());
        if (type == CU_GRAPH_NODE_TYPE_GRAPH &&
            ask(driver.cuGraphChildGraphNodeGetGraph, node, &inner) == CUDA_SUCCESS)
            needs |= what_it_needs(session, inner, transfers);
    }
    return needs;
}

} // namespace

void vgpuGraphList(Session &session, Request &request)
{
    uint64_t what = request.in.u64(), subject = request.in.u64();
    request.check_done();
    std::vector<uint64_t> ids;
    CUresult result = collect(session, what, subject, ids);
    if (result != CUDA_SUCCESS)
        return session.answer(request, result);
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.u64(ids.size());
    for (uint64_t id : ids)
        out.u64(id);
    session.replies.send(request.reply_to(), CUDA_SUCCESS, session.reply);
}

CUresult vgpuGraphDepend(Session &session, CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                         uint64_t n, uint64_t m, uint32_t remove)
{
    if (n != m)
        return CUDA_ERROR_INVALID_VALUE;
    for (uint64_t i = 0; i < n; ++i) {
        from[i] = session.graphs.last_of(from[i]);
        to[i] = session.graphs.first_of(to[i]);
    }
    return remove ? ask(session.driver.cuGraphRemoveDependencies_v2, graph, from, to, nullptr, n)
                  : ask(session.driver.cuGraphAddDependencies_v2, graph, from, to, nullptr, n);
}

CUresult vgpuGraphInstantiate(Session &session, CUgraph graph, uint64_t exec, uint64_t flags,
                              CUstream stream, uint32_t *answer, uint32_t *result, uint64_t *node,
                              uint32_t *asks)
{
    if (CUresult claimed = session.handles.claim(api::Kind::graph_exec, exec);
        claimed != CUDA_SUCCESS)
        return claimed;
    CUDA_GRAPH_INSTANTIATE_PARAMS parameters{};
    parameters.flags = flags;
    parameters.hUploadStream = stream;
    CUgraphExec made = nullptr;
    CUresult done = ask(session.driver.cuGraphInstantiateWithParams, &made, graph, &parameters);
    *answer = done;
    *result = parameters.result_out;
    // A node of a graph within has no id that could be told.
    *node = parameters.hErrNode_out && session.graphs.graph_of(parameters.hErrNode_out)
                ? session.graphs.id_of(parameters.hErrNode_out, graph)
                : 0;
    if (done == CUDA_SUCCESS)
        session.handles.add(exec, made, 0);
    Transfers transfers;
    *asks = done == CUDA_SUCCESS ? what_it_needs(session, graph, transfers) : 0;
    if (!transfers.empty())
        session.captures.execs[made] = std::move(transfers);
    return CUDA_SUCCESS;
}

CUresult vgpuGraphExecUpdate(Session &session, CUgraphExec exec, CUgraph graph, uint32_t *answer,
                             uint32_t *result, uint64_t *node, uint64_t *from)
{
    CUgraphExecUpdateResultInfo info{};
    *answer = ask(session.driver.cuGraphExecUpdate_v2, exec, graph, &info);
    Transfers transfers;
    if (*answer == CUDA_SUCCESS)
        what_it_needs(session, graph, transfers);
    if (!transfers.empty()) {
        // What it had may still be in use.
        auto before = std::exchange(session.captures.execs[exec], std::move(transfers));
        session.retire(session.contexts.fence(), [before = std::move(before)] {});
    }
    *result = info.result;
    *node = info.errorNode ? session.graphs.id_of(info.errorNode, graph) : 0;
    *from = info.errorFromNode ? session.graphs.id_of(info.errorFromNode, graph) : 0;
    return CUDA_SUCCESS;
}

CUresult vgpuGraphFind(Session &session, CUgraphNode original, CUgraph clone, uint64_t *node)
{
    CUgraphNode found = nullptr;
    CUresult result = ask(session.driver.cuGraphNodeFindInClone, &found, original, clone);
    if (result == CUDA_SUCCESS)
        *node = session.graphs.id_of(found, clone);
    return result;
}

CUresult vgpuGraphChild(Session &session, CUgraphNode node, uint64_t proposed, uint64_t *graph)
{
    if (CUresult claimed = session.handles.claim(api::Kind::graph, proposed);
        claimed != CUDA_SUCCESS)
        return claimed;
    CUgraph inner = nullptr;
    CUresult result = ask(session.driver.cuGraphChildGraphNodeGetGraph, node, &inner);
    if (result == CUDA_SUCCESS)
        *graph = session.graphs.id_of_inner(inner, proposed, node);
    return result;
}

// Of a kernel node none has a handle in it but the device's own.
CUresult vgpuGraphAttribute(Session &session, CUgraphNode node, uint32_t attribute,
                            unsigned char *value, uint64_t n)
{
    CUlaunchAttributeValue own{};
    if (n != sizeof own)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = ask(session.driver.cuGraphKernelNodeGetAttribute, node,
                          CUlaunchAttributeID(attribute), &own);
    std::memcpy(value, &own, sizeof own);
    return result;
}

CUresult vgpuGraphSetAttribute(Session &session, CUgraphNode node, uint32_t attribute,
                               const unsigned char *bytes, uint64_t n)
{
    auto id = CUlaunchAttributeID(attribute);
    CUlaunchAttributeValue value;
    CUresult result = read_attribute(session, id, {bytes, n}, value);
    return result == CUDA_SUCCESS
               ? ask(session.driver.cuGraphKernelNodeSetAttribute, node, id, &value)
               : result;
}

// The driver's own text of it, which it writes to a file that only we have.
CUresult vgpuGraphDot(Session &session, CUgraph graph, uint32_t flags, uint64_t offset,
                      uint64_t *total, unsigned char *text, uint64_t n)
{
    if (offset == 0) {
        Fd file(memfd_create("graph", MFD_CLOEXEC));
        if (!file)
            return CUDA_ERROR_OPERATING_SYSTEM;
        std::string path = "/proc/self/fd/" + std::to_string(file.get());
        CUresult result = ask(session.driver.cuGraphDebugDotPrint, graph, path.c_str(), flags);
        if (result != CUDA_SUCCESS)
            return result;
        struct stat info {
        };
        bool there = fstat(file.get(), &info) == 0;
        session.graph_text.resize(there ? size_t(info.st_size) : 0);
        if (pread(file.get(), session.graph_text.data(), session.graph_text.size(), 0) !=
            ssize_t(session.graph_text.size()))
            return CUDA_ERROR_OPERATING_SYSTEM;
    }
    *total = session.graph_text.size();
    size_t from = std::min<uint64_t>(offset, *total), some = std::min<uint64_t>(n, *total - from);
    std::memcpy(text, session.graph_text.data() + from, some);
    return CUDA_SUCCESS;
}

CUresult vgpuGraphMemory(Session &session, CUdevice device, uint32_t attribute, uint64_t *value)
{
    cuuint64_t own = 0;
    CUresult result = attribute <= CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH
                          ? ask(session.driver.cuDeviceGetGraphMemAttribute, device,
                                CUgraphMem_attribute(attribute), &own)
                          : CUDA_ERROR_INVALID_VALUE;
    *value = own;
    return result;
}

CUresult vgpuGraphSetMemory(Session &session, CUdevice device, uint32_t attribute, uint64_t value)
{
    cuuint64_t own = value;
    return attribute <= CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH
               ? ask(session.driver.cuDeviceSetGraphMemAttribute, device,
                     CUgraphMem_attribute(attribute), &own)
               : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphDestroy(Session &session, CUgraph graph)
{
    CUresult result = ask(session.driver.cuGraphDestroy, graph);
    if (result == CUDA_SUCCESS)
        session.graphs.forget_inside(graph);
    return result;
}

CUresult cuGraphExecDestroy(Session &session, CUgraphExec exec)
{
    if (auto transfers = session.captures.execs.extract(exec))
        session.retire(session.contexts.fence(), [held = std::move(transfers.mapped())] {});
    return ask(session.driver.cuGraphExecDestroy, exec);
}

CUresult cuGraphDestroyNode(Session &session, CUgraphNode node)
{
    for (CUgraphNode hidden : {session.graphs.first_of(node), session.graphs.last_of(node)})
        if (hidden != node)
            ask(session.driver.cuGraphDestroyNode, hidden);
    CUresult result = ask(session.driver.cuGraphDestroyNode, node);
    if (result == CUDA_SUCCESS)
        session.graphs.forget(node);
    return result;
}

namespace
{

// Measured and throttled as a launch is.
CUresult launch(Session &session, CUgraphExec exec, CUstream stream)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    session.replies.may_print(true);
    Throttle &throttle = *session.throttles[context->slice];
    bool measured = throttle.on() && !session.captures.captures(stream);
    CUevent start = nullptr;
    if (measured)
        if (CUresult result = throttle.before(*context, stream, start); result != CUDA_SUCCESS)
            return result;
    CUresult result = ask(session.driver.cuGraphLaunch, exec, stream);
    if (measured)
        throttle.after(*context, stream, start);
    if (result == CUDA_SUCCESS) // partner: vgpud, which only reads
        session.slices[context->slice].page->launches.fetch_add(1, std::memory_order_relaxed);
    return result;
}

} // namespace

CUresult vgpuGraphLaunch(Session &session, CUgraphExec exec, CUstream stream, uint32_t asks)
{
    CUresult result = launch(session, exec, stream);
    Context *context = session.contexts.current();
    if (!(asks & kAsks) || !session.host_service.is_open())
        return result;
    auto fence = std::make_shared<Fence>(session.driver);
    if (result == CUDA_SUCCESS && !session.captures.captures(stream))
        fence->add(context->handle, context->events, stream);
    session.waiters.add(context ? lane_key(*context, stream) : 0,
                        [&service = session.host_service, fence] {
                            fence->wait();
                            service.tell_over(0);
                        });
    return result;
}

} // namespace vgpu::server::calls
