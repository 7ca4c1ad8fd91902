// SPDX-License-Identifier: Apache-2.0
// Attributes of kernels, occupancy, and handles for kernels.
#include "remoting/cudart/launch.h"
#include "remoting/cudart/registry.h"

#include <string.h>

namespace vgpu::cudart
{
namespace
{

CUdevice device_handle()
{
    CUdevice device = 0;
    driver().cuCtxGetDevice(&device);
    return device;
}

struct Reader {
    CUkernel kernel;
    CUdevice device;
    CUresult result = CUDA_SUCCESS;

    int operator()(CUfunction_attribute attribute, bool optional = false)
    {
        int value = 0;
        CUresult got = driver().cuKernelGetAttribute(&value, attribute, kernel, device);
        if (got != CUDA_SUCCESS) {
            value = 0;
            if (!optional && result == CUDA_SUCCESS)
                result = got;
        }
        return value;
    }
};

CUresult read_attributes(cudaFuncAttributes *attributes, CUkernel kernel)
{
    Reader read{kernel, device_handle()};
    memset(attributes, 0, sizeof *attributes);
    attributes->sharedSizeBytes = size_t(read(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES));
    attributes->constSizeBytes = size_t(read(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES));
    attributes->localSizeBytes = size_t(read(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES));
    attributes->maxThreadsPerBlock = read(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    attributes->numRegs = read(CU_FUNC_ATTRIBUTE_NUM_REGS);
    attributes->ptxVersion = read(CU_FUNC_ATTRIBUTE_PTX_VERSION);
    attributes->binaryVersion = read(CU_FUNC_ATTRIBUTE_BINARY_VERSION);
    attributes->cacheModeCA = read(CU_FUNC_ATTRIBUTE_CACHE_MODE_CA, true);
    attributes->maxDynamicSharedSizeBytes =
        read(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, true);
    attributes->preferredShmemCarveout =
        read(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, true);
    attributes->clusterDimMustBeSet = read(CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET, true);
    attributes->requiredClusterWidth = read(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, true);
    attributes->requiredClusterHeight = read(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT, true);
    attributes->requiredClusterDepth = read(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH, true);
    attributes->clusterSchedulingPolicyPreference =
        read(CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE, true);
    attributes->nonPortableClusterSizeAllowed =
        read(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, true);
    return read.result;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *func)
{
    if (!attributes)
        return finish(cudaErrorInvalidValue);
    return with_kernel(func, [&](CUkernel kernel) { return read_attributes(attributes, kernel); });
}

cudaError_t cudaFuncSetAttribute(const void *func, cudaFuncAttribute attribute, int value)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuKernelSetAttribute(CUfunction_attribute(attribute), value, kernel,
                                             device_handle());
    });
}

cudaError_t cudaFuncSetCacheConfig(const void *func, cudaFuncCache config)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuKernelSetCacheConfig(kernel, CUfunc_cache(config), device_handle());
    });
}

// Without effect since Kepler, as cudaDeviceSetSharedMemConfig.
cudaError_t cudaFuncSetSharedMemConfig(const void *func, cudaSharedMemConfig)
{
    return with_kernel(func, [](CUkernel) { return cudaSuccess; });
}

cudaError_t cudaFuncGetName(const char **name, const void *func)
{
    return with_kernel(func,
                       [&](CUkernel kernel) { return driver().cuKernelGetName(name, kernel); });
}

cudaError_t cudaFuncGetParamInfo(const void *func, size_t index, size_t *offset, size_t *size)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuKernelGetParamInfo(kernel, index, offset, size);
    });
}

cudaError_t cudaGetFuncBySymbol(cudaFunction_t *function, const void *symbol)
{
    if (!function)
        return finish(cudaErrorInvalidValue);
    return with_kernel(
        symbol, [&](CUkernel kernel) { return driver().cuKernelGetFunction(function, kernel); });
}

cudaError_t cudaGetKernel(cudaKernel_t *handle, const void *stub)
{
    if (!handle)
        return finish(cudaErrorInvalidValue);
    return with_kernel(stub, [&](CUkernel kernel) {
        remember_kernel(kernel);
        *handle = kernel;
        return cudaSuccess;
    });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *func,
                                                          int block_size, size_t shared)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, CUfunction(kernel),
                                                                    block_size, shared);
    });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *func,
                                                                   int block_size, size_t shared,
                                                                   unsigned int flags)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
            blocks, CUfunction(kernel), block_size, shared, flags);
    });
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t *shared, const void *func, int blocks,
                                                      int block_size)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return driver().cuOccupancyAvailableDynamicSMemPerBlock(shared, CUfunction(kernel), blocks,
                                                                block_size);
    });
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int *size, const void *func,
                                                 const cudaLaunchConfig_t *config)
{
    if (!config)
        return finish(cudaErrorInvalidValue);
    return with_kernel(func, [&](CUkernel kernel) {
        CUlaunchConfig translated;
        cudaError_t error = translate_config(*config, config->stream, &translated);
        return error == cudaSuccess ? invoke(driver().cuOccupancyMaxPotentialClusterSize, size,
                                             CUfunction(kernel), &translated)
                                    : error;
    });
}

cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, const void *func,
                                           const cudaLaunchConfig_t *config)
{
    if (!config)
        return finish(cudaErrorInvalidValue);
    return with_kernel(func, [&](CUkernel kernel) {
        CUlaunchConfig translated;
        cudaError_t error = translate_config(*config, config->stream, &translated);
        return error == cudaSuccess ? invoke(driver().cuOccupancyMaxActiveClusters, clusters,
                                             CUfunction(kernel), &translated)
                                    : error;
    });
}
}
