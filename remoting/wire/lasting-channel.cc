// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/lasting-channel.h"

#include "remoting/wire/address.h"
#include "remoting/wire/flusher.h"
#include "remoting/wire/message-reader.h"
#include "remoting/wire/send-log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kBatch = size_t(64) << 10; // held back at most
constexpr size_t kPieces = 32;              // written at once
constexpr size_t kMostSetAside = size_t(16) << 20;

// A peer that has not been heard of for so long is looked for by another connection. Its kernel
// answers each of ours every few seconds: to what was sent, or to a probe, though its process may
// take nothing for a while. TCP_USER_TIMEOUT would take that for an end too.
constexpr uint32_t kSilenceMs = 20'000;
constexpr int kProbeS = 5;

void set_tcp(int fd, int name, int value) noexcept
{
    setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
}

bool is_silent(int fd) noexcept
{
    tcp_info info{};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_last_ack_recv > kSilenceMs;
}

std::array<std::byte, kHeaderSize> acknowledgement(uint64_t received) noexcept
{
    std::array<std::byte, kHeaderSize> word;
    put_header(word.data(), {.size = kHeaderSize,
                             .call = 0,
                             .flags = kAcknowledges,
                             .sequence = uint32_t(received),
                             .word = uint32_t(received >> 32)});
    return word;
}

class LastingStream final : public LastingChannel
{
public:
    LastingStream(StreamSocket socket, LastingTerms terms)
        : terms_(std::move(terms)), reader_(Spin(terms_.side == Side::worker))
    {
        adopt(std::move(socket));
    }
    ~LastingStream() override
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
    int descriptor() const override { return fd_; }

    void send_descriptor(uint64_t, int) override
    {
        fail(ENOTSUP, "the %s channel passes no descriptors", name());
    }
    Fd receive_descriptor(uint64_t, int) override
    {
        fail(ENOTSUP, "the %s channel passes no descriptors", name());
    }

    void shut_down() noexcept override { end("the channel was shut down"); }

    bool wait_for_loss() override;
    uint64_t leave(const std::string &why) override;
    bool keeps(uint64_t received) override;
    void go_on(StreamSocket socket, uint64_t received) override;
    void end(const std::string &why) noexcept override;
    std::string why_lost() override
    {
        std::lock_guard lock(link_);
        return why_;
    }

private:
    enum class State { up, lost, ended };

    bool is_up() const noexcept { return state_.load(std::memory_order_acquire) == State::up; }
    bool is_lost() const noexcept { return state_.load(std::memory_order_acquire) == State::lost; }
    void adopt(StreamSocket socket);
    bool wait_until_up(Deadline deadline);
    void lose(uint64_t connection, const std::string &why);
    void finish(const std::string &why) noexcept;

    void make_room(std::unique_lock<std::mutex> &log, size_t n);
    void write_out();
    void write_all_of_it();
    void cannot_write(int code, const std::string &why);
    void acknowledge();

    bool take(std::vector<std::byte> &message, Deadline deadline);
    void acknowledged(const Header &header, size_t size);
    void cannot_receive(const Error &error);
    void look_for_word();

    const LastingTerms terms_;

    // The connection's coming and going. Taken last, but for log_mutex_, which is never held then.
    std::mutex link_;
    std::condition_variable changed_;
    std::atomic<State> state_{State::up}; // written under link_; partner: everybody
    std::atomic<uint64_t> connection_{0}; // the how manieth; likewise
    std::atomic<int> fd_{-1};             // likewise
    std::atomic<bool> is_tcp_{false};
    std::string why_; // of a loss, or of the end
    Deadline patience_ = Deadline::never();

    // Receiving: one at a time, taken before write_mutex_.
    std::mutex in_mutex_;
    MessageReader reader_;
    bool drained_ = false;                     // nothing more comes of this connection
    std::deque<std::vector<std::byte>> aside_; // read by who looked for the peer's word only
    size_t aside_bytes_ = 0;
    std::atomic<uint64_t> received_{0}; // written under in_mutex_; partner: who writes

    // Sending: of the socket's sending end. Taken before log_mutex_.
    std::mutex write_mutex_;
    StreamSocket socket_;                   // changed under in_mutex_ too
    std::atomic<bool> broken_{false};       // no use to write to it; written under write_mutex_
    std::atomic<uint64_t> acknowledged_{0}; // the peer has been told; likewise

