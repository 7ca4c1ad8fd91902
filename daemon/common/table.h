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
    int32_t utilisation = -1; // percent; -1 where nobody measures it
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

/// What a slice is told from others by: two leases of one job may have the same slice. Leases of a
/// time before that have all of theirs to themselves.
using SliceId = std::pair<std::string, uint32_t>; // pages and page

inline SliceId slice_id(const Lease &lease, const Slice &slice)
{
    return lease.pages.empty() ? SliceId(lease.lease, slice.index)
                               : SliceId(lease.pages, slice.page);
}

struct Table {
    std::map<std::string, Node> nodes;
    std::map<std::string, Device> devices; // by device_key()
    std::map<std::string, Lease> leases;
    std::map<std::string, Ended> ended;
    std::map<std::string, Session> sessions;
    std::map<std::pair<std::string, uint32_t>, Usage> usage; // by lease and index
    uint64_t ticked = 0;                                     // when tick() was called last

    /// To be called every second, before what was silent too long is looked for: time in which the
    /// caller itself did not run (a slow disk, a suspended machine, a clock that was set) is
    /// nobody's silence, since what came meanwhile is not read yet.
    void tick(uint64_t now);

    /// Everything as `state.get` answers it.
    State state() const;

    /// What concerns one lease: its devices, the rows of its slices (several leases of a job may
    /// have them), and the sessions that use these.
    State state_of(const Lease &lease) const;

    /// The rows of one lease, with what was measured.
    std::vector<SliceRow> slices_of(const Lease &lease) const;

    bool has_session(const std::string &lease) const;

    /// Whether any lease has that slice.
    bool has_slice(const SliceId &id) const;

    /// Takes the lease out and remembers why; true if it was there.
    bool end_lease(const std::string &lease, const std::string &reason, uint64_t now);

    /// Why there is no such lease, as a text for its holder.
    std::string absence(const std::string &lease) const;
};

} // namespace vgpu::control
