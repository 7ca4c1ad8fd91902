// SPDX-License-Identifier: Apache-2.0
// Copies of boxes, in memory and in arrays.
#include "remoting/cudart/array.h"
#include "remoting/cudart/copy.h"

namespace vgpu::cudart
{
namespace
{

template<typename From>
cudaError_t unit_of(const From &from, size_t *to_unit, size_t *from_unit)
{
    *to_unit = *from_unit = 1;
    cudaError_t error = cudaSuccess;
    if (from.dstArray)
        error = element_size(driver_array(from.dstArray), to_unit);
    if (from.srcArray && error == cudaSuccess)
        error = element_size(driver_array(from.srcArray), from_unit);
    if (error == cudaSuccess && from.dstArray && from.srcArray && *to_unit != *from_unit)
        return cudaErrorInvalidValue;
    return error;
}

// What the driver's two structures, for one device and for two, have in common.
template<typename From, typename To>
cudaError_t translate_box(const From &from, cudaMemcpyKind kind, To *to)
{
    size_t to_unit, from_unit;
    cudaError_t error = unit_of(from, &to_unit, &from_unit);
    if (error != cudaSuccess)
        return error;
    if ((from.srcArray && from.srcPtr.ptr) || (from.dstArray && from.dstPtr.ptr) ||
        (!from.srcArray && !from.srcPtr.ptr) || (!from.dstArray && !from.dstPtr.ptr))
        return cudaErrorInvalidValue;
    *to = {};
    to->srcMemoryType = from.srcArray ? CU_MEMORYTYPE_ARRAY : source_type(kind);
    to->srcArray = driver_array(from.srcArray);
    to->srcHost = from.srcPtr.ptr;
    to->srcDevice = address(from.srcPtr.ptr);
    to->srcPitch = from.srcPtr.pitch;
    to->srcHeight = from.srcPtr.ysize;
    to->srcXInBytes = from.srcPos.x * from_unit;
    to->srcY = from.srcPos.y;
    to->srcZ = from.srcPos.z;
    to->dstMemoryType = from.dstArray ? CU_MEMORYTYPE_ARRAY : destination_type(kind);
    to->dstArray = driver_array(from.dstArray);
    to->dstHost = from.dstPtr.ptr;
    to->dstDevice = address(from.dstPtr.ptr);
    to->dstPitch = from.dstPtr.pitch;
    to->dstHeight = from.dstPtr.ysize;
    to->dstXInBytes = from.dstPos.x * to_unit;
    to->dstY = from.dstPos.y;
    to->dstZ = from.dstPos.z;
    to->WidthInBytes = from.extent.width * (from.dstArray ? to_unit : from_unit);
    to->Height = from.extent.height;
    to->Depth = from.extent.depth;
    return cudaSuccess;
}

cudaError_t copy_box(const cudaMemcpy3DParms *parameters, cudaStream_t stream, Wait wait)
{
    if (!parameters)
        return cudaErrorInvalidValue;
    CUDA_MEMCPY3D box;
    cudaError_t error = translate_copy(*parameters, &box);
    return error == cudaSuccess ? copy(box, stream, wait) : error;
}

cudaError_t copy_peer_box(const cudaMemcpy3DPeerParms *parameters, cudaStream_t stream, Wait wait)
{
    if (!parameters)
        return cudaErrorInvalidValue;
    CUDA_MEMCPY3D_PEER box;
    cudaError_t error = translate_box(*parameters, cudaMemcpyDeviceToDevice, &box);
    if (error == cudaSuccess)
        error = primary_context(parameters->srcDevice, &box.srcContext);
    if (error == cudaSuccess)
        error = primary_context(parameters->dstDevice, &box.dstContext);
    if (error != cudaSuccess)
        return error;
    if (wait == Wait::legacy)
        return translate(driver().cuMemcpy3DPeer(&box));
    CUresult result = driver().cuMemcpy3DPeerAsync(&box, stream);
    return result != CUDA_SUCCESS || wait == Wait::no ? translate(result) : wait_for(stream);
}

} // namespace

cudaError_t copy_units(const cudaMemcpy3DParms &copy, size_t *to_unit, size_t *from_unit)
{
    return unit_of(copy, to_unit, from_unit);
}

cudaError_t translate_copy(const cudaMemcpy3DParms &from, CUDA_MEMCPY3D *to)
{
    if (!is_valid(from.kind))
        return cudaErrorInvalidMemcpyDirection;
    return translate_box(from, from.kind, to);
}

cudaError_t copy(const CUDA_MEMCPY3D &box, cudaStream_t stream, Wait wait)
{
    if (box.WidthInBytes == 0 || box.Height == 0 || box.Depth == 0)
        return cudaSuccess;
    if (wait == Wait::legacy)
        return translate(driver().cuMemcpy3D(&box));
    CUresult result = driver().cuMemcpy3DAsync(&box, stream);
    if (result != CUDA_SUCCESS || wait == Wait::no)
        return translate(result);
    return wait_for(stream);
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms *parameters)
{
    return within_context([&] { return copy_box(parameters, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3D_ptds(const cudaMemcpy3DParms *parameters)
{
    return within_context(
        [&] { return copy_box(parameters, cudaStreamPerThread, Wait::per_thread); });
}

cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms *parameters, cudaStream_t stream)
{
    return within_context([&] { return copy_box(parameters, stream, Wait::no); });
}

cudaError_t cudaMemcpy3DPeer(const cudaMemcpy3DPeerParms *parameters)
{
    return within_context([&] { return copy_peer_box(parameters, nullptr, Wait::legacy); });
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3DPeer_ptds(const cudaMemcpy3DPeerParms *parameters)
{
    return within_context(
        [&] { return copy_peer_box(parameters, cudaStreamPerThread, Wait::per_thread); });
}

cudaError_t cudaMemcpy3DPeerAsync(const cudaMemcpy3DPeerParms *parameters, cudaStream_t stream)
{
    return within_context([&] { return copy_peer_box(parameters, stream, Wait::no); });
}
}
