// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/throttle.h"

#include "remoting/base/clock.h"

#include <algorithm>
#include <ctime>

namespace vgpu::server
{
namespace
{

void sleep_ns(int64_t ns)
{
    timespec time{time_t(ns / 1'000'000'000), long(ns % 1'000'000'000)};
    nanosleep(&time, nullptr);
}

} // namespace

// Whoever moves refilled_at_ns forward adds the tokens for that span, so that none is added twice.
void Throttle::refill() noexcept
{
    SlicePage &page = *slice_.page;
    uint64_t now = now_ns();
    uint64_t last = page.refilled_at_ns.load(std::memory_order_relaxed);
    if (last >= now ||
        !page.refilled_at_ns.compare_exchange_strong(last, now, std::memory_order_relaxed))
        return;
    int64_t earned =
        last == 0 ? kBurstNs
                  : int64_t(std::min<uint64_t>(now - last, 10'000'000'000u) / 100 * slice_.cores);
    int64_t tokens = page.tokens_ns.load(std::memory_order_relaxed);
    while (!page.tokens_ns.compare_exchange_weak(tokens, std::min(tokens + earned, kBurstNs),
                                                 std::memory_order_relaxed))
        ;
}

void Throttle::charge(Span &span)
{
    float ms = 0;
    driver_.cuCtxSetCurrent(span.context);
    if (driver_.cuEventElapsedTime(&ms, span.start, span.end) == CUDA_SUCCESS && ms > 0) {
        int64_t ns = int64_t(double(ms) * 1e6);
        slice_.page->device_ns.fetch_add(uint64_t(ns), std::memory_order_relaxed);
        slice_.page->tokens_ns.fetch_sub(ns, std::memory_order_relaxed);
    }
    span.pool->give(span.start);
    span.pool->give(span.end);
}

void Throttle::settle(bool all)
{
    while (!spans_.empty()) {
        Span &first = spans_.front();
        if (driver_.cuEventQuery(first.end) == CUDA_ERROR_NOT_READY) {
            if (!all)
                return;
            driver_.cuCtxSetCurrent(first.context);
            wait_for(driver_, first.end);
        }
        charge(first);
        spans_.pop_front();
    }
}

// Too much on the way that nobody has measured: it could be worth any debt.
bool Throttle::unmeasured(uint64_t now) const noexcept
{
    return spans_.size() >= kUnmeasured ||
           (!spans_.empty() && now - spans_.front().at_ns > kFeedbackNs);
}

CUresult Throttle::before(Context &context, CUstream stream, CUevent &start)
{
    settle(false);
    refill();
    uint64_t from = now_ns();
    bool waited = false;
    while (unmeasured(from)) {
        driver_.cuCtxSetCurrent(spans_.front().context);
        wait_for(driver_, spans_.front().end);
        settle(false);
        waited = true;
    }
    for (;;) {
        int64_t tokens = slice_.page->tokens_ns.load(std::memory_order_relaxed);
        if (tokens >= 0)
            break;
        // Slept in slices, since other workers spend from the same bucket meanwhile.
        sleep_ns(std::clamp<int64_t>(-tokens / slice_.cores * 100, 50'000, 5'000'000));
        refill();
        settle(false);
        waited = true;
    }
    if (waited)
        slice_.page->throttled_ns.fetch_add(now_ns() - from, std::memory_order_relaxed);
    driver_.cuCtxSetCurrent(context.handle);
    CUresult result = context.timers->take(start);
    if (result == CUDA_SUCCESS) {
        result = driver_.cuEventRecord(start, stream);
        if (result != CUDA_SUCCESS)
            context.timers->give(start);
    }
    return result;
}

void Throttle::after(Context &context, CUstream stream, CUevent start)
{
    CUevent end;
    if (context.timers->take(end) != CUDA_SUCCESS)
        return context.timers->give(start);
    driver_.cuEventRecord(end, stream);
    spans_.push_back({context.handle, context.timers, start, end, now_ns()});
}

} // namespace vgpu::server
