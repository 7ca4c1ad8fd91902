// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/stream-socket.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

// As much is sealed at a time: a socket that is full holds the sender up soon.
constexpr size_t kMaxAhead = 4 * kMaxSealed;
// A piece of this size is worth a record of its own; smaller ones are copied together.
constexpr size_t kLarge = size_t(8) << 10;

std::span<const std::byte> bytes_of(const iovec &piece) noexcept
{
    return {static_cast<const std::byte *>(piece.iov_base), piece.iov_len};
}

bool peer_is_gone(int code) noexcept
{
    return code == EPIPE || code == ECONNRESET || code == ETIMEDOUT || code == ENOTCONN;
}

[[noreturn]] void fail_gone(int code)
{
    fail(code == EPIPE ? EPIPE : ECONNRESET, "the peer closed the connection: %s",
         errno_text(code).c_str());
}

} // namespace

StreamSocket::StreamSocket(Fd fd, const SealKeys &keys)
    : fd_(std::move(fd)), sealed_(std::make_unique<Sealed>(keys))
{
}

ssize_t StreamSocket::send(std::span<const iovec> pieces, bool sleep)
{
    if (!sealed_) {
        msghdr message{};
        message.msg_iov = const_cast<iovec *>(pieces.data());
        message.msg_iovlen = pieces.size();
        return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | (sleep ? 0 : MSG_DONTWAIT));
    }
    if (!flush()) {
        errno = EAGAIN;
        return -1;
    }
    const size_t taken = seal(pieces);
    flush();
    return ssize_t(taken);
}

// Small pieces share a record, large ones are sealed from where they lie.
size_t StreamSocket::seal(std::span<const iovec> pieces)
{
    Sealed &s = *sealed_;
    size_t taken = 0;
    auto close_record = [&] {
        if (!s.gathered.empty())
            s.seal.seal(s.gathered, s.output);
        s.gathered.clear();
    };
    for (const iovec &piece : pieces) {
        auto left = bytes_of(piece).first(std::min(piece.iov_len, kMaxAhead - taken));
        taken += left.size();
        while (!left.empty()) {
            if (left.size() >= kLarge) {
                close_record();
                const size_t n = std::min(left.size(), kMaxSealed);
                s.seal.seal(left.first(n), s.output);
                left = left.subspan(n);
                continue;
            }
            if (s.gathered.size() + left.size() > kMaxSealed)
                close_record();
            s.gathered.insert(s.gathered.end(), left.begin(), left.end());
            break;
        }
    }
    close_record();
    return taken;
}

bool StreamSocket::flush()
{
    if (!sealed_)
        return true;
    Sealed &s = *sealed_;
    while (s.written < s.output.size()) {
        const ssize_t n = ::send(fd_.get(), s.output.data() + s.written,
                                 s.output.size() - s.written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0)
            fail_errno("cannot send to the peer");
        s.written += size_t(n);
    }
    s.output.clear();
    s.written = 0;
    return true;
}

// One recv() behind what is there: its result and errno.
ssize_t StreamSocket::fill(bool sleep)
{
    Sealed &s = *sealed_;
    if (s.begin == s.end)
        s.begin = s.end = 0;
    if (s.input.size() - s.end < kMaxSealed) { // at most part of a record is moved
        std::memmove(s.input.data(), s.input.data() + s.begin, s.end - s.begin);
        s.end -= s.begin;
        s.begin = 0;
    }
    const ssize_t n =
        ::recv(fd_.get(), s.input.data() + s.end, s.input.size() - s.end, sleep ? 0 : MSG_DONTWAIT);
    if (n > 0)
        s.end += size_t(n);
    return n;
}

// The next whole record behind its size, still sealed; empty while it is not all there.
std::span<const std::byte> StreamSocket::record()
{
    Sealed &s = *sealed_;
    const auto there = std::span(std::as_const(s.input)).subspan(s.begin, s.end - s.begin);
    if (!s.begun) {
        if (there.size() < kSealHeader)
            return {};
        s.seal.begin(there.first<kSealHeader>());
        s.begun = true;
        s.begin += kSealHeader;
        return record();
    }
    uint32_t size = 0;
    if (there.size() < sizeof size)
        return {};
    std::memcpy(&size, there.data(), sizeof size);
    if (size <= kSealOverhead - sizeof size || size > kMaxSealed + kSealOverhead - sizeof size)
        fail(EPROTO, "the sealed stream is broken: a record says that it has %u bytes", size);
    if (there.size() - sizeof size < size)
        return {};
    s.begin += sizeof size + size;
    return there.subspan(sizeof size, size);
}

// What can be given out without reading the socket; 0 if there is nothing.
ssize_t StreamSocket::take(std::span<std::byte> to)
{
    Sealed &s = *sealed_;
    if (s.plain_begin == s.plain.size()) {
        const auto sealed = record();
        if (sealed.empty())
            return 0;
        const size_t size = sealed.size() - (kSealOverhead - sizeof(uint32_t));
        if (size <= to.size()) { // straight to where it belongs
            s.seal.open(sealed, to.first(size));
            return ssize_t(size);
        }
        s.plain.resize(size);
        s.plain_begin = 0;
        s.seal.open(sealed, s.plain);
    }
    const size_t n = std::min(to.size(), s.plain.size() - s.plain_begin);
    std::memcpy(to.data(), s.plain.data() + s.plain_begin, n);
    s.plain_begin += n;
    return ssize_t(n);
}

ssize_t StreamSocket::receive(std::span<std::byte> to, bool sleep)
{
    if (!sealed_)
        return ::recv(fd_.get(), to.data(), to.size(), sleep ? 0 : MSG_DONTWAIT);
    for (;;) {
        if (const ssize_t n = take(to); n > 0)
            return n;
        const ssize_t n = fill(sleep);
        if (n == 0 && sealed_->begin != sealed_->end)
            fail(ECONNRESET, "the peer closed the connection inside a sealed record");
        if (n <= 0)
            return n;
    }
}

bool peer_has_closed(const StreamSocket &socket) noexcept
{
    tcp_info info{};
    socklen_t size = sizeof info;
    return getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_CLOSE_WAIT;
}

void send_all(StreamSocket &socket, std::span<iovec> pieces)
{
    for (;;) {
        while (!pieces.empty() && pieces[0].iov_len == 0)
            pieces = pieces.subspan(1);
        if (pieces.empty())
            break;
        ssize_t n = socket.send(pieces, true);
        if (n < 0 && errno == EAGAIN) {
            wait_for(socket.get(), POLLOUT, Deadline::never());
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && peer_is_gone(errno))
            fail_gone(errno);
        if (n < 0)
            fail_errno("cannot send to the peer");
        for (iovec &piece : pieces) {
            size_t taken = std::min(size_t(n), piece.iov_len);
            piece.iov_base = static_cast<char *>(piece.iov_base) + taken;
            piece.iov_len -= taken;
            n -= ssize_t(taken);
        }
    }
    while (!socket.flush())
        wait_for(socket.get(), POLLOUT, Deadline::never());
}

std::optional<size_t> receive_some(StreamSocket &socket, std::span<std::byte> to, bool sleep)
{
    ssize_t n = socket.receive(to, sleep);
    if (n >= 0)
        return size_t(n);
    if (errno == EAGAIN || errno == EINTR)
        return std::nullopt;
    if (peer_is_gone(errno))
        fail_gone(errno);
    fail_errno("cannot receive from the peer");
}

} // namespace vgpu::wire
