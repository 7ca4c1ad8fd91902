// SPDX-License-Identifier: Apache-2.0
// The program that vgpu-run runs: a child that gets our signals, and whose end becomes ours.
#pragma once

#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "remoting/base/fd.h"

namespace vgpu::control
{

class Program
{
public:
    /// To be called before the first thread or child: from now on signals wait to be forwarded.
    static void block_signals();

    /// Starts it. Throws Error if it cannot be executed.
    Program(const std::vector<std::string> &arguments,
            const std::vector<std::pair<std::string, std::string>> &environment);

    /// Waits for its end, calling `tick` every `tick_ms`; gives waitpid's status.
    int wait(int tick_ms, const std::function<void()> &tick);

    /// Turns that status into our own end: the same exit status, or death by the same signal.
    static int finish(int status);

private:
    void forward();

    pid_t pid_ = 0;
    Fd signals_;
};

} // namespace vgpu::control
