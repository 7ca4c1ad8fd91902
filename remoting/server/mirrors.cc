// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/mirrors.h"

#include "remoting/base/difference.h"
#include "remoting/server/limit.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>

namespace vgpu::server
{
namespace
{

constexpr size_t kScratch = size_t(1) << 20;
constexpr size_t kGap = 32; // equal bytes that are cheaper to send than to leave out

} // namespace

Mirrors::Twin::Twin(uint64_t n) : bytes(n)
{
    void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    data = static_cast<std::byte *>(at);
}

Mirrors::Twin::~Twin()
{
    munmap(data, bytes);
}

CUresult Mirrors::add(Context &context, CUdeviceptr device, uint64_t bytes, bool keep)
{
    if (bytes == 0 || device + bytes < device)
        return CUDA_ERROR_INVALID_VALUE;
    if (!has_room("pieces of mapped host memory", mirrors_.size(), kMost))
        return CUDA_ERROR_OUT_OF_MEMORY;
    auto next = mirrors_.lower_bound(device);
    if (next != mirrors_.end() && next->first - device < bytes)
        return CUDA_ERROR_INVALID_VALUE;
    if (next != mirrors_.begin()) {
        const Mirror &before = std::prev(next)->second;
        if (device - before.device < before.twin->bytes)
            return CUDA_ERROR_INVALID_VALUE;
    }
    auto lane = lanes_.find(context.word);
    if (lane == lanes_.end()) {
        CUstream stream = nullptr;
        CUresult result = driver_.cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, 0);
        if (result != CUDA_SUCCESS)
            return result;
        context.non_blocking.push_back(stream);
        lane = lanes_.emplace(context.word, Lane{context.handle, stream}).first;
    }
    std::shared_ptr<Twin> twin;
    try {
        twin = std::make_shared<Twin>(bytes);
    } catch (const std::bad_alloc &) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (!keep) {
        CUresult result = driver_.cuMemsetD8Async(device, 0, bytes, lane->second.stream);
        if (result != CUDA_SUCCESS)
            return result;
    }
    mirrors_.emplace(device, Mirror{device, context.word, std::move(twin)});
    return CUDA_SUCCESS;
}

void Mirrors::drop_context(const Context &context)
{
    std::erase_if(mirrors_, [&](auto &item) { return item.second.word == context.word; });
    auto lane = lanes_.find(context.word);
    if (lane == lanes_.end())
        return;
    driver_.cuStreamDestroy_v2(lane->second.stream);
    lanes_.erase(lane);
}

bool Mirrors::holds(const Context &context, CUdeviceptr device, uint64_t bytes) const
{
    auto at = mirrors_.upper_bound(device);
    if (at == mirrors_.begin())
        return false;
    const Mirror &mirror = std::prev(at)->second;
    uint64_t offset = device - mirror.device;
    return mirror.word == context.word && offset < mirror.twin->bytes &&
           bytes <= mirror.twin->bytes - offset;
}

void Mirrors::note(CUdeviceptr device, std::span<const std::byte> bytes)
{
    Mirror &mirror = std::prev(mirrors_.upper_bound(device))->second;
    std::lock_guard lock(mirror.twin->mutex);
    std::memcpy(mirror.twin->data + (device - mirror.device), bytes.data(), bytes.size());
}

CUstream Mirrors::stream(const Context &context) const
{
    auto lane = lanes_.find(context.word);
    return lane == lanes_.end() ? nullptr : lane->second.stream;
}

CUresult Mirrors::join(Contexts &contexts, CUstream stream)
{
    // What is captured does not run now: the launch of the graph joins.
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    if (driver_.cuStreamIsCapturing(stream, &status) != CUDA_SUCCESS ||
        status != CU_STREAM_CAPTURE_STATUS_NONE)
        return CUDA_SUCCESS;
    CUresult result = CUDA_SUCCESS;
    for (auto &[word, lane] : lanes_) {
        Context *context = contexts.find(word);
        CUevent event;
        if (!context || driver_.cuStreamQuery(lane.stream) == CUDA_SUCCESS ||
            driver_.cuCtxSetCurrent(lane.handle) != CUDA_SUCCESS)
            continue;
        CUresult one = context->events->take(event);
        if (one == CUDA_SUCCESS) {
            one = driver_.cuEventRecord(event, lane.stream);
            contexts.restore(); // the legacy stream is the current context's
            if (one == CUDA_SUCCESS)
                one = driver_.cuStreamWaitEvent(stream, event, 0);
            context->events->give(event);
        }
        if (result == CUDA_SUCCESS)
            result = one;
    }
    contexts.restore();
    return result;
}

CUresult Mirrors::gather(const Driver &driver, const Lane &lane, const Mirror &mirror,
                         std::span<std::byte> scratch, const Change &change)
{
    CUresult result = driver.cuCtxSetCurrent(lane.handle);
    Twin &twin = *mirror.twin;
    for (uint64_t at = 0; at < twin.bytes && result == CUDA_SUCCESS; at += scratch.size()) {
        uint64_t n = std::min<uint64_t>(scratch.size(), twin.bytes - at);
        result = driver.cuMemcpyDtoHAsync_v2(scratch.data(), mirror.device + at, n, lane.stream);
        if (result == CUDA_SUCCESS)
            result = driver.cuStreamSynchronize(lane.stream);
        if (result != CUDA_SUCCESS)
            break;
        std::lock_guard lock(twin.mutex);
        each_difference(scratch.data(), twin.data + at, n, kGap, [&](size_t offset, size_t bytes) {
            std::memcpy(twin.data + at + offset, scratch.data() + offset, bytes);
            change(mirror.device + at + offset, scratch.subspan(offset, bytes));
        });
    }
    return result;
}

std::function<CUresult(const Mirrors::Change &)> Mirrors::gather()
{
    std::vector<std::pair<Lane, Mirror>> all;
    for (auto &[device, mirror] : mirrors_)
        all.emplace_back(lanes_.at(mirror.word), mirror);
    return [&driver = driver_, all = std::move(all)](const Change &change) {
        std::vector<std::byte> scratch(kScratch);
        for (auto &[lane, mirror] : all)
            if (CUresult result = gather(driver, lane, mirror, scratch, change);
                result != CUDA_SUCCESS)
                return result;
        return CUDA_SUCCESS;
    };
}

} // namespace vgpu::server
