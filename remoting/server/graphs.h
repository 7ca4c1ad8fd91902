// SPDX-License-Identifier: Apache-2.0
// The names of graphs and their nodes. Nodes come about in two ways: the client adds one under an
// id of its choice, or the driver makes it (a capture, a clone, the inside of a child graph) and it
// gets an id here when the client first hears of it. Dispatch thread only.
#pragma once

#include "remoting/server/handles.h"
#include "remoting/server/host-service.h"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

class Graphs
{
public:
    Graphs(const Driver &driver, Handles &handles) : driver_(driver), handles_(handles) {}

    // A node that the client has named.
    void name(uint64_t id, CUgraphNode node, CUgraph graph);
    // The id of any node of that graph, given now unless it has one.
    uint64_t id_of(CUgraphNode node, CUgraph graph);
    // The id of a graph; `proposed` unless it has one.
    uint64_t id_of(CUgraph graph, uint64_t proposed);

    HostService::Transfer *transfer_of(CUgraphNode node) const; // null if it is none of ours

    // A copy of memory that only the client has is two nodes, of which it sees the copy: before it
    // stands one that has the bytes sent, or behind it one that sends them (HostService::transfer).
    bool is_hidden(CUgraphNode node) const;
    CUgraphNode seen(CUgraphNode node) const;     // the copy of a hidden one
    CUgraphNode first_of(CUgraphNode node) const; // which what comes before is to precede
    CUgraphNode last_of(CUgraphNode node) const;  // which what comes behind is to follow

    // A graph inside a named node; `proposed` unless it has an id.
    uint64_t id_of_inner(CUgraph graph, uint64_t proposed, CUgraphNode around);
    // The graph that a named node is in; null if there is no such node.
    CUgraph graph_of(CUgraphNode node) const;

    // What is inside of it is unknown from now on; the caller sees to the node's own id.
    void forget(CUgraphNode node);
    // All nodes in it, and the graphs inside of those.
    void forget_inside(CUgraph graph);

private:
    CUgraphNode neighbour(CUgraphNode node, bool before) const;
    CUgraphNode hidden_beside(CUgraphNode node, bool before) const;

    // Beyond what the client's counters reach.
    static constexpr uint64_t kFirst = uint64_t(1) << 47;

    struct Inner {
        uint64_t id;
        CUgraph graph;
    };
    struct Named {
        uint64_t id;
        CUgraph graph;
        std::vector<Inner> inner;
    };
    void forget_inside(const Named &node);

    const Driver &driver_;
    Handles &handles_;
    std::unordered_map<CUgraphNode, Named> nodes_;
    std::unordered_map<CUgraph, std::vector<CUgraphNode>> members_;
    uint64_t next_ = kFirst;
};

} // namespace vgpu::server
