// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/test-link.h"

#include "remoting/base/log.h"
#include "remoting/base/variables.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include <sys/prctl.h>
#include <unistd.h>

namespace vgpu::wire
{
namespace
{

using Clock = std::chrono::steady_clock;

// One direction of the path. It carries one thing after the other at its rate, those of the calls
// and those of bulk in turns.
class Line
{
public:
    Clock::time_point carry(uint64_t bits_per_s, size_t bytes)
    {
        double s = bits_per_s ? 8.0 * double(bytes) / double(bits_per_s) : 0;
        std::lock_guard lock(mutex_);
        free_ = std::max(free_, Clock::now()) +
                std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
        return free_;
    }

private:
    std::mutex mutex_;
    Clock::time_point free_{};
};

// What has gone over both connections of a session.
struct Path {
    Line out, in;
    std::atomic<uint64_t> bytes_out{0}, bytes_in{0};
};

// Messages, or pieces of a stream, in order, each with the moment at which its last byte is there:
// when the line has carried it, and half a round trip later.
class Pipe
{
public:
    Pipe(TestLink link, Line &line) : link_(link), line_(line) {}

    // Blocks while more is under way than a path of this length holds with full-sized windows.
    void push(std::vector<std::byte> message)
    {
        std::unique_lock lock(mutex_);
        const auto from = Clock::now();
        const size_t window = yields_ && link_.window ? size_t(link_.window) : kWindow;
        changed_.wait(lock, [&] { return bytes_ < window || closed_; });
        held_ += Clock::now() - from;
        bytes_ += message.size();
        auto carried = line_.carry(link_.bits_per_s, message.size());
        queue_.push_back(
            {carried + std::chrono::nanoseconds(link_.rtt_ns / 2), std::move(message)});
        changed_.notify_all();
        lock.unlock();
        // The line is not taken for what comes next before it is free: what another connection has
        // to say goes between.
        if (yields_)
            std::this_thread::sleep_until(carried);
    }

    // Of a stream whose bytes can wait.
    void yield() { yields_ = true; }

    // How long the window alone kept something from being sent.
    uint64_t held_us()
    {
        std::lock_guard lock(mutex_);
        return uint64_t(std::chrono::duration_cast<std::chrono::microseconds>(held_).count());
    }

    // The next message when its time has come; false when `until` comes first, or when the pipe was
    // closed and is empty.
    bool pop(std::vector<std::byte> &message, Clock::time_point until)
    {
        std::unique_lock lock(mutex_);
        for (;;) {
            if (queue_.empty() && closed_)
                return false;
            Clock::time_point next = queue_.empty() ? until : std::min(until, queue_.front().due);
            if (!queue_.empty() && queue_.front().due <= Clock::now())
                break;
            if (Clock::now() >= until)
                return false;
            if (next == Clock::time_point::max())
                changed_.wait(lock);
            else
                changed_.wait_until(lock, next);
        }
        message = std::move(queue_.front().message);
        queue_.pop_front();
        bytes_ -= message.size();
        changed_.notify_all();
        return true;
    }

    bool closed_and_empty()
    {
        std::lock_guard lock(mutex_);
        return closed_ && queue_.empty();
    }

    bool closed()
    {
        std::lock_guard lock(mutex_);
        return closed_;
    }

    void close()
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

private:
    static constexpr size_t kWindow = size_t(256) << 20;

    struct Item {
        Clock::time_point due;
        std::vector<std::byte> message;
    };

