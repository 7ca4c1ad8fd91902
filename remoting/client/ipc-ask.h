// SPDX-License-Identifier: Apache-2.0
// What the worker is asked about memory of several processes (vgpuIpcExport, vgpuIpcFetch).
#pragma once

#include "remoting/client/call.h"

namespace vgpu::client
{

// Sends what is in the request; the answer, and the `n` bytes that follow it. A failure is logged
// with its reason, as one of the application's call `name`.
CUresult ask_ipc(Session &session, uint32_t word, api::Call call, const char *name,
                 Request &request, void *rest, size_t n);

} // namespace vgpu::client
