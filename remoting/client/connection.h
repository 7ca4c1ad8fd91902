// SPDX-License-Identifier: Apache-2.0
// The client's end of the call plane: one ordered stream of requests whatever thread makes them,
// and replies found by sequence.
//
// There is no thread here. Whoever waits receives: one waiter at a time is the leader, reads the
// channel and hands each reply to the request it answers, its own or another's; the others sleep,
// each by itself, until theirs has come or the leader, having its own, wakes one to lead.
#pragma once

#include "remoting/wire/channel.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace vgpu::client
{

// The first failure of an asynchronous call, as a reply's first eight bytes tell it.
struct Deferred {
    uint32_t result = 0; // CUresult
    uint32_t call = 0;
};

// A request that will be answered.
class Pending
{
public:
    virtual ~Pending() = default;

    // A reply, or a part of one, without its first eight bytes. Called by whichever thread
    // receives, outside of every lock. False when the bytes make no sense: the connection is given
    // up then.
    virtual bool arrived(const wire::Header &header, std::span<const std::byte> body) = 0;

    uint32_t sequence() const noexcept { return sequence_; }

protected:
    bool speaks_up_ = false; // each reply wakes receive_until()
    // Bytes of it that come another way have arrived there. Under the connection's lock, as
    // missing() is, which says after the last reply whether more are to come.
    virtual void advanced(uint64_t) {}
    virtual bool missing() const { return false; }

private:
    friend class Connection;
    Pending *next_ = nullptr; // in the order of sending
    Pending *previous_ = nullptr;
    std::condition_variable *sleeper_ = nullptr; // of who sleeps in wait() for it
    uint32_t sequence_ = 0;
    bool done_ = false;
    bool answered_ = false; // to the end; done when nothing is missing
    bool detached_ = false; // nobody waits: the connection owns it and deletes it when done
    bool casual_ = false;   // nor does complete_before()
};

class Connection
{
public:
    struct Hooks {
        std::function<void(Deferred)> deferred;        // a failure came back
        std::function<void(const std::string &)> lost; // once, with the reason
    };

    Connection(std::unique_ptr<wire::Channel> channel, Hooks hooks);
    ~Connection(); // nobody may wait any more

    // Sends one request. `head` begins with room for the header, which is filled in here; `call`
    // and `word` go into it. False when the peer is gone. `pending` (may be null) must live until
    // wait() returns, or be handed over by detach().
    bool send(uint16_t call, uint32_t word, std::span<std::byte> head,
              std::span<const std::byte> body = {}, Pending *pending = nullptr);

    // Sends a request whose answer nobody waits for at once; complete_before() does later.
    bool send_detached(uint16_t call, uint32_t word, std::span<std::byte> head,
                       std::unique_ptr<Pending> pending);

    // Sends a request whose answer nobody waits for at all: it is taken in when somebody receives.
    // The worker must not answer it on its dispatch thread, since nobody may be receiving.
    bool send_casual(uint16_t call, uint32_t word, std::span<std::byte> head,
                     std::unique_ptr<Pending> pending);

    // Few at a time, so that all their answers have room though nobody reads them.
    static constexpr unsigned kMostCasual = 64;
    bool has_room_for_casual() const noexcept
    {
        return casual_.load(std::memory_order_relaxed) < kMostCasual;
    }

    // Receives, with others or alone, until `there` says so: it is asked when a reply to a request
    // that speaks up has come. False when the peer is gone. For a thread that nothing else is asked
    // of.
    bool receive_until(const std::function<bool()> &there);

    // Takes in what has already come, without waiting.
    void take_what_is_there();

    // For an answer nobody waits for: its failure is that of an asynchronous call.
    void report(Deferred failure) { hooks_.deferred(failure); }

    // Passes a descriptor beside the messages; false when the peer is gone.
    bool send_descriptor(uint64_t tag, int fd);

    // Until the last reply to `pending` has come. False when the peer is gone.
    bool wait(Pending &pending);

    // Whether wait() would find it there.
    bool has_done(const Pending &pending)
    {
        std::lock_guard lock(mutex_);
        return pending.done_;
    }

    // Bytes of `pending` have come another way; it may be gone when this returns.
    void advance(Pending &pending, uint64_t bytes);

    // Until every detached request up to this sequence is answered. False when the peer is gone.
    bool complete_before(uint64_t sequence);

    // Whether any detached request is still unanswered: cheap, for the hot path. What was read of
    // the answers is there when none is.
    bool has_detached() const noexcept { return detached_.load(std::memory_order_acquire) != 0; }

    // Ends it: a peer that does not keep to the rules. Logs once, wakes everybody.
    void give_up(const std::string &why);

    // The last word at exit. Never waits: sent only if nobody is sending and there is room.
    void say_goodbye(uint16_t call) noexcept;

    // For the child of a fork: closes its copy of the connection, so that the worker sees its
    // client's end when the parent is gone. Nothing here is used again there.
    void abandon_in_child() noexcept;

    bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
    // Of this side only: on the wire it is the lower half.
    uint64_t last_sequence() const noexcept
    {
        return last_sequence_.load(std::memory_order_relaxed);
    }
    wire::Channel &channel() noexcept { return *channel_; }

    // How often a caller had to wait for the worker: what the network's latency is multiplied by.
    uint64_t round_trips() const noexcept { return round_trips_.load(std::memory_order_relaxed); }
    // The same without this thread's, up to a constant: whether it changes is what can be told.
    uint64_t round_trips_of_others() const noexcept;

private:
    void count_round_trip() noexcept;
    bool receive_one(std::unique_lock<std::mutex> &lock, int timeout_ms = -1);
    void take(std::unique_lock<std::mutex> &lock);
    void finish(Pending &pending) noexcept;
    void link(Pending &pending) noexcept;
    void unlink(Pending &pending) noexcept;
    void hand_over() noexcept;
    void wake_all() noexcept;
    Pending *find(uint32_t sequence) const noexcept;

    std::unique_ptr<wire::Channel> channel_;
    Hooks hooks_;

    // Sending: held over sequence, registration and send(), so that the order is one. Taken before
    // mutex_, never after it.
    std::mutex append_;
    std::atomic<uint64_t> last_sequence_{
        0}; // written under append_; read by complete_before()'s callers
    std::atomic<size_t> unanswered_bytes_{
        0}; // sent since the last reply; written by sender and receiver, a hint only

    std::mutex mutex_;                // everything below
    std::condition_variable changed_; // for those who sleep elsewhere than in wait()
    Pending *first_ =
        nullptr; // unanswered, oldest first: few, and mostly the first or second is it
    Pending *last_ = nullptr;
    bool receiving_ = false;
    std::vector<std::byte> message_;    // the leader's alone while receiving_
    std::atomic<unsigned> detached_{0}; // written under mutex_; partner: has_detached()
    std::atomic<unsigned> casual_{0};   // the same; partner: has_room_for_casual()
    std::atomic<uint64_t> round_trips_{0};
    std::atomic<bool> lost_{false}; // written in give_up(); partner: lost() in every thread
};

} // namespace vgpu::client
