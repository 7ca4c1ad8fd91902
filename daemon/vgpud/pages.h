// SPDX-License-Identifier: Apache-2.0
// The slice pages of one lease: memory shared with its workers, in which they account for what they
// use. A memfd for each lease, so that no tenant's worker ever holds another tenant's accounts.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include "daemon/common/table.h"
#include "remoting/base/fd.h"

namespace vgpu::control
{

class LeasePages
{
public:
    explicit LeasePages(size_t slices);

    int descriptor() const { return fd_.get(); }

    Usage usage(uint32_t slice) const;

    /// Takes back what a dead worker had been charged with.
    void clear(pid_t worker);

private:
    size_t slices_;
    Fd fd_;
    Mapping mapping_;
};

} // namespace vgpu::control
