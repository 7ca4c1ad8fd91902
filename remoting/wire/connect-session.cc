// SPDX-License-Identifier: Apache-2.0
// The client library's way to its worker.
#include "remoting/base/hex.h"
#include "remoting/base/variables.h"
#include "remoting/wire/address.h"
#include "remoting/wire/compressed-stream.h"
#include "remoting/wire/opening.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/ring.h"
#include "remoting/wire/stream-channel.h"
#include "remoting/wire/test-link.h"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace vgpu::wire
{

namespace
{

// The kernel asks again after one second, and after three: to ask anew is faster.
constexpr int kReconnectMs = 2000;

// Connects and hears the challenge. The lease's node is what counts: the socket's path may be that
// of this host's own vgpud, and an address may have been given to another machine.
Opening greet(const std::string &address, const LeaseFile &lease, int connect_ms = kHandshakeMs)
{
    Opening out(connect_to(address, Deadline::after_ms(connect_ms)), lease.auth, kHandshakeMs);
    if (out.challenge().node != lease.node)
        fail(EHOSTUNREACH, "%s is served by node %s, the lease is for %s", address.c_str(),
             out.challenge().node.c_str(), lease.node.c_str());
    return out;
}

// The session's end is for who reconnects it to tell, when he gives up.
std::unique_ptr<Channel> make_lasting(StreamSocket socket, const msgpack::object &welcome,
                                      SessionInfo &info)
{
    constexpr uint64_t kMostSeconds = 86'400;
    info.secret = get_32_bytes(welcome, "secret");
    info.reconnect_s =
        unsigned(std::clamp<uint64_t>(get_u64(welcome, "reconnect"), 1, kMostSeconds));
    auto channel = make_lasting_channel(std::move(socket), {.watched = true});
    info.lasting = channel.get();
    return channel;
}

std::unique_ptr<Channel> open_session(Opening opening, const LeaseFile &lease, bool ring,
                                      uint64_t api, SessionInfo *info)
{
    const Challenge &challenge = opening.challenge();
    Map fields;
    fields.set("lease", lease.lease)
        .set("channel", ring ? "ring" : "stream")
        .set("api", api)
        .set("resumes", !ring && info);
    opening.hello("session", std::move(fields), kHandshakeMs);

    std::vector<Fd> fds;
    auto frame = opening.welcome(kHandshakeMs, &fds);
    const msgpack::object &welcome = frame.get();
    std::string session(get_string(welcome, "session"));
    if (!is_id(session))
        fail(EPROTO, "the worker's session number is not 16 hexadecimal digits");
    if (info)
        *info = {.session = session,
                 .node = challenge.node,
                 .software = challenge.software,
                 .instance = challenge.instance,
                 .channel = {}};

    std::string_view channel = get_string(welcome, "channel");
    if (channel == "stream" && fds.empty() && info && find(welcome, "secret"))
        return with_test_link(make_lasting(opening.take(), welcome, *info));
    if (channel == "stream" && fds.empty())
        return with_test_link(make_stream_channel(opening.take()));
    if (channel != "ring" || !ring || fds.size() != 1)
        fail(EPROTO, "the worker on %s offers a channel that was not asked for",
             challenge.node.c_str());
    return make_ring_channel(Side::client, opening.take_plain(), fds[0], get_u64(welcome, "ring"));
}

std::string chosen_channel(const LeaseFile &lease, const SessionRequest &request)
{
    std::string out = request.channel;
    if (out.empty())
        out = variable(kChannelVariable);
    else
        check_value(kChannelVariable, out);
    return out.empty() ? lease.channel : out;
}

struct Reached {
    Opening opening;
    bool over_unix;
};

// The best way there is now. Only what happens before our hello makes us try the next address: a
// refusal is an answer.
Reached reach(const LeaseFile &lease, const std::string &channel, int connect_ms = kHandshakeMs)
{
    bool try_unix = channel != "tcp" && !lease.socket.empty();
    bool try_tcp = (channel == "auto" || channel == "tcp") && !lease.address.empty();
    if (!try_unix && !try_tcp)
        fail(EINVAL, "the channel %s is wanted, but the lease names no %s for it", channel.c_str(),
             channel == "tcp" ? "address" : "socket");

    std::optional<Error> first;
    for (bool over_unix : {true, false}) {
        if (!(over_unix ? try_unix : try_tcp))
            continue;
        try {
            return {greet(over_unix ? lease.socket : lease.address, lease, connect_ms), over_unix};
        } catch (const Error &error) {
            if (first)
                fail(error.code(), "node %s cannot be reached: %s; %s", lease.node.c_str(),
                     first->what(), error.what());
            first = error;
        }
    }
    fail(first->code(), "node %s cannot be reached: %s", lease.node.c_str(), first->what());
}

} // namespace

std::unique_ptr<Channel> connect_session(const LeaseFile &lease, const SessionRequest &request,
                                         SessionInfo *info)
{
    const std::string channel = chosen_channel(lease, request);
    auto [opening, over_unix] = reach(lease, channel);
    auto out =
        open_session(std::move(opening), lease, over_unix && channel != "unix", request.api, info);
    if (info)
        info->channel = channel;
    return out;
}

void resume_session(const LeaseFile &lease, const SessionInfo &session)
{
    LastingChannel &channel = *session.lasting;
    Opening opening = reach(lease, session.channel, kReconnectMs).opening;
    if (opening.challenge().instance != session.instance)
        throw Refused(ECONNREFUSED, text("vgpud on %s was started again, and its workers ended",
                                         lease.node.c_str()));
    const uint64_t received = channel.leave("it is given up for another one");
    Map fields;
    fields.set("lease", lease.lease)
        .set("session", session.session)
        .set("secret", std::span<const std::byte>(session.secret))
        .set("received", received);
    opening.hello("resume", std::move(fields), kHandshakeMs);
    auto frame = opening.welcome(kHandshakeMs);
    if (get_string(frame.get(), "session") != session.session)
        throw Refused(EPROTO, "another session's worker answered");
    const uint64_t arrived = get_u64(frame.get(), "received");
    if (!channel.keeps(arrived))
        throw Refused(EPROTO, "the worker lacks what is not kept here any more");
    channel.go_on(opening.take(), arrived);
}

BulkConnection connect_bulk(const LeaseFile &lease, const SessionInfo &session,
                            std::optional<BulkAgain> again)
{
    Opening opening = reach(lease, session.channel, again ? kReconnectMs : kHandshakeMs).opening;
    if (opening.challenge().instance != session.instance)
        throw Refused(ECONNREFUSED, text("vgpud on %s was started again", lease.node.c_str()));
    Map fields;
    if (again)
        fields.set("again", uint64_t(again->number)).set("position", again->position);
    fields.set("lease", lease.lease).set("session", session.session).set("compression", true);
    opening.hello("bulk", std::move(fields), kHandshakeMs);
    auto frame = opening.welcome(kHandshakeMs);
    if (get_string(frame.get(), "session") != session.session)
        fail(EPROTO, "another session's worker answered");
    // The node's vgpu.conf decides.
    const bool compression = get_bool(frame.get(), "compression", false);
    BulkConnection out;
    out.number = unsigned(std::min<uint64_t>(get_u64(frame.get(), "number", 0), kMostBulkLanes));
    out.most = unsigned(std::min<uint64_t>(get_u64(frame.get(), "connections", 1), kMostBulkLanes));
    // Whatever it says: each byte of it may be this process's to send.
    constexpr uint64_t kMost = uint64_t(1) << 32;
    out.window = std::min(get_u64(frame.get(), "window", kBulkWindow), kMost);
    out.stream = with_test_link(make_bulk_stream(opening.take()));
    if (compression)
        out.stream = make_compressed_stream(std::move(out.stream));
    return out;
}

} // namespace vgpu::wire
