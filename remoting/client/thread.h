// SPDX-License-Identifier: Apache-2.0
// What each thread has of its own: its stack of contexts and the buffers that make the hot path
// allocation-free.
#pragma once

#include "remoting/client/objects.h"
#include "remoting/client/table.h"

#include <cstddef>
#include <vector>

namespace vgpu::client
{

struct Context;

// What the per-thread stream is for this thread in one context (thread-stream.h).
struct ThreadStream {
    uint64_t context;
    uint64_t stream;
};

struct ThreadState {
    std::vector<Context *> contexts;
    std::vector<ThreadStream> default_streams; // one in each context where it was used
    std::vector<CUgraphNode> tails;            // of the capture that was asked about last
    std::vector<std::byte> request;
    std::vector<std::byte> reply;
    std::vector<std::byte> kept_reply; // of a library's call, while its work is waited for
    Lately<Function> functions;
    Lately<Stream> streams;
    Lately<Event> events;
    uint64_t waits_seen = 0; // Mirrors's, when this thread last gave work to the device
};

// Made at the thread's first call, freed at its end, but for the main thread's. A destructor of the
// program that calls CUDA after that gets a new one.
ThreadState &make_thread_state() noexcept;

// In the static part of the thread's block, where it is found without a call; eight bytes are there
// for any library that is loaded late. Having no destructor, it may still be read after all others
// are gone.
extern constinit thread_local ThreadState *the_thread_state [[gnu::tls_model("initial-exec")]];

inline ThreadState &thread_state() noexcept
{
    return the_thread_state ? *the_thread_state : make_thread_state();
}

} // namespace vgpu::client
