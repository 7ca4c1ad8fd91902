// SPDX-License-Identifier: Apache-2.0
// Arrays: the runtime's names for what the driver calls formats and channels.
#pragma once

#include "remoting/cudart/runtime.h"

namespace vgpu::cudart
{

inline CUarray driver_array(cudaArray_const_t array)
{
    return reinterpret_cast<CUarray>(const_cast<cudaArray_t>(array));
}

// False for a description that no array can have.
bool translate_format(const cudaChannelFormatDesc &description, CUarray_format *format,
                      unsigned *channels);
cudaChannelFormatDesc describe_format(CUarray_format format, unsigned channels);
// The bytes of one element of an array.
cudaError_t element_size(CUarray array, size_t *size);

} // namespace vgpu::cudart
