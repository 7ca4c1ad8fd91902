// SPDX-License-Identifier: Apache-2.0
// Copies of rows, in memory and in arrays.
#include "remoting/cudart/array.h"
#include "remoting/cudart/copy.h"

namespace vgpu::cudart
{

CUmemorytype source_type(cudaMemcpyKind kind)
{
    switch (kind) {
    case cudaMemcpyHostToHost:
    case cudaMemcpyHostToDevice:
        return CU_MEMORYTYPE_HOST;
    case cudaMemcpyDeviceToHost:
    case cudaMemcpyDeviceToDevice:
        return CU_MEMORYTYPE_DEVICE;
    default:
        return CU_MEMORYTYPE_UNIFIED;
    }
}

CUmemorytype destination_type(cudaMemcpyKind kind)
{
    switch (kind) {
    case cudaMemcpyHostToHost:
    case cudaMemcpyDeviceToHost:
        return CU_MEMORYTYPE_HOST;
    case cudaMemcpyHostToDevice:
    case cudaMemcpyDeviceToDevice:
        return CU_MEMORYTYPE_DEVICE;
    default:
        return CU_MEMORYTYPE_UNIFIED;
    }
}

cudaError_t copy(const CUDA_MEMCPY2D &rows, cudaStream_t stream, Wait wait)
{
    if (rows.WidthInBytes == 0 || rows.Height == 0)
        return cudaSuccess;
    if (wait == Wait::legacy)
        return translate(driver().cuMemcpy2DUnaligned(&rows));
    CUresult result = driver().cuMemcpy2DAsync(&rows, stream);
    if (result != CUDA_SUCCESS || wait == Wait::no)
        return translate(result);
    return wait_for(stream);
}

namespace
{

// Host and unified addresses stand in two fields of the driver's structure; the type says which is
// read.
void set_source(CUDA_MEMCPY2D *rows, const void *from, size_t pitch, cudaMemcpyKind kind)
{
    rows->srcMemoryType = source_type(kind);
    rows->srcHost = from;
    rows->srcDevice = address(from);
    rows->srcPitch = pitch;
}

void set_destination(CUDA_MEMCPY2D *rows, void *to, size_t pitch, cudaMemcpyKind kind)
{
    rows->dstMemoryType = destination_type(kind);
    rows->dstHost = to;
    rows->dstDevice = address(to);
    rows->dstPitch = pitch;
}

// cudaDeviceProp::memPitch of every device.
bool is_pitch(size_t pitch, size_t width)
{
    constexpr size_t kMost = 2147483647;
    return pitch >= width && pitch <= kMost;
}

cudaError_t copy_rows(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                      size_t height, cudaMemcpyKind kind, cudaStream_t stream, Wait wait)
{
    if (!is_valid(kind))
        return cudaErrorInvalidMemcpyDirection;
    if (!is_pitch(to_pitch, width) || !is_pitch(from_pitch, width))
        return cudaErrorInvalidPitchValue;
    CUDA_MEMCPY2D rows = {};
    set_source(&rows, from, from_pitch, kind);
    set_destination(&rows, to, to_pitch, kind);
    rows.WidthInBytes = width;
    rows.Height = height;
    return copy(rows, stream, wait);
}

cudaError_t copy_to_array(cudaArray_t to, size_t x, size_t y, const void *from, size_t pitch,
                          size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream,
                          Wait wait)
{
    if (!is_valid(kind))
        return cudaErrorInvalidMemcpyDirection;
    if (!is_pitch(pitch, width))
        return cudaErrorInvalidPitchValue;
    CUDA_MEMCPY2D rows = {};
    set_source(&rows, from, pitch, kind);
    rows.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    rows.dstArray = driver_array(to);
    rows.dstXInBytes = x;
    rows.dstY = y;
    rows.WidthInBytes = width;
    rows.Height = height;
    return copy(rows, stream, wait);
}

cudaError_t copy_from_array(void *to, size_t pitch, cudaArray_const_t from, size_t x, size_t y,
                            size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream,
                            Wait wait)
{
    if (!is_valid(kind))
        return cudaErrorInvalidMemcpyDirection;
    if (!is_pitch(pitch, width))
        return cudaErrorInvalidPitchValue;
    CUDA_MEMCPY2D rows = {};
    rows.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    rows.srcArray = driver_array(from);
    rows.srcXInBytes = x;
    rows.srcY = y;
    set_destination(&rows, to, pitch, kind);
    rows.WidthInBytes = width;
    rows.Height = height;
    return copy(rows, stream, wait);
}

cudaError_t copy_array(cudaMemcpyKind kind, cudaArray_t to, size_t to_x, size_t to_y,
                       cudaArray_const_t from, size_t from_x, size_t from_y, size_t width,
                       size_t height, cudaStream_t stream, Wait wait)
{
    if (!is_valid(kind))
        return cudaErrorInvalidMemcpyDirection;
    CUDA_MEMCPY2D rows = {};
    rows.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    rows.srcArray = driver_array(from);
    rows.srcXInBytes = from_x;
    rows.srcY = from_y;
    rows.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    rows.dstArray = driver_array(to);
    rows.dstXInBytes = to_x;
    rows.dstY = to_y;
    rows.WidthInBytes = width;
    rows.Height = height;
    return copy(rows, stream, wait);
}

// The old forms name a place and a byte count: part of one row, or whole rows.
cudaError_t as_rows(cudaArray_const_t array, size_t x, size_t count, size_t *width, size_t *height)
{
    CUDA_ARRAY3D_DESCRIPTOR descriptor = {};
    size_t element = 0;
    cudaError_t error = element_size(driver_array(array), &element);
    if (error == cudaSuccess)
        error = translate(driver().cuArray3DGetDescriptor(&descriptor, driver_array(array)));
    if (error != cudaSuccess)
        return error;
    size_t row = descriptor.Width * element;
    bool whole_rows = x == 0 && count % row == 0;
    if (!whole_rows && (x > row || count > row - x))
        return cudaErrorInvalidValue;
    *width = whole_rows ? row : count;
    *height = whole_rows ? count / row : 1;
    return cudaSuccess;
}

cudaError_t copy_bytes_to_array(cudaArray_t to, size_t x, size_t y, const void *from, size_t count,
                                cudaMemcpyKind kind, cudaStream_t stream, Wait wait)
{
    size_t width = 0, height = 0;
    cudaError_t error = as_rows(to, x, count, &width, &height);
    return error == cudaSuccess
               ? copy_to_array(to, x, y, from, width, width, height, kind, stream, wait)
               : error;
}

cudaError_t copy_bytes_from_array(void *to, cudaArray_const_t from, size_t x, size_t y,
                                  size_t count, cudaMemcpyKind kind, cudaStream_t stream, Wait wait)
{
    size_t width = 0, height = 0;
    cudaError_t error = as_rows(from, x, count, &width, &height);
    return error == cudaSuccess
               ? copy_from_array(to, width, from, x, y, width, height, kind, stream, wait)
               : error;
}

cudaError_t copy_array_bytes(cudaArray_t to, size_t to_x, size_t to_y, cudaArray_const_t from,
                             size_t from_x, size_t from_y, size_t count, cudaStream_t stream,
                             Wait wait)
{
    size_t width = 0, height = 0, to_width = 0, to_height = 0;
    cudaError_t error = as_rows(from, from_x, count, &width, &height);
    if (error == cudaSuccess)
        error = as_rows(to, to_x, count, &to_width, &to_height);
    if (error == cudaSuccess && (width != to_width || height != to_height))
        error = cudaErrorInvalidValue; // rows of one array, parts of the other's
    return error == cudaSuccess ? copy_array(cudaMemcpyDeviceToDevice, to, to_x, to_y, from, from_x,
                                             from_y, width, height, stream, wait)
                                : error;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                         size_t width, size_t height, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_rows(to, to_pitch, from, from_pitch, width, height, kind, nullptr,
                         Wait::legacy);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2D_ptds(void *to, size_t to_pitch, const void *from,
                                                size_t from_pitch, size_t width, size_t height,
                                                cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_rows(to, to_pitch, from, from_pitch, width, height, kind, cudaStreamPerThread,
                         Wait::per_thread);
    });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context([&] {
        return copy_rows(to, to_pitch, from, from_pitch, width, height, kind, stream, Wait::no);
    });
}

cudaError_t cudaMemcpy2DToArray(cudaArray_t to, size_t x, size_t y, const void *from, size_t pitch,
                                size_t width, size_t height, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_to_array(to, x, y, from, pitch, width, height, kind, nullptr, Wait::legacy);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DToArray_ptds(cudaArray_t to, size_t x, size_t y,
                                                       const void *from, size_t pitch, size_t width,
                                                       size_t height, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_to_array(to, x, y, from, pitch, width, height, kind, cudaStreamPerThread,
                             Wait::per_thread);
    });
}

