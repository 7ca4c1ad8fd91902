// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

#if CUDA_VERSION >= 13000

// The forms of CUDA 12.8, which also tell what failed; SIZE_MAX: not one copy alone.
#undef cuMemcpyBatchAsync
#undef cuMemcpy3DBatchAsync

SOFT_EXPORT CUresult CUDAAPI cuMemcpyBatchAsync(CUdeviceptr *to, CUdeviceptr *from, size_t *sizes,
                                                size_t count, CUmemcpyAttributes *attributes,
                                                size_t *firsts, size_t attribute_count,
                                                size_t *failed, CUstream stream)
{
    CUresult result =
        cuMemcpyBatchAsync_v2(to, from, sizes, count, attributes, firsts, attribute_count, stream);
    if (failed && result != CUDA_SUCCESS)
        *failed = SIZE_MAX;
    return result;
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3DBatchAsync(size_t count, CUDA_MEMCPY3D_BATCH_OP *list,
                                                  size_t *failed, unsigned long long flags,
                                                  CUstream stream)
{
    CUresult result = cuMemcpy3DBatchAsync_v2(count, list, flags, stream);
    if (failed && result != CUDA_SUCCESS)
        *failed = SIZE_MAX;
    return result;
}

#endif
