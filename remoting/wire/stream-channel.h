// SPDX-License-Identifier: Apache-2.0
// A channel over a connected stream socket, Unix or TCP.
#pragma once

#include "remoting/wire/channel.h"

namespace vgpu::wire
{

// Takes over the socket; for TCP sets TCP_NODELAY and keep-alive probes.
std::unique_ptr<Channel> make_stream_channel(Fd socket);

} // namespace vgpu::wire
