// SPDX-License-Identifier: Apache-2.0
// MUNGE through libmunge.so.2, which is looked for only when it is needed: a wrapper library must
// not make every application depend on it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vgpu::wire
{

// `socket` may be empty for MUNGE's default. Throw Error(EACCES) with "munge: text".
std::string munge_encode_bytes(const std::string &socket, std::span<const std::byte> payload);

struct MungeDecoded {
    uid_t uid;
    std::vector<std::byte> payload;
};
MungeDecoded munge_decode_bytes(const std::string &socket, const std::string &credential);

} // namespace vgpu::wire
