// SPDX-License-Identifier: Apache-2.0
// A channel over a connected stream socket, Unix or TCP.
#pragma once

#include "remoting/wire/channel.h"
#include "remoting/wire/stream-socket.h"

namespace vgpu::wire
{

// Takes over the socket, sealed or not; for TCP sets TCP_NODELAY and keep-alive probes.
std::unique_ptr<Channel> make_stream_channel(StreamSocket socket, Side side = Side::client);
std::unique_ptr<Channel> make_stream_channel(Fd socket, Side side = Side::client);

} // namespace vgpu::wire
