// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/thread.h"

#include "remoting/client/thread-stream.h"

#include <unistd.h>

namespace vgpu::client
{

constinit thread_local ThreadState *the_thread_state = nullptr;

namespace
{

struct Reaper {
    bool armed = false;
    ~Reaper()
    {
        // The main thread's run before the handlers of the process's exit, which may still call.
        if (gettid() == getpid())
            return;
        if (the_thread_state)
            end_thread_streams(*the_thread_state);
        delete the_thread_state;
        the_thread_state = nullptr;
    }
};
thread_local Reaper reaper;

} // namespace

[[gnu::noinline]] ThreadState &make_thread_state() noexcept
{
    the_thread_state = new ThreadState;
    reaper.armed = true;
    return *the_thread_state;
}

} // namespace vgpu::client
