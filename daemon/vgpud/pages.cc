// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/pages.h"

#include "remoting/server/slice-page.h"

namespace vgpu::control
{

namespace
{

server::SlicePage &page_of(const Mapping &mapping, size_t slice)
{
    return reinterpret_cast<server::SlicePage *>(mapping.data())[slice];
}

} // namespace

LeasePages::LeasePages(size_t slices)
    : slices_(slices), fd_(memfd("vgpu-slices", slices * sizeof(server::SlicePage))),
      mapping_(fd_.get(), slices * sizeof(server::SlicePage))
{
    for (size_t slice = 0; slice < slices; ++slice)
        // Partner: the worker's check when it maps the page.
        page_of(mapping_, slice)
            .version.store(server::kSlicePageVersion, std::memory_order_release);
}

Usage LeasePages::usage(uint32_t slice) const
{
    Usage usage;
    if (slice >= slices_)
        return usage;
    const server::SlicePage &page = page_of(mapping_, slice);
    // Partners: the workers' additions. Each number stands for itself; none is read together with
    // another.
    usage.memory_used = page.used();
    usage.memory_peak = page.peak.load(std::memory_order_relaxed);
    usage.device_ns = page.device_ns.load(std::memory_order_relaxed);
    usage.throttled_ns = page.throttled_ns.load(std::memory_order_relaxed);
    usage.launches = page.launches.load(std::memory_order_relaxed);
    return usage;
}

void LeasePages::clear(pid_t worker)
{
    for (size_t slice = 0; slice < slices_; ++slice)
        page_of(mapping_, slice).clear(worker);
}

} // namespace vgpu::control