    const TestLink link_;
    Line &line_;
    bool yields_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> queue_;
    size_t bytes_ = 0;
    Clock::duration held_{0};
    bool closed_ = false;
};

class LinkedChannel;
// What tells its totals when the process ends: the client library's session is never destroyed.
LinkedChannel *counted = nullptr;
pid_t counted_in = 0;

// Sleeps are short here, and the kernel's usual slack is as long as a local round trip.
void sleep_exactly()
{
    prctl(PR_SET_TIMERSLACK, 1ul);
}

class LinkedChannel final : public Channel
{
public:
    LinkedChannel(std::unique_ptr<Channel> inner, TestLink link, std::shared_ptr<Path> path)
        : inner_(std::move(inner)), delayed_(link.rtt_ns || link.bits_per_s),
          path_(std::move(path)), out_(link, path_->out), in_(link, path_->in)
    {
        if (!delayed_)
            return; // only counted
        sender_ = std::thread([this] { carry_out(); });
        receiver_ = std::thread([this] { carry_in(); });
    }

    ~LinkedChannel() override
    {
        if (counted == this)
            counted = nullptr;
        out_.close();
        if (sender_.joinable())
            sender_.join();
        inner_->shut_down();
        in_.close();
        if (receiver_.joinable())
            receiver_.join();
    }

    void tell() const
    {
        vgpu::log(Level::info,
                  "test link: %llu round trips, %llu messages and %llu bytes out, %llu bytes in",
                  (unsigned long long)round_trips_, (unsigned long long)sent_,
                  (unsigned long long)path_->bytes_out, (unsigned long long)path_->bytes_in);
    }

    void send(std::span<const std::byte> head, std::span<const std::byte> body) override
    {
        count(head, head.size() + body.size());
        if (!delayed_)
            return inner_->send(head, body);
        check_failure();
        std::vector<std::byte> message(head.begin(), head.end());
        message.insert(message.end(), body.begin(), body.end());
        out_.push(std::move(message));
    }

    void flush() override
    {
        if (!delayed_)
            inner_->flush(); // else the sender's business
    }

    void flush_soon() override
    {
        if (!delayed_)
            inner_->flush_soon();
    }

    size_t room() const override { return inner_->room(); }

    bool receive(std::vector<std::byte> &message, int timeout_ms) override
    {
        // Whoever waits for an answer to something asked since the last wait makes a round trip.
        if (timeout_ms != 0 && asked_.exchange(false, std::memory_order_relaxed))
            round_trips_++;
        bool got;
        if (delayed_) {
            sleep_exactly();
            auto until = timeout_ms < 0 ? Clock::time_point::max()
                                        : Clock::now() + std::chrono::milliseconds(timeout_ms);
            got = in_.pop(message, until);
            if (!got && in_.closed_and_empty()) {
                check_failure();
                fail(ECONNRESET, "the peer closed the connection");
            }
        } else {
            got = inner_->receive(message, timeout_ms);
        }
        if (got)
            path_->bytes_in += message.size();
        return got;
    }

    const char *name() const override { return inner_->name(); }
    bool passes_descriptors() const override { return inner_->passes_descriptors(); }
    void send_descriptor(uint64_t tag, int fd) override { inner_->send_descriptor(tag, fd); }
    Fd receive_descriptor(uint64_t tag, int timeout_ms) override
    {
        return inner_->receive_descriptor(tag, timeout_ms);
    }
    int descriptor() const override { return inner_->descriptor(); }
    void shut_down() noexcept override
    {
        inner_->shut_down();
        out_.close();
        in_.close();
    }

private:
    void count(std::span<const std::byte> head, size_t bytes)
    {
        sent_++;
        path_->bytes_out += bytes;
        if (get_header(head.data()).flags & kWantsReply)
            asked_.store(true, std::memory_order_relaxed);
    }

    void carry_out()
    {
        sleep_exactly();
        std::vector<std::byte> message;
        try {
            while (out_.pop(message, Clock::time_point::max())) {
                inner_->send(message);
                inner_->flush();
            }
        } catch (const Error &error) {
            keep_failure(error);
        }
        out_.close();
    }

    void carry_in()
    {
        std::vector<std::byte> message;
        try {
            while (inner_->receive(message, -1))
                in_.push(std::move(message));
        } catch (const Error &error) {
            keep_failure(error);
        }
        in_.close();
    }

