// SPDX-License-Identifier: Apache-2.0
// Moments in the device's work: everything that a stream, a context or the session had been given
// when the fence was made.
#pragma once

#include "remoting/server/driver.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::server
{

// Events of one context, used again and again. Taken on the dispatch thread, with the context
// current; given back by any thread. It outlives its context in the hands of those who still hold
// an event.
class EventPool
{
public:
    EventPool(const Driver &driver, unsigned flags) : driver_(driver), flags_(flags) {}

    CUresult take(CUevent &event);
    void give(CUevent event);

    // The context ends, and its events with it.
    void close();

private:
    const Driver &driver_;
    const unsigned flags_;
    std::mutex mutex_;
    std::vector<CUevent> free_;
    bool closed_ = false;
};

// What a thread does over and over while it waits for the device, if anything: it returns after a
// moment. The dispatch thread's, once the device may wait for the client.
extern thread_local const std::function<void()> *while_waiting;

// cuEventSynchronize, in that manner.
void wait_for(const Driver &driver, CUevent event);

using EventPoolPtr = std::shared_ptr<EventPool>;

class Fence
{
public:
    explicit Fence(const Driver &driver) : driver_(&driver) {}
    Fence(Fence &&) = default;
    Fence &operator=(Fence &&) = default;
    ~Fence();

    // Marks what `stream` of the current context has been given; the pool is that context's.
    CUresult add(CUcontext context, const EventPoolPtr &pool, CUstream stream);

    // Whether all of it is done; a failure of the device counts as done, and is the result.
    bool done(CUresult &result) const;

    // Any thread.
    CUresult wait() const;

private:
    struct Part {
        CUcontext context;
        EventPoolPtr pool;
        CUevent event;
    };
    const Driver *driver_;
    std::vector<Part> parts_;
};

} // namespace vgpu::server
