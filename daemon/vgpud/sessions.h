// SPDX-License-Identifier: Apache-2.0
// The sessions of this node: who is let in, the workers that serve them, and what they use.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/table.h"
#include "daemon/vgpud/pages.h"
#include "daemon/vgpud/probe.h"
#include "daemon/vgpud/traffic.h"
#include "daemon/vgpud/worker.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

class Sessions
{
public:
    Sessions(uv_loop_t *loop, const Conf &conf, const Probed &probed, Table &table);

    /// A client that has proved who it is: checks its lease and hands the connection to a new
    /// worker, which answers it.
    void open(Fd connection, const wire::Acceptance &acceptance);

    /// The bulk connection of a session that runs: handed to its worker, which answers it.
    void join(Fd connection, const wire::Acceptance &acceptance);

    /// The next connection of a session that has lost its own: likewise.
    void resume(Fd connection, const wire::Acceptance &acceptance);

    /// Ends the workers of a lease, and forgets its pages when the last has gone.
    void revoke(const std::string &lease);

    /// Brings usage, and the devices' load since the last call, into the table.
    void refresh();

    /// Ends all workers; `done` is called when none is left.
    void stop(std::function<void()> done);

private:
    struct Live {
        std::string lease;
        std::unique_ptr<Worker> worker;
    };

    void pass_on(Fd connection, const wire::Acceptance &acceptance, const char *what,
                 const std::function<void(Worker &, int)> &hand_over);
    void measure(uint64_t elapsed);
    void start(Fd connection, const wire::Acceptance &acceptance, const Lease &lease);
    void ended(const std::string &session, pid_t pid, bool in_order, const std::string &how);
    SlicePages &pages_for(const Lease &lease);
    void drop_pages(const std::string &lease);
    Fd orders(const std::string &session, const wire::Acceptance &acceptance, const Lease &lease,
              bool local) const;
    const Device *device(const std::string &uuid) const;

    uv_loop_t *loop_;
    const Conf &conf_;
    const Probed &probed_;
    Table &table_;
    static uint64_t bearable(uint64_t window);

    Traffic traffic_;
    std::map<std::string, Live> live_;
    std::map<std::string, SlicePages> pages_;          // by Lease::pages
    std::map<std::string, std::vector<SliceId>> used_; // by lease: the slices its workers have
    std::map<std::string, uint64_t> device_ns_;        // by device, at the last measurement
    std::map<SliceId, uint64_t> slice_ns_;             // by slice, then too
    std::map<SliceId, int32_t> slice_load_;            // percent, between the last two
    uint64_t refreshed_ns_ = 0;
    std::function<void()> stopped_;
};

} // namespace vgpu::control
