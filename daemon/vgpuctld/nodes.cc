// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpuctld/nodes.h"

#include <cerrno>

#include "daemon/common/desk.h"
#include "daemon/common/pack.h"
#include "daemon/common/policy.h"
#include "remoting/base/error.h"
#include "remoting/base/hex.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

constexpr size_t kMaxDevices = 1024; // of a node
constexpr uint64_t kMissedBeats = 3;

} // namespace

Nodes::Nodes(const Conf &conf, Table &table, Archive &archive)
    : conf_(conf), table_(table), archive_(archive)
{
}

const std::string *Nodes::name_of(const Connection &connection) const
{
    for (const auto &[name, link] : links_)
        if (link.get() == &connection)
            return &name;
    return nullptr;
}

bool Nodes::handle(Connection &connection, std::string_view method, const msgpack::object &params,
                   const Reply &reply)
{
    if (method == "node.register") {
        enter(connection, params, reply);
    } else if (method == "node.heartbeat") {
        beat(connection, params);
        reply.ok();
    } else {
        return false;
    }
    return true;
}

void Nodes::enter(Connection &connection, const msgpack::object &params, const Reply &reply)
{
    const wire::Peer &peer = connection.peer();
    if (peer.role != "daemon" || !trusted(conf_, peer.uid))
        fail(EPERM,
             "uid %u may not register nodes: vgpud runs as root, SlurmUser or vgpuctld's own user",
             static_cast<unsigned>(peer.uid));
    auto node = from_object<Node>(params, "node.register");
    auto devices = from_array<Device>(params, "devices", "node.register");
    const auto leases = from_array<Lease>(params, "leases", "node.register");
    if (node.node.empty() || !is_id(node.instance) || devices.size() > kMaxDevices)
        fail(EINVAL, "node.register: no node name, no instance, or more than %zu devices",
             kMaxDevices);
    const uint64_t now = unix_time();
    node.state = "up";
    node.last_seen = now;
    if (auto old = links_.find(node.node);
        old != links_.end() && old->second.get() != &connection) {
        const std::shared_ptr<Connection> link = old->second;
        links_.erase(old);
        link->close("node " + node.node + " has registered again");
    }
    links_[node.node] = connection.shared_from_this();
    table_.nodes[node.node] = node;
    std::erase_if(table_.devices,
                  [&](const auto &entry) { return entry.second.node == node.node; });
    for (Device &device : devices) {
        device.node = node.node;
        device.last_seen = now;
        table_.devices[device_key(node.node, device.uuid)] = device;
    }
    archive_.keep_node(table_, node.node);
    log(Level::info, "node %s is up: %zu devices, slurm-vgpu %s, instance %s", node.node.c_str(),
        devices.size(), node.software.c_str(), node.instance.c_str());
    wire::Map result;
    result.set("epoch", archive_.epoch()).set("heartbeat_s", conf_.heartbeat_interval);
    reply.ok(result);
    reconcile(node, leases);
}

/// Both sides shall hold the same leases: ended ones are revoked there, those of an earlier start
/// of vgpud are ended here, those that only vgpuctld knows are granted once more, and those that
/// only vgpud knows come back into a lost table.
void Nodes::reconcile(const Node &node, const std::vector<Lease> &reported)
{
    std::map<std::string, const Lease *> there;
    for (const Lease &lease : reported)
        there[lease.lease] = &lease;

    std::vector<std::string> void_ones;
    for (const auto &[id, lease] : table_.leases) {
        if (lease.node != node.node)
            continue;
        if (lease.instance != node.instance)
            void_ones.push_back(id);
        else if (!there.contains(id))
            grant(lease, [](const std::string &) {});
    }
    for (const std::string &id : void_ones)
        end_lease(id, "was lost: vgpud on " + node.node + " was started anew");

    for (const Lease &lease : reported) {
        if (table_.leases.contains(lease.lease))
            continue;
        if (table_.ended.contains(lease.lease) || lease.node != node.node ||
            lease.instance != node.instance || !is_id(lease.lease)) {
            revoke(node.node, lease.lease, table_.absence(lease.lease));
            continue;
        }
        Lease &kept = table_.leases[lease.lease] = lease;
        kept.expiry = unix_time() + conf_.lease_timeout;
        archive_.keep_lease(table_, kept.lease);
        log(Level::info, "lease %s of job %u came back with node %s", kept.lease.c_str(), kept.job,
            node.node.c_str());
    }
}

