// SPDX-License-Identifier: Apache-2.0
// One tenant: the parts that serve a client process, and the loop that dispatches its calls.
// Everything here belongs to the dispatch thread, except what its own header says.
#pragma once

#include "remoting/api/params.h"
#include "remoting/server/bulk.h"
#include "remoting/server/captures.h"
#include "remoting/server/contexts.h"
#include "remoting/server/device-meter.h"
#include "remoting/server/driver.h"
#include "remoting/server/graphs.h"
#include "remoting/server/green.h"
#include "remoting/server/handles.h"
#include "remoting/server/host-memory.h"
#include "remoting/server/host-service.h"
#include "remoting/server/images.h"
#include "remoting/server/libraries.h"
#include "remoting/server/links.h"
#include "remoting/server/memory.h"
#include "remoting/server/mirrors.h"
#include "remoting/server/physical.h"
#include "remoting/server/replies.h"
#include "remoting/server/sharing.h"
#include "remoting/server/slice.h"
#include "remoting/server/staging.h"
#include "remoting/server/throttle.h"
#include "remoting/server/user-objects.h"
#include "remoting/server/waiters.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

// One request being served.
struct Request {
    api::Call call;
    uint32_t sequence;
    bool wants_reply;
    wire::Decoder in;
    CUresult entered = CUDA_SUCCESS; // else its context could not be made current

    ReplyTo reply_to() const { return {call, sequence}; }

    // For hand-written decoders: throws EPROTO unless all was read and all was right.
    void check_done() const;
};

class Session
{
public:
    // The driver is open; the slices name its devices by `ordinal`.
    Session(const Driver &driver, std::vector<Slice> slices);
    ~Session();

    // Where replies go and descriptors come from; before the first message. It outlives the
    // session.
    void attach(wire::Channel &channel);

    // Until the client detaches or its end of the channel closes: returns then. Throws Error
    // (EPROTO) for a client that breaks the rules.
    void run();

    // One message; run() without a channel's end, for tests and the fuzz target.
    void handle(std::span<const std::byte> message);
    bool detached() const noexcept { return detached_; }

    // Whether requests wait that came before the one that is handled now: the device will have more
    // to do than it has been given.
    bool behind() const noexcept { return !backlog_.empty(); }

    // From now on these are the slices, in this order, one at least; before the first call that
    // names any.
    void keep(const std::vector<size_t> &order);

    // An asynchronous call's failure is kept, a synchronous one's is the answer.
    void answer(const Request &request, CUresult result);

    // Runs `action` on the dispatch thread when the fence is passed. It may make the driver wait
    // for the device: so it does not run where the device may be waiting for the client.
    void retire(Fence fence, std::function<void()> action);

    // All that was retired, waiting for the device.
    void finish_retired();

    // From now on, while the dispatch thread waits for the device, the client's answers to what the
    // device's work asks are taken in: it may be what is waited for.
    void attend_while_waiting();

    // Ends a context with all that the session has in it.
    void close_context(uint32_t word);

    // What other sessions had of this one's memory, and have no more, is given back.
    void tidy();

    // A library's variables are there once in each context, those opened later too: bytes by its
    // handle.
    CUresult hold_library(uint64_t bytes);
    void name_library(CUlibrary library, uint64_t bytes);
    void forget_library(CUlibrary library);

    wire::Channel *channel = nullptr;
    const Driver &driver;
    std::vector<Slice> slices;
    Contexts contexts;
    Sharing sharing;
    Memory memory;
    Physical physical;
    Handles handles;
    Graphs graphs;
    Captures captures;
    HostMemory host_memory;
    Mirrors mirrors;
    Images images;
    Resources resources;
    Links links;
    Libraries libraries;
    Replies replies;
    HostService host_service{replies};

    // How much may be under way over the bulk connections, each way; before the first of them.
    void allow_bulk(uint64_t window, unsigned connections)
    {
        bulk.allow(window, connections);
        out_staging.allow(window);
    }

    InStaging in_staging;
    // Of its own: the copies to mirrors wait for no stream of the client's, so that they go on
    // where those wait for the client.
    InStaging mirror_staging;
    SharedStaging shared_staging;
    OutStaging out_staging;
    Bulk bulk;                                        // open or not
    std::vector<std::unique_ptr<Throttle>> throttles; // one a slice
    std::vector<std::byte> reply;                     // reused
    bool detached_ = false;
    std::string graph_text; // of vgpuGraphDot
    Waiters waiters;        // last: its threads end before what they use
    UserObjects user_objects{driver, handles, host_service, waiters};

private:
    struct Retired {
        Fence fence;
        std::function<void()> action;
    };
    void open_throttles();
    void housekeep();
    void let_graph_memory_go();
    void attend();
    void handle_mirror(std::span<const std::byte> message);
    void handle_mirrors_left();
    // Those that may go ahead of others: all but vgpuMirrorJoin, which is of a stream.
    static constexpr bool is_mirror(api::Call call) noexcept
    {
        return call == api::Call::vgpuMirrorAdd || call == api::Call::vgpuMirrorDrop ||
               call == api::Call::vgpuMirrorIn || call == api::Call::vgpuMirrorOut;
    }
    CUresult hold_context(size_t slice, uint32_t word, uint64_t bytes);

    std::deque<Retired> retired_;
    std::vector<CUdeviceptr> leaving_; // what a graph had, unless somebody uses it still
    std::function<void()> attend_;
    std::deque<std::vector<std::byte>> backlog_;        // what came while we attended
    std::deque<std::vector<std::byte>> mirror_backlog_; // what came while another one was handled
    size_t backlog_bytes_ = 0;                          // of both
    bool in_mirror_ = false;                            // a vgpuMirror* is being handled
    DeviceMeter meter_;
    std::unordered_map<CUlibrary, uint64_t> library_bytes_;
};

} // namespace vgpu::server
