// SPDX-License-Identifier: Apache-2.0
// The lease methods of the control plane over a state table: vgpuctld's, and those of a vgpud that
// stands alone.
#pragma once

#include <functional>
#include <string>

#include "daemon/common/conf.h"
#include "daemon/common/connection.h"
#include "daemon/common/policy.h"
#include "daemon/common/table.h"

namespace vgpu::control
{

/// Root, SlurmUser and whoever runs the daemon act for others.
bool trusted(const Conf &conf, uid_t uid);

uint64_t unix_time();

class Desk
{
public:
    struct Hooks {
        /// Makes the lease known where it will be used; `done` is called with an empty text or what
        /// went wrong.
        std::function<void(const Lease &, std::function<void(const std::string &)> done)> grant;
        /// A lease has ended, and its users must go.
        std::function<void(const Lease &, const std::string &reason)> revoke;
        /// The row has changed and is to be kept.
        std::function<void(const Lease &)> keep;
        /// Before rows are shown.
        std::function<void()> refresh;
    };

    Desk(Table &table, const Conf &conf, bool users_may_acquire, Hooks hooks);

    /// Answers lease.acquire, lease.renew, lease.release and state.get; false for any other method.
    bool handle(const wire::Peer &peer, std::string_view method, const msgpack::object &params,
                const Reply &reply);

    /// Ends what was not renewed in time.
    void sweep();

    void end(const std::string &lease, const std::string &reason);

private:
    void acquire(const wire::Peer &peer, const msgpack::object &params, const Reply &reply);
    void renew(const wire::Peer &peer, const msgpack::object &params);
    void release(const wire::Peer &peer, const msgpack::object &params);
    State state(const wire::Peer &peer, const msgpack::object &params) const;
    Lease make_lease(const LeaseRequest &request);
    void check_owner(const wire::Peer &peer, const Lease &lease, const char *verb) const;

    Table &table_;
    const Conf &conf_;
    bool users_may_acquire_;
    Hooks hooks_;
};

} // namespace vgpu::control
