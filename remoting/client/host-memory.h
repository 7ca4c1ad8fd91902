// SPDX-License-Identifier: Apache-2.0
// Pinned host memory that both ends have mapped (session.api, vgpuHostMap).
#pragma once

#include "remoting/base/fd.h"
#include "remoting/client/session.h"

#include <cstddef>

namespace vgpu::client
{

// Has the worker map pages that are mapped here, at `address`, too: over a channel that passes
// descriptors, in the current context. `host` is their id then, `device` where kernels reach them.
// False if it does not: the pages are this process's alone.
bool share_pages(Session &session, const Fd &pages, void *address, size_t bytes, uint64_t &host,
                 CUdeviceptr &device);

} // namespace vgpu::client
