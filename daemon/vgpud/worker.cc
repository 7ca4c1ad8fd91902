// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/worker.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <hwloc.h>
#include <hwloc/glibc-sched.h>
#include <pwd.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "remoting/base/error.h"
#include "remoting/base/log.h"

extern char **environ;

namespace vgpu::control
{

namespace
{

constexpr uint64_t kPatienceMs = 5000;
constexpr int kFirstFree = 8; // descriptors 0 to 7 are spoken for in a worker

struct User {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
};

User user_of(uid_t uid)
{
    User user{uid, static_cast<gid_t>(uid), {}};
    if (const passwd *entry = getpwuid(uid)) {
        user.gid = entry->pw_gid;
        int count = 64;
        user.groups.resize(static_cast<size_t>(count));
        if (getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0) {
            user.groups.resize(static_cast<size_t>(count));
            getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count);
        }
        user.groups.resize(static_cast<size_t>(count));
    }
    return user;
}

/// Ours, but for what would make the worker's driver a client of ourselves, or have it wait at each
/// launch: the worker must answer meanwhile what the launch may wait for.
std::vector<char *> environment()
{
    static constexpr std::string_view kNot[] = {
        "LD_PRELOAD=", "VGPU_LEASE=", "CUDA_LAUNCH_BLOCKING="};
    std::vector<char *> list;
    for (char **entry = environ; *entry; ++entry)
        if (std::none_of(std::begin(kNot), std::end(kNot),
                         [&](auto name) { return std::string_view(*entry).starts_with(name); }))
            list.push_back(*entry);
    list.push_back(nullptr);
    return list;
}

bool cpu_set(const std::string &list, cpu_set_t &set)
{
    if (list.empty())
        return false;
    hwloc_bitmap_t bitmap = hwloc_bitmap_alloc();
    CPU_ZERO(&set);
    const bool parsed = hwloc_bitmap_list_sscanf(bitmap, list.c_str()) == 0;
    if (parsed) {
        int cpu = -1;
        while ((cpu = hwloc_bitmap_next(bitmap, cpu)) >= 0 && cpu < CPU_SETSIZE)
            CPU_SET(cpu, &set);
    }
    hwloc_bitmap_free(bitmap);
    return parsed && CPU_COUNT(&set) > 0;
}

/// Everything that the child needs, prepared before the fork: after it only system calls are
/// allowed.
struct Plan {
    const char *program;
    std::vector<char *> arguments;
    std::vector<char *> environment;
    User user;
    bool change_user;
    bool bind;
    cpu_set_t cpus;
    int descriptors[5];
    int status; // where to write errno when something fails
    pid_t parent;
};

[[noreturn]] void give_up(const Plan &plan)
{
    const int code = errno;
    [[maybe_unused]] ssize_t written = write(plan.status, &code, sizeof code);
    _exit(127);
}

[[noreturn]] void become(Plan &plan)
{
    // Out of the way of each other first: the sources may well be 3 to 7.
    for (int &fd : plan.descriptors)
        if ((fd = fcntl(fd, F_DUPFD, kFirstFree + 1)) < 0)
            give_up(plan);
    if ((plan.status = fcntl(plan.status, F_DUPFD_CLOEXEC, kFirstFree)) < 0)
        _exit(127);
    for (int i = 0; i < int(std::size(plan.descriptors)); ++i)
        if (dup2(plan.descriptors[i], 3 + i) < 0)
            give_up(plan);
    const int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0)
        give_up(plan);
    syscall(SYS_close_range, kFirstFree, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);

    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < 32; ++number)
        sigaction(number, &standard, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    if (setsid() < 0)
        give_up(plan);
    if (plan.bind) // a hint: a site that confines vgpud to other cores knows why
        sched_setaffinity(0, sizeof plan.cpus, &plan.cpus);
    if (plan.change_user && (setgroups(plan.user.groups.size(), plan.user.groups.data()) != 0 ||
                             setresgid(plan.user.gid, plan.user.gid, plan.user.gid) != 0 ||
                             setresuid(plan.user.uid, plan.user.uid, plan.user.uid) != 0))
        give_up(plan);
    // Without its vgpud the lease has ended, and the slice is somebody else's. After the change of
    // user, which would undo it.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        chdir("/") != 0)
        give_up(plan);
    if (getppid() != plan.parent)
        _exit(127);
    execve(plan.program, plan.arguments.data(), plan.environment.data());
    give_up(plan);
}

std::string described(int status)
{
    if (WIFEXITED(status))
        return "exited with status " + std::to_string(WEXITSTATUS(status));
    const int number = WTERMSIG(status);
    const char *name = sigabbrev_np(number);
    return std::string("was killed by SIG") + (name ? name : "?") + " (" + strsignal(number) + ")";
}

} // namespace

