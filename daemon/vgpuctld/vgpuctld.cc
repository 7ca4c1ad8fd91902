// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "daemon/vgpuctld/vgpuctld.h"

#include <algorithm>
#include <cerrno>

#include "remoting/base/error.h"
#include "remoting/base/hex.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"

namespace vgpu::control
{

namespace
{

constexpr size_t kMaxConnections = 4096; // nodes, plugins and tools at the same time
constexpr long kMaxOfUser = 128;

} // namespace

Vgpuctld::Vgpuctld(uv_loop_t *loop, const Conf &conf)
    : loop_(loop), conf_(conf), archive_(conf.state_save_location), nodes_(conf_, table_, archive_),
      desk_(table_, conf_, false,
            {[this](const Lease &lease, std::function<void(const std::string &)> done) {
                 nodes_.grant(lease, std::move(done));
             },
             [this](const Lease &lease, const std::string &reason) {
                 // First what counts: a full disk must not leave its workers running.
                 nodes_.revoke(lease.node, lease.lease, reason);
                 archive_.keep_lease(table_, lease.lease);
             },
             [this](const Lease &lease) { archive_.keep_lease(table_, lease.lease); }, [] {}}),
      gate_(loop, "vgpuctld", conf.node_name, to_hex(random_u64()), conf.auth,
            conf.max_connection_rate, [this](Fd fd, const wire::Acceptance &acceptance) {
                admitted(std::move(fd), acceptance);
            })
{
    archive_.load(table_, unix_time(), conf_.lease_timeout);
    nodes_.end_lease = [this](const std::string &lease, const std::string &reason) {
        desk_.end(lease, reason);
    };
    const std::string bound =
        gate_.listen(HostPort{conf_.vgpuctld_host, conf_.vgpuctld_port}.to_string());
    sweep_ = std::make_unique<Timer>(loop_, 1000, 1000, [this] {
        table_.tick(unix_time());
        nodes_.sweep();
        desk_.sweep();
    });
    log(Level::info, "vgpuctld %s listens on %s; %zu nodes and %zu leases in %s, epoch %llu",
        PACKAGE_VERSION, bound.c_str(), table_.nodes.size(), table_.leases.size(),
        conf_.state_save_location.c_str(), static_cast<unsigned long long>(archive_.epoch()));
}

Vgpuctld::~Vgpuctld()
{
    sweep_.reset();
    while (!connections_.empty())
        (*connections_.begin())->close("vgpuctld is going down");
}

void Vgpuctld::admitted(Fd fd, const wire::Acceptance &acceptance)
{
    const wire::Peer &peer = acceptance.peer;
    if (peer.role == "session" || peer.role == "bulk" || peer.role == "resume")
        return Gate::refuse(std::move(fd), EINVAL,
                            "this is vgpuctld: programs connect to the vgpud of their lease");
    if (connections_.size() >= kMaxConnections)
        return Gate::refuse(std::move(fd), EBUSY,
                            "vgpuctld has " + std::to_string(connections_.size()) +
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
            nodes_.closed(from);
            connections_.erase(from.shared_from_this());
        });
    connections_.insert(connection);
    connection->start();
}

void Vgpuctld::asked(Connection &connection, std::string_view method, const msgpack::object &params,
                     const Reply &reply)
{
    if (!nodes_.handle(connection, method, params, reply) &&
        !desk_.handle(connection.peer(), method, params, reply))
        fail(ENOSYS, "vgpuctld %s does not know the method %.*s", PACKAGE_VERSION,
             static_cast<int>(method.size()), method.data());
}

} // namespace vgpu::control
