// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/opening.h"

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

Challenge receive_challenge(int fd, int timeout_ms)
{
    auto frame = receive_frame(fd, kMaxOpeningFrame, Deadline::after_ms(timeout_ms));
    const msgpack::object &map = frame.get();
    // An acceptor that is full or going down refuses before it challenges.
    if (get_string(map, "type") == "refuse")
        throw Error(int(get_i64(map, "code")), std::string(get_string(map, "reason")));
    return parse_challenge(map);
}

void send_hello(int fd, const Challenge &challenge, std::string_view role, const AuthConfig &auth,
                std::string_view lease, Map fields, int timeout_ms)
{
    if (challenge.auth != auth.method)
        fail(EACCES, "%s on %s authenticates by %s, the client by %s: set AuthType alike on both",
             challenge.daemon.c_str(), challenge.node.c_str(), method_name(challenge.auth),
             method_name(auth.method));
    uid_t uid = geteuid();
    auto credential = make_credential(auth, challenge.nonce, lease, uid);
    fields.set("type", "hello")
        .set("protocol", kProtocol)
        .set("minor", kMinorProtocol)
        .set("software", software_version())
        .set("role", role)
        .set("host", host_name())
        .set("pid", int64_t(getpid()))
        .set("auth", method_name(auth.method))
        .set("credential", std::span<const std::byte>(credential));
    if (auth.method == AuthConfig::Method::key)
        fields.set("uid", uint64_t(uid));
    send_frame(fd, fields.pack(), Deadline::after_ms(timeout_ms));
}

msgpack::object_handle receive_welcome(int fd, const Challenge &challenge, int timeout_ms,
                                       std::vector<Fd> *fds)
{
    auto frame = receive_frame(fd, kMaxOpeningFrame, Deadline::after_ms(timeout_ms), fds);
    const msgpack::object &map = frame.get();
    std::string_view type = get_string(map, "type");
    if (type == "refuse")
        throw Error(int(get_i64(map, "code")), std::string(get_string(map, "reason")));
    if (type != "welcome")
        fail(EPROTO, "%s on %s neither welcomes nor refuses us", challenge.daemon.c_str(),
             challenge.node.c_str());
    return frame;
}

} // namespace vgpu::wire