    std::mutex log_mutex_; // of all below
    SendLog log_;
    uint64_t written_ = 0; // all before that was given to the socket
    uint64_t offered_ = 0; // and this is being given
    uint64_t looked_ = 0;  // so much had been sent when the peer's word was last looked for
    std::atomic<uint64_t> unwritten_{0}; // for the flusher; partner: send()
    Flusher flusher_{[this] {
                         return unwritten_.load(std::memory_order_seq_cst) != 0 && is_up() &&
                                !broken_.load(std::memory_order_acquire);
                     },
                     [this] { write_out(); }};
};

// With nobody else about, or all locks.
void LastingStream::adopt(StreamSocket socket)
{
    is_tcp_ = tune_tcp(socket.get());
    set_tcp(socket.get(), TCP_KEEPIDLE, kProbeS);
    set_tcp(socket.get(), TCP_KEEPINTVL, kProbeS);
    if (terms_.watched)
        set_tcp(socket.get(), TCP_USER_TIMEOUT, 0);
    set_nonblocking(socket.get(), false); // a receiver without a deadline sleeps in recv()
    socket_ = std::move(socket);
    fd_ = socket_.get();
}

// ---- losing and finding -------------------------------------------------------------------------

// With link_.
void LastingStream::finish(const std::string &why) noexcept
{
    if (state_.load(std::memory_order_relaxed) == State::ended)
        return;
    try {
        why_ = why;
    } catch (...) {
        // Without memory the end is the same.
    }
    state_.store(State::ended, std::memory_order_release);
    ::shutdown(fd_, SHUT_RDWR);
    changed_.notify_all();
}

void LastingStream::end(const std::string &why) noexcept
{
    std::lock_guard lock(link_);
    finish(why);
}

void LastingStream::lose(uint64_t connection, const std::string &why)
{
    {
        std::lock_guard lock(link_);
        if (!is_up() || connection != connection_)
            return;
        why_ = why;
        patience_ = Deadline::after_ms(terms_.patience_ms);
        state_.store(State::lost, std::memory_order_release);
        ::shutdown(fd_, SHUT_RDWR); // wakes who is in it
        changed_.notify_all();
    }
    terms_.lost(why);
}

// False when the time is up; throws when there will be none.
bool LastingStream::wait_until_up(Deadline deadline)
{
    std::unique_lock lock(link_);
    for (;;) {
        switch (state_.load(std::memory_order_relaxed)) {
        case State::up:
            return true;
        case State::ended:
            throw Error(ECONNRESET, why_);
        case State::lost:
            break;
        }
        if (patience_.expired()) {
            finish(text("the connection is lost (%s), and the peer has not come back within %d s",
                        why_.c_str(), terms_.patience_ms / 1000));
            continue;
        }
        if (deadline.expired())
            return false;
        const uint64_t left = std::min(deadline.left_ns(), patience_.left_ns());
        if (left == Deadline::never().left_ns())
            changed_.wait(lock);
        else
            changed_.wait_for(lock, std::chrono::nanoseconds(left));
    }
}

bool LastingStream::wait_for_loss()
{
    for (;;) {
        uint64_t connection;
        {
            std::lock_guard lock(link_);
            if (!is_up())
                return state_ == State::lost;
            connection = connection_;
        }
        // No events: an error or a hang-up alone, of which an orderly end is none.
        pollfd socket{fd_, 0, 0};
        const int heard = poll(&socket, 1, terms_.watched ? kProbeS * 1000 : -1);
        if (heard == 0 && is_silent(fd_))
            lose(connection, text("nothing was heard of the peer for %u s", kSilenceMs / 1000));
        if (heard <= 0)
            continue;
        // Before the error is asked for, which nobody else sees then.
        lose(connection, "the peer closed the connection");
        int code = 0;
        socklen_t size = sizeof code;
        std::lock_guard lock(link_);
        if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code != 0 &&
            state_ == State::lost)
            why_ += ": " + errno_text(code);
    }
}

uint64_t LastingStream::leave(const std::string &why)
{
    lose(connection_, why);
    std::scoped_lock both(in_mutex_, write_mutex_); // who was in it has come out
    std::lock_guard lock(link_);
    if (state_ == State::ended)
        throw Error(ECONNRESET, why_);
    drained_ = true;
    return received_;
}

bool LastingStream::keeps(uint64_t received)
{
    std::lock_guard lock(log_mutex_);
    return received >= log_.begin() && received <= log_.end();
}

