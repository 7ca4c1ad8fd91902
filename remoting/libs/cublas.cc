// SPDX-License-Identifier: Apache-2.0
// cuBLAS: what the wrapper answers itself.
#include "remoting/libs/cublas-common.h"
#include "remoting/libs/wrapper.h"

using namespace vgpu::libs;

void *vgpu::cublas::driver_function(const char *name) noexcept
{
    return table() ? vgpu::libs::driver_function(name) : nullptr;
}

LIBRARY_ENTRY int cublasGetStream_v2(void *handle, CUstream *stream)
{
    if (!handle || object_of(handle)->type == 0)
        return the_library.not_initialized;
    if (!stream)
        return the_library.invalid;
    *stream = object_of(handle)->stream;
    return 0;
}

LIBRARY_ENTRY int cublasGetPointerMode_v2(void *handle, int *mode)
{
    if (!handle || object_of(handle)->type == 0)
        return the_library.not_initialized;
    if (!mode)
        return the_library.invalid;
    *mode = int(object_of(handle)->mode);
    return 0;
}
