// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/frame.h"

#include "remoting/base/error.h"
#include "remoting/wire/descriptors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>

namespace vgpu::wire
{

namespace
{

// msgpack-c reserves an array's or map's memory when it meets its count, before the elements are
// there, so that counts and depth are what bounds the memory a frame can claim: 2 MiB for the
// largest.
msgpack::unpack_limit limits(size_t max)
{
    return max <= kMaxOpeningFrame ? msgpack::unpack_limit(64, 64, max, max, 0, 4)
                                   : msgpack::unpack_limit(8192, 1024, max, max, 0, 8);
}

uint32_t get_count(const std::byte *at) noexcept
{
    uint32_t count;
    std::memcpy(&count, at, sizeof count);
    return count;
}

constexpr size_t kCount = sizeof(uint32_t);

void check_count(uint32_t count, size_t max)
{
    if (count == 0 || count > max)
        fail(EPROTO, "the peer sent a frame of %u bytes (at most %zu are allowed)", count, max);
}

} // namespace

std::string frame_bytes(const msgpack::sbuffer &map)
{
    if (map.size() > kMaxFrame)
        fail(EMSGSIZE, "a control frame of %zu bytes is larger than %zu", map.size(), kMaxFrame);
    uint32_t count = uint32_t(map.size());
    std::string out(reinterpret_cast<const char *>(&count), sizeof count);
    out.append(map.data(), map.size());
    return out;
}

msgpack::object_handle parse_frame(std::span<const std::byte> payload, size_t max)
{
    msgpack::object_handle handle;
    size_t used = 0;
    try {
        handle = msgpack::unpack(reinterpret_cast<const char *>(payload.data()), payload.size(),
                                 used, nullptr, nullptr, limits(max));
    } catch (const std::exception &error) {
        fail(EPROTO, "the peer sent a frame that is no msgpack (%s)", error.what());
    }
    if (used != payload.size() || handle.get().type != msgpack::type::MAP)
        fail(EPROTO, "the peer sent a frame that is not one map");
    return handle;
}

void send_frame(int fd, const msgpack::sbuffer &map, Deadline deadline, std::span<const int> fds)
{
    std::string whole = frame_bytes(map);
    auto left = std::as_bytes(std::span(whole));
    while (!fds.empty()) {
        ssize_t n = send_with_descriptors(fd, left, fds);
        if (n >= 0) {
            left = left.subspan(size_t(n));
            break;
        }
        if (errno != EAGAIN && errno != EINTR)
            fail_errno("cannot send to the peer");
        if (!wait_for(fd, POLLOUT, deadline))
            fail(ETIMEDOUT, "the peer does not take our bytes in time");
    }
    write_all(fd, left, deadline);
}

std::vector<std::byte> receive_payload(int fd, size_t max, Deadline deadline, std::vector<Fd> *fds)
{
    std::vector<std::byte> bytes(kCount);
    bool has_count = false;
    for (size_t have = 0; have < bytes.size();) {
        if (!wait_for(fd, POLLIN, deadline))
            fail(ETIMEDOUT, "the peer does not answer in time");
        ssize_t n = receive_with_descriptors(fd, std::span(bytes).subspan(have), fds);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            fail_errno("cannot receive from the peer");
        if (n == 0)
            fail(ECONNRESET, "the peer closed the connection");
        if (fds && fds->size() > kMaxDescriptors)
            fail(EPROTO, "the peer passed more descriptors than allowed");
        have += size_t(n);
        if (have == kCount && !has_count) {
            check_count(get_count(bytes.data()), max);
            bytes.resize(kCount + get_count(bytes.data()));
            has_count = true;
        }
    }
    bytes.erase(bytes.begin(), bytes.begin() + kCount);
    return bytes;
}

msgpack::object_handle receive_frame(int fd, size_t max, Deadline deadline, std::vector<Fd> *fds)
{
    return parse_frame(receive_payload(fd, max, deadline, fds), max);
}

void send_frame(StreamSocket &socket, const msgpack::sbuffer &map, Deadline deadline)
{
    std::string whole = frame_bytes(map);
    iovec left{whole.data(), whole.size()};
    while (left.iov_len || !socket.flush()) {
        ssize_t n = left.iov_len ? socket.send(std::span(&left, 1)) : 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            fail_errno("cannot send to the peer");
        if (n > 0) {
            left.iov_base = static_cast<char *>(left.iov_base) + n;
            left.iov_len -= size_t(n);
        } else if (!wait_for(socket.get(), POLLOUT, deadline)) {
            fail(ETIMEDOUT, "the peer does not take our bytes in time");
        }
    }
}

static void receive_exactly(StreamSocket &socket, std::span<std::byte> to, Deadline deadline)
{
    while (!to.empty()) {
        ssize_t n = socket.receive(to);
        if (n == 0)
            fail(ECONNRESET, "the peer closed the connection");
        if (n > 0)
            to = to.subspan(size_t(n));
        else if (errno != EAGAIN && errno != EINTR)
            fail_errno("cannot receive from the peer");
        else if (!wait_for(socket.get(), POLLIN, deadline))
            fail(ETIMEDOUT, "the peer does not answer in time");
    }
}

msgpack::object_handle receive_frame(StreamSocket &socket, size_t max, Deadline deadline)
{
    std::array<std::byte, kCount> count;
    receive_exactly(socket, count, deadline);
    check_count(get_count(count.data()), max);
    std::vector<std::byte> payload(get_count(count.data()));
    receive_exactly(socket, payload, deadline);
    return parse_frame(payload, max);
}

void FrameReader::feed(std::span<const std::byte> bytes)
{
    if (begin_ == buffer_.size()) {
        buffer_.clear();
        begin_ = 0;
    } else if (begin_ >= buffer_.size() / 2) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + ptrdiff_t(begin_));
        begin_ = 0;
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<std::span<const std::byte>> FrameReader::next_payload()
{
    if (pending() < kCount)
        return std::nullopt;
    uint32_t count = get_count(buffer_.data() + begin_);
    check_count(count, max_);
    if (pending() < kCount + count)
        return std::nullopt;
    auto payload = std::span(buffer_).subspan(begin_ + kCount, count);
    begin_ += kCount + count;
    return payload;
}

std::optional<msgpack::object_handle> FrameReader::next()
{
    auto payload = next_payload();
    if (!payload)
        return std::nullopt;
    return parse_frame(*payload, max_);
}

} // namespace vgpu::wire
