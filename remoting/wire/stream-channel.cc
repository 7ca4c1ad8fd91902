// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/stream-channel.h"

#include "remoting/wire/address.h"
#include "remoting/wire/flusher.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <poll.h>
#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kBuffer = size_t(64) << 10;  // of what is read at once
constexpr size_t kBatch = size_t(64) << 10;   // held back at most
constexpr size_t kThrough = size_t(16) << 10; // a message of this size is not copied for a batch

class StreamChannel final : public Channel
{
public:
    explicit StreamChannel(StreamSocket socket)
        : socket_(std::move(socket)), is_tcp_(tune_tcp(socket_.get())), buffer_(kBuffer)
    {
        set_nonblocking(socket_.get(), false); // a receiver without a deadline sleeps in recv()
        batch_.reserve(kBatch);
        writing_.reserve(kBatch);
    }
    ~StreamChannel() override
    {
        if (flusher_.started())
            shut_down(); // it may be waiting for the peer
        flusher_.stop();
    }

    void send(std::span<const std::byte> head, std::span<const std::byte> body) override;
    void flush() override;
    void flush_soon() override { flusher_.nudge(); }
    size_t room() const override { return kBatch; }
    bool receive(std::vector<std::byte> &message, int timeout_ms) override;

    const char *name() const override { return is_tcp_ ? "tcp" : "unix"; }
    bool passes_descriptors() const override { return false; }
    int descriptor() const override { return socket_.get(); }

    void send_descriptor(uint64_t, int) override
    {
        fail(ENOTSUP, "the %s channel passes no descriptors", name());
    }
    Fd receive_descriptor(uint64_t, int) override
    {
        fail(ENOTSUP, "the %s channel passes no descriptors", name());
    }

    void shut_down() noexcept override { ::shutdown(socket_.get(), SHUT_RDWR); }

private:
    bool fill(Deadline deadline);
    bool start_message();
    size_t transfer(std::span<std::byte> to, bool sleep);
    void write_through(std::span<const std::byte> head, std::span<const std::byte> body);

    StreamSocket socket_;
    bool is_tcp_;

    // Sent and not yet written. Taken after write_mutex_ where both are.
    std::mutex batch_mutex_;
    std::vector<std::byte> batch_;
    std::atomic<size_t> held_back_{0}; // batch_.size(), for the flusher: partner of send()
    std::mutex write_mutex_;           // of the socket's sending end, and of the two below
    std::vector<std::byte> writing_;
    std::optional<Error> broken_;     // what a write has failed with
    std::atomic<bool> failed_{false}; // there is one; partner: send(), which needs not know at once
    Flusher flusher_{[this] { return held_back_.load(std::memory_order_seq_cst) != 0; },
                     [this] {
                         try {
                             flush();
                         } catch (const Error &) {
                             // The next sender is told; the receiver finds out by itself.
                         }
                     }};

    // What was read beyond the message at hand: buffer_[begin_, end_).
    std::vector<std::byte> buffer_;
    size_t begin_ = 0, end_ = 0;
    // A message too large for the buffer is read into its own place; it survives a timeout.
    std::vector<std::byte> partial_;
    size_t have_ = 0;
    bool in_message_ = false;
};

// Small messages gather; what is too large to be worth a copy goes by itself, behind them.
void StreamChannel::send(std::span<const std::byte> head, std::span<const std::byte> body)
{
    check_outgoing(head, body);
    size_t n = head.size() + body.size();
    if (n < kThrough && !failed_.load(std::memory_order_relaxed)) {
        std::lock_guard lock(batch_mutex_);
        if (batch_.size() + n <= kBatch) {
            batch_.insert(batch_.end(), head.begin(), head.end());
            batch_.insert(batch_.end(), body.begin(), body.end());
            held_back_.store(batch_.size(), std::memory_order_seq_cst);
            return;
        }
    }
    write_through(head, body);
}

void StreamChannel::flush()
{
    write_through({}, {});
}

// What was held back and then these two, in one go. Senders are serialised, so that nothing comes
// between.
void StreamChannel::write_through(std::span<const std::byte> head, std::span<const std::byte> body)
{
    std::lock_guard lock(write_mutex_);
    {
        std::lock_guard batch(batch_mutex_);
        writing_.swap(batch_);
        batch_.clear();
        held_back_.store(0, std::memory_order_seq_cst);
    }
    if (broken_) {
        writing_.clear();
        throw *broken_;
    }
    auto piece = [](std::span<const std::byte> bytes) {
        return iovec{const_cast<std::byte *>(bytes.data()), bytes.size()};
    };
    iovec pieces[] = {piece(writing_), piece(head), piece(body)};
    try {
        send_all(socket_, pieces);
    } catch (const Error &error) {
        broken_ = error;
        failed_.store(true, std::memory_order_relaxed);
        writing_.clear();
        throw;
    }
    writing_.clear();
}

// One recv(): 0 when nothing is there yet, unless it may sleep.
size_t StreamChannel::transfer(std::span<std::byte> to, bool sleep)
{
    auto n = receive_some(socket_, to, sleep);
    if (n && *n == 0) {
        if (in_message_ || begin_ != end_)
            fail(ECONNRESET, "the peer closed the connection inside a message");
        fail(ECONNRESET, "the peer closed the connection");
    }
    return n.value_or(0);
}

// Moves what the buffer has of the next message into partial_; false while its size is not known.
bool StreamChannel::start_message()
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

// Gets more bytes, straight to their place where that is known; false when the time is up.
bool StreamChannel::fill(Deadline deadline)
{
    bool sleep = deadline.is_never();
    for (;;) {
        size_t n = 0;
        if (in_message_ && partial_.size() - have_ >= kBuffer) {
            n = transfer(std::span(partial_).subspan(have_), sleep);
            have_ += n;
        } else {
            if (begin_ == end_)
                begin_ = end_ = 0;
            if (end_ == buffer_.size()) { // at most part of a header is left
                std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
                end_ -= begin_;
                begin_ = 0;
            }
            n = transfer(std::span(buffer_).subspan(end_), sleep);
            end_ += n;
            if (in_message_) {
                size_t part = std::min(end_ - begin_, partial_.size() - have_);
                std::memcpy(partial_.data() + have_, buffer_.data() + begin_, part);
                begin_ += part;
                have_ += part;
            }
        }
        if (n)
            return true;
        if (!sleep && !wait_for(socket_.get(), POLLIN, deadline))
            return false;
    }
}

bool StreamChannel::receive(std::vector<std::byte> &message, int timeout_ms)
{
    Deadline deadline = Deadline::after_ms(timeout_ms);
    while (!start_message() || have_ < partial_.size()) {
        if (!fill(deadline))
            return false;
    }
    message.swap(partial_);
    in_message_ = false;
    return true;
}

} // namespace

std::unique_ptr<Channel> make_stream_channel(Fd socket)
{
    return make_stream_channel(StreamSocket(std::move(socket)));
}

std::unique_ptr<Channel> make_stream_channel(StreamSocket socket)
{
    return std::make_unique<StreamChannel>(std::move(socket));
}

} // namespace vgpu::wire
