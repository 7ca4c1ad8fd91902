// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/show.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <pwd.h>
#include <set>

#include "daemon/common/policy.h"
#include "daemon/tools/text-table.h"

namespace vgpu::control
{

namespace
{

std::string user_name(uint32_t uid)
{
    const passwd *user = getpwuid(uid);
    return user ? user->pw_name : std::to_string(uid);
}

/// As Slurm writes it; its special steps have names.
std::string job_text(uint32_t job, uint32_t step)
{
    if (!job)
        return "-";
    const std::string text = std::to_string(job);
    switch (step) {
    case 0xfffffffb:
        return text + ".batch";
    case 0xfffffffa:
        return text + ".interactive";
    default:
        return text + "." + std::to_string(step);
    }
}

std::string age(uint64_t since)
{
    const uint64_t now = static_cast<uint64_t>(std::time(nullptr));
    return since && now > since ? std::to_string(now - since) + " s" : "0 s";
}

/// The device's number on its node, which people know it by.
std::string ordinal(const State &state, const std::string &node, const std::string &uuid)
{
    for (const Device &device : state.devices)
        if (device.node == node && device.uuid == uuid)
            return std::to_string(device.index);
    return "?";
}

std::string percent(uint32_t value)
{
    return value ? std::to_string(value) + "%" : "-";
}

/// Of large copies over a stream; what goes over shared memory is nobody's business.
std::string rate(uint64_t bytes_per_s)
{
    return bytes_per_s ? size_text(bytes_per_s) + "/s" : "-";
}

std::string paces(const Session &session)
{
    if (session.pace_in == session.pace_out)
        return rate(session.pace_in);
    return rate(session.pace_in) + ", " + rate(session.pace_out);
}

} // namespace

std::string show_nodes(const State &state)
{
    TextTable table("Nodes",
                    {"Node", "State", "Address", "Socket", "Auth", "Version", ">Last seen"});
    for (const Node &node : state.nodes)
        table.add({node.node, node.state, node.address + ":" + std::to_string(node.port),
                   node.socket, node.auth, node.software, age(node.last_seen)});
    return table.text();
}

std::string show_devices(const State &state)
{
    TextTable table("Devices", {"Node", ">GPU", "Name", "Bus id", ">Units", "Driver",
                                ">Memory used", ">Memory", ">Load", ">Slices", "Health"});
    for (const Device &device : state.devices) {
        std::set<std::pair<std::string, uint32_t>> slices; // one may have several rows
        for (const SliceRow &slice : state.slices)
            if (slice.node == device.node && slice.device == device.uuid)
                slices.emplace(slice.pages, slice.page);
        table.add({device.node, std::to_string(device.index), device.name, device.pci,
                   std::to_string(device.units), device.driver, size_text(device.memory_used),
                   size_text(device.memory), std::to_string(device.utilisation) + "%",
                   std::to_string(slices.size()) + "/" + std::to_string(device.max_slices),
                   device.health});
    }
    return table.text();
}

std::string show_slices(const State &state)
{
    TextTable table("Slices", {"Job", "User", "Host", "Node", ">GPU", ">Slice", ">Memory used",
                               ">Peak", ">Quota", ">Cores", ">Launches", "State"});
    for (const SliceRow &slice : state.slices)
        table.add({job_text(slice.job, slice.step), user_name(slice.uid), slice.task_host,
                   slice.node, ordinal(state, slice.node, slice.device),
                   std::to_string(slice.index), size_text(slice.memory_used),
                   size_text(slice.memory_peak), size_text(slice.memory), percent(slice.cores),
                   std::to_string(slice.launches), slice.state});
    return table.text();
}

std::string show_leases(const State &state)
{
    struct Sum {
        const SliceRow *first;
        unsigned slices;
    };
    std::map<std::string, Sum> leases;
    for (const SliceRow &slice : state.slices)
        ++leases.try_emplace(slice.lease, Sum{&slice, 0}).first->second.slices;
    const uint64_t now = static_cast<uint64_t>(std::time(nullptr));
    TextTable table(
        "Leases", {"Lease", "Job", "User", "Host", "Node", ">Slices", "QoS", "State", ">Ends in"});
    for (const auto &[id, sum] : leases) {
        const SliceRow &row = *sum.first;
        table.add({id, job_text(row.job, row.step), user_name(row.uid), row.task_host, row.node,
                   std::to_string(sum.slices), row.qos, row.state,
                   row.expiry > now ? std::to_string(row.expiry - now) + " s" : "now"});
    }
    return table.text();
}

std::string show_sessions(const State &state)
{
    TextTable table("Processes", {"Host", ">Pid", "Node", ">Worker", "Channel", "QoS", ">To GPU",
                                  ">From GPU", ">Pace", "Lease", ">Since"});
    for (const Session &session : state.sessions)
        table.add({session.host, std::to_string(session.pid), session.node,
                   std::to_string(session.worker_pid), session.channel, session.qos,
                   rate(session.rate_in), rate(session.rate_out), paces(session), session.lease,
                   age(session.since)});
    return table.text();
}

} // namespace vgpu::control
