// SPDX-License-Identifier: Apache-2.0
// Copies of one row of bytes, of variables, and between devices.
#include "remoting/cudart/copy.h"
#include "remoting/cudart/registry.h"

namespace vgpu::cudart
{
namespace
{

CUresult copy_now(void *to, const void *from, size_t size, cudaMemcpyKind kind)
{
    switch (kind) {
    case cudaMemcpyHostToDevice:
        return driver().cuMemcpyHtoD(address(to), from, size);
    case cudaMemcpyDeviceToHost:
        return driver().cuMemcpyDtoH(to, address(from), size);
    case cudaMemcpyDeviceToDevice:
        return driver().cuMemcpyDtoD(address(to), address(from), size);
    default: // either side may be anything: addresses are unified
        return driver().cuMemcpy(address(to), address(from), size);
    }
}

CUresult copy_later(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                    cudaStream_t stream)
{
    switch (kind) {
    case cudaMemcpyHostToDevice:
        return driver().cuMemcpyHtoDAsync(address(to), from, size, stream);
    case cudaMemcpyDeviceToHost:
        return driver().cuMemcpyDtoHAsync(to, address(from), size, stream);
    case cudaMemcpyDeviceToDevice:
        return driver().cuMemcpyDtoDAsync(address(to), address(from), size, stream);
    default:
        return driver().cuMemcpyAsync(address(to), address(from), size, stream);
    }
}

// Where `size` bytes at `offset` of a variable are.
cudaError_t locate(const void *symbol, size_t size, size_t offset, char **place)
{
    CUdeviceptr start = 0;
    size_t whole = 0;
    cudaError_t error = find_symbol(symbol, &start, &whole);
    if (error != cudaSuccess)
        return error;
    if (offset > whole || size > whole - offset)
        return cudaErrorInvalidValue;
    *place = reinterpret_cast<char *>(start) + offset;
    return cudaSuccess;
}

// Copies between two devices go through both primary contexts.
template<typename Body>
cudaError_t between(int to_device, int from_device, Body body)
{
    return within_context([&] {
        CUcontext to = nullptr;
        CUcontext from = nullptr;
        cudaError_t error = primary_context(to_device, &to);
        if (error == cudaSuccess)
            error = primary_context(from_device, &from);
        return error == cudaSuccess ? translate(body(to, from)) : error;
    });
}

} // namespace

cudaError_t copy(void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream,
                 Wait wait)
{
    if (!is_valid(kind))
        return cudaErrorInvalidMemcpyDirection;
    if (size == 0)
        return cudaSuccess;
    if (wait == Wait::legacy)
        return translate(copy_now(to, from, size, kind));
    CUresult result = copy_later(to, from, size, kind, stream);
    if (result != CUDA_SUCCESS || wait == Wait::no)
        return translate(result);
    return wait_for(stream);
}

cudaError_t copy_to_symbol(const void *symbol, const void *from, size_t size, size_t offset,
                           cudaMemcpyKind kind, cudaStream_t stream, Wait wait)
{
    if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice &&
        kind != cudaMemcpyDefault)
        return cudaErrorInvalidMemcpyDirection;
    char *place = nullptr;
    cudaError_t error = locate(symbol, size, offset, &place);
    return error == cudaSuccess ? copy(place, from, size, kind, stream, wait) : error;
}

cudaError_t copy_from_symbol(void *to, const void *symbol, size_t size, size_t offset,
                             cudaMemcpyKind kind, cudaStream_t stream, Wait wait)
{
    if (kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice &&
        kind != cudaMemcpyDefault)
        return cudaErrorInvalidMemcpyDirection;
    char *place = nullptr;
    cudaError_t error = locate(symbol, size, offset, &place);
    return error == cudaSuccess ? copy(to, place, size, kind, stream, wait) : error;
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaMemcpy(void *to, const void *from, size_t size, cudaMemcpyKind kind)
{
    return within_context([&] { return copy(to, from, size, kind, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy_ptds(void *to, const void *from, size_t size,
                                              cudaMemcpyKind kind)
{
    return within_context(
        [&] { return copy(to, from, size, kind, cudaStreamPerThread, Wait::per_thread); });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    return within_context([&] { return copy(to, from, size, kind, stream, Wait::no); });
}

cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *from, size_t size, size_t offset,
                               cudaMemcpyKind kind)
{
    return within_context(
        [&] { return copy_to_symbol(symbol, from, size, offset, kind, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyToSymbol_ptds(const void *symbol, const void *from,
                                                      size_t size, size_t offset,
                                                      cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_to_symbol(symbol, from, size, offset, kind, cudaStreamPerThread,
                              Wait::per_thread);
    });
}

cudaError_t cudaMemcpyToSymbolAsync(const void *symbol, const void *from, size_t size,
                                    size_t offset, cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context(
        [&] { return copy_to_symbol(symbol, from, size, offset, kind, stream, Wait::no); });
}

cudaError_t cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size, size_t offset,
                                 cudaMemcpyKind kind)
{
    return within_context(
        [&] { return copy_from_symbol(to, symbol, size, offset, kind, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyFromSymbol_ptds(void *to, const void *symbol, size_t size,
                                                        size_t offset, cudaMemcpyKind kind)
{
    return within_context([&] {
        return copy_from_symbol(to, symbol, size, offset, kind, cudaStreamPerThread,
                                Wait::per_thread);
    });
}

cudaError_t cudaMemcpyFromSymbolAsync(void *to, const void *symbol, size_t size, size_t offset,
                                      cudaMemcpyKind kind, cudaStream_t stream)
{
    return within_context(
        [&] { return copy_from_symbol(to, symbol, size, offset, kind, stream, Wait::no); });
}

cudaError_t cudaGetSymbolAddress(void **pointer, const void *symbol)
{
    if (!pointer)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        size_t size;
        return find_symbol(symbol, reinterpret_cast<CUdeviceptr *>(pointer), &size);
    });
}

cudaError_t cudaGetSymbolSize(size_t *size, const void *symbol)
{
    if (!size)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUdeviceptr pointer;
        return find_symbol(symbol, &pointer, size);
    });
}

cudaError_t cudaMemcpyPeer(void *to, int to_device, const void *from, int from_device, size_t size)
{
    return between(to_device, from_device, [&](CUcontext to_context, CUcontext from_context) {
        return driver().cuMemcpyPeer(address(to), to_context, address(from), from_context, size);
    });
}

cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                                size_t size, cudaStream_t stream)
{
    return between(to_device, from_device, [&](CUcontext to_context, CUcontext from_context) {
        return driver().cuMemcpyPeerAsync(address(to), to_context, address(from), from_context,
                                          size, stream);
    });
}
}
