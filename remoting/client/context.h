// SPDX-License-Identifier: Apache-2.0
// Contexts, and each thread's stack of them. All of it is known here; the worker is told which
// context a call belongs to by the `word` of each request.
#pragma once

#include "remoting/api/kinds.h"

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace vgpu::client
{

// Never freed: a thread may hold a destroyed context on its stack for ever. Programs make few.
struct Context {
    uint64_t id = 0;
    int device = 0;
    bool primary = false;
    std::atomic<unsigned> flags{0};
    // By cuCtxAttach, beside the first one's.
    std::atomic<unsigned> attached{0};
    // False after destruction; a primary context comes back to life when it is retained again.
    std::atomic<bool> alive{false};
    // The CUresult of a fault that has ended it: every later call in it gives the same, until it is
    // reset. Written by settle(); partner: entry_in_context() in every thread.
    std::atomic<int> fault{CUDA_SUCCESS};
    // Up to which request everything here, and everything the legacy stream waits for, is known to
    // be done. Partner: is_past() in every thread.
    std::atomic<uint64_t> done{0};
    std::atomic<uint64_t> legacy_done{0};

    CUcontext handle() const noexcept { return api::handle_of<CUcontext>(id); }
    uint32_t word() const noexcept { return uint32_t(api::counter_of(id)); }
};

class Contexts
{
public:
    // The slices' primary contexts get their fixed ids.
    void open_devices(size_t count);

    Context *primary(int device) noexcept
    {
        return device < int(primary_.size()) ? primary_[device] : nullptr;
    }
    Context *create(uint64_t id, int device, unsigned flags);
    // A living context, or null.
    Context *find(CUcontext handle);
    std::vector<Context *> living();
    // By its number in requests, living or not. Primary contexts are found without a lock.
    Context *find(uint32_t word) const;

    std::mutex &mutex() noexcept { return mutex_; } // also guards the retain counts below
    std::vector<unsigned> retained;                 // of each primary context
    std::vector<unsigned> primary_flags;            // to be used when it is opened

private:
    mutable std::mutex mutex_;
    mutable std::deque<Context> all_; // addresses stay
    std::vector<Context *> primary_;
};

// The green context of which a context was made, null if it is none (green.cc).
class Session;
CUgreenCtx green_of(const Session &session, uint64_t context);

// The calling thread's stack; null if it is empty or its top was destroyed.
Context *current_context() noexcept;
// The top as it is, destroyed or not.
Context *top_context() noexcept;
void push_context(Context *context);
Context *pop_context() noexcept;
// Replaces the top; null pops it.
void set_context(Context *context);
// 0 for none: the `word` of a request.
uint32_t current_word() noexcept;

} // namespace vgpu::client
