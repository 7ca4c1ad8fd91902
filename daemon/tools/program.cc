// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/program.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "remoting/base/error.h"

namespace vgpu::control
{

namespace
{

/// What is forwarded, and SIGCHLD.
sigset_t handled()
{
    sigset_t set;
    sigemptyset(&set);
    for (int number :
         {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT})
        sigaddset(&set, number);
    return set;
}

sigset_t mask_before;

} // namespace

void Program::block_signals()
{
    const sigset_t set = handled();
    sigprocmask(SIG_BLOCK, &set, &mask_before);
}

Program::Program(const std::vector<std::string> &arguments,
                 const std::vector<std::pair<std::string, std::string>> &environment)
{
    const sigset_t set = handled();
    signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_)
        fail_errno("watching for signals");
    std::vector<char *> list;
    for (const std::string &one : arguments)
        list.push_back(const_cast<char *>(one.c_str()));
    list.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail_errno("making a pipe");
    const Fd output(ends[0]);
    Fd input(ends[1]);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0)
        fail_errno("starting %s", arguments.front().c_str());
    if (pid_ == 0) {
        // vgpu-run killed outright must not leave a program behind that has lost its GPU.
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(EXIT_FAILURE);
        for (const auto &[name, value] : environment)
            setenv(name.c_str(), value.c_str(), 1);
        sigprocmask(SIG_SETMASK, &mask_before, nullptr);
        execvp(list[0], list.data());
        const int code = errno;
        [[maybe_unused]] ssize_t written = write(input.get(), &code, sizeof code);
        _exit(code == ENOENT ? 127 : 126);
    }
    input.reset();
    int code = 0;
    if (read(output.get(), &code, sizeof code) == static_cast<ssize_t>(sizeof code)) {
        waitpid(pid_, nullptr, 0);
        fail(code, "%s: %s", arguments.front().c_str(), std::strerror(code));
    }
}

void Program::forward()
{
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
        // What the terminal sends has reached the program already: it is in the same process group.
        if (info.ssi_signo != SIGCHLD && info.ssi_code != SI_KERNEL)
            kill(pid_, static_cast<int>(info.ssi_signo));
}

int Program::wait(int tick_ms, const std::function<void()> &tick)
{
    Deadline next = Deadline::after_ms(tick_ms);
    for (;;) {
        int status = 0;
        const pid_t ended = waitpid(pid_, &status, WNOHANG);
        if (ended == pid_)
            return status;
        if (ended < 0 && errno != EINTR)
            fail_errno("waiting for the program");
        if (wait_for(signals_.get(), POLLIN, next))
            forward();
        if (next.expired()) {
            tick();
            next = Deadline::after_ms(tick_ms);
        }
    }
}

int Program::finish(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    const int number = WTERMSIG(status);
    const rlimit none{0, 0}; // the program's core is of interest, ours is not
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    return 128 + number;
}

} // namespace vgpu::control
