// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/graphs.h"

namespace vgpu::server
{

void Graphs::name(uint64_t id, CUgraphNode node, CUgraph graph)
{
    nodes_[node] = {id, graph, {}};
    members_[graph].push_back(node);
}

uint64_t Graphs::id_of(CUgraphNode node, CUgraph graph)
{
    if (auto at = nodes_.find(node); at != nodes_.end())
        return at->second.id;
    uint64_t id = api::make_id(api::Kind::graph_node, 0, next_++);
    handles_.add(id, node, 0);
    name(id, node, graph);
    return id;
}

uint64_t Graphs::id_of(CUgraph graph, uint64_t proposed)
{
    if (uint64_t id = handles_.id_of(api::Kind::graph, graph))
        return id;
    handles_.add(proposed, graph, 0);
    return proposed;
}

HostService::Transfer *Graphs::transfer_of(CUgraphNode node) const
{
    CUgraphNodeType type{};
    CUDA_HOST_NODE_PARAMS parameters{};
    if (!driver_.cuGraphNodeGetType || !driver_.cuGraphHostNodeGetParams ||
        driver_.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS ||
        type != CU_GRAPH_NODE_TYPE_HOST ||
        driver_.cuGraphHostNodeGetParams(node, &parameters) != CUDA_SUCCESS ||
        parameters.fn != HostService::transfer)
        return nullptr;
    return static_cast<HostService::Transfer *>(parameters.userData);
}

bool Graphs::is_hidden(CUgraphNode node) const
{
    return transfer_of(node) != nullptr;
}

// The only one, or null.
CUgraphNode Graphs::neighbour(CUgraphNode node, bool before) const
{
    auto ask =
        before ? driver_.cuGraphNodeGetDependencies_v2 : driver_.cuGraphNodeGetDependentNodes_v2;
    CUgraphNode one = nullptr;
    size_t count = 1;
    return ask && ask(node, &one, nullptr, &count) == CUDA_SUCCESS && count == 1 ? one : nullptr;
}

CUgraphNode Graphs::seen(CUgraphNode node) const
{
    HostService::Transfer *transfer = transfer_of(node);
    CUgraphNode copy = transfer ? neighbour(node, !transfer->to_device) : node;
    return copy ? copy : node;
}

CUgraphNode Graphs::hidden_beside(CUgraphNode node, bool before) const
{
    CUgraphNodeType type{};
    if (!driver_.cuGraphNodeGetType || driver_.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS ||
        type != CU_GRAPH_NODE_TYPE_MEMCPY)
        return node;
    CUgraphNode other = neighbour(node, before);
    HostService::Transfer *transfer = other ? transfer_of(other) : nullptr;
    return transfer && transfer->to_device == before ? other : node;
}

CUgraphNode Graphs::first_of(CUgraphNode node) const
{
    return hidden_beside(node, true);
}

CUgraphNode Graphs::last_of(CUgraphNode node) const
{
    return hidden_beside(node, false);
}

uint64_t Graphs::id_of_inner(CUgraph graph, uint64_t proposed, CUgraphNode around)
{
    Named &node = nodes_[around];
    for (Inner &inner : node.inner)
        if (inner.graph == graph)
            return inner.id;
    node.inner.push_back({proposed, graph});
    handles_.add(proposed, graph, 0);
    return proposed;
}

CUgraph Graphs::graph_of(CUgraphNode node) const
{
    auto at = nodes_.find(node);
    return at == nodes_.end() ? nullptr : at->second.graph;
}

void Graphs::forget_inside(const Named &node)
{
    for (const Inner &one : node.inner) {
        handles_.remove(one.id);
        forget_inside(one.graph);
    }
}

void Graphs::forget(CUgraphNode node)
{
    auto known = nodes_.extract(node);
    if (!known)
        return;
    std::erase(members_[known.mapped().graph], node);
    forget_inside(known.mapped());
}

void Graphs::forget_inside(CUgraph graph)
{
    auto members = members_.extract(graph);
    if (!members)
        return;
    for (CUgraphNode node : members.mapped()) {
        auto known = nodes_.extract(node);
        handles_.remove(known.mapped().id);
        forget_inside(known.mapped());
    }
}

} // namespace vgpu::server
