// SPDX-License-Identifier: Apache-2.0
// What each thread has of its own: its stack of contexts and the buffers that make the hot path
// allocation-free.
#pragma once

#include <cstddef>
#include <vector>

namespace vgpu::client
{

struct Context;

struct ThreadState {
    std::vector<Context *> contexts;
    std::vector<std::byte> request;
    std::vector<std::byte> reply;
};

// Made at the thread's first call, freed at its end. A destructor of the program that calls CUDA
// after that gets a new one.
ThreadState &thread_state() noexcept;

} // namespace vgpu::client
