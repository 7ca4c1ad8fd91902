// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/thread.h"

namespace vgpu::client
{
namespace
{

// Two variables, since the first, having no destructor, may still be read after the second is gone.
thread_local ThreadState *state = nullptr;

struct Reaper {
    bool armed = false;
    ~Reaper()
    {
        delete state;
        state = nullptr;
    }
};
thread_local Reaper reaper;

[[gnu::noinline]] ThreadState &make_state()
{
    state = new ThreadState;
    reaper.armed = true;
    return *state;
}

} // namespace

ThreadState &thread_state() noexcept
{
    return state ? *state : make_state();
}

} // namespace vgpu::client
