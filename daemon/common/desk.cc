// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/desk.h"

#include <cerrno>
#include <ctime>
#include <pwd.h>
#include <unistd.h>

#include "daemon/common/pack.h"
#include "remoting/base/hex.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"

namespace vgpu::control
{

namespace
{

/// The leases that the parameters name: by id, or all of a job, a step of it, a restart of that.
std::vector<std::string> named(const Table &table, const msgpack::object &params)
{
    if (const std::string_view id = wire::get_string(params, "lease", ""); !id.empty())
        return {std::string(id)};
    const uint64_t job = wire::get_u64(params, "job");
    const bool any_step = !wire::find(params, "step");
    const bool any_restart = !wire::find(params, "restart");
    std::vector<std::string> list;
    for (const auto &[id, lease] : table.leases)
        if (lease.job == job && (any_step || lease.step == wire::get_u64(params, "step")) &&
            (any_restart || lease.restart == wire::get_u64(params, "restart")))
            list.push_back(id);
    return list;
}

std::string described(const Lease &lease)
{
    std::string text = "lease " + lease.lease + " (";
    if (lease.job)
        text += "job " + std::to_string(lease.job) + ", ";
    return text + "uid " + std::to_string(lease.uid) + ", " + std::to_string(lease.slices.size()) +
           (lease.slices.size() == 1 ? " slice on " : " slices on ") + lease.node + ")";
}

} // namespace

bool trusted(const Conf &conf, uid_t uid)
{
    if (uid == 0 || uid == geteuid())
        return true;
    const passwd *user = getpwnam(conf.slurm_user.c_str());
    return user && user->pw_uid == uid;
}

uint64_t unix_time()
{
    return static_cast<uint64_t>(std::time(nullptr));
}

Desk::Desk(Table &table, const Conf &conf, bool users_may_acquire, Hooks hooks)
    : table_(table), conf_(conf), users_may_acquire_(users_may_acquire), hooks_(std::move(hooks))
{
}

bool Desk::handle(const wire::Peer &peer, std::string_view method, const msgpack::object &params,
                  const Reply &reply)
{
    if (method == "lease.acquire") {
        acquire(peer, params, reply);
    } else if (method == "lease.renew") {
        renew(peer, params);
        reply.ok();
    } else if (method == "lease.release") {
        release(peer, params);
        reply.ok();
    } else if (method == "state.get") {
        hooks_.refresh();
        reply.ok(to_map(state(peer, params)));
    } else {
        return false;
    }
    return true;
}

void Desk::acquire(const wire::Peer &peer, const msgpack::object &params, const Reply &reply)
{
    auto request = from_object<LeaseRequest>(params, "lease.acquire");
    if (auto reason = admit(request, {peer.uid, trusted(conf_, peer.uid)}, users_may_acquire_))
        fail(EPERM, "%s", reason->c_str());
    if (request.task_host.empty())
        request.task_host = peer.host;
    const Lease *before = standing(table_, request);
    const Lease lease = before ? *before : make_lease(request);
    // A lease that stands is granted again too: the daemon that was told of it may have lost it,
    // and once more does no harm.
    hooks_.grant(lease, [this, lease, reply](const std::string &error) {
        if (error.empty())
            return reply.ok(to_map(lease));
        end(lease.lease, "could not be granted: " + error);
        reply.failed(EIO, lease.node + ": " + error);
    });
}

Lease Desk::make_lease(const LeaseRequest &request)
{
    const Allotment allotment = allot(table_, request);
    if (allotment.slices.empty()) {
        log(Level::info, "job %u of uid %u: %s", request.job, request.uid,
            allotment.reason.c_str());
        fail(EAGAIN, "%s", allotment.reason.c_str());
    }
    const Node &node = table_.nodes.at(allotment.node);
    Lease lease;
    lease.lease = to_hex(random_u64());
    lease.slices = allotment.slices;
    lease.pages = allotment.pages.empty() ? lease.lease : allotment.pages;
    lease.uid = request.uid;
    lease.job = request.job;
    lease.step = request.step;
    lease.restart = request.restart;
    lease.task_host = request.task_host;
    lease.node = node.node;
    lease.instance = node.instance;
    lease.address = node.address;
    lease.port = node.port;
    lease.socket = node.socket;
    lease.auth = node.auth;
    lease.channel =
        request.channel == "auto" || request.channel.empty() ? conf_.channel : request.channel;
    lease.qos = request.qos.empty() ? conf_.default_qos : request.qos;
    lease.expiry = unix_time() + conf_.lease_timeout;
    hooks_.keep(table_.leases[lease.lease] = lease);
    log(Level::info, "granted %s", described(lease).c_str());
    return lease;
}

void Desk::check_owner(const wire::Peer &peer, const Lease &lease, const char *verb) const
{
    if (peer.uid != lease.uid && !trusted(conf_, peer.uid))
        fail(EPERM, "lease %s belongs to uid %u: uid %u may not %s it", lease.lease.c_str(),
             lease.uid, static_cast<unsigned>(peer.uid), verb);
}

/// All of it, or what concerns the lease that is named: what a program may look at often.
State Desk::state(const wire::Peer &peer, const msgpack::object &params) const
{
    const std::string id(wire::get_string(params, "lease", ""));
    if (id.empty())
        return table_.state();
    auto found = table_.leases.find(id);
    if (found == table_.leases.end())
        fail(ENOENT, "%s", table_.absence(id).c_str());
    check_owner(peer, found->second, "look into");
    return table_.state_of(found->second);
}

void Desk::renew(const wire::Peer &peer, const msgpack::object &params)
{
    const std::vector<std::string> leases = named(table_, params);
    if (leases.empty())
        fail(ENOENT, "there is no such lease");
    for (const std::string &id : leases) {
        auto found = table_.leases.find(id);
        if (found == table_.leases.end())
            fail(ENOENT, "%s", table_.absence(id).c_str());
        check_owner(peer, found->second, "renew");
        found->second.expiry = unix_time() + conf_.lease_timeout;
        hooks_.keep(found->second);
    }
}

void Desk::release(const wire::Peer &peer, const msgpack::object &params)
{
    for (const std::string &id : named(table_, params)) {
        auto found = table_.leases.find(id);
        if (found == table_.leases.end())
            continue; // released before
        check_owner(peer, found->second, "release");
        end(id, "was released");
    }
}

void Desk::sweep()
{
    for (const std::string &id : expired(table_, unix_time()))
        end(id,
            "has expired: it was not renewed for " + std::to_string(conf_.lease_timeout) + " s");
}

void Desk::end(const std::string &id, const std::string &reason)
{
    auto found = table_.leases.find(id);
    if (found == table_.leases.end())
        return;
    const Lease lease = found->second;
    log(Level::info, "%s %s", described(lease).c_str(), reason.c_str());
    table_.end_lease(id, reason, unix_time());
    hooks_.revoke(lease, reason);
}

} // namespace vgpu::control
