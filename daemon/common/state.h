// SPDX-License-Identifier: Apache-2.0
// The rows of the state table, as they are kept, sent (`state.get`, `node.register`,
// `node.heartbeat`) and shown.
#pragma once

#include <cstdint>
#include <map>
#include <msgpack.hpp>
#include <string>
#include <vector>

#include "daemon/common/lease.h"

namespace vgpu::control
{

/// One physical (or software) GPU of a node.
struct Device {
    std::string node;
    uint32_t index = 0;
    std::string uuid;
    std::string name;
    std::string kind = "whole"; // or "soft"
    std::string pci;
    std::string capability; // "8.0"
    std::string driver;     // what the driver calls its version, "13.0"
    uint64_t memory = 0;
    uint32_t units = 0; // multiprocessors
    std::string cpus;   // hwloc's list of the cores near it; empty where unknown

    uint32_t max_slices = 8;
    uint64_t default_memory = 0; // of a slice, where the lease asks for none
    uint32_t default_cores = 0;

    uint64_t memory_used = 0;
    uint32_t utilisation = 0; // percent, since the last heartbeat
    std::string health = "ok";
    uint64_t last_seen = 0;

    // What the vendor's management library says, by the names of remoting/nvml/nvml.api; vgpud
    // alone has it.
    std::string driver_version; // "580.65.06"
    std::map<std::string, uint64_t> readings;
    MSGPACK_DEFINE_MAP(node, index, uuid, name, kind, pci, capability, driver, memory, units, cpus,
                       max_slices, default_memory, default_cores, memory_used, utilisation, health,
                       last_seen, driver_version, readings)
};

/// One slice that is leased: what is granted, and what vgpud measured.
struct SliceRow {
    std::string lease;
    uint32_t index = 0;
    std::string node;
    std::string device;
    uint32_t uid = 0;
    uint32_t job = 0;
    uint32_t step = 0;
    std::string task_host;
    uint64_t memory = 0;
    uint32_t cores = 0;

    uint64_t memory_used = 0;
    uint64_t memory_peak = 0;
    uint64_t device_ns = 0;
    uint64_t throttled_ns = 0;
    uint64_t launches = 0;
    int32_t utilisation = -1;   // percent of the device, lately; -1 where nobody measures it
    std::string state = "idle"; // idle, active, lost
    uint64_t expiry = 0;

    std::string qos;

    // Rows that are alike in these two are one slice, which several steps of a job have.
    std::string pages;
    uint32_t page = 0;
    MSGPACK_DEFINE_MAP(lease, index, node, device, uid, job, step, task_host, memory, cores,
                       memory_used, memory_peak, device_ns, throttled_ns, launches, utilisation,
                       state, expiry, qos, pages, page)
};

/// One client process and its worker.
struct Session {
    std::string session;
    std::string lease;
    std::string node;
    std::string host; // the client's
    uint32_t pid = 0;
    uint32_t worker_pid = 0;
    std::string channel; // shm, unix, tcp
    uint64_t since = 0;
    std::vector<uint64_t> memory_used; // by slice of the lease

    // Its large copies over a stream, to the device and from it.
    std::string qos;
    uint64_t bulk_in = 0, bulk_out = 0;   // bytes on the network
    uint64_t saved_in = 0, saved_out = 0; // bytes that compression has kept off it
    uint64_t rate_in = 0, rate_out = 0;   // bytes a second
    uint64_t pace_in = 0, pace_out = 0;   // bytes a second that it is held to; 0: none
    uint64_t paced_ns = 0;                // that it has waited for that
    uint64_t chunk_in = 0, chunk_out = 0; // bytes that are let through at a time
    uint64_t rtt_us = 0;
    uint64_t queue_in = 0, queue_out = 0;   // bytes that wait
    uint64_t window_in = 0, window_out = 0; // bytes under way at most, as the path holds them
    uint64_t connections = 0;
    uint64_t reconnects = 0; // of the session itself, after losses
    MSGPACK_DEFINE_MAP(session, lease, node, host, pid, worker_pid, channel, since, qos, bulk_in,
                       bulk_out, saved_in, saved_out, rate_in, rate_out, pace_in, pace_out,
                       paced_ns, chunk_in, chunk_out, rtt_us, queue_in, queue_out, window_in,
                       window_out, connections, reconnects, memory_used)
};

/// One GPU node.
struct Node {
    std::string node;
    std::string instance;
    std::string address;
    uint32_t port = 0;
    std::string socket;
    std::string auth;
    std::string software;     // version of slurm-vgpu there
    std::string state = "up"; // or "lost"
    uint64_t last_seen = 0;
    MSGPACK_DEFINE_MAP(node, instance, address, port, socket, auth, software, state, last_seen)
};

/// The answer to `state.get`.
struct State {
    std::vector<Node> nodes;
    std::vector<Device> devices;
    std::vector<SliceRow> slices;
    std::vector<Session> sessions;
    MSGPACK_DEFINE_MAP(nodes, devices, slices, sessions)
};

} // namespace vgpu::control
