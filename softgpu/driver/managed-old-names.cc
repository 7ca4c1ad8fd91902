// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

// Older forms of advice and prefetches, which name a place by an ordinal. cuda.h renames them, so
// it must forget that here.
#undef cuMemAdvise
#undef cuMemPrefetchAsync

#if CUDA_VERSION >= 12020
namespace
{

CUmemLocation place(CUdevice device)
{
    if (device == CU_DEVICE_CPU)
        return {CU_MEM_LOCATION_TYPE_HOST, 0};
    return {CU_MEM_LOCATION_TYPE_DEVICE, device};
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemAdvise(CUdeviceptr address, size_t bytes, CUmem_advise advice,
                                         CUdevice device)
{
    return cuMemAdvise_v2(address, bytes, advice, place(device));
}

SOFT_EXPORT CUresult CUDAAPI cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice device,
                                                CUstream stream)
{
    return cuMemPrefetchAsync_v2(address, bytes, place(device), 0, stream);
}
#endif
