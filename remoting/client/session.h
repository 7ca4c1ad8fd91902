// SPDX-License-Identifier: Apache-2.0
// The one session of this process with its worker: the connection and all that is known on this
// side of it.
#pragma once

#include "remoting/client/advice.h"
#include "remoting/client/bulk.h"
#include "remoting/client/capture.h"
#include "remoting/client/connection.h"
#include "remoting/client/context.h"
#include "remoting/client/copy-in-window.h"
#include "remoting/client/device.h"
#include "remoting/client/host-service.h"
#include "remoting/client/id.h"
#include "remoting/client/ipc.h"
#include "remoting/client/looks.h"
#include "remoting/client/managed.h"
#include "remoting/client/mappings.h"
#include "remoting/client/mirrors.h"
#include "remoting/client/objects.h"
#include "remoting/client/pool.h"
#include "remoting/client/range-map.h"
#include "remoting/client/reconnection.h"
#include "remoting/client/shared-staging.h"
#include "remoting/client/table.h"
#include "remoting/client/window.h"

#include <cuda.h>

#include <string>

namespace vgpu::client
{

// For log lines.
const char *call_name(uint32_t number) noexcept;

class Session
{
public:
    // cuInit: reads the lease, connects, takes the snapshot. Later calls find it done.
    static CUresult start();

    // The session, or null and what a call answers without one.
    static Session *get(CUresult &why) noexcept;

    ~Session();

    // The driver's version, if a session is there; else 0.
    static int driver_version() noexcept;

    Connection &connection() noexcept { return *connection_; }
    // Where large copies go; null where the channel needs none, or none could be had. Opened at the
    // first one.
    Bulk *bulk() noexcept;
    // The same, without opening it.
    Bulk *opened_bulk() const noexcept { return bulk_.load(std::memory_order_acquire); }
    const std::vector<Device> &devices() const noexcept { return snapshot_.devices; }
    const Window &window() const noexcept { return *window_; }
    Window &window() noexcept { return *window_; }
    uint64_t new_id(api::Kind kind) noexcept { return ids_.next(kind); }

    // The first failure of an asynchronous call that no synchronising call has returned yet;
    // CUDA_SUCCESS if none.
    CUresult take_deferred() noexcept;
    void put_deferred(Deferred deferred) noexcept;

    // Forgets what belonged to a context that was destroyed or reset.
    void forget_context(uint64_t context);
    void forget_ranges_of(uint64_t owner); // a module or a library

    Contexts contexts;
    CopyInWindow copy_in_window;
    SharedStaging shared_staging;
    HostService host_service;
    Captures captures;
    RangeMap ranges;
    Mirrors mirrors;
    Managed managed;
    Advices advices;
    Pools pools;
    Mappings mappings;
    Imports imports;
    Table<Stream> streams;
    Table<Event> events;
    Table<Code> modules;
    Table<Code> libraries;
    Table<GraphNode> graph_nodes;
    Table<GraphExec> graph_execs;
    Table<GreenContext> greens;
    Table<LooksAt> references;
    Table<Array> arrays;
    Table<Mipmap> mipmaps;
    Looks textures;
    Looks surfaces;
    Table<Link> links;
    StreamAttributes stream_attributes;
    Notifications notifications;
    Table<Function> functions; // functions and kernels: their ids differ in kind

private:
    Session();
    void open(); // throws Error

    std::string node_;
    bool opened_ = false;  // written before any other thread has the session
    std::string lost_why_; // what ended the connection before that
    std::unique_ptr<Window> window_;
    struct Origin; // the lease, and who answered
    std::unique_ptr<Origin> origin_;
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Reconnection> reconnection_; // where the session outlives its connection
    std::mutex bulk_mutex_;                      // of opening it, once
    std::atomic<bool> bulk_tried_{false};
    std::atomic<Bulk *> bulk_{nullptr}; // never deleted, as the session; partner: opened_bulk()
    Snapshot snapshot_;
    Ids ids_;
    std::atomic<uint32_t> deferred_{0}; // CUresult; partner: every thread that synchronises
};

} // namespace vgpu::client
