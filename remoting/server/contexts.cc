// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/contexts.h"

#include "remoting/api/kinds.h"

#include <utility>

namespace vgpu::server
{

Contexts::~Contexts()
{
    while (!contexts_.empty())
        close(contexts_.rbegin()->first);
}

CUresult Contexts::enter(uint32_t word)
{
    if (word == (current_ ? current_->word : 0))
        return CUDA_SUCCESS;
    Context *next = nullptr;
    if (word != 0) {
        next = find(word);
        if (!next && word <= slices_.size()) {
            if (CUresult result = open_primary(word - 1, 0); result != CUDA_SUCCESS)
                return result;
            next = find(word);
        }
        if (!next)
            return CUDA_ERROR_INVALID_CONTEXT;
    }
    CUresult result = driver_.cuCtxSetCurrent(next ? next->handle : nullptr);
    if (result == CUDA_SUCCESS)
        current_ = next;
    return result;
}

Context *Contexts::find(uint32_t word) noexcept
{
    auto at = contexts_.find(word);
    return at == contexts_.end() ? nullptr : &at->second;
}

Context *Contexts::find(CUcontext handle) noexcept
{
    for (auto &[word, context] : contexts_)
        if (context.handle == handle)
            return &context;
    return nullptr;
}

void Contexts::forget_stream(CUstream stream)
{
    for (auto &[word, context] : contexts_) {
        std::erase(context.blocking, stream);
        if (std::erase(context.non_blocking, stream) == 0 ||
            driver_.cuStreamQuery(stream) != CUDA_ERROR_NOT_READY)
            continue;
        // Its work goes on without a name: the legacy stream waits for it, and so do all fences.
        CUevent event;
        driver_.cuCtxSetCurrent(context.handle);
        if (context.events->take(event) == CUDA_SUCCESS) {
            if (driver_.cuEventRecord(event, stream) == CUDA_SUCCESS)
                driver_.cuStreamWaitEvent(nullptr, event, 0);
            context.events->give(event);
        }
        restore();
    }
}

bool Contexts::shares_device(size_t slice) const noexcept
{
    for (size_t i = 0; i < slice; ++i)
        if (slices_[i].device == slices_[slice].device)
            return true;
    return false;
}

CUresult Contexts::open_primary(uint32_t ordinal, unsigned flags)
{
    if (ordinal >= slices_.size())
        return CUDA_ERROR_INVALID_DEVICE;
    uint32_t word = uint32_t(api::primary_counter(ordinal));
    if (find(word))
        return CUDA_SUCCESS;
    CUcontext handle = nullptr;
    CUdevice device = slices_[ordinal].device;
    bool primary = !shares_device(ordinal);
    uint64_t before = used(ordinal);
    CUresult result;
    if (primary) {
        driver_.cuDevicePrimaryCtxSetFlags_v2(device, flags); // advice: a driver may refuse it
        result = driver_.cuDevicePrimaryCtxRetain(&handle, device);
    } else {
        result = driver_.cuCtxCreate_v2(&handle, flags, device);
        restore(); // creating made it current
    }
    if (result != CUDA_SUCCESS)
        return result;
    add(word, handle, ordinal, primary);
    uint64_t after = used(ordinal);
    if (costs.opened)
        result = costs.opened(ordinal, word, after > before ? after - before : 0);
    if (result != CUDA_SUCCESS)
        close(word);
    return result;
}

uint64_t Contexts::used(size_t slice) const
{
    return costs.used ? costs.used(slices_[slice].device) : 0;
}

CUresult Contexts::create(size_t slice, unsigned flags, CUcontext *handle)
{
    uint64_t before = used(slice);
    CUresult result = driver_.cuCtxCreate_v2(handle, flags, slices_[slice].device);
    created_slice_ = slice;
    if (result == CUDA_SUCCESS && costs.opened) {
        uint64_t after = used(slice);
        result = costs.opened(slice, 0, after > before ? after - before : 0);
        if (result != CUDA_SUCCESS)
            driver_.cuCtxDestroy_v2(*handle);
    }
    restore();
    return result;
}

void Contexts::adopt(uint32_t word, CUcontext handle)
{
    add(word, handle, created_slice_, false);
    contexts_.at(word).green = std::exchange(created_green_, false);
    if (costs.adopted)
        costs.adopted(word);
}

void Contexts::add(uint32_t word, CUcontext handle, size_t slice, bool primary)
{
    Context context;
    context.word = word;
    context.handle = handle;
    context.slice = slice;
    context.primary = primary;
    context.events =
        std::make_shared<EventPool>(driver_, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC);
    context.timers = std::make_shared<EventPool>(driver_, CU_EVENT_BLOCKING_SYNC);
    contexts_.emplace(word, std::move(context));
}

void Contexts::close(uint32_t word)
{
    Context *context = find(word);
    if (!context)
        return;
    fence(*context).wait();
    driver_.cuCtxSetCurrent(context->handle);
    context->events->close();
    context->timers->close();
    driver_.cuCtxSetCurrent(nullptr);
    if (context->primary)
        driver_.cuDevicePrimaryCtxRelease_v2(slices_[context->slice].device);
    else if (!context->green)
        driver_.cuCtxDestroy_v2(context->handle);
    if (current_ == context)
        current_ = nullptr;
    else if (current_)
        driver_.cuCtxSetCurrent(current_->handle);
    contexts_.erase(word);
}

// With the context current in the driver. The legacy stream waits for every stream that is not
// non-blocking, so that one event stands for all of those.
void Contexts::mark(Context &context, Fence &fence)
{
    // To record an event where a capture goes on would spoil the capture.
    bool careful = capturing && capturing() && context.beside;
    auto add = [&](CUstream stream) {
        CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
        if (!careful || (driver_.cuStreamIsCapturing(stream, &status) == CUDA_SUCCESS &&
                         status == CU_STREAM_CAPTURE_STATUS_NONE))
            fence.add(context.handle, context.events, stream);
    };
    add(careful ? context.beside : nullptr);
    for (CUstream stream : context.non_blocking)
        add(stream);
    if (careful)
        for (CUstream stream : context.blocking)
            add(stream);
}

CUresult Contexts::prepare_capture(Context &context)
{
    return context.beside
               ? CUDA_SUCCESS
               : driver_.cuStreamCreateWithPriority(&context.beside, CU_STREAM_DEFAULT, 0);
}

Fence Contexts::fence(Context &context)
{
    Fence fence(driver_);
    bool is_current = current_ == &context;
    if (is_current || driver_.cuCtxSetCurrent(context.handle) == CUDA_SUCCESS)
        mark(context, fence);
    if (!is_current)
        restore();
    return fence;
}

Fence Contexts::fence()
{
    Fence fence(driver_);
    for (auto &[word, context] : contexts_)
        if (driver_.cuCtxSetCurrent(context.handle) == CUDA_SUCCESS)
            mark(context, fence);
    restore();
    return fence;
}

bool Contexts::may_ask()
{
    CUresult ignored;
    return asks && asks() && !fence().done(ignored);
}

void Contexts::let_ask()
{
    if (!asks || !asks())
        return;
    fence().wait();
    restore();
}

} // namespace vgpu::server
