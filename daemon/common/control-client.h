// SPDX-License-Identifier: Apache-2.0
// A blocking client of the control plane, for plugins and tools. It holds no thread; every step has
// a deadline.
#pragma once

#include <msgpack.hpp>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/lease.h"
#include "daemon/common/state.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

class Client
{
public:
    /// Connects to the site's vgpuctld, or to this node's vgpud where the site has none. `role` is
    /// "tool" or "plugin".
    explicit Client(const Conf &conf, const char *role = "tool");
    /// Connects to HOST:PORT, or to a Unix socket when `host` starts with '/' (`port` is then
    /// ignored).
    Client(const Conf &conf, const std::string &host, uint16_t port, const char *role = "tool");

    /// Sends one request and waits for its answer, `timeout_ms` at the most. A refusal throws Error
    /// with the daemon's text and code.
    msgpack::object_handle call(const std::string &method, const wire::Map &params = {});

    Lease acquire(const LeaseRequest &request);
    void renew(const std::string &lease);
    void release(const std::string &lease); // idempotent
    void release_step(uint32_t job, uint32_t step, uint32_t restart);
    void release_job(uint32_t job); // every step of it: for the epilog
    State state();

    int timeout_ms = 5000;

    const wire::Challenge &daemon() const
    {
        return connection_.peer();
    } // its node, instance, version

private:
    wire::ControlConnection connection_;
};

} // namespace vgpu::control
