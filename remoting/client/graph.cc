// SPDX-License-Identifier: Apache-2.0
// Graphs as wholes: what is in them and how it hangs together.
#include "remoting/client/graph.h"

#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <cstdio>
#include <string>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

enum What : uint64_t { kNodes, kRoots, kEdges, kBefore, kAfter };

CUresult fetch(Session &session, What what, uint64_t subject, std::vector<uint64_t> &ids)
{
    Request request;
    request.out().u64(what);
    request.out().u64(subject);
    Answer answer;
    CUresult result = exchange(session, current_word(), api::Call::vgpuGraphList, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    wire::Decoder in(answer.body());
    uint64_t n = in.u64();
    if (n > in.left() / 8 || (what == kEdges && n % 2 != 0))
        return misunderstood(session, api::Call::vgpuGraphList, "more nodes than it has");
    for (uint64_t i = 0; i < n; ++i)
        ids.push_back(in.u64());
    return in.done() ? CUDA_SUCCESS : misunderstood(session, api::Call::vgpuGraphList, "too long");
}

// As all queries of nodes answer: how many there are, or as many as fit, the rest null.
CUresult list(What what, uint64_t subject, CUgraphNode *nodes, CUgraphNode *ends,
              CUgraphEdgeData *data, size_t *count)
{
    return entry([&](Session &session) -> CUresult {
        if (!count)
            return CUDA_ERROR_INVALID_VALUE;
        std::vector<uint64_t> ids;
        CUresult result = fetch(session, what, subject, ids);
        if (result != CUDA_SUCCESS)
            return result;
        size_t step = what == kEdges ? 2 : 1, there = ids.size() / step;
        if (!nodes) {
            *count = there;
            return CUDA_SUCCESS;
        }
        for (size_t i = 0; i < *count; ++i) {
            nodes[i] = api::handle_of<CUgraphNode>(i < there ? ids[i * step] : 0);
            if (ends)
                ends[i] = api::handle_of<CUgraphNode>(i < there ? ids[i * step + 1] : 0);
        }
        *count = std::min(*count, there);
        if (data)
            std::fill_n(data, *count, CUgraphEdgeData{}); // other edges cannot be made here
        return CUDA_SUCCESS;
    });
}

CUresult depend(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                const CUgraphEdgeData *edges, size_t count, bool remove)
{
    for (size_t i = 0; edges && i < count; ++i)
        if (edges[i].from_port || edges[i].to_port || edges[i].type)
            return CUDA_ERROR_INVALID_VALUE;
    return remote::vgpuGraphDepend(graph, const_cast<CUgraphNode *>(from),
                                   const_cast<CUgraphNode *>(to), count, count, remove);
}

} // namespace

VGPU_ENTRY cuGraphDestroy(CUgraph graph)
{
    return entry([&](Session &session) -> CUresult {
        CUresult result = remote::cuGraphDestroy(graph);
        if (result == CUDA_SUCCESS)
            session.graph_nodes.remove_if(
                [&](const GraphNode &node) { return node.graph == api::id_of(graph); });
        return result;
    });
}

// The driver's own text, written to a file of this process.
VGPU_ENTRY cuGraphDebugDotPrint(CUgraph graph, const char *path, unsigned flags)
{
    return entry([&](Session &) -> CUresult {
        constexpr size_t kPart = size_t(256) << 10;
        if (!path)
            return CUDA_ERROR_INVALID_VALUE;
        std::string text;
        uint64_t total = 0;
        do {
            std::vector<unsigned char> part(kPart);
            CUresult result =
                remote::vgpuGraphDot(graph, flags, text.size(), &total, part.data(), part.size());
            if (result != CUDA_SUCCESS)
                return result;
            size_t left = total > text.size() ? size_t(total - text.size()) : 0;
            text.append(reinterpret_cast<const char *>(part.data()), std::min(left, part.size()));
        } while (text.size() < total);
        std::FILE *file = std::fopen(path, "we");
        if (!file)
            return CUDA_ERROR_OPERATING_SYSTEM;
        bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
        return std::fclose(file) == 0 && written ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
    });
}

