// SPDX-License-Identifier: Apache-2.0
// cuMemset*. The forms without a stream do not wait either, as the driver's do not: they go into
// the default stream.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <cstdint>

using namespace vgpu::client;

namespace
{

// An address of unknown memory outside of the window is left to the worker: it may be a global
// variable's.
bool writable(Session &session, CUdeviceptr to, uint64_t bytes)
{
    auto range = session.ranges.find(to);
    if (!range)
        return to != 0 && !session.window().holds(to);
    return bytes <= session.ranges.room(*range, to);
}

// Host memory that the worker does not have is set here, in its place in the stream.
template<class T>
bool set_at_home(Session &session, Context &context, CUdeviceptr to, size_t pitch, T value,
                 size_t width, size_t height, CUstream stream, CUresult &result)
{
    auto range = session.ranges.find(to);
    if (!range || range->on_device())
        return false;
    result = synchronize_stream(session, context.word(), stream);
    for (size_t row = 0; row < height && result == CUDA_SUCCESS; ++row) {
        auto line = reinterpret_cast<T *>(to + row * pitch);
        std::fill(line, line + width, value);
    }
    return true;
}

template<class T, class Send>
CUresult set(CUdeviceptr to, size_t pitch, T value, size_t width, size_t height, CUstream &stream,
             Send send)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (width == 0 || height == 0)
            return CUDA_SUCCESS;
        if (to % sizeof(T) != 0 || width > SIZE_MAX / sizeof(T))
            return CUDA_ERROR_INVALID_VALUE;
        size_t bytes = width * sizeof(T);
        if (height > 1 && (pitch < bytes || pitch % sizeof(T) != 0))
            return CUDA_ERROR_INVALID_VALUE;
        unsigned __int128 span = static_cast<unsigned __int128>(height - 1) * pitch + bytes;
        if (span > SIZE_MAX || !writable(session, to, uint64_t(span)))
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result;
        if (set_at_home(session, context, to, pitch, value, width, height, stream, result))
            return result;
        DeviceWork work(session, context, stream);
        result = work.result == CUDA_SUCCESS ? send() : work.result;
        if (result == CUDA_SUCCESS && !session.ranges.find(to))
            result = judge(session, context.word());
        return result;
    });
}

} // namespace

// The four forms of one width: asynchronous, for the per-thread stream, without a stream, and the
// latter for the per-thread default.
#define VGPU_MEMSET(NAME, TYPE)                                                                    \
    VGPU_ENTRY cuMemset##NAME##Async(CUdeviceptr to, TYPE value, size_t n, CUstream stream)        \
    {                                                                                              \
        return set(to, 0, value, n, 1, stream,                                                     \
                   [&] { return remote::cuMemset##NAME##Async(to, value, n, stream); });           \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##Async_ptsz(CUdeviceptr to, TYPE value, size_t n, CUstream stream)   \
    {                                                                                              \
        return cuMemset##NAME##Async(to, value, n, per_thread(stream));                            \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##_v2(CUdeviceptr to, TYPE value, size_t n)                           \
    {                                                                                              \
        return cuMemset##NAME##Async(to, value, n, nullptr);                                       \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##_v2_ptds(CUdeviceptr to, TYPE value, size_t n)                      \
    {                                                                                              \
        return cuMemset##NAME##Async(to, value, n, CU_STREAM_PER_THREAD);                          \
    }

VGPU_MEMSET(D8, unsigned char)
VGPU_MEMSET(D16, unsigned short)
VGPU_MEMSET(D32, unsigned int)

#define VGPU_MEMSET_2D(NAME, TYPE)                                                                 \
    VGPU_ENTRY cuMemset##NAME##Async(CUdeviceptr to, size_t pitch, TYPE value, size_t width,       \
                                     size_t height, CUstream stream)                               \
    {                                                                                              \
        return set(to, pitch, value, width, height, stream, [&] {                                  \
            return remote::cuMemset##NAME##Async(to, pitch, value, width, height, stream);         \
        });                                                                                        \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##Async_ptsz(CUdeviceptr to, size_t pitch, TYPE value, size_t width,  \
                                          size_t height, CUstream stream)                          \
    {                                                                                              \
        return cuMemset##NAME##Async(to, pitch, value, width, height, per_thread(stream));         \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##_v2(CUdeviceptr to, size_t pitch, TYPE value, size_t width,         \
                                   size_t height)                                                  \
    {                                                                                              \
        return cuMemset##NAME##Async(to, pitch, value, width, height, nullptr);                    \
    }                                                                                              \
    VGPU_ENTRY cuMemset##NAME##_v2_ptds(CUdeviceptr to, size_t pitch, TYPE value, size_t width,    \
                                        size_t height)                                             \
    {                                                                                              \
        return cuMemset##NAME##Async(to, pitch, value, width, height, CU_STREAM_PER_THREAD);       \
    }

VGPU_MEMSET_2D(D2D8, unsigned char)
VGPU_MEMSET_2D(D2D16, unsigned short)
VGPU_MEMSET_2D(D2D32, unsigned int)
