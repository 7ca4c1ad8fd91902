// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/copy.h"

// The memsets: one row of elements, or rows with a pitch; at once or in a stream.

using namespace vgpu::soft::driver;

namespace
{

void rows(CUdeviceptr to, size_t pitch, uint32_t value, unsigned element, size_t width,
          size_t height, CUstream stream, bool synchronous)
{
    auto context = current::get();
    fill(*stream_of(stream, *context), {to, pitch, value, element, width, height}, synchronous);
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count)
{
    ENTRY({ rows(to, 0, value, 1, count, 1, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count,
                                             CUstream stream)
{
    ENTRY({ rows(to, 0, value, 1, count, 1, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value,
                                             size_t width, size_t height)
{
    ENTRY({ rows(to, pitch, value, 1, width, height, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value,
                                               size_t width, size_t height, CUstream stream)
{
    ENTRY({ rows(to, pitch, value, 1, width, height, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count)
{
    ENTRY({ rows(to, 0, value, 2, count, 1, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count,
                                              CUstream stream)
{
    ENTRY({ rows(to, 0, value, 2, count, 1, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch, unsigned short value,
                                              size_t width, size_t height)
{
    ENTRY({ rows(to, pitch, value, 2, width, height, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D16Async(CUdeviceptr to, size_t pitch, unsigned short value,
                                                size_t width, size_t height, CUstream stream)
{
    ENTRY({ rows(to, pitch, value, 2, width, height, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count)
{
    ENTRY({ rows(to, 0, value, 4, count, 1, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count,
                                              CUstream stream)
{
    ENTRY({ rows(to, 0, value, 4, count, 1, stream, false); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned int value,
                                              size_t width, size_t height)
{
    ENTRY({ rows(to, pitch, value, 4, width, height, nullptr, true); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned int value,
                                                size_t width, size_t height, CUstream stream)
{
    ENTRY({ rows(to, pitch, value, 4, width, height, stream, false); });
}
