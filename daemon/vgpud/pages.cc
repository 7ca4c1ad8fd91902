// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/pages.h"

#include "daemon/common/policy.h"
#include "remoting/server/slice-page.h"

namespace vgpu::control
{

namespace
{

constexpr size_t kBytes = kMaxSlices * sizeof(server::SlicePage);

server::SlicePage &page_of(const Mapping &mapping, uint32_t slot)
{
    return reinterpret_cast<server::SlicePage *>(mapping.data())[slot];
}

} // namespace

SlicePages::SlicePages() : fd_(memfd("vgpu-slices", kBytes)), mapping_(fd_.get(), kBytes) {}

void SlicePages::open(uint32_t slot)
{
    // Partner: the worker's check when it maps the page.
    page_of(mapping_, slot).version.store(server::kSlicePageVersion, std::memory_order_release);
}

Usage SlicePages::usage(uint32_t slot) const
{
    Usage usage;
    const server::SlicePage &page = page_of(mapping_, slot);
    // Partners: the workers' additions. Each number stands for itself; none is read together with
    // another.
    usage.memory_used = page.used();
    usage.memory_peak = page.peak.load(std::memory_order_relaxed);
    usage.device_ns = page.device_ns.load(std::memory_order_relaxed);
    usage.throttled_ns = page.throttled_ns.load(std::memory_order_relaxed);
    usage.launches = page.launches.load(std::memory_order_relaxed);
    return usage;
}

bool SlicePages::has_worker(uint32_t slot) const
{
    for (const server::WorkerSlot &one : page_of(mapping_, slot).workers)
        if (one.pid.load(std::memory_order_acquire) != 0) // partner: the worker's claim
            return true;
    return false;
}

uint64_t SlicePages::memory_of(uint32_t slot, pid_t worker) const
{
    uint64_t bytes = 0;
    for (const server::WorkerSlot &one : page_of(mapping_, slot).workers)
        if (one.pid.load(std::memory_order_acquire) == worker) // partner: the worker's claim
            bytes += one.bytes.load(std::memory_order_relaxed);
    return bytes;
}

void SlicePages::restart(uint32_t slot)
{
    page_of(mapping_, slot).restart();
}

void SlicePages::clear(uint32_t slot, pid_t worker)
{
    page_of(mapping_, slot).clear(worker);
}

} // namespace vgpu::control
