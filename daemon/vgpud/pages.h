// SPDX-License-Identifier: Apache-2.0
// Slice pages: memory shared with workers, in which they account for what they use. A memfd for the
// leases of one job that may have slices in common, so that no tenant's worker ever holds another
// tenant's accounts. It has room for all that a job can have, since workers must not see it change
// its size; memory is taken by the pages in use alone.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include "daemon/common/table.h"
#include "remoting/base/fd.h"

namespace vgpu::control
{

class SlicePages
{
public:
    SlicePages();

    int descriptor() const { return fd_.get(); }

    /// Before a worker is given the page; `slot` is below kMaxSlices, here and below.
    void open(uint32_t slot);

    Usage usage(uint32_t slot) const;

    /// Whether any worker has it.
    bool has_worker(uint32_t slot) const;

    /// What of it is that worker's.
    uint64_t memory_of(uint32_t slot, pid_t worker) const;

    /// What was counted there was another slice's. Only while no worker has the page.
    void restart(uint32_t slot);

    /// Takes back what a dead worker had been charged with.
    void clear(uint32_t slot, pid_t worker);

private:
    Fd fd_;
    Mapping mapping_;
};

} // namespace vgpu::control
