// SPDX-License-Identifier: Apache-2.0
// The frames of the handshake, and the acceptor's judgement of them.
#include "remoting/wire/handshake.h"

#include "remoting/base/hex.h"
#include "remoting/base/random.h"
#include "remoting/wire/compressed-stream.h"
#include "remoting/wire/opening.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/ring.h"
#include "remoting/wire/stream-channel.h"

#include <algorithm>
#include <cerrno>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

namespace vgpu::wire
{

static_assert(SessionWelcome::kDefaultRingBytes == kDefaultRing);

std::string software_version()
{
#ifdef PACKAGE_VERSION
    return PACKAGE_VERSION;
#else
    return "unknown";
#endif
}

std::string same_version_text(uint64_t client, const std::string &daemon, const std::string &node,
                              uint64_t server)
{
    return text("the client speaks protocol %llu, %s on %s speaks %llu: "
                "install the same slurm-vgpu on both",
                (unsigned long long)client, daemon.c_str(), node.c_str(),
                (unsigned long long)server);
}

// ---- the challenge
// --------------------------------------------------------------------------------

Challenge make_challenge(const std::string &node, const std::string &instance,
                         AuthConfig::Method auth, const std::string &daemon)
{
    Challenge out;
    out.software = software_version();
    out.node = node;
    out.instance = instance;
    out.auth = auth;
    out.daemon = daemon;
    fill_random(out.nonce);
    return out;
}

void offer_sealing(Challenge &challenge, bool insist)
{
    challenge.encrypt = insist;
    challenge.exchange = make_exchange();
}

msgpack::sbuffer pack_challenge(const Challenge &challenge)
{
    Map map;
    if (challenge.exchange)
        map.set("exchange", std::span<const std::byte>(challenge.exchange->open));
    return map.set("type", "challenge")
        .set("protocol", challenge.protocol)
        .set("minor", challenge.minor)
        .set("software", challenge.software)
        .set("node", challenge.node)
        .set("instance", challenge.instance)
        .set("nonce", std::span<const std::byte>(challenge.nonce))
        .set("auth", method_name(challenge.auth))
        .set("daemon", challenge.daemon)
        .set("encrypt", challenge.encrypt)
        .pack();
}

Challenge parse_challenge(const msgpack::object &frame)
{
    if (get_string(frame, "type") != "challenge")
        fail(EPROTO, "the other side is no slurm-vgpu daemon: it sent no challenge");
    Challenge out;
    // Before anything else: a later protocol may have other fields.
    out.protocol = get_u64(frame, "protocol");
    out.node = get_string(frame, "node", "?");
    out.daemon = get_string(frame, "daemon", "vgpud");
    if (out.protocol != kProtocol)
        fail(EPROTO, "%s",
             same_version_text(kProtocol, out.daemon, out.node, out.protocol).c_str());
    out.minor = get_u64(frame, "minor", 0);
    out.software = get_string(frame, "software", "");
    out.instance = get_string(frame, "instance", "");
    out.auth = parse_method(get_string(frame, "auth"));
    out.nonce = get_32_bytes(frame, "nonce");
    out.encrypt = get_bool(frame, "encrypt");
    if (find(frame, "exchange"))
        out.exchange.emplace().open = get_32_bytes(frame, "exchange");
    return out;
}

// ---- the hello
// ------------------------------------------------------------------------------------

static bool is_one_of(std::string_view value, std::initializer_list<std::string_view> allowed)
{
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

static uid_t claimed_uid(const msgpack::object &frame, AuthConfig::Method method)
{
    if (method == AuthConfig::Method::munge)
        return uid_t(-1);
    uint64_t uid = get_u64(frame, "uid");
    if (uid >= uid_t(-1))
        fail(EPROTO, "%llu is no uid", (unsigned long long)uid);
    return uid_t(uid);
}

unsigned parse_lane(const msgpack::object &frame, const char *key)
{
    const uint64_t number = get_u64(frame, key);
    if (number >= kMostBulkLanes)
        fail(EPROTO, "%s: there is no bulk connection %llu", key, (unsigned long long)number);
    return unsigned(number);
}

static Peer parse_peer(const msgpack::object &frame)
{
    Peer peer;
    peer.role = get_string(frame, "role");
    peer.host = get_string(frame, "host");
    peer.pid = get_i64(frame, "pid");
    peer.software = get_string(frame, "software", "");
    if (!is_one_of(peer.role, {"session", "bulk", "resume", "tool", "plugin", "daemon"}))
        fail(EPROTO, "'%.40s' is no role", peer.role.c_str());
    // They are logged, and shown on other users' terminals.
    auto printable = [](char c) { return c >= ' ' && c != '\x7f'; };
    if (peer.host.size() > 255 || peer.software.size() > 64 ||
        !std::all_of(peer.host.begin(), peer.host.end(), printable))
        fail(EPROTO, "the hello's host or software is too long, or no plain text");
    if (peer.role == "session") {
        peer.lease = get_string(frame, "lease");
        peer.channel = get_string(frame, "channel");
        peer.api = get_u64(frame, "api");
        peer.resumes = get_bool(frame, "resumes", false);
        if (!is_id(peer.lease))
            fail(EPROTO, "the hello's lease is not 16 hexadecimal digits");
        if (!is_one_of(peer.channel, {"ring", "stream"}))
            fail(EPROTO, "'%.40s' is no kind of channel", peer.channel.c_str());
    }
    if (peer.role == "resume") {
        peer.secret = get_32_bytes(frame, "secret");
        peer.received = get_u64(frame, "received");
    }
    if (peer.role == "bulk") {
        peer.compression = get_bool(frame, "compression", false);
        if (find(frame, "again"))
            peer.again = {parse_lane(frame, "again"), get_u64(frame, "position")};
    }
    if (peer.role == "bulk" || peer.role == "resume") {
        peer.lease = get_string(frame, "lease");
        peer.session = get_string(frame, "session");
        if (!is_id(peer.lease) || !is_id(peer.session))
            fail(EPROTO, "the hello's lease or session is not 16 hexadecimal digits");
    }
    return peer;
}

// The connector's part of the exchange, if the connection is to be sealed.
static std::optional<Key> sealing_wanted(const msgpack::object &hello, const Challenge &challenge)
{
    if (!get_bool(hello, "encrypt") && !challenge.encrypt)
        return std::nullopt;
    if (!challenge.exchange)
        fail(EPROTO, "the client wants a sealed stream where %s on %s offers none",
             challenge.daemon.c_str(), challenge.node.c_str());
    if (!find(hello, "exchange"))
        fail(EPROTO, "%s on %s takes sealed streams only (Encrypt=yes), and the client offers none",
             challenge.daemon.c_str(), challenge.node.c_str());
    return get_32_bytes(hello, "exchange");
}

void check_hello(std::span<const std::byte> hello, const Challenge &challenge)
{
    auto handle = parse_frame(hello, kMaxOpeningFrame);
    const msgpack::object &frame = handle.get();
    if (get_string(frame, "type") != "hello")
        fail(EPROTO, "expected a hello after the challenge");
    uint64_t protocol = get_u64(frame, "protocol");
    if (protocol != kProtocol)
        fail(EPROTO, "%s",
             same_version_text(protocol, challenge.daemon, challenge.node, kProtocol).c_str());
}

Acceptance verify_hello(std::span<const std::byte> hello, std::span<const std::byte> proof,
                        const Challenge &challenge, const AuthConfig &auth, uint64_t api)
{
    check_hello(hello, challenge);
    auto handle = parse_frame(hello, kMaxOpeningFrame);
    const msgpack::object &frame = handle.get();
    Acceptance out;
    Peer &peer = out.peer;
    peer = parse_peer(frame);
    get_32_bytes(frame, "nonce"); // what makes the transcript new for the connector
    auto theirs = sealing_wanted(frame, challenge);
    auto method = parse_method(get_string(frame, "auth"));
    if (method != auth.method)
        fail(EACCES, "the client authenticates by %s, %s on %s by %s: set AuthType alike on both",
             method_name(method), challenge.daemon.c_str(), challenge.node.c_str(),
             method_name(auth.method));
    auto proving = parse_frame(proof, kMaxOpeningFrame);
    if (get_string(proving.get(), "type") != "proof")
        fail(EPROTO, "expected a proof after the hello");

    const auto asked = pack_challenge(challenge);
    const Digest transcript =
        transcript_of(std::as_bytes(std::span(asked.data(), asked.size())), hello);
    peer.uid =
        verify_credential(auth, End::connector, transcript, get_bytes(proving.get(), "credential"),
                          claimed_uid(frame, method));
    // Told only to who is known: which build runs here is no stranger's business.
    if (peer.role == "session" && api != 0 && peer.api != api)
        fail(EPROTO,
             "the client's call table (%s) is not that of %s on %s (%s): "
             "install the same slurm-vgpu on both",
             to_hex(peer.api).c_str(), challenge.daemon.c_str(), challenge.node.c_str(),
             to_hex(api).c_str());
    out.proof = make_credential(auth, End::acceptor, transcript);
    if (theirs)
        out.keys = agree(End::acceptor, *challenge.exchange, *theirs, transcript, auth);
    return out;
}

// ---- the answer
// -----------------------------------------------------------------------------------

msgpack::sbuffer pack_welcome(const Acceptance &acceptance, Map fields)
{
    return fields.set("type", "welcome")
        .set("software", software_version())
        .set("proof", std::span<const std::byte>(acceptance.proof))
        .pack();
}

StreamSocket welcomed(Fd connection, const Acceptance &acceptance, const msgpack::sbuffer &welcome)
{
    if (!acceptance.keys)
        return StreamSocket(std::move(connection));
    SealKeys keys = *acceptance.keys;
    bind_keys(keys, std::as_bytes(std::span(welcome.data(), welcome.size())));
    return StreamSocket(std::move(connection), keys);
}

msgpack::sbuffer pack_refuse(int code, std::string_view reason)
{
    return Map().set("type", "refuse").set("code", code).set("reason", reason).pack();
}

std::unique_ptr<Channel> accept_session(Fd connection, const SessionWelcome &welcome,
                                        LastingChannel **lasting)
{
    Deadline deadline = Deadline::after_ms(kHandshakeMs);
    Map fields;
    fields.set("session", welcome.session).set("channel", welcome.channel);
    if (welcome.channel != "ring") {
        const bool lasts = lasting && welcome.reconnect_s != 0;
        if (lasts)
            fields.set("reconnect", uint64_t(welcome.reconnect_s))
                .set("secret", std::span<const std::byte>(welcome.secret));
        auto frame = pack_welcome(welcome.acceptance, std::move(fields));
        send_frame(connection.get(), frame, deadline);
        StreamSocket socket = welcomed(std::move(connection), welcome.acceptance, frame);
        if (!lasts)
            return make_stream_channel(std::move(socket), Side::worker);
        auto channel =
            make_lasting_channel(std::move(socket), {.side = Side::worker,
                                                     .patience_ms = int(welcome.reconnect_s) * 1000,
                                                     .lost = welcome.lost});
        *lasting = channel.get();
        return channel;
    }
    Fd memory = make_ring_memory(welcome.ring);
    fields.set("ring", welcome.ring);
    int fd = memory.get();
    send_frame(connection.get(), pack_welcome(welcome.acceptance, std::move(fields)), deadline,
               std::span(&fd, 1));
    return make_ring_channel(Side::worker, std::move(connection), memory, welcome.ring);
}

StreamSocket accept_resumption(Fd connection, const std::string &session, uint64_t received,
                               const Acceptance &acceptance)
{
    Map fields;
    fields.set("session", session).set("received", received);
    auto frame = pack_welcome(acceptance, std::move(fields));
    send_frame(connection.get(), frame, Deadline::after_ms(kHandshakeMs));
    return welcomed(std::move(connection), acceptance, frame);
}

std::unique_ptr<BulkStream> accept_bulk(Fd connection, const std::string &session, unsigned number,
                                        const Acceptance &acceptance)
{
    Map fields;
    fields.set("session", session)
        .set("compression", acceptance.compression)
        .set("number", uint64_t(number))
        .set("connections", uint64_t(acceptance.bulk_connections))
        .set("window", acceptance.bulk_window);
    auto frame = pack_welcome(acceptance, std::move(fields));
    send_frame(connection.get(), frame, Deadline::after_ms(kHandshakeMs));
    auto stream = make_bulk_stream(welcomed(std::move(connection), acceptance, frame));
    return acceptance.compression ? make_compressed_stream(std::move(stream)) : std::move(stream);
}

} // namespace vgpu::wire