cudaError_t cudaMemcpy2DToArrayAsync(cudaArray_t to, size_t x, size_t y, const void *from,
                                     size_t pitch, size_t width, size_t height, cudaMemcpyKind kind,
                                     cudaStream_t stream)
{
    return within_context([&] {
        return copy_to_array(to, x, y, from, pitch, width, height, kind, stream, Wait::no);
    });
}

cudaError_t cudaMemcpy2DFromArray(void *to, size_t pitch, cudaArray_const_t from, size_t x,
                                  size_t y, size_t width, size_t height, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_from_array(to, pitch, from, x, y, width, height, kind, nullptr, Wait::legacy);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DFromArray_ptds(void *to, size_t pitch,
                                                         cudaArray_const_t from, size_t x, size_t y,
                                                         size_t width, size_t height,
                                                         cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_from_array(to, pitch, from, x, y, width, height, kind, cudaStreamPerThread,
                               Wait::per_thread);
    });
}

cudaError_t cudaMemcpy2DFromArrayAsync(void *to, size_t pitch, cudaArray_const_t from, size_t x,
                                       size_t y, size_t width, size_t height, cudaMemcpyKind kind,
                                       cudaStream_t stream)
{
    return within_context([&] {
        return copy_from_array(to, pitch, from, x, y, width, height, kind, stream, Wait::no);
    });
}

