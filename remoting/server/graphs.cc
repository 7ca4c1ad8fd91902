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