Worker::Worker(uv_loop_t *loop, const WorkerStart &start, Ended ended)
    : loop_(loop), ended_(std::move(ended))
{
    if (geteuid() != 0 && start.uid != geteuid())
        fail(EPERM, "vgpud runs as uid %u and cannot start a worker for uid %u: run it as root",
             static_cast<unsigned>(geteuid()), static_cast<unsigned>(start.uid));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail_errno("making a pipe");
    Fd output(ends[0]);
    Fd input(ends[1]);

    Plan plan{};
    plan.program = start.program.c_str();
    plan.arguments = {const_cast<char *>("vgpustepd"), nullptr};
    plan.environment = environment();
    plan.user = user_of(start.uid);
    plan.change_user = geteuid() == 0;
    plan.bind = cpu_set(start.cpus, plan.cpus);
    plan.descriptors[0] = start.connection;
    plan.descriptors[1] = start.pages;
    plan.descriptors[2] = start.orders;
    int aside[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, aside) != 0)
        fail_errno("making a worker's socket");
    aside_.reset(aside[0]);
    const Fd theirs(aside[1]);
    plan.descriptors[3] = theirs.get();
    plan.descriptors[4] = start.traffic;
    plan.status = input.get();
    plan.parent = getpid();
    pid_ = fork();
    if (pid_ < 0)
        fail_errno("starting a worker");
    if (pid_ == 0)
        become(plan);
    input.reset();
    int code = 0;
    // End of file means that the program was replaced; that takes far less than a millisecond.
    if (read(output.get(), &code, sizeof code) == static_cast<ssize_t>(sizeof code)) {
        waitpid(pid_, nullptr, 0);
        fail(code, "starting %s: %s", start.program.c_str(), std::strerror(code));
    }
    pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        fail_errno("watching worker %d", static_cast<int>(pid_));
    }
    poll_ = std::make_unique<Poll>(loop, pidfd_.get(), [this](int) { reap(); });
    poll_->watch(UV_READABLE);
}

Worker::~Worker() = default;

std::vector<std::byte> key_bytes(const wire::Acceptance &acceptance)
{
    std::vector<std::byte> keys;
    if (acceptance.keys)
        for (const wire::Key *key : {&acceptance.keys->send, &acceptance.keys->receive})
            keys.insert(keys.end(), key->begin(), key->end());
    return keys;
}

/// What every further connection of a worker's client is welcomed with.
static wire::Map terms_of(const wire::Acceptance &acceptance)
{
    const std::vector<std::byte> keys = key_bytes(acceptance);
    wire::Map map;
    map.set("proof", std::span<const std::byte>(acceptance.proof))
        .set("keys", std::span<const std::byte>(keys));
    return map;
}

void Worker::hand_over(int connection, const wire::Acceptance &acceptance, const BulkTerms &terms)
{
    const auto &again = acceptance.peer.again;
    if (!again && handed_over_ >= terms.connections)
        fail(EEXIST, "this session has its bulk connection%s already",
             terms.connections == 1 ? "" : "s");
    wire::Map map = terms_of(acceptance);
    map.set("compression", terms.compression)
        .set("window", terms.window)
        .set("connections", terms.connections);
    if (again)
        map.set("again", uint64_t(again->number)).set("position", again->position);
    // Its socket has room for more frames than there may be, and who takes another's place tries
    // again: nothing waits here.
    wire::send_frame(aside_.get(), map.pack(), Deadline::after_ms(0), std::span(&connection, 1));
    handed_over_ += !again;
}

void Worker::resume(int connection, const wire::Acceptance &acceptance)
{
    wire::Map map = terms_of(acceptance);
    map.set("secret", std::span<const std::byte>(acceptance.peer.secret))
        .set("received", acceptance.peer.received);
    // Nobody waits here for a worker that does not look: its client tries again.
    wire::send_frame(aside_.get(), map.pack(), Deadline::after_ms(0), std::span(&connection, 1));
}

void Worker::stop()
{
    if (patience_)
        return;
    kill(-pid_, SIGTERM);
    patience_ = std::make_unique<Timer>(loop_, kPatienceMs, 0, [this] {
        log(Level::warning, "worker %d does not end: killing it", static_cast<int>(pid_));
        kill(-pid_, SIGKILL);
    });
}

void Worker::reap()
{
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_)
        return;
    const bool asked = patience_ != nullptr;
    poll_.reset();
    patience_.reset();
    kill(-pid_, SIGKILL); // what it may have left in its group
    const Ended ended = std::move(ended_);
    ended(pid_, asked || (WIFEXITED(status) && WEXITSTATUS(status) == 0), described(status));
}

} // namespace vgpu::control
