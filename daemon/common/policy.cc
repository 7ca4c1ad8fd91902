// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/policy.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

namespace vgpu::control
{

namespace
{

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
        slice.index = slice.page = static_cast<uint32_t>(slices.size());
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

/// What the job of a request has on one GPU node for the tasks of its host.
struct Holding {
    std::string pages;
    std::map<uint32_t, Slice> slices; // by page
    std::map<uint32_t, unsigned> users;
};

std::map<std::string, Holding> holdings(const Table &table, const LeaseRequest &request)
{
    std::map<std::string, Holding> held;
    if (!request.job)
        return held;
    for (const auto &[id, lease] : table.leases) {
        if (lease.job != request.job || lease.uid != request.uid ||
            lease.restart != request.restart || lease.task_host != request.task_host)
            continue;
        Holding &there = held[lease.node];
        for (Slice slice : lease.slices) {
            std::tie(there.pages, slice.page) = slice_id(lease, slice);
            there.slices[slice.page] = slice;
            ++there.users[slice.page];
        }
    }
    return held;
}

/// Empty if there are not so many.
std::vector<Slice> least_used(const Holding &holding, size_t count)
{
    std::vector<Slice> slices;
    for (const auto &[page, slice] : holding.slices)
        slices.push_back(slice);
    std::stable_sort(slices.begin(), slices.end(), [&](const Slice &a, const Slice &b) {
        return holding.users.at(a.page) < holding.users.at(b.page);
    });
    if (slices.size() < count)
        return {};
    slices.resize(count);
    std::sort(slices.begin(), slices.end(),
              [](const Slice &a, const Slice &b) { return a.page < b.page; });
    return slices;
}

/// A slice that is not what the request wants of one.
const Slice *unlike(const LeaseRequest &request, const std::vector<Slice> &slices)
{
    for (const Slice &slice : slices)
        if ((request.memory && request.memory != slice.memory) ||
            (request.cores && request.cores != slice.cores))
            return &slice;
    return nullptr;
}

std::string share_text(uint32_t cores)
{
    return cores ? std::to_string(cores) + "% of the cores" : "no fixed share of the cores";
}

/// The slices that are shared, then those that are new, whose pages are numbers that the job does
/// not have.
Allotment join(std::vector<Slice> shared, Allotment own, const Holding &holding)
{
    uint32_t page = 0;
    for (Slice &slice : own.slices) {
        while (holding.slices.contains(page))
            ++page;
        slice.page = page++;
    }
    shared.insert(shared.end(), own.slices.begin(), own.slices.end());
    own.slices = std::move(shared);
    for (size_t i = 0; i < own.slices.size(); ++i)
        own.slices[i].index = static_cast<uint32_t>(i);
    own.pages = holding.pages;
    return own;
}

} // namespace

Share used_of(const Table &table, const Device &device)
{
    Share used;
    std::set<SliceId> counted;
    for (const auto &[id, lease] : table.leases)
        for (const Slice &slice : lease.slices)
            if (lease.node == device.node && slice.device == device.uuid &&
                counted.insert(slice_id(lease, slice)).second) {
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
    if (request.count == 0 || request.count > kMaxSlices)
        return std::to_string(request.count) + " slices asked for: 1 to " +
               std::to_string(kMaxSlices) + " can be had";
    if (request.job_count > kMaxSlices)
        return "a job has " + std::to_string(kMaxSlices) + " slices on a host at the most";
    if (request.cores > 100)
        return std::to_string(request.cores) + "% of a device's cores asked for: at most 100 exist";
    if (request.task_host.size() > 255)
        return "the name of the task's host is too long";
    if (!request.channel.empty() && request.channel != "auto" && request.channel != "shm" &&
        request.channel != "unix" && request.channel != "tcp")
        return "a channel is auto, shm, unix or tcp";
    if (!request.qos.empty() && request.qos != "latency" && request.qos != "normal" &&
        request.qos != "bulk")
        return "a class (qos) is latency, normal or bulk";
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

Allotment place(const Table &table, const LeaseRequest &request, const std::string &only)
{
    Allotment best;
    uint64_t best_left = 0;
    std::string closest;
    size_t closest_placed = 0;
    for (const auto &[name, one] : table.nodes) {
        if (one.state != "up" || (!only.empty() && name != only))
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
        if (best.slices.empty() || left < best_left) {
            best.slices = slices;
            best.node = name;
            best_left = left;
        }
    }
    if (best.slices.empty())
        best.reason = closest.empty() ? "no free slice: no GPU node is up" : closest;
    return best;
}

Allotment allot(const Table &table, const LeaseRequest &request)
{
    std::map<std::string, Holding> held = holdings(table, request);
    size_t all = 0;
    for (const auto &[node, holding] : held)
        all += holding.slices.size();
    // Where nobody knows what the job was granted, it keeps to what it has.
    const size_t granted =
        request.job_count ? request.job_count : std::max<size_t>(request.count, all);
    if (request.count > granted) {
        Allotment none;
        none.reason = "the job has " + std::to_string(granted) + " vgpus on " + request.task_host +
                      ", and this step asks for " + std::to_string(request.count);
        return none;
    }
    LeaseRequest fresh = request;
    fresh.count = std::min<uint32_t>(request.count, granted - std::min(granted, all));
    if (fresh.count == request.count) {
        Allotment own = place(table, fresh);
        if (auto there = held.find(own.node); there != held.end())
            own = join({}, std::move(own), there->second);
        return own;
    }
    Allotment none;
    none.reason = "no free slice: the " + std::to_string(granted) + " of the job on " +
                  request.task_host + " are spread over several GPU nodes";
    for (const auto &[node, holding] : held) {
        std::vector<Slice> shared = least_used(holding, request.count - fresh.count);
        if (shared.empty())
            continue;
        if (auto row = table.nodes.find(node);
            row == table.nodes.end() || row->second.state != "up") {
            none.reason = "no free slice: those of the job are on " + node + ", which is lost";
            continue;
        }
        if (const Slice *other = unlike(request, shared)) {
            none.reason = "a step has slices of its job, each with " + size_text(other->memory) +
                          " and " + share_text(other->cores) +
                          ": leave out --vgpu-mem and --vgpu-cores, or say the same";
            continue;
        }
        Allotment own;
        own.node = node;
        if (fresh.count)
            own = place(table, fresh, node);
        if (own.reason.empty())
            return join(std::move(shared), std::move(own), holding);
        none.reason = own.reason;
    }
    return none;
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
