// SPDX-License-Identifier: Apache-2.0
// The connector's common part of opening a connection, for sessions and control connections.
#pragma once

#include "remoting/wire/handshake.h"

namespace vgpu::wire
{

std::string software_version();
std::string same_version_text(uint64_t client, const std::string &daemon, const std::string &node,
                              uint64_t server);

// One connection being opened: hears the challenge, answers it, and judges the welcome.
class Opening
{
public:
    // Blocks until the challenge is there.
    Opening(Fd fd, const AuthConfig &auth, int timeout_ms);

    const Challenge &challenge() const noexcept { return challenge_; }

    // Answers the challenge. `fields` holds what only this kind of connection has.
    void hello(std::string_view role, Map fields, int timeout_ms);

    // The welcome; throws Refused. A daemon that does not prove itself is not believed.
    msgpack::object_handle welcome(int timeout_ms, std::vector<Fd> *fds = nullptr);

    // The connection behind the welcome, sealed if that was agreed on.
    StreamSocket take();
    Fd take_plain() noexcept { return std::move(fd_); } // of a ring

private:
    Fd fd_;
    AuthConfig auth_;
    Challenge challenge_;
    std::vector<std::byte> challenge_bytes_;
    Digest transcript_{};
    std::optional<SealKeys> keys_;
};

} // namespace vgpu::wire