    void keep_failure(const Error &error)
    {
        std::lock_guard lock(mutex_);
        if (!failure_)
            failure_ = std::make_unique<Error>(error);
    }

    void check_failure()
    {
        std::lock_guard lock(mutex_);
        if (failure_)
            throw Error(*failure_);
    }

    const std::unique_ptr<Channel> inner_;
    const bool delayed_;
    const std::shared_ptr<Path> path_;
    Pipe out_, in_;
    std::thread sender_, receiver_;
    std::mutex mutex_;
    std::unique_ptr<Error> failure_;
    std::atomic<bool> asked_{false}; // written by senders, taken by the receiver
    uint64_t round_trips_ = 0;       // the receiver's
    uint64_t sent_ = 0;              // the sender's
};

// The bulk connection over the same path: a stream of bytes in pieces as large as a card sends.
class LinkedStream final : public BulkStream
{
public:
    LinkedStream(std::unique_ptr<BulkStream> inner, TestLink link, std::shared_ptr<Path> path)
        : inner_(std::move(inner)), delayed_(link.rtt_ns || link.bits_per_s), rtt_ns_(link.rtt_ns),
          path_(std::move(path)), out_(link, path_->out), in_(link, path_->in)
    {
        if (!delayed_)
            return;
        out_.yield();
        in_.yield();
        sender_ = std::thread([this] { carry_out(); });
        receiver_ = std::thread([this] { carry_in(); });
    }

    ~LinkedStream() override
    {
        shut_down();
        if (sender_.joinable())
            sender_.join();
        if (receiver_.joinable())
            receiver_.join();
    }

    void write(std::span<iovec> pieces) override
    {
        for (const iovec &piece : pieces)
            path_->bytes_out += piece.iov_len;
        if (!delayed_)
            return inner_->write(pieces);
        const auto from = Clock::now();
        for (const iovec &piece : pieces) {
            auto *bytes = static_cast<const std::byte *>(piece.iov_base);
            for (size_t at = 0, n; at < piece.iov_len; at += n) {
                n = std::min(kPiece, piece.iov_len - at);
                if (out_.closed())
                    fail(ECONNRESET, "the peer closed the connection");
                out_.push({bytes + at, bytes + at + n});
            }
        }
        busy_us_ += uint64_t(
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count());
    }

    size_t read(std::span<std::byte> to) override
    {
        size_t n;
        if (delayed_) {
            if (begin_ == piece_.size()) {
                begin_ = 0;
                piece_.clear();
                if (!in_.pop(piece_, Clock::time_point::max()))
                    return 0;
            }
            n = std::min(to.size(), piece_.size() - begin_);
            std::copy_n(piece_.begin() + ptrdiff_t(begin_), n, to.begin());
            begin_ += n;
        } else {
            n = inner_->read(to);
        }
        path_->bytes_in += n;
        return n;
    }

    int descriptor() const override { return inner_->descriptor(); }
    bool is_sealed() const override { return inner_->is_sealed(); }
    uint64_t bytes_in() const override { return path_->bytes_in; }
    uint64_t bytes_out() const override { return path_->bytes_out; }
    BulkPath path() const noexcept override
    {
        BulkPath path = inner_->path();
        path.rtt_ns += rtt_ns_;
        path.smooth_rtt_ns += rtt_ns_;
        path.busy_us = busy_us_;
        path.limited_us = out_.held_us();
        return path;
    }
    void shut_down() noexcept override
    {
        inner_->shut_down();
        out_.close();
        in_.close();
    }

private:
    static constexpr size_t kPiece = size_t(16) << 10;

    void carry_out()
    {
        sleep_exactly();
        std::vector<std::byte> piece;
        try {
            while (out_.pop(piece, Clock::time_point::max())) {
                iovec one{piece.data(), piece.size()};
                inner_->write(std::span(&one, 1));
            }
        } catch (const Error &) {
            // The next writer is told, and the reader finds out by itself.
        }
        out_.close();
    }

