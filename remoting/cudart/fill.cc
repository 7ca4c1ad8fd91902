// SPDX-License-Identifier: Apache-2.0
// Setting memory to a byte. To the host these calls are asynchronous either way; what is
// synchronous about the plain forms is only that they run on the legacy stream.
#include "remoting/cudart/copy.h"

namespace vgpu::cudart
{
namespace
{

CUresult fill_rows(CUdeviceptr to, size_t pitch, int value, size_t width, size_t height,
                   cudaStream_t stream, Wait wait)
{
    unsigned char byte = static_cast<unsigned char>(value);
    if (width == 0 || height == 0)
        return CUDA_SUCCESS;
    if (wait == Wait::legacy)
        return driver().cuMemsetD2D8(to, pitch, byte, width, height);
    return driver().cuMemsetD2D8Async(to, pitch, byte, width, height, stream);
}

CUresult fill(void *to, int value, size_t size, cudaStream_t stream, Wait wait)
{
    unsigned char byte = static_cast<unsigned char>(value);
    if (size == 0)
        return CUDA_SUCCESS;
    if (wait == Wait::legacy)
        return driver().cuMemsetD8(address(to), byte, size);
    return driver().cuMemsetD8Async(address(to), byte, size, stream);
}

CUresult fill_box(cudaPitchedPtr to, int value, cudaExtent extent, cudaStream_t stream, Wait wait)
{
    CUdeviceptr plane = address(to.ptr);
    // Planes without a gap between them are one rectangle.
    if (extent.height == to.ysize)
        return fill_rows(plane, to.pitch, value, extent.width, extent.height * extent.depth, stream,
                         wait);
    CUresult result = CUDA_SUCCESS;
    for (size_t z = 0; z < extent.depth && result == CUDA_SUCCESS; z++)
        result = fill_rows(plane + z * to.pitch * to.ysize, to.pitch, value, extent.width,
                           extent.height, stream, wait);
    return result;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaMemset(void *to, int value, size_t size)
{
    return within_context([&] { return fill(to, value, size, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemset_ptds(void *to, int value, size_t size)
{
    return within_context([&] { return fill(to, value, size, cudaStreamPerThread, Wait::no); });
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream)
{
    return within_context([&] { return fill(to, value, size, stream, Wait::no); });
}

cudaError_t cudaMemset2D(void *to, size_t pitch, int value, size_t width, size_t height)
{
    return within_context(
        [&] { return fill_rows(address(to), pitch, value, width, height, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemset2D_ptds(void *to, size_t pitch, int value, size_t width,
                                                size_t height)
{
    return within_context([&] {
        return fill_rows(address(to), pitch, value, width, height, cudaStreamPerThread, Wait::no);
    });
}

cudaError_t cudaMemset2DAsync(void *to, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream)
{
    return within_context(
        [&] { return fill_rows(address(to), pitch, value, width, height, stream, Wait::no); });
}

cudaError_t cudaMemset3D(cudaPitchedPtr to, int value, cudaExtent extent)
{
    return within_context([&] { return fill_box(to, value, extent, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemset3D_ptds(cudaPitchedPtr to, int value, cudaExtent extent)
{
    return within_context(
        [&] { return fill_box(to, value, extent, cudaStreamPerThread, Wait::no); });
}

cudaError_t cudaMemset3DAsync(cudaPitchedPtr to, int value, cudaExtent extent, cudaStream_t stream)
{
    return within_context([&] { return fill_box(to, value, extent, stream, Wait::no); });
}
}
