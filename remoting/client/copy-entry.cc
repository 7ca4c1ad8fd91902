// SPDX-License-Identifier: Apache-2.0
// The linear copies: cuMemcpy, HtoD, DtoH, DtoD, Peer, each waiting and asynchronous, and for both
// default streams.
#include "remoting/client/copy.h"
#include "remoting/client/entry.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;

namespace
{

CUresult linear(End to, End from, size_t bytes, CUstream stream, bool waits)
{
    return entry_in_context([&](Session &session, Context &context) {
        return copy(session, context,
                    {.to = to, .from = from, .width = bytes, .stream = stream, .waits = waits});
    });
}

CUresult peer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
              size_t bytes, CUstream stream, bool waits)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!session.contexts.find(to_context) || !session.contexts.find(from_context))
            return CUDA_ERROR_INVALID_CONTEXT;
        // Addresses of all slices are in one window, so that they tell the devices by themselves.
        auto one = [&] {
            return copy(session, context,
                        {.to = device_end(to),
                         .from = device_end(from),
                         .width = bytes,
                         .stream = stream,
                         .waits = waits});
        };
        return waits ? between_contexts(session, context, to_context, from_context, one) : one();
    });
}

} // namespace

VGPU_ENTRY cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return linear(unified_end(to), unified_end(from), bytes, nullptr, true);
}

VGPU_ENTRY cuMemcpy_ptds(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return linear(unified_end(to), unified_end(from), bytes, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return linear(unified_end(to), unified_end(from), bytes, stream, false);
}

VGPU_ENTRY cuMemcpyAsync_ptsz(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return cuMemcpyAsync(to, from, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return linear(device_end(to), host_end(from), bytes, nullptr, true);
}

VGPU_ENTRY cuMemcpyHtoD_v2_ptds(CUdeviceptr to, const void *from, size_t bytes)
{
    return linear(device_end(to), host_end(from), bytes, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    return linear(device_end(to), host_end(from), bytes, stream, false);
}

VGPU_ENTRY cuMemcpyHtoDAsync_v2_ptsz(CUdeviceptr to, const void *from, size_t bytes,
                                     CUstream stream)
{
    return cuMemcpyHtoDAsync_v2(to, from, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    return linear(host_end(to), device_end(from), bytes, nullptr, true);
}

VGPU_ENTRY cuMemcpyDtoH_v2_ptds(void *to, CUdeviceptr from, size_t bytes)
{
    return linear(host_end(to), device_end(from), bytes, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return linear(host_end(to), device_end(from), bytes, stream, false);
}

VGPU_ENTRY cuMemcpyDtoHAsync_v2_ptsz(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return cuMemcpyDtoHAsync_v2(to, from, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return linear(device_end(to), device_end(from), bytes, nullptr, true);
}

VGPU_ENTRY cuMemcpyDtoD_v2_ptds(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return linear(device_end(to), device_end(from), bytes, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return linear(device_end(to), device_end(from), bytes, stream, false);
}

VGPU_ENTRY cuMemcpyDtoDAsync_v2_ptsz(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                     CUstream stream)
{
    return cuMemcpyDtoDAsync_v2(to, from, bytes, per_thread(stream));
}

VGPU_ENTRY cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                        CUcontext from_context, size_t bytes)
{
    return peer(to, to_context, from, from_context, bytes, nullptr, true);
}

VGPU_ENTRY cuMemcpyPeer_ptds(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                             CUcontext from_context, size_t bytes)
{
    return peer(to, to_context, from, from_context, bytes, CU_STREAM_PER_THREAD, true);
}

VGPU_ENTRY cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                             CUcontext from_context, size_t bytes, CUstream stream)
{
    return peer(to, to_context, from, from_context, bytes, stream, false);
}

VGPU_ENTRY cuMemcpyPeerAsync_ptsz(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                  CUcontext from_context, size_t bytes, CUstream stream)
{
    return peer(to, to_context, from, from_context, bytes, per_thread(stream), false);
}
