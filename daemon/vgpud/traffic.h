// SPDX-License-Identifier: Apache-2.0
// What the sessions move over the node's link: a page shared with each worker (traffic-page.h),
// read every 50 ms while any session is on the network, and the pace that is set there.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/loop.h"
#include "daemon/common/state.h"
#include "daemon/vgpud/qos.h"
#include "remoting/base/fd.h"

namespace vgpu::control
{

class Traffic
{
public:
    Traffic(uv_loop_t *loop, const Conf &conf);

    /// Before a session's worker starts: its page, as a descriptor for it. One that is not on the
    /// network is counted, and takes no part in the sharing.
    Fd begin(const std::string &session, const Lease &lease, bool on_network);
    void end(const std::string &session);

    /// Brings what was counted into the session's row.
    void show(Session &row) const;

private:
    struct Live {
        Mapping page;
        bool on_network;
        std::string qos;
        Flow in, out;
    };
    void look();

    uv_loop_t *loop_;
    const Conf &conf_;
    std::map<std::string, Live> live_;
    Link in_, out_;
    uint64_t looked_ns_ = 0;
    std::unique_ptr<Timer> timer_; // while any is on the network
};

} // namespace vgpu::control
