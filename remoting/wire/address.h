// SPDX-License-Identifier: Apache-2.0
// Where a daemon listens: a Unix socket's path or host:port.
#pragma once

#include "remoting/base/fd.h"

#include <string>

namespace vgpu::wire
{

// "/path" or "unix:/path" for a Unix socket, else host:port. True for the former.
bool is_unix_address(const std::string &address) noexcept;

// A connected stream socket, close-on-exec. Tries each address a name has. Throws with a text that
// names the address; the code is errno's of the last attempt, ETIMEDOUT, or EADDRNOTAVAIL.
Fd connect_to(const std::string &address, Deadline deadline);

// A listening stream socket. An old Unix socket that nobody serves is replaced, one that is served
// is refused with EADDRINUSE; `mode` is the socket file's. Port 0 takes a free one.
Fd listen_on(const std::string &address, unsigned mode = 0666);

// "host:port" or the path that a listening or connected socket has at this end.
std::string local_address(int fd);

// TCP_NODELAY and keep-alive probes (a silent peer is given up after about a minute); no effect on
// others. True if it is TCP.
bool tune_tcp(int fd);

// The peer's address without its port; "?" if it is gone.
std::string peer_host(int fd);

// A connection that cannot leave this machine.
bool is_unix_socket(int fd) noexcept;

} // namespace vgpu::wire
