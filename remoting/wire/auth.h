// SPDX-License-Identifier: Apache-2.0
// Who the peer is: a MUNGE credential or a proof of knowing the shared key, either bound to the
// nonce that the acceptor drew for this one connection, so that a recorded one is worth nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace vgpu::wire
{

struct AuthConfig {
    enum class Method { munge, key };
    Method method = Method::munge;
    std::string munge_socket; // empty: MUNGE's own default
    std::string key_file;     // for key
};

using Nonce = std::array<std::byte, 32>;
using Key = std::array<std::byte, 32>;

const char *method_name(AuthConfig::Method method) noexcept;
AuthConfig::Method parse_method(std::string_view name); // throws EINVAL

// 64 hexadecimal digits in a file that belongs to the caller or root and that no group or other may
// touch. Throws with what to do.
Key read_key_file(const std::string &path);

// Writes a new key to a file that must not exist yet, mode 0600.
void make_key_file(const std::string &path);

// What the connector presents; `uid` is what it claims under `key` (MUNGE knows by itself).
std::vector<std::byte> make_credential(const AuthConfig &config, const Nonce &nonce,
                                       std::string_view lease, uid_t uid);

// The uid that the credential proves. Throws EACCES with a reason that may be shown to the peer.
uid_t verify_credential(const AuthConfig &config, const Nonce &nonce, std::string_view lease,
                        std::span<const std::byte> credential, uid_t claimed_uid);

// Equal, in a time that does not depend on where they differ.
bool equal_bytes(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

} // namespace vgpu::wire
