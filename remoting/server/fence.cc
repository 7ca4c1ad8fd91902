// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/fence.h"

namespace vgpu::server
{

thread_local const std::function<void()> *while_waiting = nullptr;

void wait_for(const Driver &driver, CUevent event)
{
    while (while_waiting && driver.cuEventQuery(event) == CUDA_ERROR_NOT_READY)
        (*while_waiting)();
    driver.cuEventSynchronize(event);
}

CUresult EventPool::take(CUevent &event)
{
    std::lock_guard lock(mutex_);
    if (free_.empty())
        return driver_.cuEventCreate(&event, flags_);
    event = free_.back();
    free_.pop_back();
    return CUDA_SUCCESS;
}

void EventPool::give(CUevent event)
{
    std::lock_guard lock(mutex_);
    if (!closed_)
        free_.push_back(event);
}

void EventPool::close()
{
    std::lock_guard lock(mutex_);
    for (CUevent event : free_)
        driver_.cuEventDestroy_v2(event);
    free_.clear();
    closed_ = true;
}

Fence::~Fence()
{
    for (Part &part : parts_)
        if (part.pool)
            part.pool->give(part.event);
}

CUresult Fence::add(CUcontext context, const EventPoolPtr &pool, CUstream stream)
{
    CUevent event;
    if (CUresult result = pool->take(event); result != CUDA_SUCCESS)
        return result;
    CUresult result = driver_->cuEventRecord(event, stream);
    if (result != CUDA_SUCCESS) {
        pool->give(event);
        return result;
    }
    parts_.push_back({context, pool, event});
    return CUDA_SUCCESS;
}

bool Fence::done(CUresult &result) const
{
    result = CUDA_SUCCESS;
    for (const Part &part : parts_) {
        CUresult one = driver_->cuEventQuery(part.event);
        if (one == CUDA_ERROR_NOT_READY)
            return false;
        if (result == CUDA_SUCCESS)
            result = one;
    }
    return true;
}

CUresult Fence::wait() const
{
    CUresult result = CUDA_SUCCESS;
    if (while_waiting) {
        while (!done(result))
            (*while_waiting)();
    }
    for (const Part &part : parts_) {
        // No context is current in a waiter's thread unless it is made so.
        CUresult one = driver_->cuCtxSetCurrent(part.context);
        if (one == CUDA_SUCCESS)
            one = driver_->cuEventSynchronize(part.event);
        if (result == CUDA_SUCCESS)
            result = one;
    }
    return result;
}

} // namespace vgpu::server
