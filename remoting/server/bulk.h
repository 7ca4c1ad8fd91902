// SPDX-License-Identifier: Apache-2.0
// The worker's end of a session's bulk connection: bytes on their way to the device gather here,
// whatever the calls do meanwhile, and those from the device leave beside the replies.
#pragma once

#include "remoting/server/contexts.h"
#include "remoting/server/pacer.h"
#include "remoting/server/staging.h"
#include "remoting/wire/bulk-stream.h"

#include <atomic>
#include <condition_variable>
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
    explicit Bulk(const Driver &driver) : driver_(driver) {}
    ~Bulk() { end(); }

    struct Door {
        std::function<bool()> wait; // blocks until somebody is there; false: nobody will be
        std::function<std::unique_ptr<wire::BulkStream>()> welcome; // him; throws Error
        std::function<void()> interrupt;                            // makes wait() return
        std::function<void()> broken; // the client has broken the rules: failure() has the reason
    };

    // Where bytes are counted, and the pace is set; before open(). Without it there is no pace.
    void account(TrafficPage &page) noexcept
    {
        traffic_ = &page;
        in_pace_.attach(&page.in);
        out_pace_.attach(&page.out);
    }

    // Starts the thread that waits for the connection, and then reads it.
    void open(Door door);

    // Takes the next bytes of the stream for a copy: throws EPROTO unless they are those that the
    // client may send next. Dispatch thread.
    void claim(uint64_t position, uint64_t bytes);

    // Puts the copy of what was claimed last into the stream, behind the arrival of its bytes.
    CUresult copy(Context &context, CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                  CUstream stream);

    // What was claimed since the last call. release() waits until the device, and the network, are
    // done with it; then its place is free. Any thread, in the order taken.
    struct Arrival { // what a host function in a stream waits for
        Bulk *bulk;
        uint64_t end;
    };
    struct Piece {
        std::unique_ptr<Arrival> arrival; // null where the bytes were there before
        Fence fence;
    };
    struct Taken {
        uint64_t end = 0;
        std::vector<Piece> pieces;
    };
    Taken take_claimed();
    void release(const Taken &taken);

    // Throws EPROTO if there is no bulk connection. Dispatch thread.
    void require();

    // A frame to the client; false when it is gone. The bytes count as sent.
    bool send(const wire::BulkFrame &frame, std::span<const std::byte> data) noexcept;

    // Why the connection was given up, if the client is to blame.
    std::optional<std::string> failure() const;

    // Nothing more will come: whoever waits for bytes goes on without them.
    void shut_down() noexcept;
    void end(); // and the thread with it

private:
    static void CUDA_CB await(void *arrival);

    void run();
    void read();
    bool wait_for(uint64_t end);
    void observe() noexcept;
    bool has(uint64_t end) const noexcept
    {
        return received_.load(std::memory_order_acquire) >= end; // partner: read()
    }

    const Driver &driver_;
    Door door_;

    mutable std::mutex mutex_; // of the connection, and of waiting for bytes
    std::condition_variable arrived_;
    std::unique_ptr<wire::BulkStream> stream_; // set once, before its first byte
    std::unique_ptr<Pinned> ring_;             // with it
    uint64_t wanted_ = UINT64_MAX;             // what somebody waits for, the least
    bool ended_ = false;                       // no more bytes
    std::optional<std::string> failure_;

    std::mutex out_; // of sending
    Pacer out_pace_; // under it
    Pacer in_pace_;  // the reader's

    // Positions in the stream: freed <= received, freed <= claimed.
    std::atomic<uint64_t> received_{0}; // the reader's
    std::atomic<uint64_t> claimed_{0};  // the dispatch thread's
    std::atomic<uint64_t> freed_{0};    // the waiters', one at a time; partner: read() and claim()

    TrafficPage *traffic_ = nullptr;
    std::atomic<uint64_t> observed_ns_{0};

    // The dispatch thread's.
    bool pinned_ = false;
    uint64_t begin_ = 0; // of what was claimed last
    std::vector<Piece> pieces_;

    std::thread thread_; // last
};

} // namespace vgpu::server
