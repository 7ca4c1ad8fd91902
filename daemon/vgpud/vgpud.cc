// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "daemon/vgpud/vgpud.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "daemon/common/daemon-log.h"
#include "daemon/common/pack.h"
#include "remoting/base/error.h"
#include "remoting/base/hex.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"

namespace vgpu::control
{

namespace
{

constexpr size_t kMaxConnections = 1024; // of tools and plugins
constexpr long kMaxOfUser = 128;

} // namespace

Vgpud::Vgpud(uv_loop_t *loop, const Conf &conf, Probed probed)
    : loop_(loop), conf_(conf), probed_(std::move(probed)), instance_(to_hex(random_u64())),
      sessions_(loop, conf_, probed_, table_),
      desk_(table_, conf_, true,
            {[](const Lease &, const std::function<void(const std::string &)> &done) { done(""); },
             [this](const Lease &lease, const std::string &) { sessions_.revoke(lease.lease); },
             [](const Lease &) {}, [this] { refresh(); }}),
      gate_(loop, "vgpud", conf.node_name, instance_, conf.auth, conf.max_connection_rate,
            [this](Fd fd, const wire::Acceptance &acceptance) {
                admitted(std::move(fd), acceptance);
            })
{
    for (const Device &device : probed_.devices)
        table_.devices[device_key(device.node, device.uuid)] = device;
    if (!probed_.software)
        sensors_ = std::make_unique<Sensors>(probed_.devices);
    listen();
    if (conf_.vgpuctld_host.empty())
        sweep_ = std::make_unique<Timer>(loop_, 1000, 1000, [this] {
            table_.tick(unix_time());
            desk_.sweep();
        });
    else
        uplink_ = std::make_unique<Uplink>(
            loop_, conf_,
            Uplink::Hooks{[this] { return registration(); },
                          [this](uint64_t epoch) { return heartbeat(epoch); },
                          [this](Connection &, std::string_view method,
                                 const msgpack::object &params,
                                 Reply reply) { ordered(method, params, reply); }});
}

void Vgpud::listen()
{
    Node node;
    node.node = conf_.node_name;
    node.instance = instance_;
    node.auth = wire::method_name(conf_.auth.method);
    node.software = PACKAGE_VERSION;
    node.last_seen = unix_time();
    if (!conf_.vgpud_socket.empty()) {
        make_directories(std::filesystem::path(conf_.vgpud_socket).parent_path(), 0755);
        node.socket = gate_.listen(conf_.vgpud_socket);
    }
    node.address = conf_.vgpud_addr.empty() ? conf_.node_name : conf_.vgpud_addr;
    const std::string bound = gate_.listen(HostPort{node.address, conf_.vgpud_port}.to_string());
    node.port = parse_hostport(bound).port;
    table_.nodes[node.node] = node;
    log(Level::info, "vgpud %s on %s (instance %s) listens on %s and %s", PACKAGE_VERSION,
        node.node.c_str(), instance_.c_str(), bound.c_str(), node.socket.c_str());
}

void Vgpud::admitted(Fd fd, const wire::Acceptance &acceptance)
{
    const wire::Peer &peer = acceptance.peer;
    if (peer.role == "session")
        return sessions_.open(std::move(fd), acceptance);
    if (peer.role == "bulk")
        return sessions_.join(std::move(fd), acceptance);
    if (peer.role == "resume")
        return sessions_.resume(std::move(fd), acceptance);
    if (connections_.size() >= kMaxConnections)
        return Gate::refuse(std::move(fd), EBUSY,
                            "vgpud on " + conf_.node_name + " has " +
                                std::to_string(connections_.size()) +
                                " connections, its limit: try again");
    // No single user takes them all; root has many plugins and nodes.
    const auto own = std::count_if(connections_.begin(), connections_.end(),
                                   [&](const auto &one) { return one->peer().uid == peer.uid; });
    if (own >= kMaxOfUser && !trusted(conf_, peer.uid))
        return Gate::refuse(std::move(fd), EBUSY,
                            "uid " + std::to_string(peer.uid) + " has " + std::to_string(own) +
                                " connections here, the most of one user");
    wire::StreamSocket socket = Gate::welcome(std::move(fd), acceptance);
    if (!socket)
        return;
    auto connection = std::make_shared<Connection>(
        loop_, std::move(socket), peer,
        [this](Connection &from, std::string_view method, const msgpack::object &params,
               Reply reply) { asked(from, method, params, reply); },
        [this](Connection &from, const std::string &) {
            connections_.erase(from.shared_from_this());
        });
    connections_.insert(connection);
    connection->start();
}

void Vgpud::asked(Connection &connection, std::string_view method, const msgpack::object &params,
                  const Reply &reply)
{
    if (uplink_ && method.starts_with("lease."))
        fail(EPERM, "leases of this node are granted by vgpuctld on %s, not here",
             conf_.vgpuctld_host.c_str());
    if (!desk_.handle(connection.peer(), method, params, reply))
        fail(ENOSYS, "vgpud %s does not know the method %.*s", PACKAGE_VERSION,
             static_cast<int>(method.size()), method.data());
}

/// What vgpuctld wants done.
void Vgpud::ordered(std::string_view method, const msgpack::object &params, const Reply &reply)
{
    if (method == "lease.grant") {
        const auto lease = from_object<Lease>(params, "lease.grant");
        for (const Slice &slice : lease.slices)
            if (!table_.devices.contains(device_key(conf_.node_name, slice.device)))
                fail(ENODEV, "%s has no device %s", conf_.node_name.c_str(), slice.device.c_str());
        if (!is_id(lease.lease) || lease.slices.empty())
            fail(EINVAL, "a lease without an id or without slices");
        for (const Slice &slice : lease.slices)
            if (slice_id(lease, slice).second >= kMaxSlices)
                fail(EINVAL, "slice %u of a job: at most %u are possible", slice.page, kMaxSlices);
        table_.leases[lease.lease] = lease;
        log(Level::info, "lease %s granted to job %u of uid %u", lease.lease.c_str(), lease.job,
            lease.uid);
        return reply.ok();
    }
    if (method == "lease.revoke") {
        desk_.end(std::string(wire::get_string(params, "lease")),
                  std::string(wire::get_string(params, "reason")));
        return reply.ok();
    }
    fail(ENOSYS, "vgpud %s does not know the method %.*s", PACKAGE_VERSION,
         static_cast<int>(method.size()), method.data());
}

wire::Map Vgpud::registration() const
{
    const Node &node = table_.nodes.at(conf_.node_name);
    std::vector<Lease> leases;
    for (const auto &[id, lease] : table_.leases)
        leases.push_back(lease);
    wire::Map map = to_map(node);
    map.set("devices", to_array(probed_.devices)).set("leases", to_array(leases));
    return map;
}

void Vgpud::refresh()
{
    sessions_.refresh();
    if (sensors_)
        for (auto &[key, row] : table_.devices)
            sensors_->show(row);
}

wire::Map Vgpud::heartbeat(uint64_t epoch)
{
    refresh();
    const State state = table_.state();
    wire::Map map;
    map.set("epoch", epoch)
        .set("devices", to_array(state.devices))
        .set("slices", to_array(state.slices))
        .set("sessions", to_array(state.sessions));
    return map;
}

void Vgpud::stop(std::function<void()> done)
{
    sweep_.reset();
    uplink_.reset();
    while (!connections_.empty())
        (*connections_.begin())->close("vgpud is going down");
    sessions_.stop(std::move(done));
}

} // namespace vgpu::control
