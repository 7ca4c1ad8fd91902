// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpustepd/resumption.h"

#include "daemon/common/cuda-codes.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"

namespace vgpu::stepd
{

void refuse(const Fd &connection, int code, const char *why) noexcept
{
    try {
        wire::send_frame(connection.get(), wire::pack_refuse(code, why),
                         Deadline::after_ms(wire::kHandshakeMs));
    } catch (const Error &) {
        // Its client is gone again.
    }
}

Resumption::Resumption(const Startup &startup, server::TrafficPage &traffic)
    : session_(startup.session), reconnect_s_(startup.reconnect_s), traffic_(traffic)
{
    fill_random(secret_);
}

void Resumption::offer(wire::SessionWelcome &welcome) const
{
    welcome.reconnect_s = reconnect_s_;
    welcome.secret = secret_;
    welcome.lost = [session = session_, seconds = reconnect_s_](const std::string &why) {
        log(Level::info, "session %s: the connection is lost: %s; its client has %u s to come back",
            session.c_str(), why.c_str(), seconds);
    };
}

void Resumption::admit(Fd connection, const wire::Acceptance &acceptance)
{
    try {
        go_on(connection, acceptance);
    } catch (const Error &error) {
        log(Level::warning, "session %s does not go on over another connection: %s",
            session_.c_str(), error.what());
        if (connection) // it was not welcomed
            refuse(connection, error.code(), error.what());
    }
}

void Resumption::go_on(Fd &connection, const wire::Acceptance &acceptance)
{
    const wire::Peer &peer = acceptance.peer;
    if (!channel_)
        fail(control::kCudaDriverMismatch, "session %s ends with its connection", session_.c_str());
    if (!wire::equal_bytes(peer.secret, secret_))
        fail(control::kCudaNotPermitted,
             "only the client of session %s may go on with it: this is another process",
             session_.c_str());
    uint64_t received;
    try {
        received = channel_->leave("its client comes over another one");
    } catch (const Error &error) {
        fail(control::kCudaNoDevice, "session %s has ended: %s", session_.c_str(), error.what());
    }
    if (!channel_->keeps(peer.received)) {
        channel_->end("what the client lacks is not kept any more");
        fail(control::kCudaNoDevice, "too much was lost with the connection of session %s",
             session_.c_str());
    }
    wire::StreamSocket socket =
        wire::accept_resumption(std::move(connection), session_, received, acceptance);
    channel_->go_on(std::move(socket), peer.received);
    traffic_.reconnects.fetch_add(1, std::memory_order_relaxed);
    log(Level::info, "session %s goes on over another connection", session_.c_str());
}

} // namespace vgpu::stepd
