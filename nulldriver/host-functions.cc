// SPDX-License-Identifier: Apache-2.0
// Host functions, the one thing that takes time here: they may wait for something. Each stream has
// its own in order, called by a thread; what waits for the stream, or for an event behind them,
// waits for them. All else in a stream is done at once, also behind one, but for the copies of a
// record, which has their bytes: a host function may bring them.
#include "nulldriver/null.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace null = vgpu::null;

namespace
{

struct Stream {
    std::deque<std::pair<CUhostFn, void *>> waiting;
    uint64_t given = 0, done = 0;
    bool has_thread = false;
};

struct Mark { // what an event was recorded behind
    CUstream stream;
    uint64_t given;
};

std::atomic<bool> used{false}; // until then nothing waits for anything
std::mutex mutex;
// Never destroyed: the threads, which are idle, outlive the program's destructors.
std::condition_variable &changed = *new std::condition_variable;
std::map<CUstream, Stream> &streams = *new std::map<CUstream, Stream>;
std::map<CUevent, Mark> &marks = *new std::map<CUevent, Mark>;

void serve(Stream &stream)
{
    std::unique_lock lock(mutex);
    for (;;) {
        changed.wait(lock, [&] { return !stream.waiting.empty(); });
        auto [function, data] = stream.waiting.front();
        stream.waiting.pop_front();
        lock.unlock();
        function(data);
        lock.lock();
        ++stream.done;
        changed.notify_all();
    }
}

bool done(CUstream handle, uint64_t given)
{
    auto found = streams.find(handle);
    return found == streams.end() || found->second.done >= given;
}

bool idle(CUstream handle)
{
    auto found = streams.find(handle);
    return found == streams.end() || found->second.done == found->second.given;
}

bool marked_done(CUevent event)
{
    auto found = marks.find(event);
    return found == marks.end() || done(found->second.stream, found->second.given);
}

template<class Ready>
CUresult wait(Ready &&ready)
{
    if (used.load(std::memory_order_acquire)) {
        std::unique_lock lock(mutex);
        changed.wait(lock, ready);
    }
    return CUDA_SUCCESS;
}

template<class Ready>
CUresult look(Ready &&ready)
{
    if (!used.load(std::memory_order_acquire))
        return CUDA_SUCCESS;
    std::lock_guard lock(mutex);
    return ready() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

} // namespace

void null::settle(CUstream stream)
{
    wait([&] { return idle(stream); });
}

NULL_EXPORT cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data)
{
    CUresult result = null::accept("cuLaunchHostFunc", "hStream", handle);
    std::lock_guard lock(mutex);
    used.store(true, std::memory_order_release);
    Stream &stream = streams[handle];
    if (!stream.has_thread)
        std::thread([&stream] { serve(stream); }).detach();
    stream.has_thread = true;
    stream.waiting.emplace_back(function, data);
    ++stream.given;
    changed.notify_all();
    return result;
}

NULL_EXPORT cuEventRecord(CUevent event, CUstream stream)
{
    CUresult result = null::accept("cuEventRecord", "hEvent,hStream", event, stream);
    if (used.load(std::memory_order_acquire)) {
        std::lock_guard lock(mutex);
        auto found = streams.find(stream);
        marks[event] = {stream, found == streams.end() ? 0 : found->second.given};
    }
    return result;
}

NULL_EXPORT cuEventDestroy_v2(CUevent event)
{
    if (used.load(std::memory_order_acquire)) {
        std::lock_guard lock(mutex);
        marks.erase(event);
    }
    return null::accept("cuEventDestroy_v2", "hEvent", event);
}

NULL_EXPORT cuEventQuery(CUevent event)
{
    null::accept("cuEventQuery", "hEvent", event);
    return look([&] { return marked_done(event); });
}

NULL_EXPORT cuEventSynchronize(CUevent event)
{
    null::accept("cuEventSynchronize", "hEvent", event);
    return wait([&] { return marked_done(event); });
}

NULL_EXPORT cuStreamQuery(CUstream stream)
{
    null::accept("cuStreamQuery", "hStream", stream);
    return look([&] { return idle(stream); });
}

NULL_EXPORT cuStreamSynchronize(CUstream stream)
{
    null::accept("cuStreamSynchronize", "hStream", stream);
    return wait([&] { return idle(stream); });
}

NULL_EXPORT cuCtxSynchronize()
{
    null::accept("cuCtxSynchronize", "");
    return wait([] {
        for (auto &[handle, stream] : streams)
            if (stream.done != stream.given)
                return false;
        return true;
    });
}
