// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/host-service.h"

#include "remoting/base/log.h"
#include "remoting/client/call.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <pthread.h>
#include <thread>

namespace vgpu::client
{

constinit thread_local bool HostService::in_function_ = false;

enum : uint64_t { kRun, kFetch, kGive, kOver };

// The standing request: it lives as long as the connection, which is for ever.
class HostService::Asked : public Pending
{
public:
    explicit Asked(HostService &service) : service_(service) { speaks_up_ = true; }
    bool arrived(const wire::Header &header, std::span<const std::byte> body) override
    {
        wire::Decoder in(body);
        Message message{in.u64(), in.u64(), in.u64(), in.u64()};
        auto data = in.bytes(in.u64());
        return in.done() && (header.flags & wire::kMore) &&
               service_.take(message.what, message, data);
    }

private:
    HostService &service_;
};

// With the lock.
void HostService::open(Session &session)
{
    if (opened_)
        return;
    session_ = &session;
    Request request;
    session.connection().send(uint16_t(api::Call::vgpuHostService), 0, request.bytes(), {},
                              new Asked(*this));
    // The application's signals are not for a thread it does not know of.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread([this] { serve(); }).detach();
        opened_ = true;
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CUresult HostService::call(Session &session, uint32_t word, CUstream stream, CUhostFn function,
                           void *data)
{
    return send(session, word, stream, {.function = function, .data = data});
}

CUresult HostService::call(Session &session, uint32_t word, CUstream stream,
                           CUstreamCallback callback, void *data)
{
    return send(session, word, stream, {.callback = callback, .data = data, .stream = stream});
}

CUresult HostService::send(Session &session, uint32_t word, CUstream stream, Function function)
{
    bool captured = false;
    if (CUresult result = session.captures.ask(session, word, stream, captured);
        result != CUDA_SUCCESS && result != CUDA_ERROR_STREAM_CAPTURE_IMPLICIT)
        return result;
    if (captured) {
        uint64_t kept = keep(session, function.function, function.data);
        return post_in(session, word, api::Call::vgpuHostCall, val(kept),
                       val(uint32_t(function.callback != nullptr)), handle(stream));
    }
    uint64_t number;
    {
        std::lock_guard lock(mutex_);
        open(session);
        number = ++last_;
        function.once = true;
        function.sequence = session.connection().last_sequence();
        functions_[number] = function;
    }
    expect(session);
    CUresult result = post_in(session, word, api::Call::vgpuHostCall, val(number),
                              val(uint32_t(function.callback != nullptr)), handle(stream));
    if (result != CUDA_SUCCESS) {
        std::lock_guard lock(mutex_);
        functions_.erase(number);
        expect_no_more();
    }
    return result;
}

uint64_t HostService::keep(Session &session, CUhostFn function, void *data)
{
    std::lock_guard lock(mutex_);
    open(session);
    auto [at, added] = kept_.try_emplace({function, data}, last_ + 1);
    if (added)
        functions_[++last_] = {.function = function, .data = data};
    return at->second;
}

uint64_t HostService::own(Session &session, CUhostFn function, void *data)
{
    uint64_t number;
    {
        std::lock_guard lock(mutex_);
        open(session);
        number = ++last_;
        functions_[number] = {.function = function, .data = data, .once = true};
    }
    expect(session); // from now on: nobody else may be receiving when it comes
    return number;
}

void HostService::disown(uint64_t number)
{
    std::lock_guard lock(mutex_);
    if (functions_.erase(number))
        expect_no_more();
}

bool HostService::function_of(uint64_t number, CUhostFn &function, void *&data)
{
    std::lock_guard lock(mutex_);
    auto at = functions_.find(number);
    if (at == functions_.end() || !at->second.function)
        return false;
    function = at->second.function;
    data = at->second.data;
    return true;
}

bool HostService::place_of(uint64_t number, Place &place)
{
    std::lock_guard lock(mutex_);
    auto at = places_.find(number);
    if (at == places_.end())
        return false;
    place = at->second;
    return true;
}

void HostService::expect(Session &)
{
    expected_.fetch_add(1, std::memory_order_acq_rel);
    std::lock_guard lock(mutex_);
    more_.notify_one();
}

void HostService::expect_no_more()
{
    expected_.fetch_sub(1, std::memory_order_acq_rel);
}

// Called by whoever receives.
bool HostService::take(uint64_t what, Message message, std::span<const std::byte> data)
{
    if (what == kOver) {
        std::lock_guard lock(mutex_);
        if (message.number && functions_.erase(message.number) == 0)
            return false;
        if (expected_.load(std::memory_order_acquire) == 0)
            return false;
        expect_no_more();
        return true;
    }
    std::lock_guard lock(mutex_);
    if (what == kGive) {
        auto at = places_.find(message.number);
        if (at == places_.end() || message.extra > at->second.bytes() ||
            data.size() > at->second.bytes() - message.extra)
            return false;
        at->second.move(message.extra, const_cast<std::byte *>(data.data()), data.size(), true);
        return true;
    }
    if (what > kFetch || !data.empty())
        return false;
    queue_.push_back(message);
    queued_.store(queue_.size(), std::memory_order_release);
    more_.notify_one();
    return true;
}

void HostService::serve()
{
    pthread_setname_np(pthread_self(), "vgpu-host");
    Connection &connection = session_->connection();
    for (;;) {
        Message message;
        bool have = false;
        {
            std::unique_lock lock(mutex_);
            more_.wait(lock, [&] { return !queue_.empty() || expects(); });
            if (!queue_.empty()) {
                have = true;
                message = queue_.front();
                queue_.pop_front();
                queued_.store(queue_.size(), std::memory_order_release);
            }
        }
        if (have && message.what == kFetch)
            send_bytes(message);
        else if (have)
            run(message);
        else if (!connection.receive_until(
                     [&] { return queued_.load(std::memory_order_acquire) != 0 || !expects(); }))
            return; // nobody will ask any more
    }
}

void HostService::run(const Message &message)
{
    Function function;
    {
        std::lock_guard lock(mutex_);
        auto at = functions_.find(message.number);
        if (at == functions_.end())
            return session_->connection().give_up("it called a function that it was not given");
        function = at->second;
        if (function.once)
            functions_.erase(at);
    }
    // What was copied to this process before has arrived.
    session_->connection().complete_before(function.sequence);
    // And what kernels have written to memory that the function may read; what it writes itself is
    // there when the stream goes on.
    Mirrors &mirrors = session_->mirrors;
    if (mirrors.any())
        mirrors.after_wait(*session_);
    in_function_ = true;
    if (function.callback)
        function.callback(function.stream, CUresult(message.extra), function.data);
    else
        function.function(function.data);
    in_function_ = false;
    if (mirrors.any())
        mirrors.exchange(*session_);
    // Before the answer: whoever then hears that the stream is done sees nothing under way.
    if (function.once)
        expect_no_more();
    if (message.token == 0)
        return; // nobody waits for it
    Request request;
    request.out().u64(message.token);
    session_->connection().send(uint16_t(api::Call::vgpuHostDone), 0, request.bytes());
}

void HostService::send_bytes(const Message &message)
{
    Place place;
    {
        std::lock_guard lock(mutex_);
        auto at = places_.find(message.number);
        if (at == places_.end())
            return session_->connection().give_up("it asked for memory that it was not given");
        place = at->second;
    }
    uint64_t total = place.bytes();
    for (uint64_t at = 0; at < total; at += api::kMaxPiece) {
        size_t n = std::min<uint64_t>(total - at, api::kMaxPiece);
        Request request;
        for (uint64_t value : {message.token, at, uint64_t(n)})
            request.out().u64(value);
        place.move(at, request.out().space(n), n, false);
        if (!session_->connection().send(uint16_t(api::Call::vgpuHostBytes), 0, request.bytes()))
            return;
    }
}

void HostService::Place::move(uint64_t offset, std::byte *data, size_t n,
                              bool into_place) const noexcept
{
    while (n != 0) {
        uint64_t row = offset / width, column = offset % width;
        size_t part = std::min<uint64_t>(n, width - column);
        std::byte *there = address + row / rows * slice + row % rows * pitch + column;
        into_place ? std::memcpy(there, data, part) : std::memcpy(data, there, part);
        offset += part;
        data += part;
        n -= part;
    }
}

uint64_t HostService::keep(Session &session, const Place &place)
{
    std::lock_guard lock(mutex_);
    open(session);
    auto [at, added] = kept_places_.try_emplace(place, last_ + 1);
    if (added)
        places_[++last_] = place;
    return at->second;
}

} // namespace vgpu::client