void LastingStream::go_on(StreamSocket socket, uint64_t received)
{
    {
        std::scoped_lock both(in_mutex_, write_mutex_);
        std::lock_guard link(link_);
        if (state_ != State::lost)
            throw Error(ECONNRESET, why_);
        {
            std::lock_guard log(log_mutex_);
            if (received < log_.begin() || received > log_.end())
                fail(EPROTO,
                     "the peer has received %llu bytes, and what is kept here goes from %llu to "
                     "%llu",
                     (unsigned long long)received, (unsigned long long)log_.begin(),
                     (unsigned long long)log_.end());
            log_.drop(received);
            written_ = offered_ = received;
            unwritten_.store(log_.end() - received, std::memory_order_seq_cst);
        }
        adopt(std::move(socket));
        reader_.restart();
        drained_ = false;
        acknowledged_ = received_.load(); // by the opening of this connection
        broken_ = false;
        ++connection_;
        state_.store(State::up, std::memory_order_release);
        changed_.notify_all();
    }
    if (unwritten_ != 0)
        flusher_.nudge(); // who is here has other things to do than to wait for the peer
}

// ---- sending ------------------------------------------------------------------------------------

void LastingStream::send(std::span<const std::byte> head, std::span<const std::byte> body)
{
    check_outgoing(head, body);
    const size_t n = head.size() + body.size();
    uint64_t unwritten;
    bool look = false;
    {
        std::unique_lock log(log_mutex_);
        make_room(log, n);
        log_.append(head, body);
        unwritten = log_.end() - written_;
        unwritten_.store(unwritten, std::memory_order_seq_cst);
        if (log_.end() - looked_ >= kAcknowledgeEvery) {
            looked_ = log_.end();
            look = true;
        }
    }
    if (unwritten >= kBatch)
        write_out();
    if (look)
        look_for_word();
}

// Until so much more may be kept. While the connection holds, that is a matter of what the peer has
// got and not said; while there is none, of waiting for one.
void LastingStream::make_room(std::unique_lock<std::mutex> &log, size_t n)
{
    for (;;) {
        if (state_.load(std::memory_order_relaxed) == State::ended) {
            log.unlock();
            wait_until_up(Deadline::never()); // throws
        }
        if (log_.end() - log_.begin() + n <= terms_.most_kept)
            return;
        if (is_up()) {
            log_.shed(terms_.most_kept - std::min<uint64_t>(n, terms_.most_kept), written_);
            if (log_.end() - log_.begin() + n <= terms_.most_kept || log_.begin() == log_.end())
                return;
        }
        log.unlock();
        if (is_up() && broken_)
            lose(connection_, "the peer takes nothing more");
        else if (is_up())
            write_out();
        else
            wait_until_up(Deadline::never());
        log.lock();
    }
}

void LastingStream::flush()
{
    if (state_.load(std::memory_order_relaxed) == State::ended)
        wait_until_up(Deadline::never()); // throws
    write_out();
}

// What was sent until now goes to the socket, if there is one that takes it.
void LastingStream::write_out()
{
    std::lock_guard lock(write_mutex_);
    if (broken_ || !is_up())
        return;
    try {
        write_all_of_it();
    } catch (const Error &error) {
        cannot_write(error.code(), error.what());
    }
}

// With write_mutex_. After an orderly end it is EPIPE, and whoever receives sees how it ended; of a
// reset the kernel tells one of us alone.
void LastingStream::cannot_write(int code, const std::string &why)
{
    broken_ = true;
    if (code != EPIPE)
        lose(connection_, why);
}

void LastingStream::write_all_of_it()
{
    uint64_t until;
    {
        std::lock_guard log(log_mutex_);
        until = log_.end();
    }
    for (;;) {
        std::array<iovec, kPieces + 1> pieces;
        std::array<std::byte, kHeaderSize> word;
        size_t first = 1, n = 0;
        uint64_t to;
        {
            std::lock_guard log(log_mutex_);
            to = written_;
            if (written_ < until)
                n = log_.look(written_, std::span(pieces).subspan(1));
            for (size_t i = 1; i <= n; ++i)
                to += pieces[i].iov_len;
            offered_ = to;
        }
        const uint64_t received = received_.load(std::memory_order_acquire);
        if (received - acknowledged_.load(std::memory_order_relaxed) >= kAcknowledgeEvery) {
            word = acknowledgement(received);
            pieces[--first] = {word.data(), word.size()};
            acknowledged_.store(received, std::memory_order_relaxed);
        }
        const size_t all = 1 - first + n;
        if (all == 0)
            return;
        send_all(socket_, std::span(pieces).subspan(first, all));
        std::lock_guard log(log_mutex_);
        written_ = to;
        unwritten_.store(log_.end() - written_, std::memory_order_seq_cst);
    }
}

