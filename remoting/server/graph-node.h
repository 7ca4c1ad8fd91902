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

// Null if it cannot be.
std::shared_ptr<HostService::Transfer> make_transfer(Session &session, uint64_t place,
                                                     bool to_device, uint64_t bytes);

} // namespace vgpu::server
