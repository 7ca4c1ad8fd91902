// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/table.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace vgpu::control
{

namespace
{

constexpr size_t kMaxEnded = 4096; // older ones are forgotten first

SliceRow row_of(const Table &table, const Lease &lease, const Slice &slice)
{
    SliceRow row;
    row.lease = lease.lease;
    row.index = slice.index;
    row.node = lease.node;
    row.device = slice.device;
    row.uid = lease.uid;
    row.job = lease.job;
    row.step = lease.step;
    row.task_host = lease.task_host;
    row.memory = slice.memory;
    row.cores = slice.cores;
    std::tie(row.pages, row.page) = slice_id(lease, slice);
    row.expiry = lease.expiry;
    row.qos = lease.qos;
    if (auto usage = table.usage.find({lease.lease, slice.index}); usage != table.usage.end()) {
        row.memory_used = usage->second.memory_used;
        row.memory_peak = usage->second.memory_peak;
        row.device_ns = usage->second.device_ns;
        row.throttled_ns = usage->second.throttled_ns;
        row.launches = usage->second.launches;
        row.utilisation = usage->second.utilisation;
    }
    auto node = table.nodes.find(lease.node);
    if (node == table.nodes.end() || node->second.state != "up")
        row.state = "lost";
    else
        row.state = table.has_session(lease.lease) ? "active" : "idle";
    return row;
}

} // namespace

void Table::tick(uint64_t now)
{
    if (ticked && now > ticked + 2) {
        const uint64_t missed = now - ticked - 1;
        for (auto &[name, node] : nodes)
            node.last_seen += missed;
        for (auto &[id, lease] : leases)
            lease.expiry += missed;
    }
    ticked = now;
}

State Table::state() const
{
    State state;
    for (const auto &[name, node] : nodes)
        state.nodes.push_back(node);
    for (const auto &[uuid, device] : devices)
        state.devices.push_back(device);
    std::sort(state.devices.begin(), state.devices.end(), [](const Device &a, const Device &b) {
        return std::tie(a.node, a.index) < std::tie(b.node, b.index);
    });
    for (const auto &[id, lease] : leases)
        for (SliceRow &row : slices_of(lease))
            state.slices.push_back(std::move(row));
    for (const auto &[id, session] : sessions)
        state.sessions.push_back(session);
    return state;
}

State Table::state_of(const Lease &lease) const
{
    State state;
    std::set<SliceId> own;
    std::set<std::string> own_devices, users;
    for (const Slice &slice : lease.slices) {
        own.insert(slice_id(lease, slice));
        own_devices.insert(device_key(lease.node, slice.device));
    }
    for (const std::string &key : own_devices)
        if (auto device = devices.find(key); device != devices.end())
            state.devices.push_back(device->second);
    for (const auto &[id, other] : leases)
        for (SliceRow &row : slices_of(other))
            if (own.contains({row.pages, row.page})) {
                users.insert(id);
                state.slices.push_back(std::move(row));
            }
    for (const auto &[id, session] : sessions)
        if (users.contains(session.lease))
            state.sessions.push_back(session);
    return state;
}

std::vector<SliceRow> Table::slices_of(const Lease &lease) const
{
    std::vector<SliceRow> rows;
    for (const Slice &slice : lease.slices)
        rows.push_back(row_of(*this, lease, slice));
    return rows;
}

bool Table::has_session(const std::string &lease) const
{
    return std::any_of(sessions.begin(), sessions.end(),
                       [&](const auto &entry) { return entry.second.lease == lease; });
}

bool Table::has_slice(const SliceId &id) const
{
    return std::any_of(leases.begin(), leases.end(), [&](const auto &entry) {
        const Lease &lease = entry.second;
        return std::any_of(lease.slices.begin(), lease.slices.end(),
                           [&](const Slice &slice) { return slice_id(lease, slice) == id; });
    });
}

bool Table::end_lease(const std::string &lease, const std::string &reason, uint64_t now)
{
    auto found = leases.find(lease);
    if (found == leases.end())
        return false;
    for (const Slice &slice : found->second.slices)
        usage.erase({lease, slice.index});
    leases.erase(found);
    std::erase_if(sessions, [&](const auto &entry) { return entry.second.lease == lease; });
    ended[lease] = {lease, reason, now};
    if (ended.size() > kMaxEnded)
        ended.erase(std::min_element(ended.begin(), ended.end(), [](const auto &a, const auto &b) {
            return a.second.when < b.second.when;
        }));
    return true;
}

std::string Table::absence(const std::string &lease) const
{
    auto found = ended.find(lease);
    if (found == ended.end())
        return "lease " + lease + " is unknown here";
    return "lease " + lease + " " + found->second.reason;
}

} // namespace vgpu::control
