// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/stream-channel.h"

#include "remoting/wire/address.h"
#include "remoting/wire/flusher.h"
#include "remoting/wire/message-reader.h"

#include <cerrno>
#include <optional>

#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kBatch = size_t(64) << 10;   // held back at most
constexpr size_t kThrough = size_t(16) << 10; // a message of this size is not copied for a batch

class StreamChannel final : public Channel
{
public:
    StreamChannel(StreamSocket socket, Side side)
        : socket_(std::move(socket)), is_tcp_(tune_tcp(socket_.get())),
          reader_(Spin(side == Side::worker))
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

    MessageReader reader_;
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

bool StreamChannel::receive(std::vector<std::byte> &message, int timeout_ms)
{
    return reader_.next(socket_, message, Deadline::after_ms(timeout_ms));
}

} // namespace

std::unique_ptr<Channel> make_stream_channel(Fd socket, Side side)
{
    return make_stream_channel(StreamSocket(std::move(socket)), side);
}

std::unique_ptr<Channel> make_stream_channel(StreamSocket socket, Side side)
{
    return std::make_unique<StreamChannel>(std::move(socket), side);
}

} // namespace vgpu::wire
