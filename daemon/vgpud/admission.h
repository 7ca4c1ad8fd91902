// SPDX-License-Identifier: Apache-2.0
// Whether a client process may have a worker: one pure check, each refusal with its text and its
// CUDA error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/common/cuda-codes.h"
#include "daemon/common/table.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

struct Refusal {
    int code;
    std::string reason;
};

struct SessionLimits {
    uint32_t of_lease;
    uint32_t of_user; // 0: any number
};

/// Whether a connection may join a session that runs: its owner's, over the same lease.
std::optional<Refusal> check_joining(const Table &table, const wire::Peer &peer);

std::optional<Refusal> check_session(const Table &table, const wire::Peer &peer, bool unix_socket,
                                     SessionLimits limits, uint64_t now);

} // namespace vgpu::control
