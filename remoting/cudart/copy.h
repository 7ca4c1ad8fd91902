// SPDX-License-Identifier: Apache-2.0
// Copies of bytes between any two places; a context is current.
#pragma once

#include "remoting/cudart/runtime.h"

namespace vgpu::cudart
{

// What a synchronous entry point hands down in the place of a stream: copy on the legacy stream and
// wait. The `_ptds` forms copy on the thread's own stream and wait for that.
enum class Wait { no, legacy, per_thread };

cudaError_t copy(void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream,
                 Wait wait);
cudaError_t copy(const CUDA_MEMCPY2D &copy, cudaStream_t stream, Wait wait);
cudaError_t copy(const CUDA_MEMCPY3D &copy, cudaStream_t stream, Wait wait);
cudaError_t copy_to_symbol(const void *symbol, const void *from, size_t size, size_t offset,
                           cudaMemcpyKind kind, cudaStream_t stream, Wait wait);
cudaError_t copy_from_symbol(void *to, const void *symbol, size_t size, size_t offset,
                             cudaMemcpyKind kind, cudaStream_t stream, Wait wait);

// Positions and widths count elements where an array takes part, bytes where none does.
cudaError_t copy_units(const cudaMemcpy3DParms &copy, size_t *to_unit, size_t *from_unit);
cudaError_t translate_copy(const cudaMemcpy3DParms &from, CUDA_MEMCPY3D *to);

inline bool is_valid(cudaMemcpyKind kind)
{
    return unsigned(kind) <= unsigned(cudaMemcpyDefault);
}
CUmemorytype source_type(cudaMemcpyKind kind);
CUmemorytype destination_type(cudaMemcpyKind kind);

inline cudaError_t wait_for(cudaStream_t stream)
{
    return translate(driver().cuStreamSynchronize(stream));
}

} // namespace vgpu::cudart