    void carry_in()
    {
        sleep_exactly();
        try {
            for (;;) {
                std::vector<std::byte> piece(kPiece);
                size_t n = inner_->read(piece);
                if (n == 0)
                    break;
                piece.resize(n);
                in_.push(std::move(piece));
            }
        } catch (const Error &) {
            // As an end.
        }
        in_.close();
    }

    const std::unique_ptr<BulkStream> inner_;
    const bool delayed_;
    const uint64_t rtt_ns_;
    const std::shared_ptr<Path> path_;
    mutable Pipe out_, in_;
    std::atomic<uint64_t> busy_us_{0}; // of writing
    std::thread sender_, receiver_;
    std::vector<std::byte> piece_; // the reader's
    size_t begin_ = 0;
};

// A number with up to nine decimals, and a unit. By hand: the application's locale may have another
// decimal point, and the library's reader of floating point is large.
uint64_t parse_scaled(std::string_view text,
                      std::initializer_list<std::pair<std::string_view, uint64_t>> units)
{
    constexpr uint64_t kMost = 1'000'000'000;
    uint64_t whole = 0, part = 0, part_of = 1;
    size_t at = 0, digits = 0;
    auto digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    for (; digit() && whole < kMost; at++, digits++)
        whole = whole * 10 + uint64_t(text[at] - '0');
    if (digits && at < text.size() && text[at] == '.')
        for (at++; digit() && part_of < kMost; at++, part_of *= 10)
            part = part * 10 + uint64_t(text[at] - '0');
    for (auto [name, factor] : units)
        if (digits && text.substr(at) == name)
            return whole * factor + factor / part_of * part;
    fail(EINVAL, "VGPU_TEST_LINK: '%.*s' is not understood: rtt=5ms,rate=10G is meant",
         int(text.size()), text.data());
}

} // namespace

TestLink parse_test_link(std::string_view text)
{
    TestLink link;
    for (bool more = true; more;) {
        std::string_view one = text.substr(0, text.find(','));
        more = one.size() < text.size();
        text.remove_prefix(std::min(text.size(), one.size() + 1));
        if (one.starts_with("rtt="))
            link.rtt_ns = parse_scaled(
                one.substr(4), {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"", 1'000'000}});
        else if (one.starts_with("rate="))
            link.bits_per_s = parse_scaled(
                one.substr(5), {{"", 1}, {"K", 1'000}, {"M", 1'000'000}, {"G", 1'000'000'000}});
        else if (one.starts_with("window="))
            link.window = parse_scaled(one.substr(7), {{"", 1}, {"K", 1'000}, {"M", 1'000'000}});
        else
            parse_scaled(one, {});
    }
    return link;
}

std::unique_ptr<Channel> make_test_link(std::unique_ptr<Channel> channel, TestLink link)
{
    return std::make_unique<LinkedChannel>(std::move(channel), link, std::make_shared<Path>());
}

namespace
{

// Of the one session that a process has.
std::shared_ptr<Path> process_path()
{
    static auto &path = *new std::shared_ptr<Path>(std::make_shared<Path>());
    return path;
}

[[gnu::destructor]] void tell_totals()
{
    if (counted && counted_in == getpid())
        counted->tell();
}

} // namespace

std::unique_ptr<Channel> with_test_link(std::unique_ptr<Channel> channel)
{
    const char *text = getenv(kTestLinkVariable.env);
    if (!text || !*text)
        return channel;
    auto link =
        std::make_unique<LinkedChannel>(std::move(channel), parse_test_link(text), process_path());
    counted = link.get();
    counted_in = getpid();
    return link;
}

std::unique_ptr<BulkStream> with_test_link(std::unique_ptr<BulkStream> stream)
{
    const char *text = getenv(kTestLinkVariable.env);
    if (!text || !*text)
        return stream;
    return std::make_unique<LinkedStream>(std::move(stream), parse_test_link(text), process_path());
}

} // namespace vgpu::wire
