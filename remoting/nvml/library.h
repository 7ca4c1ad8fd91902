// SPDX-License-Identifier: Apache-2.0
// The state of the library between nvmlInit and nvmlShutdown, and how its functions get at it.
//
// Nothing here opens a session: a worker for every process that only looks (nvidia-smi in a loop, a
// monitor beside a training) would cost a context of the device's memory each. vgpud counts for all
// workers of a slice anyway, and answers without touching the GPU.
#pragma once

#include "remoting/nvml/abi.h"
#include "remoting/nvml/state.h"

#include <mutex>
#include <string>

namespace vgpu::nvml
{

// What a function answers instead of going on.
struct Answer {
    Result result;
};

class Library
{
public:
    static Library &get();

    Result start(unsigned flags);
    Result stop();
    bool started();

    // What does not change: as it was at the start. Throws Answer.
    const Slice &slice(Handle device);
    unsigned index(Handle device);
    unsigned count();
    static Handle handle(unsigned index);

    // The slice as it is now: no older than a burst of questions lasts.
    Slice now(Handle device);

private:
    void refresh(); // with the lock held

    std::mutex mutex_;
    unsigned users_ = 0;
    wire::LeaseFile lease_;
    Slices first_; // never changed while there are users
    Slices latest_;
    uint64_t fetched_ns_ = 0;
};

// What follows from the shapes of nvml.api.
Result read(const char *name, Handle device, unsigned *value);
Result read_kind(const char *name, unsigned kinds, Handle device, unsigned kind, unsigned *value);
Result read_pair(const char *name, Handle device, unsigned *first, unsigned *second);
Result read_wide(const char *name, Handle device, unsigned long long *value);
Result answer_zero(Handle device, unsigned *value);
Result answer_none(unsigned *count);

// Throws Answer where an argument is null.
template<class... Pointers>
void need(Pointers... pointers)
{
    if (!(pointers && ...))
        throw Answer{kInvalidArgument};
}

// A text with its NUL, or INSUFFICIENT_SIZE.
Result put_text(const std::string &text, char *to, unsigned length);

#include "remoting/nvml/calls.inc"

} // namespace vgpu::nvml
