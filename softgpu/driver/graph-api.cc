// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

// Graphs as wholes, their edges, and what lives as long as they do.

namespace vgpu::soft::driver
{

#if CUDA_VERSION >= 12030
void check_edges(const CUgraphEdgeData *edges, size_t count)
{
    for (size_t i = 0; edges && i < count; i++)
        require(!edges[i].from_port && !edges[i].to_port && !edges[i].type);
}
#endif

namespace
{

/// Answers as all queries of nodes do: how many there are, or as many as fit, the rest zero.
void give(const std::vector<Node *> &list, CUgraphNode *nodes, size_t *count)
{
    require(count != nullptr);
    if (!nodes) {
        *count = list.size();
        return;
    }
    for (size_t i = 0; i < *count; i++)
        nodes[i] = i < list.size() ? handle_of<CUgraphNode>(*list[i]) : nullptr;
    *count = std::min(*count, list.size());
}

struct Edges {
    std::vector<Node *> from, to;
};

void get_edges(CUgraph handle, CUgraphNode *from, CUgraphNode *to, size_t *count)
{
    auto graph = graph_of(handle);
    require(count && !from == !to);
    Edges edges;
    for (auto &node : graph->nodes())
        for (Node *next : node->after) {
            edges.from.push_back(node.get());
            edges.to.push_back(next);
        }
    size_t room = *count;
    give(edges.from, from, count);
    if (to)
        give(edges.to, to, &room);
}

void change_edges(CUgraph handle, const CUgraphNode *from, const CUgraphNode *to, size_t count,
                  void (Graph::*change)(Node &, Node &))
{
    auto graph = graph_of(handle);
    auto first = nodes_of(from, count, *graph);
    auto second = nodes_of(to, count, *graph);
    for (size_t i = 0; i < count; i++)
        ((*graph).*change)(*first[i], *second[i]);
}

std::shared_ptr<UserObject> object_of(CUuserObject handle)
{
    return machine().user_objects.get(handle, CUDA_ERROR_INVALID_VALUE);
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuGraphCreate(CUgraph *graph, unsigned int flags)
{
    GRAPH_ENTRY({
        require(graph && !flags);
        *graph = handle_of<CUgraph>(*Graph::create(true));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphDestroy(CUgraph handle)
{
    GRAPH_ENTRY({
        auto graph = graph_of(handle);
        require(!graph->holder); // the node's own
        graph->unlist();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphClone(CUgraph *clone, CUgraph original)
{
    GRAPH_ENTRY({
        require(clone != nullptr);
        auto graph = graph_of(original);
        require(!graph->has_memory(), CUDA_ERROR_NOT_SUPPORTED);
        *clone = handle_of<CUgraph>(*graph->clone(true));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeFindInClone(CUgraphNode *found, CUgraphNode original,
                                                    CUgraph clone)
{
    GRAPH_ENTRY({
        require(found != nullptr);
        uint64_t wanted = node_of(original)->id;
        for (auto &node : graph_of(clone)->nodes())
            if (node->origin == wanted) {
                *found = handle_of<CUgraphNode>(*node);
                return CUDA_SUCCESS;
            }
        return CUDA_ERROR_INVALID_VALUE;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count)
{
    GRAPH_ENTRY({
        std::vector<Node *> list;
        for (auto &node : graph_of(handle)->nodes())
            list.push_back(node.get());
        give(list, nodes, count);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphGetRootNodes(CUgraph handle, CUgraphNode *nodes, size_t *count)
{
    GRAPH_ENTRY({ give(graph_of(handle)->roots(), nodes, count); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type)
{
    GRAPH_ENTRY({
        require(type != nullptr);
        *type = node_of(node)->type();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphDestroyNode(CUgraphNode handle)
{
    GRAPH_ENTRY({
        auto node = node_of(handle);
        require(!node->graph->has_memory(), CUDA_ERROR_NOT_SUPPORTED);
        node->graph->remove(*node);
    });
}

#if CUDA_VERSION >= 12030
// All edges are plain, so their data are zeros.
SOFT_EXPORT CUresult CUDAAPI cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                                                CUgraphEdgeData *edges, size_t *count)
{
    GRAPH_ENTRY({
        get_edges(graph, from, to, count);
        if (edges)
            std::fill_n(edges, *count, CUgraphEdgeData{});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *nodes,
                                                           CUgraphEdgeData *edges, size_t *count)
{
    GRAPH_ENTRY({
        give(node_of(node)->before, nodes, count);
        if (edges)
            std::fill_n(edges, *count, CUgraphEdgeData{});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode *nodes,
                                                             CUgraphEdgeData *edges, size_t *count)
{
    GRAPH_ENTRY({
        give(node_of(node)->after, nodes, count);
        if (edges)
            std::fill_n(edges, *count, CUgraphEdgeData{});
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from,
                                                       const CUgraphNode *to,
                                                       const CUgraphEdgeData *edges, size_t count)
{
    GRAPH_ENTRY({
        check_edges(edges, count);
        change_edges(graph, from, to, count, &Graph::link);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from,
                                                          const CUgraphNode *to,
                                                          const CUgraphEdgeData *edges,
                                                          size_t count)
{
    GRAPH_ENTRY({
        check_edges(edges, count);
        require(!graph_of(graph)->has_memory(), CUDA_ERROR_NOT_SUPPORTED);
        change_edges(graph, from, to, count, &Graph::unlink);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphConditionalHandleCreate(CUgraphConditionalHandle *handle,
                                                            CUgraph graph, CUcontext context,
                                                            unsigned int initial,
                                                            unsigned int flags)
{
    GRAPH_ENTRY({
        require(handle && !(flags & ~unsigned(CU_GRAPH_COND_ASSIGN_DEFAULT)));
        auto condition = std::make_shared<Condition>();
        condition->context =
            context ? machine().contexts.get(context, CUDA_ERROR_INVALID_CONTEXT) : current::get();
        condition->initial = initial;
        condition->assign = flags & CU_GRAPH_COND_ASSIGN_DEFAULT;
        auto owner = graph_of(graph);
        machine().conditions.add(condition);
        owner->conditions[condition->id] = condition;
        *handle = condition->id;
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuUserObjectCreate(CUuserObject *object, void *pointer,
                                                CUhostFn destroy, unsigned int references,
                                                unsigned int flags)
{
    GRAPH_ENTRY({
        require(object && destroy && references && references <= INT32_MAX &&
                flags == CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
        auto made = std::make_shared<UserObject>();
        made->references = references;
        made->pointer = pointer;
        made->destroy = destroy;
        machine().user_objects.add(made);
        *object = handle_of<CUuserObject>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuUserObjectRetain(CUuserObject object, unsigned int count)
{
    GRAPH_ENTRY({
        require(count && count <= INT32_MAX);
        object_of(object)->references += count;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuUserObjectRelease(CUuserObject object, unsigned int count)
{
    GRAPH_ENTRY({ object_of(object)->release(count); });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphRetainUserObject(CUgraph graph, CUuserObject handle,
                                                     unsigned int count, unsigned int flags)
{
    GRAPH_ENTRY({
        require(count && count <= INT32_MAX && !(flags & ~unsigned(CU_GRAPH_USER_OBJECT_MOVE)));
        auto object = object_of(handle);
        auto owner = graph_of(graph);
        require(!(flags & CU_GRAPH_USER_OBJECT_MOVE) || count <= object->references);
        owner->retain(object, count);
        if (flags & CU_GRAPH_USER_OBJECT_MOVE)
            object->release(count); // the caller's become the graph's
    });
}

SOFT_EXPORT CUresult CUDAAPI cuGraphReleaseUserObject(CUgraph graph, CUuserObject object,
                                                      unsigned int count)
{
    GRAPH_ENTRY({ graph_of(graph)->release(*object_of(object), count); });
}
