// SPDX-License-Identifier: Apache-2.0
// Opening a connection (HACKING.md): challenge, hello, proof, welcome or refuse; both ends of it.
#pragma once

#include "remoting/wire/auth.h"
#include "remoting/wire/bulk-stream.h"
#include "remoting/wire/channel.h"
#include "remoting/wire/fields.h"
#include "remoting/wire/frame.h"
#include "remoting/wire/lasting-channel.h"
#include "remoting/wire/lease-file.h"
#include "remoting/wire/seal.h"
#include "remoting/wire/stream-socket.h"

#include <functional>
#include <optional>
#include <string>

namespace vgpu::wire
{

constexpr uint64_t kProtocol = 2; // must be equal on both ends
constexpr uint64_t kMinorProtocol =
    0;                               // may differ: unknown keys and methods are told apart by name
constexpr int kHandshakeMs = 10'000; // for each step

// ---- acceptor: vgpud, vgpuctld ------------------------------------------------------------------

struct Challenge {
    uint64_t protocol = kProtocol;
    uint64_t minor = kMinorProtocol;
    std::string software;
    std::string node;
    std::string instance;
    Nonce nonce{};
    AuthConfig::Method auth = AuthConfig::Method::munge;
    std::string daemon = "vgpud";     // for texts only
    bool encrypt = false;             // the acceptor insists on sealing
    std::optional<Exchange> exchange; // its part, if it can seal; no secret on the connector's side
};

// A challenge with a fresh nonce; keep it until the hello has come, use it for that one only.
Challenge make_challenge(const std::string &node, const std::string &instance,
                         AuthConfig::Method auth, const std::string &daemon = "vgpud");

// For a connection that leaves the machine: the acceptor can seal it, or insists on that.
void offer_sealing(Challenge &challenge, bool insist);

msgpack::sbuffer pack_challenge(const Challenge &challenge);
Challenge parse_challenge(const msgpack::object &frame);

// A bulk connection that takes the place of one that was lost.
struct BulkAgain {
    unsigned number = 0;   // of that one
    uint64_t position = 0; // in the stream to the worker: what comes next
};

// What the connector said, and proved.
struct Peer {
    uid_t uid = uid_t(-1);
    std::string role; // session, bulk, resume, tool, plugin, daemon
    std::string host;
    int64_t pid = 0;
    std::string software;
    std::string lease;        // session, bulk and resume only
    std::string session;      // bulk and resume only: the one that it belongs to
    bool compression = false; // bulk only: it can compress
    // bulk only: it takes the place of that connection, and goes on from this byte.
    std::optional<BulkAgain> again{};
    std::string channel;   // session only: "ring" or "stream"
    uint64_t api = 0;      // session only: hash of the call table
    bool resumes = false;  // session only: it can go on over another connection
    Nonce secret{};        // resume only: the session's
    uint64_t received = 0; // resume only: so many bytes of the worker's messages
};

// What a welcome needs beside its own words: made by who knows the secrets, used by who welcomes.
struct Acceptance {
    Peer peer;
    std::vector<std::byte> proof; // that the acceptor is one
    std::optional<SealKeys> keys; // if the connection is to be sealed after the welcome
    // Of a bulk connection alone.
    bool compression = false;           // blocks are compressed where that is worth it
    uint64_t bulk_window = kBulkWindow; // what may be under way each way
    unsigned bulk_connections = 1;      // of the session at most
};

// The first look at a hello, before its proof is there: is it one, and of our version? Throws
// Error.
void check_hello(std::span<const std::byte> hello, const Challenge &challenge);

// Judges the payloads of the two frames. Throws Error whose text is the reason to send in a
// refusal. `api`: the hash that a session must have, 0 if the acceptor does not care. Blocks for as
// long as munged takes.
Acceptance verify_hello(std::span<const std::byte> hello, std::span<const std::byte> proof,
                        const Challenge &challenge, const AuthConfig &auth, uint64_t api = 0);

// The answers. A welcome may carry further fields; the session's is sent by accept_session().
msgpack::sbuffer pack_welcome(const Acceptance &acceptance, Map fields = {});
msgpack::sbuffer pack_refuse(int code, std::string_view reason);

// The connection behind the welcome that was sent, sealed if it is to be.
StreamSocket welcomed(Fd connection, const Acceptance &acceptance, const msgpack::sbuffer &welcome);

// ---- acceptor: vgpustepd, handed a connection whose hello vgpud has verified
// -----------------------

struct SessionWelcome {
    std::string session;             // 16 hexadecimal digits
    std::string channel;             // what the peer asked for: "ring" or "stream"
    size_t ring = kDefaultRingBytes; // bytes of one direction
    Acceptance acceptance{};         // vgpud's
    // Where the session outlives its connection (HACKING.md, "Resumption"): so long it waits for
    // another one, 0: it does not; whose opener proves by the secret that he is its client; and who
    // is told of a loss.
    unsigned reconnect_s = 0;
    Nonce secret{};
    std::function<void(const std::string &why)> lost = [](const std::string &) {};

