// SPDX-License-Identifier: Apache-2.0
// vgpustepd: the worker of one client process. Started by vgpud as the job's user; serves until its
// client is gone.
#include "daemon/vgpustepd/process.h"
#include "daemon/vgpustepd/resumption.h"
#include "daemon/vgpustepd/startup.h"
#include "remoting/api/calls.h"
#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/log.h"
#include "remoting/server/bulk.h"
#include "remoting/server/session.h"
#include "remoting/wire/handshake.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace
{

using namespace vgpu;
using namespace vgpu::stepd;

// A device whose work does not end must not keep a worker without a client alive.
constexpr unsigned kMostSecondsToEnd = 10;

std::string user_name()
{
    const passwd *entry = getpwuid(getuid());
    return entry ? entry->pw_name : std::to_string(getuid());
}

std::string title(const Startup &startup)
{
    std::string what = startup.job.empty()
                           ? startup.lease
                           : startup.job + (startup.step.empty() ? "" : "." + startup.step);
    return "vgpustepd: [" + what + "] " + user_name();
}

void check_version(const Startup &startup)
{
    if (startup.api == api::kTableHash)
        return;
    fail(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
         "other version: the client's calls are not those of %s on %s: install the same slurm-vgpu "
         "on both",
         startup.software.c_str(), startup.node.c_str());
}

// The driver may count its devices otherwise than vgpud saw them: the uuid decides.
int ordinal_of(const server::Driver &driver, const StartupSlice &slice)
{
    int devices = 0;
    driver.check(driver.cuDeviceGetCount(&devices), "cuDeviceGetCount");
    for (int i = 0; i < devices; ++i) {
        int ordinal = (slice.slice.ordinal + i) % devices;
        CUdevice device;
        CUuuid uuid{};
        driver.check(driver.cuDeviceGet(&device, ordinal), "cuDeviceGet");
        driver.check(driver.cuDeviceGetUuid_v2(&uuid, device), "cuDeviceGetUuid");
        if (memcmp(uuid.bytes, slice.uuid.data(), sizeof(uuid.bytes)) == 0)
            return ordinal;
    }
    fail(CUDA_ERROR_DEVICE_UNAVAILABLE, "the device of slice %llu is gone from driver %s",
         (unsigned long long)slice.page, driver.path.c_str());
}

Mapping map_pages(const Startup &startup)
{
    struct stat info;
    if (fstat(kPages, &info) < 0)
        fail_errno("descriptor %d, the slices' pages", kPages);
    Mapping pages(kPages, size_t(info.st_size));
    for (const StartupSlice &slice : startup.slices)
        if (slice.page >= pages.size() / sizeof(server::SlicePage))
            fail(EPROTO, "slice page %llu is not there", (unsigned long long)slice.page);
    return pages;
}

Mapping map_traffic()
{
    Mapping page(kTraffic, sizeof(server::TrafficPage));
    const auto &traffic = *reinterpret_cast<const server::TrafficPage *>(page.data());
    if (traffic.version.load(std::memory_order_acquire) != server::kTrafficPageVersion)
        fail(EPROTO, "descriptor %d is no page of a session's traffic", kTraffic);
    return page;
}

std::vector<server::Slice> slices_of(const Startup &startup, const server::Driver &driver,
                                     const Mapping &pages)
{
    std::vector<server::Slice> slices;
    for (const StartupSlice &one : startup.slices) {
        server::Slice slice = one.slice;
        slice.ordinal = ordinal_of(driver, one);
        slice.page = reinterpret_cast<server::SlicePage *>(pages.data()) + one.page;
        slices.push_back(slice);
    }
    return slices;
}

// The bulk connections, which the client may ask vgpud for at any time; and by the same way, the
// next one of the session itself.
server::Bulk::Door bulk_door(const Startup &startup, server::Session &session,
                             wire::Channel &channel, Resumption &resumption)
{
    struct Visitor {
        std::vector<Fd> fds;
        wire::Acceptance acceptance;
    };
    auto visitor = std::make_shared<Visitor>();
    return {.wait =
                [visitor, &resumption](int timeout_ms) {
                    using enum server::Bulk::Door::Heard;
                    pollfd door{kAside, POLLIN, 0};
                    if (poll(&door, 1, timeout_ms) <= 0)
                        return nobody; // or a signal: it is asked again
                    visitor->fds.clear();
                    try {
                        auto frame = wire::receive_frame(kAside, wire::kMaxOpeningFrame,
                                                         Deadline::never(), &visitor->fds);
                        visitor->acceptance = parse_aside(frame.get());
                    } catch (const Error &error) {
                        if (error.code() == ECONNRESET)
                            return end; // vgpud, or the session, has ended
                        throw;
                    }
                    if (visitor->fds.size() != 1)
                        fail(EPROTO, "vgpud hands over %zu connections", visitor->fds.size());
                    if (visitor->acceptance.peer.role == "resume") {
                        resumption.admit(std::move(visitor->fds[0]), visitor->acceptance);
                        return nobody;
                    }
                    return somebody;
                },
            .welcome =
                [visitor, &startup, &session](unsigned number) {
                    if (number == 0) // the first terms hold for all
                        session.allow_bulk(visitor->acceptance.bulk_window,
                                           visitor->acceptance.bulk_connections);
                    return wire::accept_bulk(std::move(visitor->fds[0]), startup.session, number,
                                             visitor->acceptance);
                },
            .interrupt = [] { shutdown(kAside, SHUT_RDWR); },
            .broken = [&channel] { channel.shut_down(); },
            .lasts = resumption.lasts(),
            .again = [visitor]() -> std::optional<server::Bulk::Door::Again> {
                const auto &again = visitor->acceptance.peer.again;
                if (!again)
                    return std::nullopt;
                return server::Bulk::Door::Again{again->number, again->position};
            },
            .refuse =
                [visitor](const char *why) { refuse(visitor->fds[0], CUDA_ERROR_NO_DEVICE, why); },
            .idle = [&session] { session.out_staging.trim(); }};
}

// False when the session has ended with an error, which was told.
bool serve(Fd connection, const Startup &startup)
{
    std::unique_ptr<server::Driver> driver;
    Mapping pages, traffic;
    std::unique_ptr<wire::Channel> channel; // before the session, whose waiters answer to the end
    std::unique_ptr<Resumption> resumption; // likewise, its bulk connections' door
    std::unique_ptr<server::Session> session;
    try {
        check_version(startup);
        driver = server::open_driver(startup.driver);
        pages = map_pages(startup);
        traffic = map_traffic();
        session = std::make_unique<server::Session>(*driver, slices_of(startup, *driver, pages));
        session->libraries.folders = startup.libraries;
        session->sharing.introduce({startup.node, startup.lease, startup.job});
    } catch (const Error &error) {
        // Until now the client waits for a welcome, and can be told.
        wire::send_frame(connection.get(), wire::pack_refuse(error.code(), error.what()),
                         Deadline::after_ms(wire::kHandshakeMs));
        throw;
    }
    wire::SessionWelcome welcome;
    welcome.session = startup.session;
    welcome.channel = startup.channel;
    welcome.ring = startup.ring;
    welcome.acceptance = startup.acceptance;
    auto &page = *reinterpret_cast<server::TrafficPage *>(traffic.data());
    resumption = std::make_unique<Resumption>(startup, page);
    resumption->offer(welcome);
    wire::LastingChannel *lasting = nullptr;
    channel = wire::accept_session(std::move(connection), welcome, &lasting);
    resumption->begin(lasting);
    session->attach(*channel);
    session->bulk.account(page);
    if (startup.channel != "ring")
        session->bulk.open(bulk_door(startup, *session, *channel, *resumption));
    log(Level::info, "session %s: process %lld on %s, lease %s, over %s, driver %s",
        startup.session.c_str(), (long long)startup.client_pid, startup.client_host.c_str(),
        startup.lease.c_str(), channel->name(), driver->path.c_str());
    try {
        session->run();
    } catch (const std::exception &error) {
        // Said before the client learns of it, whose end may be ours.
        log(Level::error, "session %s: %s", startup.session.c_str(), error.what());
        session->bulk.shut_down();
        channel->shut_down(); // whoever still sends or waits learns of it
        alarm(kMostSecondsToEnd);
        session.reset();
        return false;
    }
    alarm(kMostSecondsToEnd);
    if (!session->detached())
        channel->shut_down();
    session.reset();
    return true;
}

} // namespace

int main(int, char **argv)
{
    Startup startup;
    try {
        close_up(kTraffic);
        startup = read_startup(kStartup);
        close(kStartup);
        Level level;
        if (parse_level(startup.log_level, level))
            set_log_level(level);
        set_title(argv, title(startup));
        bind_cpus(startup.cpus);
        // Ended by the clock instead of a signal's death: not a fault to report.
        signal(SIGALRM, [](int) { _exit(0); });
        return serve(Fd(kConnection), startup) ? 0 : 1;
    } catch (const std::exception &error) {
        log(Level::error, "session %s: %s", startup.session.empty() ? "?" : startup.session.c_str(),
            error.what());
        return 1;
    }
}
