// SPDX-License-Identifier: Apache-2.0
// Many copies, prefetches or discards in one call. The driver has the same lists.
#include "remoting/cudart/runtime.h"

using namespace vgpu::cudart;

#if CUDART_VERSION >= 12080

static_assert(sizeof(cudaMemcpyAttributes) == sizeof(CUmemcpyAttributes));
static_assert(sizeof(cudaMemcpy3DBatchOp) == sizeof(CUDA_MEMCPY3D_BATCH_OP));
static_assert(sizeof(cudaMemLocation) == sizeof(CUmemLocation));

extern "C" {

// Toolkit 12 has a parameter for the number of the copy that failed.
#if CUDART_VERSION < 13000
cudaError_t cudaMemcpyBatchAsync(void **to, void **from, size_t *sizes, size_t count,
                                 cudaMemcpyAttributes *attributes, size_t *first_copies,
                                 size_t attribute_count, size_t *failed, cudaStream_t stream)
{
    return call(driver().cuMemcpyBatchAsync, to, from, sizes, count, attributes, first_copies,
                attribute_count, failed, stream);
}

cudaError_t cudaMemcpy3DBatchAsync(size_t count, cudaMemcpy3DBatchOp *copies, size_t *failed,
                                   unsigned long long flags, cudaStream_t stream)
{
    return call(driver().cuMemcpy3DBatchAsync, count, copies, failed, flags, stream);
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyBatchAsync_ptsz(
    void **to, void **from, size_t *sizes, size_t count, cudaMemcpyAttributes *attributes,
    size_t *first_copies, size_t attribute_count, size_t *failed, cudaStream_t stream)
{
    return cudaMemcpyBatchAsync(to, from, sizes, count, attributes, first_copies, attribute_count,
                                failed, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3DBatchAsync_ptsz(size_t count, cudaMemcpy3DBatchOp *copies,
                                                          size_t *failed, unsigned long long flags,
                                                          cudaStream_t stream)
{
    return cudaMemcpy3DBatchAsync(count, copies, failed, flags, per_thread(stream));
}
#else
cudaError_t cudaMemcpyBatchAsync(void *const *to, const void *const *from, const size_t *sizes,
                                 size_t count, cudaMemcpyAttributes *attributes,
                                 size_t *first_copies, size_t attribute_count, cudaStream_t stream)
{
    return call(driver().cuMemcpyBatchAsync, to, from, sizes, count, attributes, first_copies,
                attribute_count, stream);
}

cudaError_t cudaMemcpy3DBatchAsync(size_t count, cudaMemcpy3DBatchOp *copies,
                                   unsigned long long flags, cudaStream_t stream)
{
    return call(driver().cuMemcpy3DBatchAsync, count, copies, flags, stream);
}

cudaError_t cudaMemPrefetchBatchAsync(void **pointers, size_t *sizes, size_t count,
                                      cudaMemLocation *locations, size_t *first_ranges,
                                      size_t location_count, unsigned long long flags,
                                      cudaStream_t stream)
{
    return call(driver().cuMemPrefetchBatchAsync, pointers, sizes, count, locations, first_ranges,
                location_count, flags, stream);
}

cudaError_t cudaMemDiscardBatchAsync(void **pointers, size_t *sizes, size_t count,
                                     unsigned long long flags, cudaStream_t stream)
{
    return call(driver().cuMemDiscardBatchAsync, pointers, sizes, count, flags, stream);
}

cudaError_t cudaMemDiscardAndPrefetchBatchAsync(void **pointers, size_t *sizes, size_t count,
                                                cudaMemLocation *locations, size_t *first_ranges,
                                                size_t location_count, unsigned long long flags,
                                                cudaStream_t stream)
{
    return call(driver().cuMemDiscardAndPrefetchBatchAsync, pointers, sizes, count, locations,
                first_ranges, location_count, flags, stream);
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpyBatchAsync_ptsz(void *const *to, const void *const *from,
                                                        const size_t *sizes, size_t count,
                                                        cudaMemcpyAttributes *attributes,
                                                        size_t *first_copies,
                                                        size_t attribute_count, cudaStream_t stream)
{
    return cudaMemcpyBatchAsync(to, from, sizes, count, attributes, first_copies, attribute_count,
                                per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemcpy3DBatchAsync_ptsz(size_t count, cudaMemcpy3DBatchOp *copies,
                                                          unsigned long long flags,
                                                          cudaStream_t stream)
{
    return cudaMemcpy3DBatchAsync(count, copies, flags, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemPrefetchBatchAsync_ptsz(
    void **pointers, size_t *sizes, size_t count, cudaMemLocation *locations, size_t *first_ranges,
    size_t location_count, unsigned long long flags, cudaStream_t stream)
{
    return cudaMemPrefetchBatchAsync(pointers, sizes, count, locations, first_ranges,
                                     location_count, flags, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemDiscardBatchAsync_ptsz(void **pointers, size_t *sizes,
                                                            size_t count, unsigned long long flags,
                                                            cudaStream_t stream)
{
    return cudaMemDiscardBatchAsync(pointers, sizes, count, flags, per_thread(stream));
}

VGPU_CUDART_ENTRY cudaError_t cudaMemDiscardAndPrefetchBatchAsync_ptsz(
    void **pointers, size_t *sizes, size_t count, cudaMemLocation *locations, size_t *first_ranges,
    size_t location_count, unsigned long long flags, cudaStream_t stream)
{
    return cudaMemDiscardAndPrefetchBatchAsync(pointers, sizes, count, locations, first_ranges,
                                               location_count, flags, per_thread(stream));
}
#endif
}

#endif
