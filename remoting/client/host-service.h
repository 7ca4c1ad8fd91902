// SPDX-License-Identifier: Apache-2.0
// What the device's work asks of this process: to call functions in the order of their streams, and
// for the bytes of memory that the worker does not share. A thread of ours does it, which starts
// with the first such call, and which receives only while something of the kind is under way, so
// that other programs' round trips stay what they are.
#pragma once

#include "remoting/client/connection.h"

#include <cuda.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace vgpu::client
{

class Session;

class HostService
{
public:
    // A function in a stream; its result is that of the sending.
    CUresult call(Session &session, uint32_t word, CUstream stream, CUhostFn function, void *data);
    CUresult call(Session &session, uint32_t word, CUstream stream, CUstreamCallback callback,
                  void *data);

    // The number of a function that graphs call, as often as they like; one for each pair.
    uint64_t keep(Session &session, CUhostFn function, void *data);

    // The number of memory that graphs copy from or to: `depth` slices of `rows` rows.
    struct Place {
        std::byte *address;
        size_t pitch, width, rows, slice, depth;
        auto operator<=>(const Place &) const = default;
        uint64_t bytes() const noexcept { return uint64_t(width) * rows * depth; }
        // n packed bytes from `offset` on, between there and `data`.
        void move(uint64_t offset, std::byte *data, size_t n, bool into_place) const noexcept;
    };
    uint64_t keep(Session &session, const Place &place);

    // A function that is called once, whenever the worker says so, and the number given away again.
    uint64_t own(Session &session, CUhostFn function, void *data);
    void disown(uint64_t number);

    // What was kept under a number; false if nothing was.
    bool function_of(uint64_t number, CUhostFn &function, void *&data);
    bool place_of(uint64_t number, Place &place);

    // A launch that may ask of us is sent, or could not be.
    void expect(Session &session);
    void expect_no_more();
    bool expects() const noexcept { return expected_.load(std::memory_order_acquire) != 0; }

    // Whether this thread is calling a function for a stream: CUDA is not for it.
    static bool in_function() noexcept { return in_function_; }

private:
    struct Function {
        CUhostFn function = nullptr;
        CUstreamCallback callback = nullptr; // one of the two
        void *data = nullptr;
        CUstream stream = nullptr;
        uint64_t sequence = 0; // before it was sent
        bool once = false;
    };
    struct Message {
        uint64_t what, token, number, extra;
    };
    class Asked;

    CUresult send(Session &session, uint32_t word, CUstream stream, Function function);
    void open(Session &session);
    void serve();
    void run(const Message &message);
    void send_bytes(const Message &message);
    bool take(uint64_t what, Message message, std::span<const std::byte> data);

    // As all entry points read it: in the static part of the thread's block.
    static constinit thread_local bool in_function_ [[gnu::tls_model("initial-exec")]];

    Session *session_ = nullptr;
    std::mutex mutex_; // of all below
    std::condition_variable more_;
    bool opened_ = false;
    uint64_t last_ = 0;
    std::unordered_map<uint64_t, Function> functions_;
    std::map<std::pair<CUhostFn, void *>, uint64_t> kept_;
    std::unordered_map<uint64_t, Place> places_;
    std::map<Place, uint64_t> kept_places_;
    std::deque<Message> queue_;
    std::atomic<size_t> queued_{0};   // its length
    std::atomic<size_t> expected_{0}; // calls and launches that are not over; partner: expects()
};

} // namespace vgpu::client
