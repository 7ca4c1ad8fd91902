// SPDX-License-Identifier: Apache-2.0
// The connector's common part of opening a connection, for sessions and control connections.
#pragma once

#include "remoting/wire/handshake.h"

namespace vgpu::wire
{

std::string software_version();
std::string same_version_text(uint64_t client, const std::string &daemon, const std::string &node,
                              uint64_t server);

// The acceptor's first frame.
Challenge receive_challenge(int fd, int timeout_ms);

// Answers the challenge. `fields` holds what only this kind of connection has; `lease` is bound
// into the credential.
void send_hello(int fd, const Challenge &challenge, std::string_view role, const AuthConfig &auth,
                std::string_view lease, Map fields, int timeout_ms);

// The welcome; a refusal is thrown as Error with its code and reason.
msgpack::object_handle receive_welcome(int fd, const Challenge &challenge, int timeout_ms,
                                       std::vector<Fd> *fds = nullptr);

} // namespace vgpu::wire
