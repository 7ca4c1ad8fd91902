// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/bulk.h"

#include "remoting/api/calls.h"
#include "remoting/api/params.h"
#include "remoting/base/clock.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/client/call.h"
#include "remoting/client/copy-out.h"
#include "remoting/wire/lasting-channel.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace vgpu::client
{

Bulk::Bulk(wire::BulkConnection first, Connection &connection, Opener another, Replacer replacer)
    : connection_(connection), another_(std::move(another)), replacer_(std::move(replacer)),
      most_window_(std::max<uint64_t>(first.window, wire::kBulkWindow)),
      in_window_(wire::kBulkWindow,
                 [this](size_t bytes, bool waited) { passed_in(bytes, waited); }),
      in_path_(wire::kBulkWindow, most_window_), out_path_(wire::kBulkWindow, most_window_),
      most_lanes_(std::min(first.most, wire::kMostBulkLanes)), out_bytes_(wire::kBulkWindow)
{
    lanes_[0].stream = std::move(first.stream);
}

Bulk::~Bulk()
{
    shut_down();
    for (Lane &lane : lanes_)
        if (lane.reader.joinable())
            lane.reader.join();
}

void Bulk::shut_down() noexcept
{
    for (unsigned i = 0; i < count_.load(std::memory_order_acquire); ++i)
        stream(i)->shut_down();
}

std::shared_ptr<wire::BulkStream> Bulk::stream(unsigned number) const
{
    std::lock_guard lock(streams_);
    return lanes_[number].stream;
}

void Bulk::set_stream(unsigned number, std::unique_ptr<wire::BulkStream> stream)
{
    std::lock_guard lock(streams_);
    lanes_[number].stream = std::move(stream);
}

// The reader may have told, or there is none.
bool Bulk::is_lost(unsigned number) const
{
    const auto held = stream(number);
    pollfd socket{held->descriptor(), 0, 0};
    return lanes_[number].lost.load(std::memory_order_acquire) || poll(&socket, 1, 0) > 0;
}

// With send_: connections that were lost with nothing on its way are replaced, before something is.
void Bulk::mend()
{
    for (unsigned i = 0; replacer_ && i < count_.load(std::memory_order_acquire); ++i)
        if (is_lost(i))
            replace(i);
}

// With send_. What the worker has of a piece whose command was not sent it forgets.
void Bulk::replace(unsigned number)
{
    Lane &lane = lanes_[number];
    stream(number)->shut_down();
    const bool read = lane.reader.joinable();
    if (read)
        lane.reader.join();
    if (connection_.lost())
        fail(ECONNRESET, "the session has ended");
    wire::BulkConnection one = replacer_({number, lane.position});
    set_stream(number, std::move(one.stream));
    lane.lost.store(false, std::memory_order_release);
    log(Level::info, "bulk connection %u was lost, and there is another", number);
    if (connection_.lost())
        stream(number)->shut_down();
    if (read && !start(lane, [this, &lane] { this->read(lane); }))
        fail(EAGAIN, "no thread to read bulk connection %u", number);
}

size_t Bulk::piece_of(size_t bytes) noexcept
{
    constexpr size_t kPieces = 16;
    return std::clamp<size_t>(bytes / kPieces & ~size_t(4095), api::kMaxPiece, wire::kBulkMost);
}

bool Bulk::send(uint32_t word, const RowsIn &piece)
{
    Pending *marker;
    if (!in_window_.enter(connection_, piece.bytes(), marker))
        return false;
    const bool sent = post(word, piece, marker);
    in_window_.sent(marker, sent);
    return sent;
}

// Whether no other thread has waited for an answer for a while: nobody then who a large turn would
// hold up. With send_.
bool Bulk::calm() noexcept
{
    const uint64_t others = connection_.round_trips_of_others();
    if (std::exchange(others_, others) != others)
        calm_for_ = 0;
    else if (calm_for_ < kCalm)
        ++calm_for_;
    return calm_for_ >= kCalm;
}

bool Bulk::post(uint32_t word, const RowsIn &piece, Pending *marker)
{
    const size_t n = piece.bytes();
    std::lock_guard lock(send_);
    try {
        if (!piece.packed()) {
            packed_.resize(n);
            piece.pack(packed_.data());
        }
        for (;;) {
            mend();
            // Replaced under send_ alone.
            std::array<wire::BulkStream *, wire::kMostBulkLanes> streams;
            const unsigned count = count_.load(std::memory_order_acquire);
            for (unsigned i = 0; i < count; ++i)
                streams[i] = lanes_[i].stream.get();
            last_lane_ =
                unsigned(wire::next_with_room(std::span(streams).first(count), last_lane_));
            iovec bytes{piece.packed() ? const_cast<std::byte *>(piece.from) : packed_.data(), n};
            streams[last_lane_]->take_turns(calm() ? wire::kBulkMost
                                                   : wire::BulkStream::kShortTurn);
            try {
                streams[last_lane_]->write(std::span(&bytes, 1));
                break;
            } catch (const Error &error) {
                // A reset is told to the reader alone.
                if (!replacer_ || (!wire::is_loss(error.code()) && error.code() != EPIPE))
                    throw;
                lanes_[last_lane_].lost.store(true, std::memory_order_release);
            }
        }
    } catch (const std::exception &error) {
        connection_.give_up(error.what());
        return false;
    }
    Request request;
    Lane &lane = lanes_[last_lane_];
    for (uint64_t value :
         {uint64_t(last_lane_), lane.position, uint64_t(piece.to), uint64_t(piece.pitch),
          uint64_t(piece.width), uint64_t(piece.rows), api::id_of(piece.stream)})
        request.out().u64(value);
    lane.position += n;
    return connection_.send(uint16_t(api::Call::vgpuBulkIn), word, request.bytes(), {}, marker);
}

wire::BulkPath Bulk::path() const noexcept
{
    wire::BulkPath all;
    for (unsigned i = 0; i < count_.load(std::memory_order_acquire); ++i) {
        const wire::BulkPath one = stream(i)->path();
        all.rtt_ns = i == 0 ? one.rtt_ns : std::min(all.rtt_ns, one.rtt_ns);
        all.busy_us += one.busy_us;
        all.limited_us += one.limited_us;
    }
    return all;
}

void Bulk::passed_in(size_t bytes, bool waited)
{
    std::lock_guard lock(adapting_);
    const wire::BulkPath now = path();
    const bool limited = limits_.look(now.busy_us, now.limited_us);
    if (in_path_.passed(bytes, waited, now.rtt_ns, now_ns())) {
        in_window_.resize(size_t(in_path_.bytes()));
        tell();
    }
    if (limited)
        open_where_it_helps(in_path_);
}

void Bulk::passed_out(uint64_t bytes, bool waited)
{
    std::lock_guard lock(adapting_);
    if (out_path_.passed(bytes, waited, path().rtt_ns, now_ns())) {
        out_bytes_.store(out_path_.bytes(), std::memory_order_relaxed);
        tell();
    }
    if (worker_limited_.load(std::memory_order_relaxed))
        open_where_it_helps(out_path_);
}

// For people, who see it with the worker's numbers. With the lock.
void Bulk::tell()
{
    Request request;
    for (uint64_t value : {in_path_.bytes(), out_path_.bytes()})
        request.out().u64(value);
    connection_.send(uint16_t(api::Call::vgpuBulkTune), 0, request.bytes());
}

// Each connection that there is has all on its way that its buffers hold: one more holds as much.
// With the lock.
void Bulk::open_where_it_helps(const PathWindow &window)
{
    constexpr uint64_t kWorthIt = uint64_t(1) << 20; // bytes on the way, of each
    const unsigned count = count_.load(std::memory_order_relaxed);
    if (opening_ || !another_ || count >= most_lanes_ || window.on_the_way() < kWorthIt * count)
        return;
    opening_ = true;
    start(lanes_[count], [this, count] {
        Lane &lane = lanes_[count];
        try {
            wire::BulkConnection one = another_();
            if (one.number != count)
                fail(EPROTO, "bulk connection %u is number %u there", count, one.number);
            set_stream(count, std::move(one.stream));
        } catch (const std::exception &error) {
            log(Level::info, "large copies have %u connections, and no more: %s", count,
                error.what());
            std::lock_guard lock(adapting_);
            most_lanes_ = count; // and opening_ stays: nobody tries again
            return;
        }
        count_.store(count + 1, std::memory_order_release); // partner: post() and path()
        log(Level::debug, "large copies have %u connections", count + 1);
        if (connection_.lost())
            stream(count)->shut_down();
        {
            std::lock_guard lock(adapting_);
            opening_ = false;
            limits_.restart();
        }
        read(lane);
    });
}

// False where there is no thread.
bool Bulk::start(Lane &lane, std::function<void()> job)
{
    // The application's signals are not for a thread it does not know of.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
        lane.reader = std::thread([job = std::move(job)] {
            pthread_setname_np(pthread_self(), "vgpu-bulk");
            job();
        });
    } catch (...) {
        started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

uint32_t Bulk::add(CopyOut &copy)
{
    std::unique_lock lock(mutex_, std::defer_lock);
    // What was lost before is replaced; what is lost later has something on its way.
    do {
        if (lock)
            lock.unlock();
        try {
            bool any = false;
            for (unsigned i = 0; replacer_ && i < count_.load(std::memory_order_acquire); ++i)
                any = any || is_lost(i);
            if (any) { // only then behind who sends
                std::lock_guard send(send_);
                mend();
            }
        } catch (const std::exception &error) {
            connection_.give_up(error.what());
        }
        lock.lock();
    } while (replacer_ && !connection_.lost() &&
             std::any_of(lanes_.begin(), lanes_.end(),
                         [](const Lane &lane) { return lane.lost.load(); }));
    while (++last_ == 0 || copies_.contains(last_))
        continue;
    copies_[last_] = &copy;
    // The others' threads have opened them.
    if (!lanes_[0].reader.joinable() && !start(lanes_[0], [this] { read(lanes_[0]); }))
        ended_ = true;
    const uint32_t number = last_;
    const bool ended = ended_;
    lock.unlock();
    if (ended)
        connection_.give_up("the peer closed the bulk connection");
    return number;
}

void Bulk::remove(uint32_t number) noexcept
{
    std::unique_lock lock(mutex_);
    copies_.erase(number);
    // A reader itself lets go of a copy that nobody waits for, when all of it is there.
    const auto self = std::this_thread::get_id();
    left_.wait(lock, [&] {
        return std::none_of(lanes_.begin(), lanes_.end(), [&](const Lane &lane) {
            return lane.reading == number && lane.id != self;
        });
    });
}

void Bulk::read(Lane &lane)
{
    {
        std::lock_guard lock(mutex_);
        lane.id = std::this_thread::get_id();
    }
    std::string why = "the peer closed the bulk connection";
    try {
        while (read_frame(lane))
            continue;
    } catch (const std::exception &error) {
        why = error.what();
    }
    bool missed;
    {
        std::lock_guard lock(mutex_);
        lane.reading = 0;
        missed = !copies_.empty();
        if (missed || !replacer_)
            ended_ = true;
        if (missed && replacer_)
            why = "bytes of a large copy were lost with their connection: " + why;
        lane.lost.store(true, std::memory_order_release);
    }
    left_.notify_all();
    // Else it is for the calls to find out.
    if (missed)
        connection_.give_up(why);
}

bool Bulk::read_frame(Lane &lane)
{
    wire::BulkFrame frame;
    if (!lane.stream->read_exactly(std::as_writable_bytes(std::span(&frame, 1))))
        return false;
    CopyOut *copy = nullptr;
    {
        std::lock_guard lock(mutex_);
        if (auto found = copies_.find(frame.copy); found != copies_.end())
            copy = found->second;
        if (!copy || !copy->reserve(frame.offset, frame.bytes))
            fail(EPROTO, "the worker sent bytes of a copy that was not asked for");
        lane.reading = frame.copy;
    }
    copy->each_row(frame.offset, frame.bytes, [&](std::span<std::byte> to) {
        if (!lane.stream->read_exactly(to))
            fail(ECONNRESET, "the peer closed the bulk connection inside a copy");
    });
    // It goes on until it has all of its bytes, unless the connection is lost.
    connection_.advance(*copy, frame.bytes);
    {
        std::lock_guard lock(mutex_);
        lane.reading = 0;
    }
    left_.notify_all();
    return true;
}

void Bulk::abandon_in_child() noexcept
{
    // Another thread may have had the lock at the fork, for a moment.
    const std::unique_lock lock(streams_, std::try_to_lock);
    if (!lock)
        return;
    for (unsigned i = 0; i < count_.load(std::memory_order_acquire); ++i)
        close(lanes_[i].stream->descriptor());
}

} // namespace vgpu::client
