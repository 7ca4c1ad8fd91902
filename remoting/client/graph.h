// SPDX-License-Identifier: Apache-2.0
// What this side knows of graphs: only what it was given itself. The graphs are on the worker,
// whose driver judges every call; what nodes do is remembered here, so that it can be asked for in
// the addresses of this process.
#pragma once

#include "remoting/client/session.h"

#include <cuda.h>

#include <vector>

namespace vgpu::client
{

// Encodes what a node does (session.api, vgpuGraphNodeAdd) into a request; `bodies` gets the ids of
// a conditional node's graphs.
CUresult put_node(Session &session, wire::Encoder &out, const CUgraphNodeParams &parameters,
                  std::vector<CUgraph> &bodies);

// The four numbers of an operation on memory (session.api, vgpuStreamBatch).
CUresult words_of(const Session &session, const CUstreamBatchMemOpParams &operation,
                  uint64_t (&words)[4]);

// What a node does that was not given here, as the worker tells it.
CUresult ask_of(Session &session, CUgraphNode node, std::shared_ptr<GraphNode> &known);

// The context that a node's work belongs to: the one given, or the current one. Null if it is none.
Context *context_of_node(Session &session, const CUgraphNodeParams &parameters);

// Keeps a copy of the parameters with all that they point to.
std::shared_ptr<GraphNode> remember(Session &session, CUgraph graph,
                                    const CUgraphNodeParams &parameters,
                                    std::vector<CUgraph> bodies);

} // namespace vgpu::client
