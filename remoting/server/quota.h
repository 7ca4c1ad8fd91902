// SPDX-License-Identifier: Apache-2.0
// A slice's memory quota, shared by its workers without a lock.
#pragma once

#include "remoting/server/slice-page.h"

#include <cstdint>

namespace vgpu::server
{

class Quota
{
public:
    // Claims a worker's slot in the page. Throws Error when there is none free.
    Quota(SlicePage &page, uint64_t limit);
    ~Quota();
    Quota(const Quota &) = delete;
    Quota &operator=(const Quota &) = delete;

    // Before the driver is asked. False if that would be over the limit; nothing is charged then.
    // Of two workers that ask at once for what only one can have, both may be refused.
    bool charge(uint64_t bytes) noexcept;
    void release(uint64_t bytes) noexcept;

    // What another session had charged until now. It exists, so there is no refusing it.
    void take_over(uint64_t bytes) noexcept;
    bool over() const noexcept { return page_.used() > limit_; }

    uint64_t limit() const noexcept { return limit_; }
    uint64_t left() const noexcept; // as all workers of the slice see it

private:
    SlicePage &page_;
    WorkerSlot *slot_ = nullptr;
    uint64_t limit_;
};

} // namespace vgpu::server
