// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/bulk-stream.h"

#include "remoting/base/error.h"
#include "remoting/wire/address.h"
#include "remoting/wire/give-way.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kReadTurn = size_t(64) << 10; // so much is asked of the kernel at once

class SocketStream final : public BulkStream
{
public:
    explicit SocketStream(StreamSocket socket) : socket_(std::move(socket))
    {
        tune_tcp(socket_.get());
        set_nonblocking(socket_.get(), false); // the reader sleeps in recv()
    }

    void take_turns(size_t bytes) noexcept override { turn_ = bytes; }

    // A core that others want is given up between two calls, not inside of one: a call on another
    // connection may be waiting for it. Larger turns are for who knows that none is.
    void write(std::span<iovec> pieces) override
    {
        while (!pieces.empty()) {
            std::array<iovec, 2> turn;
            size_t n = 0, bytes = 0;
            while (!pieces.empty() && n < turn.size() && bytes < turn_) {
                iovec &piece = pieces[0];
                const size_t part = std::min(piece.iov_len, turn_ - bytes);
                turn[n++] = {piece.iov_base, part};
                bytes += part;
                piece.iov_base = static_cast<std::byte *>(piece.iov_base) + part;
                piece.iov_len -= part;
                if (piece.iov_len == 0)
                    pieces = pieces.subspan(1);
            }
            out_ += bytes;
            send_all(socket_, std::span(turn).first(n));
            if (turn_ <= kTurn)
                after_writing_();
        }
    }

    size_t read(std::span<std::byte> to) override
    {
        if (std::exchange(more_, false))
            before_reading_();
        for (;;)
            if (auto n = receive_some(socket_, to.first(std::min(to.size(), kReadTurn)), true)) {
                in_ += *n;
                more_ = *n == kReadTurn;
                return *n;
            }
    }

    int descriptor() const override { return socket_.get(); }
    bool is_sealed() const override { return socket_.is_sealed(); }
    uint64_t bytes_in() const override { return in_; }
    uint64_t bytes_out() const override { return out_; }
    BulkPath path() const noexcept override { return tcp_path(socket_.get()); }
    void shut_down() noexcept override { ::shutdown(socket_.get(), SHUT_RDWR); }

private:
    StreamSocket socket_;
    uint64_t in_ = 0;  // the reader's
    uint64_t out_ = 0; // the writer's
    size_t turn_ = kTurn;
    bool more_ = false; // the reader left some
    GiveWay after_writing_, before_reading_;
};

} // namespace

bool BulkStream::read_exactly(std::span<std::byte> to)
{
    for (bool begun = false; !to.empty(); begun = true) {
        size_t n = read(to);
        if (n == 0 && !begun)
            return false;
        if (n == 0)
            fail(ECONNRESET, "the peer closed the bulk connection inside a copy");
        to = to.subspan(n);
    }
    return true;
}

size_t next_with_room(std::span<BulkStream *const> streams, size_t last)
{
    if (streams.size() < 2)
        return 0;
    std::array<pollfd, kMostBulkLanes> each;
    for (size_t i = 0; i < streams.size(); ++i)
        each[i] = {streams[i]->descriptor(), POLLOUT, 0};
    while (poll(each.data(), streams.size(), -1) < 0)
        if (errno != EINTR)
            fail_errno("waiting for a bulk connection");
    for (size_t i = 1; i <= streams.size(); ++i)
        if (const size_t one = (last + i) % streams.size(); each[one].revents)
            return one; // also one that is lost, as whoever writes to it is told
    return last;
}

std::unique_ptr<BulkStream> make_bulk_stream(StreamSocket socket)
{
    return std::make_unique<SocketStream>(std::move(socket));
}

} // namespace vgpu::wire
