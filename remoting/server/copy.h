// SPDX-License-Identifier: Apache-2.0
// Copies of rows between the worker's host memory and the device.
#pragma once

#include "remoting/server/session.h"

#include <cstring>
#include <functional>
#include <optional>

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

// A piece of a copy from the client: its bytes are kept until the device has passed what
// `give(bytes)` put into the stream.
template<class Give>
CUresult stage_in(Session &session, uint64_t width, uint64_t rows, CUstream stream,
                  std::span<const std::byte> data, Give &&give)
{
    uint64_t total;
    if (__builtin_mul_overflow(width, rows, &total) || total != data.size() ||
        data.size() > api::kMaxPiece)
        return CUDA_ERROR_INVALID_VALUE;
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (data.empty())
        return CUDA_SUCCESS;
    std::byte *place = session.in_staging.acquire(data.size(), session.contexts);
    std::memcpy(place, data.data(), data.size());
    CUresult result = give(place);
    if (result != CUDA_SUCCESS)
        return result;
    Fence fence(session.driver);
    result = fence.add(context->handle, context->events, stream);
    session.in_staging.commit(data.size(), std::move(fence));
    return result;
}

// Answers a request that brought bytes, if it wants that: when the staging memory of all so far has
// been taken. How it went is told like any asynchronous failure.
void answer_when_taken(Session &session, InStaging &staging, const Request &request,
                       CUresult result);
void answer_when_taken(Session &session, SharedStaging &staging, const Request &request,
                       CUresult result);

// Puts a part of a copy to the client into the stream: rows of `width` bytes packed at `to`, from
// where `row` and `column` (in bytes) of the whole are.
using Fetch = std::function<CUresult(std::byte *to, uint64_t row, uint64_t column, uint64_t width,
                                     uint64_t rows)>;

// A whole copy to the client, in pieces, whatever its rows are apart: in the replies, or on the
// bulk connection under that number.
void send_out(Session &session, Request &request, CUresult decoded, uint64_t width, uint64_t rows,
              CUstream stream, Fetch fetch, std::optional<uint32_t> bulk = {});

// Which waits come in order: those of one stream of one context.
inline uint64_t lane_key(const Context &context, CUstream stream) noexcept
{
    return uint64_t(context.handle) ^ uint64_t(stream) << 1;
}

} // namespace vgpu::server
