// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/auth.h"

#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/hex.h"
#include "remoting/base/random.h"
#include "remoting/wire/munge.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::wire
{

static_assert(sizeof(Key) == crypto_auth_KEYBYTES);

namespace
{

std::vector<std::byte> join(std::initializer_list<std::span<const std::byte>> parts)
{
    std::vector<std::byte> out;
    for (auto part : parts)
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

const unsigned char *raw(const std::byte *bytes) noexcept
{
    return reinterpret_cast<const unsigned char *>(bytes);
}

using Tag = std::array<std::byte, crypto_auth_BYTES>;

// What a credential is made for. The ends' words differ, so that neither can be answered with its
// own credential.
std::vector<std::byte> statement(End by, const Digest &transcript)
{
    constexpr std::string_view kWords[] = {"slurm-vgpu connector", "slurm-vgpu acceptor "};
    return join({std::as_bytes(std::span(kWords[int(by)])), transcript});
}

Tag key_tag(const Key &key, End by, const Digest &transcript)
{
    auto text = statement(by, transcript);
    Tag tag;
    crypto_auth(reinterpret_cast<unsigned char *>(tag.data()), raw(text.data()), text.size(),
                raw(key.data()));
    return tag;
}

// Keys do not stay in memory longer than they are used.
struct Wiped {
    Key key;
    ~Wiped() { sodium_memzero(key.data(), key.size()); }
};

} // namespace

const char *method_name(AuthConfig::Method method) noexcept
{
    return method == AuthConfig::Method::munge ? "munge" : "key";
}

AuthConfig::Method parse_method(std::string_view name)
{
    if (name == "munge")
        return AuthConfig::Method::munge;
    if (name == "key")
        return AuthConfig::Method::key;
    fail(EINVAL, "'%.40s' is no kind of authentication: expected munge or key",
         std::string(name).c_str());
}

bool equal_bytes(std::span<const std::byte> a, std::span<const std::byte> b) noexcept
{
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

Key read_key_file(const std::string &path)
{
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd)
        fail_errno("cannot open the key file %s", path.c_str());
    struct stat info;
    if (fstat(fd.get(), &info) < 0)
        fail_errno("cannot examine the key file %s", path.c_str());
    if (!S_ISREG(info.st_mode))
        fail(EACCES, "the key file %s is not a regular file", path.c_str());
    if (info.st_uid != geteuid() && info.st_uid != 0)
        fail(EACCES, "the key file %s belongs to uid %u: it must be yours (chown) or root's",
             path.c_str(), unsigned(info.st_uid));
    if (info.st_mode & 077)
        fail(EACCES, "the key file %s is open to others (mode %03o): chmod 600 it", path.c_str(),
             unsigned(info.st_mode & 0777));
    char digits[128];
    ssize_t n = read(fd.get(), digits, sizeof digits);
    if (n < 0)
        fail_errno("cannot read the key file %s", path.c_str());
    std::string_view text(digits, size_t(n));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.remove_suffix(1);
    std::vector<std::byte> bytes;
    try {
        bytes = from_hex(text);
    } catch (const Error &) {
        bytes.clear(); // the reason would quote parts of a secret
    }
    sodium_memzero(digits, sizeof digits);
    Key key;
    if (bytes.size() != key.size())
        fail(EINVAL,
             "the key file %s does not hold 64 hexadecimal digits: make one with "
             "'openssl rand -hex 32'",
             path.c_str());
    std::copy(bytes.begin(), bytes.end(), key.begin());
    sodium_memzero(bytes.data(), bytes.size());
    return key;
}

void make_key_file(const std::string &path)
{
    Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd)
        fail_errno("cannot make the key file %s", path.c_str());
    Wiped fresh;
    fill_random(fresh.key);
    std::string line = to_hex(fresh.key) + "\n";
    write_all(fd.get(), std::as_bytes(std::span(line)), Deadline::never(), path.c_str());
    sodium_memzero(line.data(), line.size());
}

Digest transcript_of(std::span<const std::byte> challenge, std::span<const std::byte> hello)
{
    crypto_generichash_state state;
    Digest out;
    crypto_generichash_init(&state, nullptr, 0, out.size());
    for (auto part : {challenge, hello}) {
        // With its length, so that nothing can move from one to the other.
        const uint64_t size = part.size();
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char *>(&size),
                                  sizeof size);
        crypto_generichash_update(&state, raw(part.data()), part.size());
    }
    crypto_generichash_final(&state, reinterpret_cast<unsigned char *>(out.data()), out.size());
    return out;
}

std::vector<std::byte> make_credential(const AuthConfig &config, End by, const Digest &transcript)
{
    if (config.method == AuthConfig::Method::key) {
        Wiped wiped{read_key_file(config.key_file)};
        Tag tag = key_tag(wiped.key, by, transcript);
        return {tag.begin(), tag.end()};
    }
    std::string credential = munge_encode_bytes(config.munge_socket, statement(by, transcript));
    return join({std::as_bytes(std::span(credential))});
}

uid_t verify_credential(const AuthConfig &config, End by, const Digest &transcript,
                        std::span<const std::byte> credential, uid_t claimed)
{
    if (config.method == AuthConfig::Method::key) {
        Wiped wiped{read_key_file(config.key_file)};
        if (!equal_bytes(key_tag(wiped.key, by, transcript), credential))
            fail(EACCES, "the credential is refused: do the two hosts have the same key file?");
        return claimed;
    }
    std::string text(reinterpret_cast<const char *>(credential.data()), credential.size());
    MungeDecoded decoded = munge_decode_bytes(config.munge_socket, text);
    if (!equal_bytes(decoded.payload, statement(by, transcript)))
        fail(EACCES, "munge: the credential was made for another connection, or for other words");
    return decoded.uid;
}

void verify_acceptor(const AuthConfig &config, const Digest &transcript,
                     std::span<const std::byte> credential)
{
    const uid_t uid = verify_credential(config, End::acceptor, transcript, credential, geteuid());
    if (uid == 0 || uid == geteuid())
        return;
    passwd entry;
    passwd *user = nullptr;
    std::vector<char> words(16 << 10);
    if (!config.daemon_user.empty() &&
        getpwnam_r(config.daemon_user.c_str(), &entry, words.data(), words.size(), &user) == 0 &&
        user && user->pw_uid == uid)
        return;
    fail(EACCES, "it runs as uid %u, and not as root, SlurmUser or yourself", unsigned(uid));
}

} // namespace vgpu::wire
