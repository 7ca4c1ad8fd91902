// SPDX-License-Identifier: Apache-2.0
// Variables of the environment are read once in a process's life: what depends on one is tried in a
// child with a value of it, forked before the first CUDA call.
#pragma once

#include "check.h"

#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

// `value`: null for none. The child's body fails by fail(), as always.
template<class Body>
void in_child(const char *variable, const char *value, Body &&body)
{
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        value ? setenv(variable, value, 1) : unsetenv(variable);
        body();
        std::fflush(stdout);
        _exit(0);
    }
    int status = 0;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("with %s=%s: status %x", variable, value ? value : "(none)", unsigned(status));
}

// What the driver says of faults that are meant is not what is tested.
inline void keep_quiet()
{
    if (!std::freopen("/dev/null", "w", stderr))
        _exit(2);
}
