// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/seal.h"

#include "remoting/base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sodium.h>

namespace vgpu::wire
{

static_assert(sizeof(Key) == crypto_kx_PUBLICKEYBYTES && sizeof(Key) == crypto_kx_SECRETKEYBYTES);
static_assert(sizeof(Key) == crypto_kx_SESSIONKEYBYTES);
static_assert(sizeof(Key) == crypto_secretstream_xchacha20poly1305_KEYBYTES);
static_assert(kSealHeader == crypto_secretstream_xchacha20poly1305_HEADERBYTES);
static_assert(kSealOverhead == 4 + crypto_secretstream_xchacha20poly1305_ABYTES);

static unsigned char *raw(std::byte *bytes) noexcept
{
    return reinterpret_cast<unsigned char *>(bytes);
}

static const unsigned char *raw(const std::byte *bytes) noexcept
{
    return reinterpret_cast<const unsigned char *>(bytes);
}

// `key` := BLAKE2b of the parts under `key`. All parts but the last have a fixed length.
static void mix(Key &key, std::initializer_list<std::span<const std::byte>> parts)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, raw(std::as_const(key).data()), key.size(), key.size());
    for (auto part : parts)
        crypto_generichash_update(&state, raw(part.data()), part.size());
    crypto_generichash_final(&state, raw(key.data()), key.size());
    sodium_memzero(&state, sizeof state);
}

Exchange::~Exchange()
{
    sodium_memzero(secret.data(), secret.size());
}

SealKeys::~SealKeys()
{
    sodium_memzero(send.data(), send.size());
    sodium_memzero(receive.data(), receive.size());
}

Exchange make_exchange()
{
    Exchange out;
    crypto_kx_keypair(raw(out.open.data()), raw(out.secret.data()));
    return out;
}

SealKeys agree(End end, const Exchange &mine, const Key &theirs, const Digest &transcript,
               const AuthConfig &auth)
{
    SealKeys keys;
    auto session =
        end == End::connector ? crypto_kx_client_session_keys : crypto_kx_server_session_keys;
    if (session(raw(keys.receive.data()), raw(keys.send.data()), raw(mine.open.data()),
                raw(mine.secret.data()), raw(theirs.data())) != 0)
        fail(EACCES, "the key that the peer offers for sealing is none");
    Key shared{};
    if (auth.method == AuthConfig::Method::key)
        shared = read_key_file(auth.key_file);
    for (Key *key : {&keys.send, &keys.receive})
        mix(*key, {transcript, shared});
    sodium_memzero(shared.data(), shared.size());
    return keys;
}

void bind_keys(SealKeys &keys, std::span<const std::byte> bytes)
{
    for (Key *key : {&keys.send, &keys.receive})
        mix(*key, {bytes});
}

// ---- records
// --------------------------------------------------------------------------------------

struct Seal::State {
    SealKeys keys;
    crypto_secretstream_xchacha20poly1305_state out, in;
    bool out_begun = false;
    ~State()
    {
        sodium_memzero(&out, sizeof out);
        sodium_memzero(&in, sizeof in);
    }
};

Seal::Seal(const SealKeys &keys) : state_(std::make_unique<State>())
{
    state_->keys = keys;
}

Seal::~Seal() = default;

void Seal::seal(std::span<const std::byte> plain, std::vector<std::byte> &out)
{
    State &state = *state_;
    size_t at = out.size();
    out.resize(at + (state.out_begun ? 0 : kSealHeader) + kSealOverhead + plain.size());
    if (!state.out_begun) {
        crypto_secretstream_xchacha20poly1305_init_push(&state.out, raw(out.data() + at),
                                                        raw(state.keys.send.data()));
        state.out_begun = true;
        at += kSealHeader;
    }
    const uint32_t size = uint32_t(plain.size() + kSealOverhead - sizeof size);
    std::memcpy(out.data() + at, &size, sizeof size);
    crypto_secretstream_xchacha20poly1305_push(&state.out, raw(out.data() + at + sizeof size),
                                               nullptr, raw(plain.data()), plain.size(), nullptr, 0,
                                               crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

void Seal::begin(std::span<const std::byte, kSealHeader> header)
{
    crypto_secretstream_xchacha20poly1305_init_pull(&state_->in, raw(header.data()),
                                                    raw(state_->keys.receive.data()));
}

void Seal::open(std::span<const std::byte> sealed, std::span<std::byte> to)
{
    unsigned char tag = 0;
    if (crypto_secretstream_xchacha20poly1305_pull(&state_->in, raw(to.data()), nullptr, &tag,
                                                   raw(sealed.data()), sealed.size(), nullptr,
                                                   0) != 0)
        fail(EPROTO, "the sealed stream is broken: its bytes are not those that the peer sent, or "
                     "the two ends have not agreed on the same keys");
}

} // namespace vgpu::wire
