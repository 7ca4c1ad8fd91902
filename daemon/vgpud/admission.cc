// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/admission.h"

#include <algorithm>

namespace vgpu::control
{

std::optional<Refusal> check_session(const Table &table, const wire::Peer &peer, bool unix_socket,
                                     SessionLimits limits, uint64_t now)
{
    auto found = table.leases.find(peer.lease);
    if (found == table.leases.end())
        return Refusal{kCudaNoDevice, table.absence(peer.lease) +
                                          ": ask for a new one (a new job step, or vgpu-run)"};
    const Lease &lease = found->second;
    if (peer.uid != lease.uid)
        return Refusal{kCudaNotPermitted, "lease " + lease.lease + " belongs to uid " +
                                              std::to_string(lease.uid) + ", not to uid " +
                                              std::to_string(peer.uid)};
    const bool used = table.has_session(lease.lease);
    if (lease.expiry <= now && !used)
        return Refusal{kCudaNoDevice, "lease " + lease.lease + " has expired " +
                                          std::to_string(now - lease.expiry) + " s ago"};
    const auto sessions =
        std::count_if(table.sessions.begin(), table.sessions.end(),
                      [&](const auto &entry) { return entry.second.lease == lease.lease; });
    if (sessions >= static_cast<long>(limits.of_lease))
        return Refusal{kCudaNotReady, "lease " + lease.lease + " is used by " +
                                          std::to_string(sessions) +
                                          " processes already (MaxSessions)"};
    const auto of_user =
        std::count_if(table.sessions.begin(), table.sessions.end(), [&](const auto &entry) {
            auto row = table.leases.find(entry.second.lease);
            return row != table.leases.end() && row->second.uid == peer.uid;
        });
    if (limits.of_user && of_user >= static_cast<long>(limits.of_user))
        return Refusal{kCudaNotReady, "uid " + std::to_string(peer.uid) + " has " +
                                          std::to_string(of_user) +
                                          " processes on this node already (MaxSessionsPerUser)"};
    if (peer.channel == "ring" && !unix_socket)
        return Refusal{kCudaNotReady,
                       "shared memory was asked for over TCP: it needs the Unix socket of the GPU "
                       "node (VGPU_CHANNEL=tcp)"};
    return std::nullopt;
}

std::optional<Refusal> check_joining(const Table &table, const wire::Peer &peer)
{
    auto lease = table.leases.find(peer.lease);
    if (lease == table.leases.end())
        return Refusal{kCudaNoDevice, table.absence(peer.lease)};
    if (peer.uid != lease->second.uid)
        return Refusal{kCudaNotPermitted, "lease " + peer.lease + " belongs to uid " +
                                              std::to_string(lease->second.uid) + ", not to uid " +
                                              std::to_string(peer.uid)};
    auto session = table.sessions.find(peer.session);
    // Another lease's sessions are nobody's business: they are not there.
    if (session == table.sessions.end() || session->second.lease != peer.lease)
        return Refusal{kCudaNoDevice,
                       "lease " + peer.lease + " has no session " + peer.session + " here"};
    if (session->second.channel == "shm")
        return Refusal{kCudaDriverMismatch,
                       "session " + peer.session + " has shared memory and no use for a stream"};
    return std::nullopt;
}

} // namespace vgpu::control
