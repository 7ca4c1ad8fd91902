// SPDX-License-Identifier: Apache-2.0
// The worker's part of going on over another connection (HACKING.md, "Resumption").
#pragma once

#include "daemon/vgpustepd/startup.h"
#include "remoting/server/traffic-page.h"

#include <string>

namespace vgpu::stepd
{

// To a further connection, in place of its welcome.
void refuse(const Fd &connection, int code, const char *why) noexcept;

class Resumption
{
public:
    Resumption(const Startup &startup, server::TrafficPage &traffic);

    // What the client is to be told in its welcome, and who is told of a loss.
    void offer(wire::SessionWelcome &welcome) const;

    // The session's channel, if it outlives its connection.
    void begin(wire::LastingChannel *channel) noexcept { channel_ = channel; }

    bool lasts() const noexcept { return channel_; }

    // A connection of one who may be the session's client: goes on over it, or refuses it.
    void admit(Fd connection, const wire::Acceptance &acceptance);

private:
    void go_on(Fd &connection, const wire::Acceptance &acceptance);

    const std::string session_;
    const unsigned reconnect_s_;
    wire::Nonce secret_;
    server::TrafficPage &traffic_;
    wire::LastingChannel *channel_ = nullptr;
};

} // namespace vgpu::stepd
