// SPDX-License-Identifier: Apache-2.0
// A connected stream socket whose bytes travel as they are, or sealed. Nothing here blocks.
#pragma once

#include "remoting/base/fd.h"
#include "remoting/wire/seal.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <sys/types.h>
#include <sys/uio.h>

namespace vgpu::wire
{

class StreamSocket
{
public:
    StreamSocket() = default;
    explicit StreamSocket(Fd fd) : fd_(std::move(fd)) {}
    StreamSocket(Fd fd, const SealKeys &keys); // from here on everything is sealed, both ways

    int get() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return bool(fd_); }
    bool is_sealed() const noexcept { return bool(sealed_); }
    void reset() noexcept { fd_.reset(); }

    // As sendmsg() and recv() without waiting: bytes taken, or -1 and errno. What send() has taken
    // may still be on its way here: see flush(). Bytes that are not what the peer sealed throw
    // EPROTO.
    ssize_t send(std::span<const iovec> pieces, bool sleep = false);
    // receive() may sleep until something comes, on a socket that blocks.
    ssize_t receive(std::span<std::byte> to, bool sleep = false);

    // Writes what send() has taken and sealed; false while the socket is full, -1 of send() as
    // fail_errno().
    bool flush();

private:
    // One record's bytes and one more's beginning.
    static constexpr size_t kInput = 2 * (kMaxSealed + kSealOverhead);

    struct Sealed {
        Seal seal;
        explicit Sealed(const SealKeys &keys) : seal(keys), input(kInput) {}
        // Of the sender.
        std::vector<std::byte> output; // sealed, from written on not yet taken by the socket
        size_t written = 0;
        std::vector<std::byte> gathered; // small pieces, to share a record
        // Of the receiver: input[begin, end) is sealed, plain[plain_begin, ...) opened.
        std::vector<std::byte> input;
        size_t begin = 0, end = 0;
        bool begun = false;
        std::vector<std::byte> plain;
        size_t plain_begin = 0;
    };

    size_t seal(std::span<const iovec> pieces);
    std::span<const std::byte> record();
    ssize_t take(std::span<std::byte> to);
    ssize_t fill(bool sleep);

    Fd fd_;
    std::unique_ptr<Sealed> sealed_;
};

// Whether the peer's end of a TCP connection has closed it in order, as that of a process that has
// ended does.
bool peer_has_closed(const StreamSocket &socket) noexcept;

// All of it, waiting for the peer where it must. Throws ECONNRESET when the peer is gone,
// EPIPE when it had gone in order.
void send_all(StreamSocket &socket, std::span<iovec> pieces);

// One receive(): 0 at the stream's end, nothing when nothing is there yet. Throws ECONNRESET.
std::optional<size_t> receive_some(StreamSocket &socket, std::span<std::byte> to, bool sleep);

} // namespace vgpu::wire
