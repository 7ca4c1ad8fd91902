// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpuctld/archive.h"

#include <algorithm>

namespace vgpu::control
{

namespace
{

constexpr uint64_t kRemembered = 24 * 3600; // seconds that the reason of a lease's end is kept

struct Start {
    uint64_t epoch = 0;
    MSGPACK_DEFINE_MAP(epoch)
};

} // namespace

Archive::Archive(const std::string &directory) : store_(directory)
{
    Store::Transaction transaction(store_);
    store_.define<Start>("starts", "epoch");
    store_.define<Node>("nodes", "node");
    store_.define<Device>("devices", "node, uuid");
    store_.define<Lease>("leases", "lease");
    store_.define<SliceRow>("slices", "lease, \"index\"");
    store_.define<Ended>("ended", "lease");
    for (const Start &start : store_.load<Start>("starts")) {
        epoch_ = std::max(epoch_, start.epoch);
        store_.erase("starts", "epoch", std::to_string(start.epoch));
    }
    store_.put("starts", Start{++epoch_});
    transaction.commit();
}

void Archive::load(Table &table, uint64_t now, uint64_t lease_timeout)
{
    for (Node &node : store_.load<Node>("nodes")) {
        node.state = "lost";
        table.nodes[node.node] = node;
    }
    for (Device &device : store_.load<Device>("devices"))
        table.devices[device_key(device.node, device.uuid)] = device;
    for (Lease &lease : store_.load<Lease>("leases")) {
        lease.expiry = now + lease_timeout;
        table.leases[lease.lease] = lease;
    }
    for (const SliceRow &row : store_.load<SliceRow>("slices"))
        if (auto lease = table.leases.find(row.lease); lease != table.leases.end())
            lease->second.slices.push_back(
                {row.index, row.device, row.memory, row.cores, row.page});
    for (const Ended &ended : store_.load<Ended>("ended")) {
        if (ended.when + kRemembered > now)
            table.ended[ended.lease] = ended;
        else
            store_.erase("ended", "lease", ended.lease);
    }
}

void Archive::keep_node(const Table &table, const std::string &name)
{
    Store::Transaction transaction(store_);
    store_.erase("devices", "node", name);
    if (auto node = table.nodes.find(name); node != table.nodes.end())
        store_.put("nodes", node->second);
    for (const auto &[key, device] : table.devices)
        if (device.node == name)
            store_.put("devices", device);
    transaction.commit();
}

void Archive::keep_lease(const Table &table, const std::string &id)
{
    Store::Transaction transaction(store_);
    store_.erase("slices", "lease", id);
    if (auto lease = table.leases.find(id); lease != table.leases.end()) {
        store_.put("leases", lease->second);
        for (const SliceRow &row : table.slices_of(lease->second))
            store_.put("slices", row);
    } else {
        store_.erase("leases", "lease", id);
        if (auto ended = table.ended.find(id); ended != table.ended.end())
            store_.put("ended", ended->second);
    }
    transaction.commit();
}

} // namespace vgpu::control
