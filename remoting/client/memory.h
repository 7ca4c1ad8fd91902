// SPDX-License-Identifier: Apache-2.0
// Device memory, for the entry points that hand it out.
#pragma once

#include "remoting/client/session.h"

namespace vgpu::client
{

// Enters what the worker has allocated. An overlap means that the two ends have lost each other.
CUresult note_allocation(Session &session, const Context &context, CUdeviceptr address,
                         size_t bytes, uint64_t pool, bool graph = false);

// cuMemAllocAsync and cuMemAllocFromPoolAsync.
CUresult allocate_in_order(Session &session, Context &context, CUdeviceptr *address, size_t bytes,
                           uint64_t pool, CUstream stream);

} // namespace vgpu::client
