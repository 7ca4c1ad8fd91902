// SPDX-License-Identifier: Apache-2.0
// The management daemon: the state table, the leases, the nodes, and those who ask.
#pragma once

#include <memory>
#include <set>

#include "daemon/common/desk.h"
#include "daemon/common/gate.h"
#include "daemon/vgpuctld/archive.h"
#include "daemon/vgpuctld/nodes.h"

namespace vgpu::control
{

class Vgpuctld
{
public:
    Vgpuctld(uv_loop_t *loop, const Conf &conf);
    ~Vgpuctld();

private:
    void admitted(Fd fd, const wire::Acceptance &acceptance);
    void asked(Connection &connection, std::string_view method, const msgpack::object &params,
               const Reply &reply);

    uv_loop_t *loop_;
    const Conf &conf_;
    Table table_;
    Archive archive_;
    Nodes nodes_;
    Desk desk_;
    Gate gate_;
    std::set<std::shared_ptr<Connection>> connections_;
    std::unique_ptr<Timer> sweep_;
};

} // namespace vgpu::control
