// SPDX-License-Identifier: Apache-2.0
// Decisions, as pure functions over the state table: they change nothing, and are tested without a
// daemon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/common/table.h"

namespace vgpu::control
{

constexpr uint32_t kMaxSlices = 1024; // of a lease, and of a job on one host

/// What the leases take of one device, or what is free of it.
struct Share {
    uint64_t memory = 0;
    uint32_t cores = 0;
    uint32_t slices = 0;
};

Share used_of(const Table &table, const Device &device);
Share free_of(const Table &table, const Device &device);

/// Who asks.
struct Asker {
    uint32_t uid = 0;
    bool trusted = false; // root, SlurmUser or the daemon's own user
};

/// Whether the request makes sense and is the asker's to make; the reason if not.
std::optional<std::string> admit(const LeaseRequest &request, const Asker &asker,
                                 bool users_may_acquire);

/// The lease that the same request got before, if it still stands.
const Lease *standing(const Table &table, const LeaseRequest &request);

/// What a request gets: slices on one node, or the reason why there are none.
struct Allotment {
    std::vector<Slice> slices;
    std::string node;
    std::string pages; // of the job's other leases there; empty if it has none
    std::string reason;
};

/// Slices of its own: all on one node (`only`, unless that is empty); on that node spread over its
/// devices while it has enough, the fullest that fits first, so that large pieces stay whole for
/// those who need them.
Allotment place(const Table &table, const LeaseRequest &request, const std::string &only = "");

/// The same for a step of a job, which never has more slices on a host than it was granted: its
/// steps take new ones up to that, and what lacks out of those that the job has, least used first.
Allotment allot(const Table &table, const LeaseRequest &request);

/// Leases not renewed in time that no client uses.
std::vector<std::string> expired(const Table &table, uint64_t now);

/// Nodes that are up by the table but were not heard of for `patience` seconds.
std::vector<std::string> silent_nodes(const Table &table, uint64_t now, uint64_t patience);

/// "1.5G", for texts.
std::string size_text(uint64_t bytes);

} // namespace vgpu::control
