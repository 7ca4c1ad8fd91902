// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/policy.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace vgpu::control
{

namespace
{

constexpr uint32_t kMaxSlicesAsked = 1024;

uint64_t memory_asked(const LeaseRequest &request, const Device &device)
{
    return request.memory ? request.memory : device.default_memory;
}

uint32_t cores_asked(const LeaseRequest &request, const Device &device)
{
    return request.cores ? request.cores : device.default_cores;
}

bool fits(const LeaseRequest &request, const Device &device, const Share &free)
{
    return free.slices >= 1 && device.health == "ok" &&
           memory_asked(request, device) <= free.memory &&
           cores_asked(request, device) <= free.cores;
}

/// A node's devices while slices are being put on them.
struct Candidate {
    const Device *device;
    Share free;
    uint32_t taken = 0; // by this request
};

std::vector<Candidate> candidates(const Table &table, const std::string &node)
{
    std::vector<Candidate> list;
    for (const auto &[uuid, device] : table.devices)
        if (device.node == node)
            list.push_back({&device, free_of(table, device)});
    std::sort(list.begin(), list.end(), [](const Candidate &a, const Candidate &b) {
        return a.device->index < b.device->index;
    });
    return list;
}

std::vector<Slice> fill(const LeaseRequest &request, std::vector<Candidate> &devices)
{
    std::vector<Slice> slices;
    while (slices.size() < request.count) {
        Candidate *best = nullptr;
        for (Candidate &one : devices) {
            if (!fits(request, *one.device, one.free))
                continue;
            if (!best ||
                std::tie(one.taken, one.free.memory) < std::tie(best->taken, best->free.memory))
                best = &one;
        }
        if (!best)
            break;
        Slice slice;
        slice.index = static_cast<uint32_t>(slices.size());
        slice.device = best->device->uuid;
        slice.memory = memory_asked(request, *best->device);
        slice.cores = cores_asked(request, *best->device);
        best->free.memory -= slice.memory;
        best->free.cores -= slice.cores;
        best->free.slices -= 1;
        best->taken += 1;
        slices.push_back(slice);
    }
    return slices;
}

/// What the user is told when the best that a node can do is too little; `devices` as that left
/// them.
std::string shortage(const LeaseRequest &request, size_t placed, const std::string &node,
                     const std::vector<Candidate> &devices)
{
    uint64_t memory = 0;
    uint64_t asked = request.memory;
    uint32_t cores = 0;
    uint32_t slices = 0;
    for (const Candidate &one : devices) {
        if (!one.free.slices || one.device->health != "ok")
            continue;
        slices += one.free.slices;
        memory = std::max(memory, one.free.memory);
        cores = std::max(cores, one.free.cores);
        asked = std::max(asked, memory_asked(request, *one.device));
    }
    std::string text = "no free slice: " + std::to_string(request.count) + " asked for, " +
                       std::to_string(placed) + " free on " + node;
    if (!slices)
        return text + " (SlicesPerDevice is reached)";
    text += " (memory " + size_text(asked) + " asked, " + size_text(memory) + " free";
    if (request.cores)
        text += "; cores " + std::to_string(request.cores) + "% asked, " + std::to_string(cores) +
                "% free";
    return text + ")";
}

} // namespace

Share used_of(const Table &table, const Device &device)
{
    Share used;
    for (const auto &[id, lease] : table.leases)
        for (const Slice &slice : lease.slices)
            if (lease.node == device.node && slice.device == device.uuid) {
                used.memory += slice.memory;
                used.cores += slice.cores;
                used.slices += 1;
            }
    return used;
}

Share free_of(const Table &table, const Device &device)
{
    const Share used = used_of(table, device);
    return {device.memory - std::min(device.memory, used.memory), 100 - std::min(100U, used.cores),
            device.max_slices - std::min(device.max_slices, used.slices)};
}

std::optional<std::string> admit(const LeaseRequest &request, const Asker &asker,
                                 bool users_may_acquire)
{
    if (request.count == 0 || request.count > kMaxSlicesAsked)
        return std::to_string(request.count) + " slices asked for: 1 to " +
               std::to_string(kMaxSlicesAsked) + " can be had";
    if (request.cores > 100)
        return std::to_string(request.cores) + "% of a device's cores asked for: at most 100 exist";
    if (request.task_host.size() > 255)
        return "the name of the task's host is too long";
    if (!request.channel.empty() && request.channel != "auto" && request.channel != "shm" &&
        request.channel != "unix" && request.channel != "tcp")
        return "a channel is auto, shm, unix or tcp";
    if (asker.trusted)
        return std::nullopt;
    if (!users_may_acquire)
        return "uid " + std::to_string(asker.uid) +
               " may not take leases here: ask Slurm (--gres=vgpu:N), only root and SlurmUser take "
               "them "
               "from vgpuctld";
    if (asker.uid != request.uid)
        return "uid " + std::to_string(asker.uid) + " may not take a lease for uid " +
               std::to_string(request.uid);
    return std::nullopt;
}

const Lease *standing(const Table &table, const LeaseRequest &request)
{
    // Without a job there is nothing to tell two requests apart by.
    if (request.job == 0)
        return nullptr;
    for (const auto &[id, lease] : table.leases)
        if (lease.job == request.job && lease.step == request.step && lease.uid == request.uid &&
            lease.restart == request.restart && lease.task_host == request.task_host)
            return &lease;
    return nullptr;
}

std::vector<Slice> place(const Table &table, const LeaseRequest &request, std::string &node,
                         std::string &reason)
{
    std::vector<Slice> best;
    uint64_t best_left = 0;
    std::string closest;
    size_t closest_placed = 0;
    for (const auto &[name, one] : table.nodes) {
        if (one.state != "up")
            continue;
        std::vector<Candidate> devices = candidates(table, name);
        std::vector<Slice> slices = fill(request, devices);
        if (slices.size() < request.count) {
            if (closest.empty() || slices.size() > closest_placed) {
                closest_placed = slices.size();
                closest = shortage(request, slices.size(), name, devices);
            }
            continue;
        }
        uint64_t left = 0;
        for (const Candidate &device : devices)
            left += device.free.memory;
        if (best.empty() || left < best_left) {
            best = slices;
            best_left = left;
            node = name;
        }
    }
    if (best.empty())
        reason = closest.empty() ? "no free slice: no GPU node is up" : closest;
    return best;
}

std::vector<std::string> expired(const Table &table, uint64_t now)
{
    std::vector<std::string> list;
    for (const auto &[id, lease] : table.leases)
        if (lease.expiry <= now && !table.has_session(id))
            list.push_back(id);
    return list;
}

std::vector<std::string> silent_nodes(const Table &table, uint64_t now, uint64_t patience)
{
    std::vector<std::string> list;
    for (const auto &[name, node] : table.nodes)
        if (node.state == "up" && node.last_seen + patience < now)
            list.push_back(name);
    return list;
}

std::string size_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "K", "M", "G", "T", "P"};
    double value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    char text[32];
    const bool whole = value == static_cast<double>(static_cast<uint64_t>(value));
    std::snprintf(text, sizeof text, whole ? "%.0f%s" : "%.1f%s", value, units[unit]);
    return text;
}

} // namespace vgpu::control
