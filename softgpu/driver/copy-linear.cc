// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/copy.h"
#include "softgpu/driver/machine.h"

// Copies of bytes in a row, in all the forms of the ABI.

using namespace vgpu::soft::driver;

namespace
{

Place device(CUdeviceptr pointer)
{
    return {pointer, 0, 0, Side::device};
}

Place host(const void *pointer)
{
    return {reinterpret_cast<uint64_t>(pointer), 0, 0, Side::host};
}

Place any(CUdeviceptr pointer)
{
    return {pointer, 0, 0, Side::any};
}

void row(Place to, Place from, size_t bytes, CUstream stream, bool synchronous)
{
    auto context = current::get();
    copy(*stream_of(stream, *context), to, from, {bytes}, synchronous);
}

} // namespace

void vgpu::soft::driver::peers(CUcontext to, CUcontext from, bool waits)
{
    for (CUcontext handle : {to, from}) {
        auto context = machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT);
        context->check();
        if (waits && context != current::get()) {
            forbid_in_context(*context);
            context->drain();
        }
    }
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    ENTRY({ row(any(to), any(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                           CUstream stream)
{
    ENTRY({ row(any(to), any(from), bytes, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    ENTRY({ row(device(to), host(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                                  CUstream stream)
{
    ENTRY({ row(device(to), host(from), bytes, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    ENTRY({ row(host(to), device(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                                                  CUstream stream)
{
    ENTRY({ row(host(to), device(from), bytes, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    ENTRY({ row(device(to), device(from), bytes, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                                  CUstream stream)
{
    ENTRY({ row(device(to), device(from), bytes, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                          CUcontext from_context, size_t bytes)
{
    ENTRY({
        peers(to_context, from_context, true);
        row(device(to), device(from), bytes, nullptr, true);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context,
                                               CUdeviceptr from, CUcontext from_context,
                                               size_t bytes, CUstream stream)
{
    ENTRY({
        peers(to_context, from_context, false);
        row(device(to), device(from), bytes, stream, false);
    });
}