// All values of these are of 64 bits.
VGPU_ENTRY cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute,
                                        void *value)
{
    uint64_t own = 0;
    CUresult result =
        value ? remote::vgpuGraphMemory(device, attribute, &own) : CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        *static_cast<cuuint64_t *>(value) = own;
    return result;
}

VGPU_ENTRY cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute,
                                        void *value)
{
    return value ? remote::vgpuGraphSetMemory(device, attribute, *static_cast<cuuint64_t *>(value))
                 : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuUserObjectCreate(CUuserObject *object, void *data, CUhostFn destroy,
                              unsigned references, unsigned flags)
{
    return entry([&](Session &session) -> CUresult {
        if (!object || !destroy || references == 0 || references > INT32_MAX ||
            flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t number = session.host_service.own(session, destroy, data);
        CUresult result = remote::vgpuUserObjectCreate(object, number, references);
        if (result != CUDA_SUCCESS)
            session.host_service.disown(number);
        return result;
    });
}

VGPU_ENTRY cuGraphDestroyNode(CUgraphNode node)
{
    return entry([&](Session &session) -> CUresult {
        CUresult result = remote::cuGraphDestroyNode(node);
        if (result == CUDA_SUCCESS)
            session.graph_nodes.remove(api::id_of(node));
        return result;
    });
}

VGPU_ENTRY cuGraphNodeFindInClone(CUgraphNode *node, CUgraphNode original, CUgraph clone)
{
    if (!node)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t id = 0;
    CUresult result = remote::vgpuGraphFind(original, clone, &id);
    if (result == CUDA_SUCCESS)
        *node = api::handle_of<CUgraphNode>(id);
    return result;
}

VGPU_ENTRY cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count)
{
    return list(kNodes, api::id_of(graph), nodes, nullptr, nullptr, count);
}

VGPU_ENTRY cuGraphGetRootNodes(CUgraph graph, CUgraphNode *nodes, size_t *count)
{
    return list(kRoots, api::id_of(graph), nodes, nullptr, nullptr, count);
}

VGPU_ENTRY cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                              CUgraphEdgeData *edges, size_t *count)
{
    if (!from != !to)
        return CUDA_ERROR_INVALID_VALUE;
    return list(kEdges, api::id_of(graph), from, to, edges, count);
}

VGPU_ENTRY cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count)
{
    return cuGraphGetEdges_v2(graph, from, to, nullptr, count);
}

VGPU_ENTRY cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *nodes,
                                         CUgraphEdgeData *edges, size_t *count)
{
    return list(kBefore, api::id_of(node), nodes, nullptr, edges, count);
}

VGPU_ENTRY cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes, size_t *count)
{
    return cuGraphNodeGetDependencies_v2(node, nodes, nullptr, count);
}

VGPU_ENTRY cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode *nodes,
                                           CUgraphEdgeData *edges, size_t *count)
{
    return list(kAfter, api::id_of(node), nodes, nullptr, edges, count);
}

VGPU_ENTRY cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes, size_t *count)
{
    return cuGraphNodeGetDependentNodes_v2(node, nodes, nullptr, count);
}

VGPU_ENTRY cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                     const CUgraphEdgeData *edges, size_t count)
{
    return depend(graph, from, to, edges, count, false);
}

VGPU_ENTRY cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                  size_t count)
{
    return depend(graph, from, to, nullptr, count, false);
}

VGPU_ENTRY cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from,
                                        const CUgraphNode *to, const CUgraphEdgeData *edges,
                                        size_t count)
{
    return depend(graph, from, to, edges, count, true);
}

VGPU_ENTRY cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                     size_t count)
{
    return depend(graph, from, to, nullptr, count, true);
}
