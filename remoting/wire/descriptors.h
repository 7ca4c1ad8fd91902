// SPDX-License-Identifier: Apache-2.0
// Bytes with descriptors beside them on a Unix socket (SCM_RIGHTS).
#pragma once

#include "remoting/base/fd.h"

#include <span>
#include <vector>

#include <sys/types.h>

namespace vgpu::wire
{

constexpr size_t kMaxDescriptors = 8; // in one call

// One sendmsg(), without SIGPIPE and without blocking: its result and errno.
ssize_t send_with_descriptors(int socket, std::span<const std::byte> bytes,
                              std::span<const int> fds);

// One recvmsg() without blocking. What descriptors come are appended to `fds`, close-on-exec, or
// closed where it is null. Throws EPROTO when more came than kMaxDescriptors.
ssize_t receive_with_descriptors(int socket, std::span<std::byte> bytes, std::vector<Fd> *fds);

} // namespace vgpu::wire
