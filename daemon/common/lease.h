// SPDX-License-Identifier: Apache-2.0
// Leases as the control plane carries them. Each structure is one msgpack map with its members as
// keys; unknown keys are ignored and missing ones keep their default, so that old and new versions
// can talk.
#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string>
#include <vector>

#include "remoting/wire/lease-file.h"

namespace vgpu::control
{

struct Conf;

/// The classes of leases on the network, as options name them.
inline constexpr const char *kQosChoices = "latency|normal|bulk";

/// One share of one device: what the job sees as one CUDA device.
struct Slice {
    uint32_t index = 0; // within the lease
    std::string device; // uuid, as text
    uint64_t memory = 0;
    uint32_t cores = 0; // percent of the device; 0: no fixed share
    uint32_t page = 0;  // its number among the slices of `Lease::pages`
    MSGPACK_DEFINE_MAP(index, device, memory, cores, page)
};

/// The grant of slices to one job step on one host.
struct Lease {
    std::string lease; // 16 hex digits
    uint32_t uid = 0;
    uint32_t job = 0;
    uint32_t step = 0; // Slurm's numbers: the batch step is 0xfffffffb
    uint32_t restart = 0;
    std::string task_host; // where the job's tasks run
    std::string node;      // where the slices are
    std::string instance;  // which start of that node's vgpud
    std::string address;
    uint32_t port = 0;
    std::string socket;
    std::string auth;
    std::string channel = "auto";
    uint64_t expiry = 0; // seconds since 1970
    std::vector<Slice> slices;
    std::string pages; // the leases of one job that may have slices in common have the same here
    std::string qos = "normal";
    MSGPACK_DEFINE_MAP(lease, uid, job, step, restart, task_host, node, instance, address, port,
                       socket, auth, channel, expiry, slices, pages, qos)
};

/// What lease.acquire asks for. The same job, step, restart and task_host again gives the same
/// lease; another step of the job gets its slices out of the job's.
struct LeaseRequest {
    uint32_t count = 1;
    uint64_t memory = 0; // bytes of each slice; 0: the site's default
    uint32_t cores = 0;
    uint32_t uid = 0;
    uint32_t job = 0;
    uint32_t step = 0;
    uint32_t restart = 0;
    std::string task_host;
    std::string channel = "auto";
    uint32_t job_count = 0; // what the whole job has on that host; 0: not known
    std::string qos;        // empty: the site's default
    MSGPACK_DEFINE_MAP(count, memory, cores, uid, job, step, restart, task_host, channel, job_count,
                       qos)
};

/// The lease as the file that VGPU_LEASE names; write it with wire::write_lease_file().
wire::LeaseFile lease_file_of(const Lease &lease, const Conf &conf);

} // namespace vgpu::control
