// SPDX-License-Identifier: Apache-2.0
// Copies of rows between the worker's host memory and the device.
#pragma once

#include "remoting/server/session.h"

namespace vgpu::server
{

// Rows of `width` bytes, `host_pitch` and `device_pitch` apart, put into the stream.
struct Rows {
    uint64_t device_pitch, host_pitch, width, rows;
};
CUresult copy_to_device(const Driver &driver, CUdeviceptr dst, const void *src, const Rows &rows,
                        CUstream stream);
CUresult copy_to_host(const Driver &driver, void *dst, CUdeviceptr src, const Rows &rows,
                      CUstream stream);

// Answers a request that brought bytes, if it wants that: when the staging memory of all so far has
// been taken. How it went is told like any asynchronous failure.
void answer_when_taken(Session &session, InStaging &staging, const Request &request,
                       CUresult result);

// Which waits come in order: those of one stream of one context.
inline uint64_t lane_key(const Context &context, CUstream stream) noexcept
{
    return uint64_t(context.handle) ^ uint64_t(stream) << 1;
}

} // namespace vgpu::server
