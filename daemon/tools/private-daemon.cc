// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/private-daemon.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "daemon/common/environment.h"
#include "daemon/common/private-files.h"
#include "remoting/base/error.h"
#include "remoting/base/variables.h"

extern char **environ;

namespace vgpu::control
{

namespace
{

constexpr int kReadyMs =
    70'000; // a driver that wakes its devices takes long; vgpud itself gives up before
constexpr int kEndMs = 8'000; // longer than vgpud's patience with its workers
constexpr size_t kMaxSocketPath = 100;

std::string make_directory()
{
    const std::array<const char *, 3> places = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"),
                                                "/tmp"};
    for (const char *place : places) {
        if (!place || *place != '/')
            continue;
        std::string path = std::string(place) + "/vgpu-run.XXXXXX";
        if (path.size() + sizeof "/vgpud.sock" < kMaxSocketPath && mkdtemp(path.data()))
            return path;
    }
    fail_errno("making a directory below $XDG_RUNTIME_DIR, $TMPDIR or /tmp");
}

std::string daemon_path()
{
    const std::string named = variable(kLibexecdirVariable);
    if (!named.empty() && access((named + "/vgpud").c_str(), X_OK) == 0)
        return named + "/vgpud";
    return VGPU_SBINDIR "/vgpud";
}

/// Ours, but for what a surrounding vgpu job has put there: this vgpud shall find the machine's
/// driver, not our client.
std::vector<std::string> daemon_environment()
{
    std::vector<std::string> list;
    for (char **entry = environ; *entry; ++entry) {
        const std::string text = *entry;
        if (text.starts_with("LD_PRELOAD=") || text.starts_with("VGPU_LEASE="))
            continue;
        if (!text.starts_with("LD_LIBRARY_PATH=")) {
            list.push_back(text);
            continue;
        }
        std::string kept;
        std::string rest = text.substr(std::strlen("LD_LIBRARY_PATH=")) + ":";
        for (size_t end; (end = rest.find(':')) != std::string::npos; rest.erase(0, end + 1))
            if (const std::string one = rest.substr(0, end); !one.empty() && one != library_dir())
                kept += (kept.empty() ? "" : ":") + one;
        if (!kept.empty())
            list.push_back("LD_LIBRARY_PATH=" + kept);
    }
    return list;
}

} // namespace

PrivateDaemon::PrivateDaemon(const std::string &driver) : directory_(make_directory())
{
    try {
        write_conf(driver);
        start();
        await_ready();
    } catch (...) {
        end();
        throw;
    }
}

PrivateDaemon::~PrivateDaemon()
{
    end();
}

void PrivateDaemon::write_conf(const std::string &driver)
{
    wire::make_key_file(directory_ + "/key");
    std::string text = "# vgpu-run's own; it lives as long as the program.\n"
                       "AuthType=key\nKeyFile=\"" +
                       directory_ +
                       "/key\"\n"
                       "VgpudSocket=\"" +
                       directory_ +
                       "/vgpud.sock\"\n"
                       "VgpudAddr=127.0.0.1\nVgpudPort=0\nSlicesPerDevice=64\nMaxSessions=128\n"
                       "DebugLevel=" +
                       variable(kLogLevelVariable) + "\n";
    if (!driver.empty())
        text += "Driver=\"" + driver + "\"\n";
    const std::string path = directory_ + "/vgpu.conf";
    Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file)
        fail_errno("writing %s", path.c_str());
    write_all(file.get(), std::as_bytes(std::span(text)), Deadline::never(), path.c_str());
    conf_ = load_conf(path);
}

void PrivateDaemon::start()
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail_errno("making a socket pair");
    leash_.reset(ends[0]);
    // At a number of its own in the child, where the file action takes the close-on-exec flag off.
    const Fd theirs(fcntl(ends[1], F_DUPFD_CLOEXEC, 10));
    close(ends[1]);
    const std::string number = "3";
    const std::string path = daemon_path();
    std::vector<std::string> environment = daemon_environment();
    std::vector<char *> variables;
    for (std::string &one : environment)
        variables.push_back(one.data());
    variables.push_back(nullptr);
    const char *arguments[] = {"vgpud",        "-D",           "--conf", conf_.path.c_str(),
                               "--supervised", number.c_str(), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
                                     STDOUT_FILENO); // the program's output stays its own
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
    posix_spawnattr_init(&attributes);
    // A session of its own: ctrl-C is for the program, which may want to end in order.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    const int error = posix_spawn(&pid_, path.c_str(), &actions, &attributes,
                                  const_cast<char **>(arguments), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error) {
        pid_ = 0;
        fail(error, "starting %s: %s", path.c_str(), std::strerror(error));
    }
}

void PrivateDaemon::await_ready()
{
    std::array<std::byte, 5> word;
    try {
        read_exact(leash_.get(), word, Deadline::after_ms(kReadyMs), "the private vgpud");
    } catch (const Error &error) {
        if (error.code() != ECONNRESET)
            throw;
        fail(ECONNRESET, "the private vgpud did not start; its own message is above");
    }
}

void PrivateDaemon::end() noexcept
{
    leash_.reset();
    if (pid_ > 0) {
        const Deadline deadline = Deadline::after_ms(kEndMs);
        const pid_t pid = pid_;
        while (waitpid(pid, nullptr, WNOHANG) == 0) {
            if (deadline.expired()) {
                kill(pid, SIGKILL);
                waitpid(pid, nullptr, 0);
                break;
            }
            usleep(1000); // an end that is near; no descriptor tells it without a Linux newer than
                          // ours
        }
        pid_ = 0;
    }
    remove_private_files(directory_);
}

} // namespace vgpu::control
