// SPDX-License-Identifier: Apache-2.0
// vgpud's connection to vgpuctld: made again for ever, first of all registering, then with a
// heartbeat.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/connection.h"

namespace vgpu::control
{

class Uplink
{
public:
    struct Hooks {
        std::function<wire::Map()> registration;      // params of node.register
        std::function<wire::Map(uint64_t)> heartbeat; // of node.heartbeat, given the epoch
        Connection::OnRequest request;                // what vgpuctld asks
    };

    Uplink(uv_loop_t *loop, const Conf &conf, Hooks hooks);
    ~Uplink();

private:
    void connect();
    void connected(wire::StreamSocket socket, const wire::Challenge &peer);
    void later(const std::string &why);
    void beat();

    uv_loop_t *loop_;
    const Conf &conf_;
    Hooks hooks_;
    std::shared_ptr<Connection> connection_;
    std::unique_ptr<Timer> timer_; // the next attempt or the next heartbeat
    uint64_t wait_ms_ = 0;
    uint64_t epoch_ = 0;
    std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
};

} // namespace vgpu::control
