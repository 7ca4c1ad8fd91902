// SPDX-License-Identifier: Apache-2.0
// What a node of a graph does, as it travels (session.api, vgpuGraphNodeAdd) and as the driver
// takes it.
#pragma once

#include "remoting/server/session.h"

#include <vector>

namespace vgpu::server
{

// The driver's parameters with what they point to. Not to be moved once it is read.
struct NodeParameters {
    CUgraphNodeParams driver{};
    std::vector<uint64_t> bodies; // ids for the graphs of a conditional node
    std::vector<CUstreamBatchMemOpParams> operations;
    std::vector<CUmemAccessDesc> access;
    // A copy's memory in place of the client's.
    std::shared_ptr<HostService::Transfer> fetch, give;

    std::span<const std::byte> packed; // a kernel's parameters, of the message
    size_t packed_bytes = 0;
    void *extra[5] = {};

    NodeParameters() = default;
    NodeParameters(const NodeParameters &) = delete;
};

// Malformed bytes throw; an unknown handle or pointer is the result.
CUresult read_node(Session &session, Request &request, NodeParameters &node);

// Operations on memory of four words each (session.api, vgpuStreamBatch).
CUresult read_operations(Session &session, std::span<const uint64_t> words,
                         std::vector<CUstreamBatchMemOpParams> &operations);

// make() -> (CUresult, address): has the driver give a graph memory, which is charged as long as
// the graph, what is made of it or whoever was given the memory has it.
template<class Make>
CUresult allocate_in_graph(Session &session, CUgraph graph, uint64_t bytes, Make &&make)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    Memory &memory = session.memory;
    if (!memory.hold(context->slice, context->word, Memory::Held::graph, 0, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    auto [result, address] = make();
    if (result != CUDA_SUCCESS) {
        memory.hold(context->slice, context->word, Memory::Held::graph, 0, 0);
        return result;
    }
    memory.name_held(context->word, Memory::Held::graph, address);
    memory.add_range(address, bytes, address);
    session.captures.blocks.insert(address);
    auto kept = std::make_unique<Captures::Kept>();
    kept->block = address;
    return session.captures.keep(graph, std::move(kept));
}

// Null if it cannot be.
std::shared_ptr<HostService::Transfer> make_transfer(Session &session, uint64_t place,
                                                     bool to_device, uint64_t bytes);

} // namespace vgpu::server