cudaError_t cudaMemcpy2DArrayToArray(cudaArray_t to, size_t to_x, size_t to_y,
                                     cudaArray_const_t from, size_t from_x, size_t from_y,
                                     size_t width, size_t height, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_array(kind, to, to_x, to_y, from, from_x, from_y, width, height, nullptr,
                          Wait::legacy);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy2DArrayToArray_ptds(cudaArray_t to, size_t to_x,
                                                            size_t to_y, cudaArray_const_t from,
                                                            size_t from_x, size_t from_y,
                                                            size_t width, size_t height,
                                                            cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_array(kind, to, to_x, to_y, from, from_x, from_y, width, height,
                          cudaStreamPerThread, Wait::per_thread);
    });
}

cudaError_t cudaMemcpyArrayToArray(cudaArray_t to, size_t to_x, size_t to_y, cudaArray_const_t from,
                                   size_t from_x, size_t from_y, size_t count, cudaMemcpyKind)
{
    return within_context([&] {
        return copy_array_bytes(to, to_x, to_y, from, from_x, from_y, count, nullptr, Wait::legacy);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyArrayToArray_ptds(cudaArray_t to, size_t to_x, size_t to_y,
                                                          cudaArray_const_t from, size_t from_x,
                                                          size_t from_y, size_t count,
                                                          cudaMemcpyKind)
{
    return within_context([&] {
        return copy_array_bytes(to, to_x, to_y, from, from_x, from_y, count, cudaStreamPerThread,
                                Wait::per_thread);
    });
}

cudaError_t cudaMemcpyToArray(cudaArray_t to, size_t x, size_t y, const void *from, size_t count,
                              cudaMemcpyKind kind)
{
    return within_context(
        [&] { return copy_bytes_to_array(to, x, y, from, count, kind, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyToArray_ptds(cudaArray_t to, size_t x, size_t y,
                                                     const void *from, size_t count,
                                                     cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_bytes_to_array(to, x, y, from, count, kind, cudaStreamPerThread,
                                   Wait::per_thread);
    });
}

cudaError_t cudaMemcpyToArrayAsync(cudaArray_t to, size_t x, size_t y, const void *from,
                                   size_t count, cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context(
        [&] { return copy_bytes_to_array(to, x, y, from, count, kind, stream, Wait::no); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyToArrayAsync_ptsz(cudaArray_t to, size_t x, size_t y,
                                                          const void *from, size_t count,
                                                          cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context([&] {
        return copy_bytes_to_array(to, x, y, from, count, kind, per_thread(stream), Wait::no);
    });
}

cudaError_t cudaMemcpyFromArray(void *to, cudaArray_const_t from, size_t x, size_t y, size_t count,
                                cudaMemcpyKind kind)
{
    return within_context(
        [&] { return copy_bytes_from_array(to, from, x, y, count, kind, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyFromArray_ptds(void *to, cudaArray_const_t from, size_t x,
                                                       size_t y, size_t count, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_bytes_from_array(to, from, x, y, count, kind, cudaStreamPerThread,
                                     Wait::per_thread);
    });
}

cudaError_t cudaMemcpyFromArrayAsync(void *to, cudaArray_const_t from, size_t x, size_t y,
                                     size_t count, cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context(
        [&] { return copy_bytes_from_array(to, from, x, y, count, kind, stream, Wait::no); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyFromArrayAsync_ptsz(void *to, cudaArray_const_t from,
                                                            size_t x, size_t y, size_t count,
                                                            cudaMemcpyKind kind,
                                                            cudaStream_t stream)
{
    return within_context([&] {
        return copy_bytes_from_array(to, from, x, y, count, kind, per_thread(stream), Wait::no);
    });
}
}
