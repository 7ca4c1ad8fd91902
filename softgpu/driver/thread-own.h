// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unistd.h>

namespace vgpu::soft::driver
{

template<class T>
inline constinit thread_local T *own_pointer = nullptr;

/// The calling thread's own T, made at its first use. It goes with the thread; but the main
/// thread's stays, since that thread's destructors run before the handlers of the process's exit,
/// which may still call. A destructor of another thread that calls after ours has run gets a new
/// one.
template<class T>
T &thread_own()
{
    struct Reaper {
        bool armed = false;
        ~Reaper()
        {
            if (gettid() == getpid())
                return;
            delete own_pointer<T>;
            own_pointer<T> = nullptr;
        }
    };
    if (!own_pointer<T>) {
        static thread_local Reaper reaper;
        reaper.armed = true;
        own_pointer<T> = new T;
    }
    return *own_pointer<T>;
}

} // namespace vgpu::soft::driver
