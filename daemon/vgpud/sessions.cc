// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "daemon/vgpud/sessions.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/desk.h"
#include "daemon/common/environment.h"
#include "daemon/common/gate.h"
#include "daemon/vgpud/admission.h"
#include "remoting/base/error.h"
#include "remoting/base/hex.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"
#include "remoting/wire/address.h"

namespace vgpu::control
{

namespace
{

/// "GPU-01020304-..." back to its 16 bytes.
std::vector<std::byte> uuid_bytes(const std::string &text)
{
    std::string digits;
    for (char c : text.substr(std::min<size_t>(4, text.size())))
        if (c != '-')
            digits += c;
    return from_hex(digits);
}

} // namespace

Sessions::Sessions(uv_loop_t *loop, const Conf &conf, const Probed &probed, Table &table)
    : loop_(loop), conf_(conf), probed_(probed), table_(table), traffic_(loop, conf)
{
}

const Device *Sessions::device(const std::string &uuid) const
{
    for (const Device &one : probed_.devices)
        if (one.uuid == uuid)
            return &one;
    return nullptr;
}

void Sessions::open(Fd connection, const wire::Acceptance &acceptance)
{
    const wire::Peer &peer = acceptance.peer;
    const bool local = wire::is_unix_socket(connection.get());
    // vgpuctld renews what it granted, and revokes it in time: here its first expiry stays as it
    // was.
    const uint64_t now = conf_.vgpuctld_host.empty() ? unix_time() : 0;
    const SessionLimits limits{conf_.max_sessions, conf_.max_sessions_per_user};
    std::optional<Refusal> no = check_session(table_, peer, local, limits, now);
    if (!no && stopped_)
        no = Refusal{kCudaNotReady, "vgpud on " + conf_.node_name + " is going down"};
    if (!no) {
        try {
            return start(duplicate(connection.get()), acceptance, table_.leases.at(peer.lease));
        } catch (const Error &error) {
            no = Refusal{kCudaNotReady, error.what()};
        }
    }
    log(Level::warning, "refused process %lld of uid %u on %s: %s",
        static_cast<long long>(peer.pid), static_cast<unsigned>(peer.uid), peer.host.c_str(),
        no->reason.c_str());
    Gate::refuse(std::move(connection), no->code, no->reason);
}

// No more than a sixteenth of what is free: other sessions begin as well.
uint64_t Sessions::bearable(uint64_t window)
{
    std::ifstream info("/proc/meminfo");
    for (std::string name, rest; info >> name; std::getline(info, rest)) {
        uint64_t kilobytes = 0;
        if (name == "MemAvailable:" && info >> kilobytes)
            return std::clamp<uint64_t>(kilobytes * 1024 / 16, wire::kBulkWindow, window);
    }
    return window;
}

void Sessions::join(Fd connection, const wire::Acceptance &acceptance)
{
    pass_on(std::move(connection), acceptance, "bulk", [&](Worker &worker, int fd) {
        worker.hand_over(fd, acceptance,
                         {.compression = conf_.compression && acceptance.peer.compression,
                          .window = bearable(conf_.copy_window),
                          .connections = conf_.copy_connections});
    });
}

void Sessions::resume(Fd connection, const wire::Acceptance &acceptance)
{
    pass_on(std::move(connection), acceptance, "new",
            [&](Worker &worker, int fd) { worker.resume(fd, acceptance); });
}

void Sessions::pass_on(Fd connection, const wire::Acceptance &acceptance, const char *what,
                       const std::function<void(Worker &, int)> &hand_over)
{
    const wire::Peer &peer = acceptance.peer;
    std::optional<Refusal> no = check_joining(table_, peer);
    auto live = live_.find(peer.session);
    if (!no && live == live_.end())
        no = Refusal{kCudaNoDevice, "session " + peer.session + " is ending"};
    if (!no) {
        try {
            set_nonblocking(connection.get(), false);
            hand_over(*live->second.worker, connection.get());
            log(Level::debug, "worker %d has a %s connection",
                static_cast<int>(live->second.worker->pid()), what);
            return;
        } catch (const Error &error) {
            no = Refusal{kCudaNotReady, error.what()};
        }
    }
    log(Level::warning, "refused a %s connection of process %lld of uid %u on %s: %s", what,
        static_cast<long long>(peer.pid), static_cast<unsigned>(peer.uid), peer.host.c_str(),
        no->reason.c_str());
    Gate::refuse(std::move(connection), no->code, no->reason);
}

Fd Sessions::orders(const std::string &session, const wire::Acceptance &acceptance,
                    const Lease &lease, bool local) const
{
    const wire::Peer &peer = acceptance.peer;
    wire::Array slices;
    for (const Slice &slice : lease.slices) {
        const Device *found = device(slice.device);
        if (!found)
            fail(ENODEV, "device %s of lease %s is not on %s", slice.device.c_str(),
                 lease.lease.c_str(), conf_.node_name.c_str());
        slices.add(wire::Map()
                       .set("device", found->index)
                       .set("uuid", std::span<const std::byte>(uuid_bytes(slice.device)))
                       .set("memory", slice.memory)
                       .set("cores", slice.cores)
                       .set("page", slice_id(lease, slice).second));
    }
    std::string cpus;
    if (const Device *first = lease.slices.empty() ? nullptr : device(lease.slices.front().device))
        cpus = first->cpus;
    wire::Map client;
    client.set("host", peer.host).set("pid", peer.pid).set("uid", peer.uid);
    // The worker welcomes its client, and goes on under the keys that were agreed on here.
    const std::vector<std::byte> keys = key_bytes(acceptance);
    const msgpack::sbuffer map =
        wire::Map()
            .set("session", session)
            .set("lease", lease.lease)
            .set("job", lease.job)
            .set("step", lease.step)
            .set("node", conf_.node_name)
            .set("software", PACKAGE_VERSION)
            .set("channel", peer.channel)
            .set("ring", conf_.ring_size)
            .set("api", peer.api)
            .set("driver", probed_.driver)
            .set("libraries", conf_.libraries)
            .set("slices", slices)
            .set("client", client)
            .set("log_level", conf_.debug_level)
            .set("cpus", cpus)
            .set("reconnect", peer.resumes && !local ? conf_.reconnect_time : 0)
            .set("proof", std::span<const std::byte>(acceptance.proof))
            .set("keys", std::span<const std::byte>(keys))
            .pack();
    Fd file(memfd_create("vgpu-orders", MFD_CLOEXEC));
    if (!file)
        fail_errno("making memory for a worker's orders");
    write_all(file.get(), std::as_bytes(std::span(map.data(), map.size())), Deadline::never());
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

void Sessions::start(Fd connection, const wire::Acceptance &acceptance, const Lease &lease)
{
    const wire::Peer &peer = acceptance.peer;
    const std::string session = to_hex(random_u64());
    const bool local = wire::is_unix_socket(connection.get());
    set_nonblocking(connection.get(), false);
    const Fd map = orders(session, acceptance, lease, local);
    const bool ring = peer.channel == "ring";
    const Fd traffic = traffic_.begin(session, lease, !ring && !local);
    struct Undo { // unless the worker starts
        Traffic *traffic;
        const std::string &session;
        ~Undo()
        {
            if (traffic)
                traffic->end(session);
        }
    } undo{&traffic_, session};

    WorkerStart start;
    start.program = libexec_dir() + "/vgpustepd";
    start.connection = connection.get();
    start.pages = pages_for(lease).descriptor();
    start.orders = map.get();
    start.traffic = traffic.get();
    start.uid = lease.uid;
    if (const Device *first = device(lease.slices.front().device))
        start.cpus = first->cpus;
    auto worker = std::make_unique<Worker>(
        loop_, start, [this, session](pid_t pid, bool in_order, const std::string &how) {
            ended(session, pid, in_order, how);
        });

    Session row;
    row.session = session;
    row.lease = lease.lease;
    row.node = conf_.node_name;
    row.host = peer.host;
    row.pid = static_cast<uint32_t>(peer.pid);
    row.worker_pid = static_cast<uint32_t>(worker->pid());
    row.channel = ring ? "shm" : local ? "unix" : "tcp";
    row.since = unix_time();
    log(Level::info, "worker %u serves process %u on %s over %s (lease %s, job %u, uid %u)",
        row.worker_pid, row.pid, row.host.c_str(), row.channel.c_str(), lease.lease.c_str(),
        lease.job, lease.uid);
    undo.traffic = nullptr;
    table_.sessions[session] = row;
    live_[session] = {lease.lease, std::move(worker)};
}

void Sessions::ended(const std::string &session, pid_t pid, bool in_order, const std::string &how)
{
    auto found = live_.find(session);
    if (found == live_.end())
        return;
    const std::string lease = found->second.lease;
    log(in_order ? Level::info : Level::warning, "worker %d of lease %s %s", static_cast<int>(pid),
        lease.c_str(), how.c_str());
    live_.erase(found);
    traffic_.end(session);
    table_.sessions.erase(session);
    for (const auto &[name, slot] : used_[lease])
        pages_.at(name).clear(slot, pid);
    // A lease whose last process has gone gets its whole time again: the next program of the job
    // may take a while.
    if (auto row = table_.leases.find(lease); row == table_.leases.end())
        drop_pages(lease);
    else if (!table_.has_session(lease))
        row->second.expiry = std::max(row->second.expiry, unix_time() + conf_.lease_timeout);
    if (stopped_ && live_.empty())
        stopped_();
}

void Sessions::drop_pages(const std::string &lease)
{
    for (const auto &[session, live] : live_)
        if (live.lease == lease)
            return;
    auto found = used_.find(lease);
    if (found == used_.end())
        return;
    const std::vector<SliceId> slices = std::move(found->second);
    used_.erase(found);
    // What other leases of the job have goes on; the rest may be given to the job anew.
    auto in_use = [this](auto &&matches) {
        return std::any_of(used_.begin(), used_.end(), [&](const auto &entry) {
            return std::any_of(entry.second.begin(), entry.second.end(), matches);
        });
    };
    for (const SliceId &id : slices) {
        auto pages = pages_.find(id.first);
        if (pages == pages_.end())
            continue;
        if (!in_use([&](const SliceId &other) { return other.first == id.first; }))
            pages_.erase(pages);
        else if (!table_.has_slice(id) &&
                 !in_use([&](const SliceId &other) { return other == id; }))
            pages->second.restart(id.second);
    }
}

SlicePages &Sessions::pages_for(const Lease &lease)
{
    SlicePages &pages = pages_[slice_id(lease, lease.slices.front()).first];
    std::vector<SliceId> &slices = used_[lease.lease];
    slices.clear();
    for (const Slice &slice : lease.slices) {
        slices.push_back(slice_id(lease, slice));
        pages.open(slices.back().second);
    }
    return pages;
}

void Sessions::revoke(const std::string &lease)
{
    for (auto &[session, live] : live_)
        if (live.lease == lease)
            live.worker->stop();
    drop_pages(lease);
}

void Sessions::refresh()
{
    const uint64_t now = now_ns();
    // Two looks in quick succession would show noise: the load keeps its value until a tenth of a
    // second has passed.
    if (const uint64_t elapsed = now - refreshed_ns_; elapsed > 100'000'000) {
        measure(elapsed);
        refreshed_ns_ = now;
    }
    std::map<std::string, uint64_t> memory;
    std::set<SliceId> counted;
    for (const auto &[id, lease] : table_.leases) {
        for (const Slice &slice : lease.slices) {
            const SliceId slice_of_job = slice_id(lease, slice);
            Usage &usage = table_.usage[{id, slice.index}];
            auto pages = pages_.find(slice_of_job.first);
            if (pages != pages_.end())
                usage = pages->second.usage(slice_of_job.second);
            // Workers measure where there is a share to keep; where nobody is, nothing is done.
            const bool used =
                pages != pages_.end() && pages->second.has_worker(slice_of_job.second);
            const auto load = slice_load_.find(slice_of_job);
            usage.utilisation = used && !slice.cores        ? -1
                                : load == slice_load_.end() ? 0
                                                            : load->second;
            if (counted.insert(slice_of_job).second)
                memory[slice.device] += usage.memory_used;
        }
    }
    for (auto &[key, row] : table_.devices) {
        row.memory_used = memory[row.uuid];
        row.last_seen = unix_time();
    }
    for (auto &[id, row] : table_.sessions) {
        traffic_.show(row);
        auto lease = table_.leases.find(row.lease);
        if (lease == table_.leases.end())
            continue;
        row.memory_used.clear();
        for (const Slice &slice : lease->second.slices) {
            const auto [name, slot] = slice_id(lease->second, slice);
            auto pages = pages_.find(name);
            row.memory_used.push_back(
                pages == pages_.end()
                    ? 0
                    : pages->second.memory_of(slot, static_cast<pid_t>(row.worker_pid)));
        }
    }
}

/// The load of devices and slices since it was measured last.
void Sessions::measure(uint64_t elapsed)
{
    auto percent = [elapsed](uint64_t before, uint64_t after) {
        const uint64_t spent = after > before ? after - before : 0;
        return static_cast<uint32_t>(std::min<uint64_t>(100, spent * 100 / elapsed));
    };
    std::map<std::string, uint64_t> busy;
    std::map<SliceId, uint64_t> slices;
    slice_load_.clear();
    for (const auto &[id, lease] : table_.leases) {
        for (const Slice &slice : lease.slices) {
            const SliceId slice_of_job = slice_id(lease, slice);
            auto pages = pages_.find(slice_of_job.first);
            if (pages == pages_.end() || slices.contains(slice_of_job))
                continue;
            const uint64_t ns = pages->second.usage(slice_of_job.second).device_ns;
            busy[slice.device] += ns;
            slices[slice_of_job] = ns;
            const auto before = slice_ns_.find(slice_of_job);
            slice_load_[slice_of_job] =
                static_cast<int32_t>(before == slice_ns_.end() ? 0 : percent(before->second, ns));
        }
    }
    for (auto &[key, row] : table_.devices)
        row.utilisation = percent(device_ns_[row.uuid], busy[row.uuid]);
    device_ns_ = std::move(busy);
    slice_ns_ = std::move(slices);
}

void Sessions::stop(std::function<void()> done)
{
    stopped_ = std::move(done);
    for (auto &[session, live] : live_)
        live.worker->stop();
    if (live_.empty())
        stopped_();
}

} // namespace vgpu::control
