// SPDX-License-Identifier: Apache-2.0
// The GPU nodes: their registration, their heartbeats, their loss.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/connection.h"
#include "daemon/common/table.h"
#include "daemon/vgpuctld/archive.h"

namespace vgpu::control
{

class Nodes
{
public:
    Nodes(const Conf &conf, Table &table, Archive &archive);

    /// Ends a lease everywhere; set by whoever owns the leases.
    std::function<void(const std::string &lease, const std::string &reason)> end_lease;

    /// Answers node.register and node.heartbeat; false for any other method.
    bool handle(Connection &connection, std::string_view method, const msgpack::object &params,
                const Reply &reply);

    void grant(const Lease &lease, std::function<void(const std::string &error)> done);
    void revoke(const std::string &node, const std::string &lease, const std::string &reason);

    /// Marks nodes lost that have missed three heartbeats.
    void sweep();

    void closed(Connection &connection);

private:
    void enter(Connection &connection, const msgpack::object &params, const Reply &reply);
    void reconcile(const Node &node, const std::vector<Lease> &reported);
    void beat(Connection &connection, const msgpack::object &params);
    const std::string *name_of(const Connection &connection) const;

    const Conf &conf_;
    Table &table_;
    Archive &archive_;
    std::map<std::string, std::shared_ptr<Connection>> links_;
};

} // namespace vgpu::control
