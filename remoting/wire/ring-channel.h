// SPDX-License-Identifier: Apache-2.0
// A channel over two rings in shared memory; the Unix socket it was opened over stays for
// descriptors and for noticing that the peer died.
#pragma once

#include "remoting/wire/channel.h"

namespace vgpu::wire
{

// The memory of a pair of rings, to be made by the worker.
Fd make_ring_memory(size_t capacity);

// Throws EPROTO when the memory is not sealed or has not the size for `capacity`.
std::unique_ptr<Channel> make_ring_channel(Side side, Fd socket, const Fd &memory, size_t capacity);

} // namespace vgpu::wire
