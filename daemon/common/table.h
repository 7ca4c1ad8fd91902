// SPDX-License-Identifier: Apache-2.0
// The state table: one writer, rows by key. Policies read it; nothing here does I/O.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "daemon/common/state.h"

namespace vgpu::control
{

/// What vgpud measured of a slice.
struct Usage {
    uint64_t memory_used = 0;
    uint64_t memory_peak = 0;
    uint64_t device_ns = 0;
    uint64_t throttled_ns = 0;
    uint64_t launches = 0;
};

/// A lease that is over, remembered so that whoever still holds it is told why.
struct Ended {
    std::string lease;
    std::string reason;
    uint64_t when = 0;
    MSGPACK_DEFINE_MAP(lease, reason, when)
};

/// Software GPUs have the same uuid on every node.
inline std::string device_key(const std::string &node, const std::string &uuid)
{
    return node + "/" + uuid;
}

struct Table {
    std::map<std::string, Node> nodes;
    std::map<std::string, Device> devices; // by device_key()
    std::map<std::string, Lease> leases;
    std::map<std::string, Ended> ended;
    std::map<std::string, Session> sessions;
    std::map<std::pair<std::string, uint32_t>, Usage> usage; // by lease and index

    /// Everything as `state.get` answers it.
    State state() const;

    /// The rows of one lease, with what was measured.
    std::vector<SliceRow> slices_of(const Lease &lease) const;

    bool has_session(const std::string &lease) const;

    /// Takes the lease out and remembers why; true if it was there.
    bool end_lease(const std::string &lease, const std::string &reason, uint64_t now);

    /// Why there is no such lease, as a text for its holder.
    std::string absence(const std::string &lease) const;
};

} // namespace vgpu::control