void Nodes::beat(Connection &connection, const msgpack::object &params)
{
    const std::string *name = name_of(connection);
    if (!name || wire::get_u64(params, "epoch") != archive_.epoch())
        fail(ESTALE, "this connection has not registered, or with an earlier start of vgpuctld");
    const auto devices = from_array<Device>(params, "devices", "node.heartbeat");
    const auto slices = from_array<SliceRow>(params, "slices", "node.heartbeat");
    const auto sessions = from_array<Session>(params, "sessions", "node.heartbeat");
    const uint64_t now = unix_time();
    Node &node = table_.nodes.at(*name);
    if (node.state != "up")
        log(Level::info, "node %s is back", name->c_str());
    node.state = "up";
    node.last_seen = now;
    for (const Device &reported : devices)
        if (auto device = table_.devices.find(device_key(*name, reported.uuid));
            device != table_.devices.end()) {
            device->second.memory_used = reported.memory_used;
            device->second.utilisation = reported.utilisation;
            device->second.health = reported.health;
            device->second.last_seen = now;
        }
    for (const SliceRow &row : slices)
        if (auto lease = table_.leases.find(row.lease);
            lease != table_.leases.end() && lease->second.node == *name)
            table_.usage[{row.lease, row.index}] = {row.memory_used, row.memory_peak, row.device_ns,
                                                    row.throttled_ns, row.launches, row.utilisation};
    std::erase_if(table_.sessions, [&](const auto &entry) { return entry.second.node == *name; });
    for (Session session : sessions) {
        auto lease = table_.leases.find(session.lease);
        if (lease == table_.leases.end() || lease->second.node != *name)
            continue;
        session.node = *name;
        // A lease in use has its whole time again when the last process goes.
        lease->second.expiry = std::max(lease->second.expiry, now + conf_.lease_timeout);
        table_.sessions[*name + "/" + session.session] = session;
    }
}

void Nodes::grant(const Lease &lease, std::function<void(const std::string &)> done)
{
    auto link = links_.find(lease.node);
    if (link == links_.end())
        return done("there is no connection to vgpud on " + lease.node);
    link->second->request(
        "lease.grant", to_map(lease),
        [done = std::move(done)](const Answer &answer) { done(answer.error); }, 5000);
}

void Nodes::revoke(const std::string &node, const std::string &lease, const std::string &reason)
{
    auto link = links_.find(node);
    if (link == links_.end())
        return; // it is told when it registers again
    wire::Map params;
    params.set("lease", lease).set("reason", reason);
    link->second->request("lease.revoke", params, [node, lease](const Answer &answer) {
        if (!answer.ok())
            log(Level::warning, "revoking lease %s on %s: %s", lease.c_str(), node.c_str(),
                answer.error.c_str());
    });
}

void Nodes::sweep()
{
    for (const std::string &name :
         silent_nodes(table_, unix_time(), kMissedBeats * conf_.heartbeat_interval)) {
        table_.nodes[name].state = "lost";
        // Nobody tells of their end any more: from now on a lease there lives by being renewed.
        std::erase_if(table_.sessions,
                      [&](const auto &entry) { return entry.second.node == name; });
        log(Level::warning, "node %s is lost: not heard of for %llu s", name.c_str(),
            static_cast<unsigned long long>(kMissedBeats * conf_.heartbeat_interval));
    }
}

void Nodes::closed(Connection &connection)
{
    if (const std::string *name = name_of(connection)) {
        log(Level::info, "the connection to node %s has ended", name->c_str());
        links_.erase(*name);
    }
}

} // namespace vgpu::control
