// SPDX-License-Identifier: Apache-2.0
// Who the peer is: a MUNGE credential or a proof of knowing the shared key, either bound to all
// that both ends have said on this one connection, so that a recorded one, or one for words that
// somebody has changed on their way, is worth nothing.
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
    std::string munge_socket{}; // empty: MUNGE's own default
    std::string key_file{};     // for key
    bool encrypt = false;       // streams that leave the machine are sealed, or not opened
    std::string daemon_user{};  // munge: whose daemons are believed, beside root's and our own
};

using Nonce = std::array<std::byte, 32>;
using Key = std::array<std::byte, 32>;
using Digest = std::array<std::byte, 32>;

enum class End { connector, acceptor };

const char *method_name(AuthConfig::Method method) noexcept;
AuthConfig::Method parse_method(std::string_view name); // throws EINVAL

// 64 hexadecimal digits in a file that belongs to the caller or root and that no group or other may
// touch. Throws with what to do.
Key read_key_file(const std::string &path);

// Writes a new key to a file that must not exist yet, mode 0600.
void make_key_file(const std::string &path);

// What both ends have said before they prove who they are: the payloads of challenge and hello.
Digest transcript_of(std::span<const std::byte> challenge, std::span<const std::byte> hello);

// What the end `by` presents for it.
std::vector<std::byte> make_credential(const AuthConfig &config, End by, const Digest &transcript);

// The uid that the credential proves; under `key` that is the one `claimed` in the transcript, for
// MUNGE knows by itself. Throws EACCES with a reason that may be shown to the peer.
uid_t verify_credential(const AuthConfig &config, End by, const Digest &transcript,
                        std::span<const std::byte> credential, uid_t claimed);

// The connector's check of a daemon's: under munge it must be root's, one of our own, or
// daemon_user's. Throws EACCES.
void verify_acceptor(const AuthConfig &config, const Digest &transcript,
                     std::span<const std::byte> credential);

// Equal, in a time that does not depend on where they differ.
bool equal_bytes(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

} // namespace vgpu::wire
