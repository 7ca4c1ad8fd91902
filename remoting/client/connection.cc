// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/connection.h"

#include "remoting/base/error.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace vgpu::client
{

Connection::Connection(std::unique_ptr<wire::Channel> channel, Hooks hooks)
    : channel_(std::move(channel)), hooks_(std::move(hooks))
{
}

Connection::~Connection()
{
    for (Pending *at = first_; at;) {
        Pending *next = at->next_;
        if (at->detached_)
            delete at; // not answered to the end
        at = next;
    }
}

void Connection::give_up(const std::string &why)
{
    if (!lost_.exchange(true, std::memory_order_acq_rel))
        hooks_.lost(why);
    channel_->shut_down(); // wakes whoever is inside send() or receive()
    std::lock_guard lock(mutex_);
    wake_all();
}

// With the lock, by a leader who has what he waited for.
void Connection::hand_over() noexcept
{
    if (receiving_)
        return;
    for (Pending *at = first_; at; at = at->next_)
        if (at->sleeper_ && !at->answered_)
            return at->sleeper_->notify_one();
    changed_.notify_all();
}

void Connection::wake_all() noexcept
{
    for (Pending *at = first_; at; at = at->next_)
        if (at->sleeper_)
            at->sleeper_->notify_one();
    changed_.notify_all();
}

void Connection::link(Pending &pending) noexcept
{
    pending.previous_ = last_;
    pending.next_ = nullptr;
    (last_ ? last_->next_ : first_) = &pending;
    last_ = &pending;
}

void Connection::unlink(Pending &pending) noexcept
{
    (pending.previous_ ? pending.previous_->next_ : first_) = pending.next_;
    (pending.next_ ? pending.next_->previous_ : last_) = pending.previous_;
}

Pending *Connection::find(uint32_t sequence) const noexcept
{
    Pending *at = first_;
    while (at && at->sequence_ != sequence)
        at = at->next_;
    return at;
}

bool Connection::send(uint16_t call, uint32_t word, std::span<std::byte> head,
                      std::span<const std::byte> body, Pending *pending)
{
    std::string why;
    try {
        std::lock_guard append(append_);
        if (lost())
            return false;
        uint64_t count = last_sequence_.load(std::memory_order_relaxed) + 1;
        last_sequence_.store(count, std::memory_order_relaxed);
        auto sequence = uint32_t(count);
        wire::Header header{.size = uint32_t(head.size() + body.size()),
                            .call = call,
                            .flags = uint16_t(pending ? wire::kWantsReply : 0),
                            .sequence = sequence,
                            .word = word};
        wire::put_header(head.data(), header);
        if (pending) {
            // Before it is sent: the leader may see the reply before send() returns.
            std::lock_guard lock(mutex_);
            pending->sequence_ = sequence;
            pending->done_ = false;
            pending->answered_ = false;
            link(*pending);
            if (pending->detached_)
                (pending->casual_ ? casual_ : detached_).fetch_add(1, std::memory_order_relaxed);
        }
        unanswered_bytes_.store(unanswered_bytes_.load(std::memory_order_relaxed) + header.size,
                                std::memory_order_relaxed);
        channel_->send(head, body);
        if (pending && !pending->detached_)
            channel_->flush(); // it is waited for next
        else
            channel_->flush_soon();
        return true;
    } catch (const std::exception &error) {
        why = error.what();
    }
    give_up(why);
    if (pending && !pending->detached_) {
        // The caller's: it must be gone from the map before the caller's frame is. A leader that
        // found it there already is waited for by wait(), which is not called on this path.
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !receiving_; });
        if (!pending->done_)
            unlink(*pending);
        pending->done_ = true;
    }
    return false;
}

bool Connection::send_detached(uint16_t call, uint32_t word, std::span<std::byte> head,
                               std::unique_ptr<Pending> pending)
{
    pending->detached_ = true;
    // From here on the connection's, also on failure: a lost connection is never used again, and
    // what a leader may still be writing through must not vanish under it.
    return send(call, word, head, {}, pending.release());
}

bool Connection::send_casual(uint16_t call, uint32_t word, std::span<std::byte> head,
                             std::unique_ptr<Pending> pending)
{
    pending->casual_ = true;
    return send_detached(call, word, head, std::move(pending));
}

bool Connection::send_descriptor(uint64_t tag, int fd)
{
    std::string why;
    try {
        std::lock_guard append(append_);
        if (lost())
            return false;
        channel_->send_descriptor(tag, fd);
        return true;
    } catch (const std::exception &error) {
        why = error.what();
    }
    give_up(why);
    return false;
}

// Called with the lock and without receiving_; returns with the lock. One message, or the end;
// false when the time is up.
bool Connection::receive_one(std::unique_lock<std::mutex> &lock, int timeout_ms)
{
    receiving_ = true;
    lock.unlock();
    std::string why;
    bool got = false;
    try {
        got = channel_->receive(message_, timeout_ms);
    } catch (const std::exception &error) {
        why = error.what();
    }
    if (!why.empty())
        give_up(why);
    lock.lock();
    if (got)
        take(lock);
    receiving_ = false;
    if (lost())
        wake_all();
    return got;
}

