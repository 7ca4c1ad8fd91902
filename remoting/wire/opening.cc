// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/opening.h"

#include "remoting/base/random.h"
#include "remoting/wire/address.h"

#include <cerrno>

#include <unistd.h>

namespace vgpu::wire
{

static std::string host_name()
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return name;
}

static std::span<const std::byte> bytes_of(const msgpack::sbuffer &buffer) noexcept
{
    return std::as_bytes(std::span(buffer.data(), buffer.size()));
}

Opening::Opening(Fd fd, const AuthConfig &auth, int timeout_ms) : fd_(std::move(fd)), auth_(auth)
{
    challenge_bytes_ = receive_payload(fd_.get(), kMaxOpeningFrame, Deadline::after_ms(timeout_ms));
    auto frame = parse_frame(challenge_bytes_, kMaxOpeningFrame);
    const msgpack::object &map = frame.get();
    // An acceptor that is full or going down refuses before it challenges.
    if (get_string(map, "type") == "refuse")
        throw Refused(int(get_i64(map, "code")), std::string(get_string(map, "reason")));
    challenge_ = parse_challenge(map);
}

void Opening::hello(std::string_view role, Map fields, int timeout_ms)
{
    if (challenge_.auth != auth_.method)
        fail(EACCES, "%s on %s authenticates by %s, the client by %s: set AuthType alike on both",
             challenge_.daemon.c_str(), challenge_.node.c_str(), method_name(challenge_.auth),
             method_name(auth_.method));
    const bool leaves = !is_unix_socket(fd_.get());
    const bool sealed = leaves && (auth_.encrypt || challenge_.encrypt);
    if (sealed && !challenge_.exchange)
        fail(EACCES, "%s on %s offers no sealed stream, and Encrypt=yes demands one",
             challenge_.daemon.c_str(), challenge_.node.c_str());
    Nonce nonce;
    fill_random(nonce);
    std::optional<Exchange> mine;
    if (sealed)
        fields.set("exchange", std::span<const std::byte>(mine.emplace(make_exchange()).open));
    fields.set("type", "hello")
        .set("protocol", kProtocol)
        .set("minor", kMinorProtocol)
        .set("software", software_version())
        .set("role", role)
        .set("host", host_name())
        .set("pid", int64_t(getpid()))
        .set("auth", method_name(auth_.method))
        .set("nonce", std::span<const std::byte>(nonce))
        .set("encrypt", sealed);
    if (auth_.method == AuthConfig::Method::key)
        fields.set("uid", uint64_t(geteuid()));
    const auto said = fields.pack();
    transcript_ = transcript_of(challenge_bytes_, bytes_of(said));
    if (mine)
        keys_ = agree(End::connector, *mine, challenge_.exchange->open, transcript_, auth_);
    const auto credential = make_credential(auth_, End::connector, transcript_);
    const auto proof =
        Map().set("type", "proof").set("credential", std::span<const std::byte>(credential)).pack();
    const std::string both = frame_bytes(said) + frame_bytes(proof);
    write_all(fd_.get(), std::as_bytes(std::span(both)), Deadline::after_ms(timeout_ms));
}

msgpack::object_handle Opening::welcome(int timeout_ms, std::vector<Fd> *fds)
{
    const auto payload =
        receive_payload(fd_.get(), kMaxOpeningFrame, Deadline::after_ms(timeout_ms), fds);
    auto frame = parse_frame(payload, kMaxOpeningFrame);
    const msgpack::object &map = frame.get();
    std::string_view type = get_string(map, "type");
    if (type == "refuse")
        throw Refused(int(get_i64(map, "code")), std::string(get_string(map, "reason")));
    if (type != "welcome")
        fail(EPROTO, "%s on %s neither welcomes nor refuses us", challenge_.daemon.c_str(),
             challenge_.node.c_str());
    try {
        verify_acceptor(auth_, transcript_, get_bytes(map, "proof"));
    } catch (const Error &error) {
        fail(EACCES, "%s on %s does not prove that it is one: %s", challenge_.daemon.c_str(),
             challenge_.node.c_str(), error.what());
    }
    if (keys_)
        bind_keys(*keys_, payload);
    return frame;
}

StreamSocket Opening::take()
{
    return keys_ ? StreamSocket(std::move(fd_), *keys_) : StreamSocket(std::move(fd_));
}

} // namespace vgpu::wire
