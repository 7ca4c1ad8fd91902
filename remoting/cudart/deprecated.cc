// SPDX-License-Identifier: Apache-2.0
// What CUDA 12 still had and 13 has no more: other names of calls, from when a context belonged to
// a thread.
#include "remoting/cudart/runtime.h"

#if CUDART_VERSION < 13000

using namespace vgpu::cudart;

cudaError_t cudaThreadExit()
{
    return cudaDeviceReset();
}

cudaError_t cudaThreadSynchronize()
{
    return cudaDeviceSynchronize();
}

cudaError_t cudaThreadSetLimit(cudaLimit limit, size_t value)
{
    return cudaDeviceSetLimit(limit, value);
}

cudaError_t cudaThreadGetLimit(size_t *value, cudaLimit limit)
{
    return cudaDeviceGetLimit(value, limit);
}

cudaError_t cudaThreadGetCacheConfig(cudaFuncCache *config)
{
    return cudaDeviceGetCacheConfig(config);
}

cudaError_t cudaThreadSetCacheConfig(cudaFuncCache config)
{
    return cudaDeviceSetCacheConfig(config);
}

// For devices without double precision, of which there are none left.
cudaError_t cudaSetDoubleForDevice(double *)
{
    return finish(cudaSuccess);
}

cudaError_t cudaSetDoubleForHost(double *)
{
    return finish(cudaSuccess);
}

#endif
