// SPDX-License-Identifier: Apache-2.0
// The control plane's frames: a u32 byte count, little-endian, and one msgpack map (HACKING.md,
// "Opening a connection"). Values are read through fields.h.
#pragma once

#include "remoting/base/fd.h"
#include "remoting/wire/stream-socket.h"

#include <msgpack.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vgpu::wire
{

constexpr size_t kMaxFrame = size_t(1) << 20;
constexpr size_t kMaxOpeningFrame = size_t(64) << 10; // before the peer is authenticated

// The whole frame, for writers that have their own loop. Throws EMSGSIZE above kMaxFrame.
std::string frame_bytes(const msgpack::sbuffer &map);

// The map of a frame's payload. Bounded in depth and in elements, so that few bytes cannot claim
// much memory, the more tightly where `max` is that of an opening frame. Throws EPROTO.
msgpack::object_handle parse_frame(std::span<const std::byte> payload, size_t max = kMaxFrame);

// Blocking, with a deadline; `fds` travel with the first byte (Unix sockets only).
void send_frame(int fd, const msgpack::sbuffer &map, Deadline deadline,
                std::span<const int> fds = {});

// Reads not a byte more than the frame. Descriptors that come with it are put into `fds`, or closed
// where that is null. Throws ECONNRESET, ETIMEDOUT, EPROTO.
std::vector<std::byte> receive_payload(int fd, size_t max, Deadline deadline,
                                       std::vector<Fd> *fds = nullptr);
msgpack::object_handle receive_frame(int fd, size_t max, Deadline deadline,
                                     std::vector<Fd> *fds = nullptr);

// The same over what may be sealed.
void send_frame(StreamSocket &socket, const msgpack::sbuffer &map, Deadline deadline);
msgpack::object_handle receive_frame(StreamSocket &socket, size_t max, Deadline deadline);

// For event loops: bytes in, frames out.
class FrameReader
{
public:
    explicit FrameReader(size_t max = kMaxFrame) : max_(max) {}

    // After authentication the limit may be raised.
    void set_max(size_t max) noexcept { max_ = max; }

    void feed(std::span<const std::byte> bytes);

    // The next whole frame, if there is one. Throws EPROTO for a frame that is too large or no map;
    // the connection is of no use after that.
    std::optional<msgpack::object_handle> next();

    // Its payload, not yet looked at; valid until more is fed.
    std::optional<std::span<const std::byte>> next_payload();

    // Bytes that are not yet part of a frame given out.
    size_t pending() const noexcept { return buffer_.size() - begin_; }

private:
    size_t max_;
    std::vector<std::byte> buffer_;
    size_t begin_ = 0;
};

} // namespace vgpu::wire
