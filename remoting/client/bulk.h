// SPDX-License-Identifier: Apache-2.0
// The client's end of a session's bulk connections (HACKING.md, "Bulk"): large copies go there, so
// that no call stands behind them.
#pragma once

#include "remoting/client/connection.h"
#include "remoting/client/copy-in-window.h"
#include "remoting/client/path-window.h"
#include "remoting/client/rows-in.h"
#include "remoting/wire/bulk-path.h"
#include "remoting/wire/bulk-stream.h"
#include "remoting/wire/handshake.h"

#include <cuda.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace vgpu::client
{

class CopyOut;

class Bulk
{
public:
    using Opener = std::function<wire::BulkConnection()>;
    // In the place of a connection that was lost; for as long as it takes. Throws Error when there
    // will be none.
    using Replacer = std::function<wire::BulkConnection(wire::BulkAgain)>;

    // With `another`, further connections are opened where they carry more.
    Bulk(wire::BulkConnection first, Connection &connection, Opener another = {},
         Replacer replacer = {});
    ~Bulk();

    // What is worth the way here.
    static bool takes(size_t bytes) noexcept { return bytes >= wire::kBulkLeast; }

    // In what pieces a copy goes: large ones, but so many that the device copies while more comes.
    static size_t piece_of(size_t bytes) noexcept;

    // Rows of the host's, of wire::kBulkMost bytes at most, on their way to the device when there
    // is room for them: the bytes, then the command that names their place. False when the peer is
    // gone.
    bool send(uint32_t word, const RowsIn &piece);

    // A copy to the host whose bytes will come here, and its number there; until remove(), which
    // waits for the readers to be out of it. The reader, a thread, starts with the first.
    uint32_t add(CopyOut &copy);
    void remove(uint32_t number) noexcept;

    // How many bytes of copies to the host may be asked for and not be there. passed_out() says
    // that so many of them are, after a wait or without one.
    uint64_t out_window() const noexcept { return out_bytes_.load(std::memory_order_relaxed); }
    void passed_out(uint64_t bytes, bool waited);

    // The worker's word on its sending: connections' buffers hold it up.
    void worker_is_limited(bool limited) noexcept
    {
        worker_limited_.store(limited, std::memory_order_relaxed);
    }

    // From any thread: nothing more comes or goes.
    void shut_down() noexcept;

    // For the child of a fork.
    void abandon_in_child() noexcept;

private:
    struct Lane {
        std::shared_ptr<wire::BulkStream> stream; // under streams_
        uint64_t position = 0;                    // of the next byte sent; under send_
        std::atomic<bool> lost{false};            // partner: mend()
        uint32_t reading = 0; // the copy that the reader is in, 0 for none; under mutex_
        std::thread::id id;   // of the reader, once it reads; likewise
        std::thread reader;
    };

    bool post(uint32_t word, const RowsIn &piece, Pending *marker);
    bool calm() noexcept;
    static constexpr unsigned kCalm = 256; // pieces: some 50 ms
    void passed_in(size_t bytes, bool waited);
    void tell();
    void open_where_it_helps(const PathWindow &window);
    std::shared_ptr<wire::BulkStream> stream(unsigned number) const;
    void set_stream(unsigned number, std::unique_ptr<wire::BulkStream> stream);
    bool is_lost(unsigned number) const;
    void mend();
    void replace(unsigned number);
    bool start(Lane &lane, std::function<void()> job);
    void read(Lane &lane);
    bool read_frame(Lane &lane);
    wire::BulkPath path() const noexcept; // sums of all connections, their shortest round trip

    Connection &connection_;
    const Opener another_;
    const Replacer replacer_;
    const uint64_t most_window_;

    // Set in order, each before it is counted; partner: the one that opens another.
    std::array<Lane, wire::kMostBulkLanes> lanes_;
    mutable std::mutex streams_; // of a stream's replacement; taken last
    std::atomic<unsigned> count_{1};

    CopyInWindow in_window_;
    std::mutex send_; // of what follows, and the order of bytes and commands
    unsigned last_lane_ = 0;
    std::vector<std::byte> packed_;
    uint64_t others_ = 0; // waits of other threads', when the last piece went
    unsigned calm_for_ = kCalm;

    std::mutex adapting_; // of what follows
    PathWindow in_path_, out_path_;
    wire::BulkLimits limits_;
    unsigned most_lanes_;
    bool opening_ = false;
    std::atomic<uint64_t> out_bytes_;
    std::atomic<bool> worker_limited_{false};

    std::mutex mutex_; // of what follows
    std::condition_variable left_;
    std::map<uint32_t, CopyOut *> copies_;
    uint32_t last_ = 0;
    bool ended_ = false; // a reader
};

} // namespace vgpu::client
