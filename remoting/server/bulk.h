// SPDX-License-Identifier: Apache-2.0
// The worker's end of a session's bulk connections: bytes on their way to the device gather here,
// whatever the calls do meanwhile, and those from the device leave beside the replies.
#pragma once

#include "remoting/server/bulk-lane.h"
#include "remoting/server/contexts.h"
#include "remoting/server/host-pool.h"
#include "remoting/server/pacer.h"
#include "remoting/wire/bulk-stream.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace vgpu::server
{

class Bulk
{
public:
    explicit Bulk(const Driver &driver);
    ~Bulk() { end(); }

    struct Door {
        enum class Heard { nobody, somebody, end };
        // Waits for the next connection, or so many milliseconds (-1: for ever); `end`: there will
        // be no more.
        std::function<Heard(int timeout_ms)> wait;
        // Lets him in who is there, as the connection of that number; throws Error.
        std::function<std::unique_ptr<wire::BulkStream>(unsigned number)> welcome;
        std::function<void()> interrupt; // makes wait() return
        std::function<void()> broken; // the client has broken the rules: failure() has the reason
        // Whether the session outlives a connection.
        bool lasts = false;
        // Who is there takes the place of a connection that was lost, and goes on from this byte.
        struct Again {
            unsigned number;
            uint64_t position;
        };
        std::function<std::optional<Again>()> again = [] { return std::nullopt; };
        std::function<void(const char *why)> refuse = [](const char *) {}; // who is there
        // From time to time while nothing moves: a moment to let go of memory.
        std::function<void()> idle = [] {};
    };

    // Where bytes are counted, and the pace is set; before open(). Without it there is no pace.
    void account(TrafficPage &page) noexcept
    {
        traffic_ = &page;
        in_pace_.attach(&page.in);
        out_pace_.attach(&page.out);
    }

    // How much the client may have under way to the device at once, over how many connections;
    // before the first.
    void allow(uint64_t window, unsigned connections);

    // Starts the thread that waits for the connections.
    void open(Door door);

    // Takes the next bytes of a connection for a copy: throws EPROTO unless they are those that the
    // client may send next. Dispatch thread.
    void claim(uint64_t lane, uint64_t position, uint64_t bytes);

    // Puts the copy of what was claimed last into the stream, behind the arrival of its bytes.
    CUresult copy(Context &context, CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                  CUstream stream);

    // What was claimed since the last call. release() waits until the device, and the network, are
    // done with it; then its place is free. Any thread, in the order taken.
    struct Arrival { // what a host function in a stream waits for
        BulkLane *lane;
        uint64_t end;
    };
    struct Piece {
        std::unique_ptr<Arrival> arrival; // null where the bytes were there before
        Fence fence;
    };
    struct Taken {
        std::array<uint64_t, wire::kMostBulkLanes> ends{}; // 0: nothing
        std::vector<Piece> pieces;
    };
    Taken take_claimed();
    void release(const Taken &taken);

    // Throws EPROTO if there is no bulk connection. Dispatch thread.
    void require();

    // A frame to the client; false when it is gone. The bytes count as sent.
    bool send(const wire::BulkFrame &frame, std::span<const std::byte> data) noexcept;

    // Whether what is sent waits for the connections' buffers, and another one would help.
    bool held_up() const noexcept { return held_up_.load(std::memory_order_relaxed); }

    // For people: what the client keeps to.
    void tell_windows(uint64_t in, uint64_t out) noexcept;

    // The context ends: memory is not to be unregistered in it any more. Dispatch thread.
    void forget(CUcontext context);

    // Why the connections were given up, if the client is to blame.
    std::optional<std::string> failure() const;

    // Nothing more will come: whoever waits for bytes goes on without them.
    void shut_down() noexcept;
    void end(); // and the threads with it

private:
    static void CUDA_CB await(void *arrival);

    void run();
    void admit();
    void admit_again(Door::Again again);
    void read(BulkLane &lane);
    void break_off(const std::string &why);
    void observe() noexcept;
    void rest();
    CUresult copy_in_parts(CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                           CUstream stream);

    const Driver &driver_;
    Door door_;
    HostPool slots_;

    mutable std::mutex mutex_; // of the connections' coming and going
    // Each set once, before its first byte; lanes_[i] may be read where i < count_. Partner:
    // admit().
    std::array<std::unique_ptr<BulkLane>, wire::kMostBulkLanes> lanes_;
    std::atomic<unsigned> count_{0};
    bool ended_ = false; // no more of them
    std::optional<std::string> failure_;

    std::mutex out_;        // of choosing a connection to send over
    unsigned last_out_ = 0; // under it
    Pacer out_pace_, in_pace_;
    std::atomic<bool> held_up_{false};

    std::mutex observing_;
    wire::BulkLimits limits_; // of what is sent; under it
    TrafficPage *traffic_ = nullptr;
    std::atomic<uint64_t> observed_ns_{0};
    std::atomic<uint64_t> moved_{0}; // steps of reading: whether anything goes on
    std::mutex resting_;             // of writing the next; held while memory is unregistered
    std::atomic<CUcontext> context_{nullptr}; // of the last copy

    // The dispatch thread's.
    BulkLane *lane_ = nullptr; // of what was claimed last
    uint64_t begin_ = 0;       // of it
    std::array<uint64_t, wire::kMostBulkLanes> untaken_{};
    std::vector<Piece> pieces_;

    std::thread thread_; // last
};

} // namespace vgpu::server
