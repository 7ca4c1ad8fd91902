// SPDX-License-Identifier: Apache-2.0
// One vgpustepd: started as the job's user with nothing but what it needs, and reaped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "daemon/common/loop.h"
#include "remoting/base/fd.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

/// The keys that a worker goes on under: those of sending, then of receiving; none if unsealed.
std::vector<std::byte> key_bytes(const wire::Acceptance &acceptance);

struct WorkerStart {
    std::string program; // path of vgpustepd
    int connection;      // descriptor 3 there: the client, whose hello is not answered yet
    int pages;           // descriptor 4: the lease's slice pages
    int orders;          // descriptor 5: the start map
    int traffic;         // descriptor 7: the session's traffic page
    uid_t uid;
    std::string cpus; // hwloc's list; empty: wherever vgpud runs
};

class Worker
{
public:
    /// `ended` is called once, with how: "exited with status 0", "was killed by SIGSEGV
    /// (Segmentation fault)". In order is what exits with 0, and whatever comes of stop().
    using Ended = std::function<void(pid_t pid, bool in_order, const std::string &how)>;

    /// Throws Error when it cannot be started.
    Worker(uv_loop_t *loop, const WorkerStart &start, Ended ended);
    ~Worker();

    pid_t pid() const { return pid_; }

    /// Passes a bulk connection on to it, with what it needs to welcome it. Throws Error where it
    /// has as many as it may.
    struct BulkTerms {
        bool compression;
        uint64_t window;      // bytes
        uint32_t connections; // at most
    };
    void hand_over(int connection, const wire::Acceptance &acceptance, const BulkTerms &terms);

    /// Passes on a connection that wants to go on with its session: the worker judges it.
    void resume(int connection, const wire::Acceptance &acceptance);

    /// SIGTERM to its process group, SIGKILL where that has not helped after five seconds.
    void stop();

private:
    void reap();

    uv_loop_t *loop_;
    Ended ended_;
    pid_t pid_ = 0;
    Fd pidfd_;
    Fd aside_;                 // our end of descriptor 6 there
    uint32_t handed_over_ = 0; // bulk connections
    std::unique_ptr<Poll> poll_;
    std::unique_ptr<Timer> patience_;
};

} // namespace vgpu::control
