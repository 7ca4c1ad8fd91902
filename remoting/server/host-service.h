// SPDX-License-Identifier: Apache-2.0
// What the device's work asks of the client: to run a function of its own, to send bytes of its
// memory, to take some. The driver calls us on a thread of its own when a stream or a graph has
// come so far; the stream goes on when the client has answered.
#pragma once

#include "remoting/server/replies.h"
#include "remoting/server/staging.h"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

class HostService
{
public:
    static constexpr size_t kMost = 1 << 20; // calls that are kept

    // The first number of what is sent (session.api, vgpuHostService).
    enum class What : uint64_t { run, fetch, give, over };

    explicit HostService(Replies &replies) : replies_(replies) {}

    void open(ReplyTo to);
    bool is_open();

    // Nobody is there to answer any more: whoever waits goes on, and so does all that comes.
    void close();

    // A function that the client knows by `number`, to be called once, or as often as a graph
    // likes: such a one is kept as long as the session. Null if there are too many.
    struct Call {
        HostService *service;
        uint64_t number;
        bool once;
    };
    Call *make(uint64_t number, bool once);
    static void discard(Call *call) { delete call; }

    // What the driver is given, with a Call as its argument.
    static void CUDA_CB run(void *call);
    static void CUDA_CB run_with_status(CUstream stream, CUresult status, void *call);

    // Host memory of ours in place of the client's, with which it is filled or which it gets.
    struct Transfer : std::enable_shared_from_this<Transfer> {
        HostService *service = nullptr;
        uint64_t place = 0; // the client's name of its memory
        bool to_device = false;
        std::unique_ptr<Pinned> memory;
        size_t bytes = 0;
    };
    static void CUDA_CB transfer(void *transfer);

    // Tells the client that something is over, or was in vain. Not the dispatch thread: nobody may
    // be reading.
    void tell_over(uint64_t number) { send(What::over, 0, number, 0); }

    // Has the client run a function for which nobody waits. Not the dispatch thread either.
    void tell_gone(uint64_t number) { send(What::run, 0, number, 0); }
    bool is_closed();

    // What the client answers. False if nothing of that kind was asked.
    bool done(uint64_t token);
    bool bytes(uint64_t token, uint64_t offset, std::span<const std::byte> data);

private:
    struct Asked {
        std::span<std::byte> into;
        size_t got = 0;
        bool done = false;
    };
    void ask(What what, uint64_t number, uint64_t extra, std::span<std::byte> into);
    void send(What what, uint64_t token, uint64_t number, uint64_t extra,
              std::span<const std::byte> data = {});

    Replies &replies_;
    std::mutex mutex_; // of all below
    std::condition_variable changed_;
    bool open_ = false;
    bool closed_ = false;
    ReplyTo to_{};
    uint64_t last_token_ = 0;
    std::unordered_map<uint64_t, Asked *> asked_;
    std::map<uint64_t, std::unique_ptr<Call>> kept_; // by number
};

} // namespace vgpu::server
