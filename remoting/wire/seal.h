// SPDX-License-Identifier: Apache-2.0
// Sealing: the keys that two ends agree on while a connection is opened, and the records in which
// the bytes travel from then on (HACKING.md, "Sealed streams").
#pragma once

#include "remoting/wire/auth.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vgpu::wire
{

// One end's part of the exchange, new for each connection.
struct Exchange {
    Key open{};   // told to the peer
    Key secret{}; // wiped

    Exchange() = default;
    Exchange(const Exchange &) = default;
    Exchange &operator=(const Exchange &) = default;
    ~Exchange();
};
Exchange make_exchange();

struct SealKeys {
    Key send{}, receive{};

    SealKeys() = default;
    SealKeys(const SealKeys &) = default;
    SealKeys &operator=(const SealKeys &) = default;
    ~SealKeys(); // wiped
};

// Both ends get the same keys, crossed, if they saw the same opening and, with AuthType=key, know
// the same shared key. Throws EACCES for a key of the peer's that is none.
SealKeys agree(End end, const Exchange &mine, const Key &theirs, const Digest &transcript,
               const AuthConfig &auth);

// Makes the keys depend on further bytes that both ends must have seen alike: the welcome.
void bind_keys(SealKeys &keys, std::span<const std::byte> bytes);

// The most that one record carries, and what it adds: its size, and a tag and a MAC.
constexpr size_t kMaxSealed = size_t(64) << 10;
constexpr size_t kSealOverhead = 4 + 17;
constexpr size_t kSealHeader = 24; // before the first record of a direction

// Both directions of one connection. Sending and opening may go on in two threads.
class Seal
{
public:
    explicit Seal(const SealKeys &keys);
    ~Seal();
    Seal(const Seal &) = delete;
    Seal &operator=(const Seal &) = delete;

    // Appends one record that holds `plain`, 1 to kMaxSealed bytes; before the first, the header.
    void seal(std::span<const std::byte> plain, std::vector<std::byte> &out);

    // The peer's header; before the first record.
    void begin(std::span<const std::byte, kSealHeader> header);

    // The bytes of a record behind its size, opened to `to`, which has room for 17 less. Throws
    // EPROTO if a bit of it, or its place among the records, is not what the peer sent.
    void open(std::span<const std::byte> sealed, std::span<std::byte> to);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace vgpu::wire