// By who receives, who must not wait: somebody else is sending, or the socket is full of what goes
// first. Then it goes with that, or the next time.
void LastingStream::acknowledge()
{
    std::unique_lock lock(write_mutex_, std::try_to_lock);
    if (!lock || broken_ || !is_up())
        return;
    pollfd socket{socket_.get(), POLLOUT, 0};
    if (poll(&socket, 1, 0) != 1 || socket.revents != POLLOUT)
        return;
    const uint64_t received = received_.load(std::memory_order_relaxed);
    std::array<std::byte, kHeaderSize> word = acknowledgement(received);
    iovec piece{word.data(), word.size()};
    try {
        send_all(socket_, std::span(&piece, 1)); // a writable socket has room for as little
        acknowledged_.store(received, std::memory_order_relaxed);
    } catch (const Error &error) {
        cannot_write(error.code(), error.what());
    }
}

// ---- receiving ----------------------------------------------------------------------------------

bool LastingStream::receive(std::vector<std::byte> &message, int timeout_ms)
{
    const Deadline deadline = Deadline::after_ms(timeout_ms);
    for (;;) {
        {
            std::lock_guard in(in_mutex_);
            if (!aside_.empty()) {
                message = std::move(aside_.front());
                aside_.pop_front();
                aside_bytes_ -= message.size();
                return true;
            }
            // What came before the connection was lost counts: it may be the client's goodbye.
            if (is_up() || (is_lost() && !drained_)) {
                if (take(message, deadline))
                    return true;
                if (is_up())
                    return false;
            }
        }
        if (!wait_until_up(deadline))
            return false;
    }
}

// With in_mutex_: a message that is for others than us; false when the time is up, or nothing more
// comes of the connection.
bool LastingStream::take(std::vector<std::byte> &message, Deadline deadline)
{
    try {
        for (;;) {
            if (!reader_.next(socket_, message, deadline))
                return false;
            const Header header = get_header(message.data());
            if (header.flags & kAcknowledges) {
                acknowledged(header, message.size());
                continue;
            }
            const uint64_t received = received_.load(std::memory_order_relaxed) + message.size();
            received_.store(received, std::memory_order_release);
            if (received - acknowledged_.load(std::memory_order_relaxed) >= kAcknowledgeEvery)
                acknowledge();
            return true;
        }
    } catch (const Error &error) {
        cannot_receive(error);
        return false;
    }
}

void LastingStream::acknowledged(const Header &header, size_t size)
{
    const uint64_t position = uint64_t(header.word) << 32 | header.sequence;
    std::lock_guard log(log_mutex_);
    if (size != kHeaderSize || header.call != 0 || header.flags != kAcknowledges ||
        position > offered_)
        fail(EPROTO, "the peer says that it has what was never sent");
    log_.drop(std::min(position, written_)); // the rest is still being written
}

// With in_mutex_. An orderly end is the end; anything else a loss.
void LastingStream::cannot_receive(const Error &error)
{
    const uint64_t connection = connection_;
    drained_ = true;
    if (!is_loss(error.code()) || peer_has_closed(socket_))
        return end(error.what());
    if (reader_.at_end()) {
        // The end of a connection that somebody has left looks the same, and so does a reset that a
        // sender was told of: he says so.
        std::lock_guard lock(write_mutex_);
        std::lock_guard link(link_);
        if (is_up() && connection == connection_)
            finish(error.what());
        return;
    }
    lose(connection, error.what());
}

// A sender nobody receives for reads what the peer says of what it has, and sets the rest aside.
void LastingStream::look_for_word()
{
    std::unique_lock in(in_mutex_, std::try_to_lock);
    if (!in)
        return; // he sees to it
    std::vector<std::byte> message;
    while (is_up() && aside_bytes_ < kMostSetAside && take(message, Deadline::after_ms(0))) {
        aside_bytes_ += message.size();
        aside_.push_back(std::move(message));
        message.clear();
    }
}

} // namespace

bool is_loss(int code) noexcept
{
    return code == ECONNRESET || code == ECONNABORTED || code == ETIMEDOUT ||
           code == EHOSTUNREACH || code == ENETUNREACH || code == ENETDOWN;
}

std::unique_ptr<LastingChannel> make_lasting_channel(StreamSocket socket, LastingTerms terms)
{
    return std::make_unique<LastingStream>(std::move(socket), std::move(terms));
}

} // namespace vgpu::wire