bool Connection::receive_until(const std::function<bool()> &there)
{
    std::unique_lock lock(mutex_);
    while (!there()) {
        if (receiving_)
            changed_.wait(lock);
        else if (lost())
            return false;
        else
            receive_one(lock);
    }
    hand_over();
    return true;
}

void Connection::take_what_is_there()
{
    std::unique_lock lock(mutex_);
    if (receiving_)
        return; // somebody else takes it
    while (!receiving_ && !lost() && receive_one(lock, 0))
        ;
    hand_over();
}

// Hands message_ to the request it answers. The request cannot vanish meanwhile: its owner waits
// for done_ or for receiving_ to fall.
void Connection::take(std::unique_lock<std::mutex> &lock)
{
    auto header = wire::get_header(message_.data());
    Pending *pending = find(header.sequence);
    const char *problem = nullptr;
    if (!(header.flags & wire::kIsReply) || message_.size() < wire::kHeaderSize + 8)
        problem = "it sent something that is no reply";
    else if (!pending)
        problem = "it answered a request that was never made";
    if (problem)
        pending = nullptr;
    lock.unlock();

    if (pending) {
        Deferred deferred;
        std::memcpy(&deferred, message_.data() + wire::kHeaderSize, sizeof(deferred));
        if (deferred.result != 0)
            hooks_.deferred(deferred);
        if (!pending->arrived(header, std::span(message_).subspan(wire::kHeaderSize + 8)))
            problem = "its reply could not be understood";
    }
    if (problem)
        give_up(problem);

    lock.lock();
    if (pending && pending->speaks_up_)
        changed_.notify_all();
    if (!pending || (header.flags & wire::kMore))
        return;
    unanswered_bytes_.store(0, std::memory_order_relaxed);
    pending->answered_ = true;
    if (!pending->missing())
        finish(*pending);
}

void Connection::advance(Pending &pending, uint64_t bytes)
{
    std::lock_guard lock(mutex_);
    pending.advanced(bytes);
    if (pending.answered_ && !pending.done_ && !pending.missing())
        finish(pending);
}

// With the lock.
void Connection::finish(Pending &finished) noexcept
{
    Pending *pending = &finished;
    unlink(*pending);
    pending->done_ = true;
    if (pending->sleeper_)
        pending->sleeper_->notify_one();
    if (pending->detached_) {
        (pending->casual_ ? casual_ : detached_).fetch_sub(1, std::memory_order_release);
        delete pending;
        changed_.notify_all();
    }
}

static thread_local uint64_t own_round_trips = 0;

void Connection::count_round_trip() noexcept
{
    round_trips_.fetch_add(1, std::memory_order_relaxed);
    ++own_round_trips;
}

uint64_t Connection::round_trips_of_others() const noexcept
{
    return round_trips() - own_round_trips;
}

bool Connection::wait(Pending &pending)
{
    std::unique_lock lock(mutex_);
    if (!pending.done_)
        count_round_trip();
    std::condition_variable own;
    for (bool led = false; !pending.done_;) {
        if (lost() && !receiving_) {
            unlink(pending);
            pending.done_ = true;
            return false;
        } else if (receiving_ || pending.answered_) {
            // Only its bytes are missing: the messages are for others to read.
            if (std::exchange(led, false))
                hand_over();
            pending.sleeper_ = &own;
            own.wait(lock);
            pending.sleeper_ = nullptr;
        } else {
            receive_one(lock);
            led = true;
        }
    }
    hand_over();
    return true;
}

bool Connection::complete_before(uint64_t sequence)
{
    if (!has_detached())
        return !lost();
    std::unique_lock lock(mutex_);
    // The first whose answer is to come; else one of which only bytes are missing.
    auto outstanding = [&] {
        Pending *incomplete = nullptr;
        for (Pending *at = first_; at && int32_t(at->sequence_ - uint32_t(sequence)) <= 0;
             at = at->next_) {
            if (!at->detached_ || at->casual_)
                continue;
            if (!at->answered_)
                return at;
            incomplete = at;
        }
        return incomplete;
    };
    if (outstanding())
        count_round_trip();
    bool led = false;
    while (Pending *at = outstanding()) {
        if (lost() && !receiving_)
            return false;
        if (receiving_ || at->answered_) {
            if (std::exchange(led, false))
                hand_over();
            changed_.wait(lock);
        } else {
            receive_one(lock);
            led = true;
        }
    }
    hand_over();
    return !lost();
}

void Connection::say_goodbye(uint16_t call) noexcept
{
    std::unique_lock append(append_, std::try_to_lock);
    if (!append || lost() ||
        unanswered_bytes_.load(std::memory_order_relaxed) + wire::kHeaderSize > channel_->room())
        return;
    try {
        std::array<std::byte, wire::kHeaderSize> message;
        auto sequence = uint32_t(last_sequence_.load(std::memory_order_relaxed) + 1);
        wire::put_header(message.data(),
                         {.size = wire::kHeaderSize, .call = call, .sequence = sequence});
        channel_->send(message);
        channel_->flush();
    } catch (...) {
        // The worker notices the closed connection all the same.
    }
}

void Connection::abandon_in_child() noexcept
{
    close(channel_->descriptor());
}

} // namespace vgpu::client
