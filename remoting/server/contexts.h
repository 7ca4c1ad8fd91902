// SPDX-License-Identifier: Apache-2.0
// The session's contexts by the number that requests carry (`word`), and which one is current on
// the dispatch thread.
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/fence.h"
#include "remoting/server/slice.h"

#include <functional>
#include <map>
#include <vector>

namespace vgpu::server
{

struct Context {
    uint32_t word = 0;
    CUcontext handle = nullptr;
    size_t slice = 0;
    bool primary = false;               // of the driver's device: released instead of destroyed
    bool green = false;                 // of a green context, with which it ends
    std::vector<CUstream> non_blocking; // which the legacy stream does not wait for
    std::vector<CUstream> blocking;     // the others that were created
    CUstream beside =
        nullptr; // one of ours that waits for the legacy stream, from the first capture on
    EventPoolPtr events;
    EventPoolPtr timers; // events with times, for the compute share
};

// What a context costs its slice, beside what is allocated in it.
struct ContextCosts {
    // Bytes of a device that this process has; 0 if nobody knows.
    std::function<uint64_t(CUdevice)> used;
    // One is open, and this process has so much more. Unless it is a success, it is closed again.
    // Word 0: a created one, whose number comes by adopted().
    std::function<CUresult(size_t slice, uint32_t word, uint64_t more)> opened;
    std::function<void(uint32_t word)> adopted;
};

class Contexts
{
public:
    Contexts(const Driver &driver, const std::vector<Slice> &slices)
        : driver_(driver), slices_(slices)
    {
    }
    ~Contexts();

    ContextCosts costs;              // set before the first is opened
    std::function<bool()> capturing; // whether any stream is captured
    std::function<bool()> asks;      // whether the device's work may wait for the client

    // While a stream is captured, fences cannot mark the legacy stream.
    CUresult prepare_capture(Context &context);

    const std::map<uint32_t, Context> &all() const noexcept { return contexts_; }

    // Makes a request's context current. 0 is none; a primary context is opened if it is not.
    CUresult enter(uint32_t word);

    // Makes the driver's current context ours again, after something on this thread has changed it.
    void restore() noexcept { driver_.cuCtxSetCurrent(current_ ? current_->handle : nullptr); }

    // Makes one current in the driver, if there is any; until restore().
    void enter_any() noexcept
    {
        if (!current_ && !contexts_.empty())
            driver_.cuCtxSetCurrent(contexts_.begin()->second.handle);
    }

    // Null after enter(0).
    Context *current() const noexcept { return current_; }
    Context *find(uint32_t word) noexcept;
    Context *find(CUcontext handle) noexcept;

    bool is_only(const Context &context) const noexcept
    {
        return contexts_.size() == 1 && &contexts_.begin()->second == &context;
    }

    // A stream ends: no fence marks it any more.
    void forget_stream(CUstream stream);

    CUresult open_primary(uint32_t ordinal, unsigned flags);

    // A created context has no number until adopt() gives it one.
    CUresult create(size_t slice, unsigned flags, CUcontext *handle);
    void adopt(uint32_t word, CUcontext handle);
    // The same for a green context's, which adopt() then takes.
    void create_green(size_t slice) noexcept
    {
        created_slice_ = slice;
        created_green_ = true;
    }

    // Ends it with all of the driver's objects in it. What the device still does for it is waited
    // for.
    void close(uint32_t word);

    // All that was given to the device so far, or to one context of it. What cannot be marked,
    // since the context has failed, is left out: it will not run.
    Fence fence();
    Fence fence(Context &context);

    // Some of the driver's functions wait for the device. The dispatch thread must not call them
    // while the device may be waiting for the client, since the client's answer comes by that very
    // thread: where they can be put off, they are while may_ask(); else let_ask() comes first,
    // which waits and takes the answers in meanwhile. Nothing is given to the device then.
    bool may_ask();
    void let_ask();

    // The driver's device has a primary context once; further slices of it in one session get one
    // of their own.
    bool shares_device(size_t slice) const noexcept;

private:
    void add(uint32_t word, CUcontext handle, size_t slice, bool primary);
    void mark(Context &context, Fence &fence);
    uint64_t used(size_t slice) const;

    const Driver &driver_;
    const std::vector<Slice> &slices_;
    std::map<uint32_t, Context> contexts_;
    Context *current_ = nullptr;
    size_t created_slice_ = 0;
    bool created_green_ = false;
};

} // namespace vgpu::server
