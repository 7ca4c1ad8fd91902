// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/message-reader.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kBuffer = size_t(64) << 10; // of what is read at once

} // namespace

MessageReader::MessageReader(Spin spin) : buffer_(kBuffer), spin_(std::move(spin)) {}

// One recv(): 0 when nothing is there yet, unless it may sleep.
size_t MessageReader::transfer(StreamSocket &socket, std::span<std::byte> to, bool sleep)
{
    auto n = receive_some(socket, to, sleep);
    if (n && *n == 0) {
        at_end_ = true;
        if (in_message_ || begin_ != end_)
            fail(ECONNRESET, "the peer closed the connection inside a message");
        fail(ECONNRESET, "the peer closed the connection");
    }
    return n.value_or(0);
}

// Moves what the buffer has of the next message into partial_; false while its size is not known.
bool MessageReader::start_message()
{
    if (in_message_)
        return true;
    if (end_ - begin_ < kHeaderSize)
        return false;
    uint32_t size = get_header(buffer_.data() + begin_).size;
    if (!valid_size(size))
        fail(EPROTO, "the peer sent a message that says that it has %u bytes", size);
    partial_.resize(size);
    have_ = std::min<size_t>(size, end_ - begin_);
    std::memcpy(partial_.data(), buffer_.data() + begin_, have_);
    begin_ += have_;
    in_message_ = true;
    return true;
}

// Gets more bytes, straight to their place where that is known; false when there are none yet.
bool MessageReader::take(StreamSocket &socket, bool sleep)
{
    if (in_message_ && partial_.size() - have_ >= kBuffer) {
        const size_t n = transfer(socket, std::span(partial_).subspan(have_), sleep);
        have_ += n;
        return n != 0;
    }
    if (begin_ == end_)
        begin_ = end_ = 0;
    if (end_ == buffer_.size()) { // at most part of a header is left
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const size_t n = transfer(socket, std::span(buffer_).subspan(end_), sleep);
    end_ += n;
    if (in_message_) {
        const size_t part = std::min(end_ - begin_, partial_.size() - have_);
        std::memcpy(partial_.data() + have_, buffer_.data() + begin_, part);
        begin_ += part;
        have_ += part;
    }
    return n != 0;
}

// The same, waiting for them; false when the time is up.
bool MessageReader::fill(StreamSocket &socket, Deadline deadline)
{
    if (take(socket, false))
        return true;
    const uint64_t start = now_ns(), left = deadline.left_ns();
    if (left == 0)
        return false;
    const auto polled = spin_.poll(start, left, 1, [&] { return take(socket, false); });
    if (polled == Spin::Polled::ready)
        return true;
    const bool sleep = deadline.is_never();
    do {
        if (!sleep && !wait_for(socket.get(), POLLIN, deadline))
            return false;
    } while (!take(socket, sleep));
    if (polled == Spin::Polled::in_vain)
        spin_.slept(now_ns() - start);
    return true;
}

bool MessageReader::next(StreamSocket &socket, std::vector<std::byte> &message, Deadline deadline)
{
    while (!start_message() || have_ < partial_.size()) {
        if (!fill(socket, deadline))
            return false;
    }
    message.swap(partial_);
    in_message_ = false;
    return true;
}

void MessageReader::restart() noexcept
{
    begin_ = end_ = have_ = 0;
    in_message_ = at_end_ = false;
}

} // namespace vgpu::wire
