// SPDX-License-Identifier: Apache-2.0
// The header that begins each message of the call plane (HACKING.md, "The call plane").
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vgpu::wire
{

constexpr size_t kMaxMessage = size_t(1) << 20;

enum Flags : uint16_t {
    kWantsReply = 1 << 0, // request: the caller waits
    kIsReply = 1 << 1,    // reply
    kMore = 1 << 2,       // reply: further replies to the same sequence follow
};

struct Header {
    uint32_t size = 0; // of the whole message, a multiple of 8
    uint16_t call = 0;
    uint16_t flags = 0;
    uint32_t sequence = 0;
    uint32_t word = 0; // request: current context; reply: CUresult
};
static_assert(sizeof(Header) == 16 && alignof(Header) == 4);

constexpr size_t kHeaderSize = sizeof(Header);

// The host is little-endian (asserted in codec.h), so the structure is the layout.
inline void put_header(std::byte *at, const Header &header) noexcept
{
    std::memcpy(at, &header, kHeaderSize);
}

inline Header get_header(const std::byte *at) noexcept
{
    Header header;
    std::memcpy(&header, at, kHeaderSize);
    return header;
}

// Whether a message may have this size; what else the header says is the receiver's to judge.
constexpr bool valid_size(uint64_t size) noexcept
{
    return size >= kHeaderSize && size <= kMaxMessage && size % 8 == 0;
}

// The header of a whole message. Throws EPROTO when its size is not allowed or not the message's.
Header checked_header(std::span<const std::byte> message);

// What send() requires: two pieces that together have the size their header says. Throws EMSGSIZE
// or EINVAL: that would be our own mistake, and better found here than by the peer.
void check_outgoing(std::span<const std::byte> head, std::span<const std::byte> body);

} // namespace vgpu::wire
