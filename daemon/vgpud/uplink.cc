// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/uplink.h"

#include <algorithm>

#include "remoting/base/error.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

constexpr uint64_t kFirstWaitMs = 200;
constexpr uint64_t kLongestWaitMs = 5000;

} // namespace

Uplink::Uplink(uv_loop_t *loop, const Conf &conf, Hooks hooks)
    : loop_(loop), conf_(conf), hooks_(std::move(hooks))
{
    connect();
}

Uplink::~Uplink()
{
    *open_ = false;
    if (auto connection = std::move(connection_))
        connection->close("vgpud is going down");
}

void Uplink::connect()
{
    struct Outcome {
        wire::StreamSocket socket;
        wire::Challenge peer;
        std::string error;
    };
    auto outcome = std::make_shared<Outcome>();
    const std::string address = HostPort{conf_.vgpuctld_host, conf_.vgpuctld_port}.to_string();
    // Names are looked up, munged is asked and a dead host is waited for: all of that off the loop.
    off_loop(
        loop_,
        [outcome, address, auth = conf_.auth] {
            try {
                wire::ControlConnection made = wire::connect_control(address, "daemon", auth);
                outcome->peer = made.peer();
                outcome->socket = made.release();
            } catch (const std::exception &error) {
                outcome->error = error.what();
            }
        },
        [this, outcome, open = open_] {
            if (!*open)
                return;
            if (outcome->socket)
                connected(std::move(outcome->socket), outcome->peer);
            else
                later(outcome->error);
        });
}

void Uplink::connected(wire::StreamSocket socket, const wire::Challenge &peer)
{
    wire::Peer who;
    who.role = "daemon";
    who.host = "vgpuctld on " + peer.node;
    connection_ =
        std::make_shared<Connection>(loop_, std::move(socket), who, hooks_.request,
                                     [this, open = open_](Connection &, const std::string &why) {
                                         if (*open)
                                             later(why);
                                     });
    connection_->start();
    connection_->request(
        "node.register", hooks_.registration(), [this, open = open_](const Answer &answer) {
            if (!*open || !connection_)
                return;
            if (!answer.ok())
                return connection_->close("vgpuctld refuses this node: " + answer.error);
            epoch_ = wire::get_u64(answer.result, "epoch");
            const uint64_t every =
                1000 * wire::get_u64(answer.result, "heartbeat_s", conf_.heartbeat_interval);
            log(Level::info, "registered with %s", connection_->peer().host.c_str());
            wait_ms_ = 0;
            timer_ = std::make_unique<Timer>(loop_, 0, std::max<uint64_t>(every, 100),
                                             [this] { beat(); });
        });
}

void Uplink::beat()
{
    if (!connection_)
        return;
    connection_->request("node.heartbeat", hooks_.heartbeat(epoch_),
                         [this, open = open_](const Answer &answer) {
                             // A vgpuctld that does not know us any more, or hangs, is met again
                             // from the start.
                             if (*open && connection_ && !answer.ok())
                                 connection_->close("heartbeat: " + answer.error);
                         });
}

void Uplink::later(const std::string &why)
{
    connection_.reset();
    // Once, not at every attempt: a vgpuctld that is down for a night shall not fill the log.
    log(wait_ms_ ? Level::debug : Level::warning,
        "no connection to vgpuctld on %s (%s): trying again", conf_.vgpuctld_host.c_str(),
        why.c_str());
    wait_ms_ = std::clamp(wait_ms_ * 2, kFirstWaitMs, kLongestWaitMs);
    timer_ = std::make_unique<Timer>(loop_, wait_ms_, 0, [this] { connect(); });
}

} // namespace vgpu::control
