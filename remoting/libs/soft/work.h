// SPDX-License-Identifier: Apache-2.0
// Libraries beside the software GPU: their work is done by the CPU, in its place in a stream, on
// device memory, whose addresses are the process's own. What gives it to the stream is the public
// driver API, so that events, captures and graphs are the driver's business.
#pragma once

#include <cuda.h>

#include <exception>
#include <functional>
#include <memory>

namespace vgpu::soft::libs
{

// A function of the software GPU's driver in this process.
void *driver_function(const char *name) noexcept;

// Runs `work` when the stream has come so far; each time, where it is captured into a graph.
CUresult give(CUstream stream, std::function<void()> work);

CUresult wait(CUstream stream) noexcept;

// Logs once that the software GPU's library has no such call.
void tell_refused(const char *library, const char *name) noexcept;

} // namespace vgpu::soft::libs
