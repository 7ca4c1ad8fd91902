// SPDX-License-Identifier: Apache-2.0
// cuBLAS beside the software GPU: what is not the same for every type.
#include "remoting/libs/soft/cublas.h"

#include "remoting/libs/cublas-common.h"

void *vgpu::cublas::driver_function(const char *name) noexcept
{
    return vgpu::soft::libs::driver_function(name);
}

extern "C" __attribute__((visibility("default"))) int cublasGetStream_v2(void *handle,
                                                                         CUstream *stream)
{
    using namespace vgpu::soft::cublas;
    if (!handle || !stream)
        return handle ? kInvalid : kNotInitialized;
    *stream = of(handle)->stream;
    return kSuccess;
}

extern "C" __attribute__((visibility("default"))) int cublasGetPointerMode_v2(void *handle,
                                                                              int *mode)
{
    return vgpu::soft::cublas::get_pointer_mode<int>(handle, mode);
}