    static constexpr size_t kDefaultRingBytes = size_t(2) << 20;
};

// Sends the welcome, with the rings' memory if it is a ring, and gives the worker's end. `lasting`
// is that too where the session outlives its connection.
std::unique_ptr<Channel> accept_session(Fd connection, const SessionWelcome &welcome,
                                        LastingChannel **lasting = nullptr);

// The welcome of a session's next connection: the worker has received so many bytes of messages.
StreamSocket accept_resumption(Fd connection, const std::string &session, uint64_t received,
                               const Acceptance &acceptance);

// The number of a bulk connection.
unsigned parse_lane(const msgpack::object &frame, const char *key);

// The same for a session's bulk connection, which is its `number`th.
std::unique_ptr<BulkStream> accept_bulk(Fd connection, const std::string &session, unsigned number,
                                        const Acceptance &acceptance);

// ---- connector: the client library
// ------------------------------------------------------------------

// What is thrown when the acceptor refuses: its reason, and its code, which is a CUresult for a
// session and an errno for other roles.
struct Refused : Error {
    using Error::Error;
};

struct SessionRequest {
    uint64_t api = 0; // hash of the call table
    std::string
        channel; // auto, shm, unix, tcp: overrides the lease; empty: VGPU_CHANNEL, then the lease
};

// What the acceptor said, for the log and for vgpu-smi.
struct SessionInfo {
    std::string session;
    std::string node;
    std::string software;
    std::string instance;
    std::string channel; // auto, shm, unix, tcp: what may be used, now and later
    // Where the session outlives its connection, as in SessionWelcome.
    LastingChannel *lasting = nullptr;
    unsigned reconnect_s = 0;
    Nonce secret{};
};

// Tries the lease's Unix socket if it is served by the lease's node, then its TCP address. Throws
// Refused, or what kept each address from answering.
std::unique_ptr<Channel> connect_session(const LeaseFile &lease, const SessionRequest &request,
                                         SessionInfo *info = nullptr);

// The next connection of a session that has lost its own, over which it goes on: one attempt, by
// the best way that there is now. Throws Refused, also where no attempt will succeed, or Error.
void resume_session(const LeaseFile &lease, const SessionInfo &session);

// A bulk connection of a session over a stream, likewise. Throws Refused, or Error.
BulkConnection connect_bulk(const LeaseFile &lease, const SessionInfo &session,
                            std::optional<BulkAgain> again = {});

// ---- connector: tools, plugins, daemons
// ---------------------------------------------------------------

// A control connection for callers that ask and wait for the answer. Daemons with a loop take the
// descriptor and go on with FrameReader.
class ControlConnection
{
public:
    explicit ControlConnection(StreamSocket socket, Challenge peer)
        : socket_(std::move(socket)), peer_(std::move(peer))
    {
    }

    // The result map. Throws the code and text of a failed reply. A request that the other side
    // makes meanwhile is answered with ENOSYS.
    msgpack::object_handle call(std::string_view method, const Map &params = {},
                                int timeout_ms = kHandshakeMs);

    const Challenge &peer() const noexcept { return peer_; } // node, instance, software
    int descriptor() const noexcept { return socket_.get(); }
    StreamSocket release() noexcept { return std::move(socket_); }

private:
    StreamSocket socket_;
    Challenge peer_;
    uint64_t next_id_ = 1;
};

// `address` as in address.h, `role` tool, plugin or daemon.
ControlConnection connect_control(const std::string &address, std::string_view role,
                                  const AuthConfig &auth, int timeout_ms = kHandshakeMs);

msgpack::sbuffer pack_request(uint64_t id, std::string_view method, const Map &params);
msgpack::sbuffer pack_reply(uint64_t id, const Map &result);
msgpack::sbuffer pack_failure(uint64_t id, int code, std::string_view error);

} // namespace vgpu::wire
