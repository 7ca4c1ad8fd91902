// SPDX-License-Identifier: Apache-2.0
// The node daemon: its devices, its leases, its sessions, and those who talk to it.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "daemon/common/desk.h"
#include "daemon/common/gate.h"
#include "daemon/vgpud/sensors.h"
#include "daemon/vgpud/sessions.h"
#include "daemon/vgpud/uplink.h"

namespace vgpu::control
{

class Vgpud
{
public:
    Vgpud(uv_loop_t *loop, const Conf &conf, Probed probed);

    /// Ends everything in order; `done` is called when no worker is left.
    void stop(std::function<void()> done);

private:
    void listen();
    void admitted(Fd fd, const wire::Acceptance &acceptance);
    void asked(Connection &connection, std::string_view method, const msgpack::object &params,
               const Reply &reply);
    void ordered(std::string_view method, const msgpack::object &params, const Reply &reply);
    void refresh();
    wire::Map registration() const;
    wire::Map heartbeat(uint64_t epoch);

    uv_loop_t *loop_;
    const Conf &conf_;
    Probed probed_;
    std::string instance_;
    Table table_; // this node only
    Sessions sessions_;
    std::unique_ptr<Sensors> sensors_; // of GPUs, not of the software GPU
    Desk desk_;
    Gate gate_;
    std::set<std::shared_ptr<Connection>> connections_;
    std::unique_ptr<Uplink> uplink_; // where there is a vgpuctld
    std::unique_ptr<Timer> sweep_;   // where there is none
};

} // namespace vgpu::control
