// SPDX-License-Identifier: Apache-2.0
// Launching kernels and host functions.
#include "remoting/cudart/launch.h"
#include "remoting/cudart/registry.h"

namespace vgpu::cudart
{
namespace
{

// `<<<>>>` pushes its configuration, evaluates the kernel's arguments, which may hold other
// launches, and pops it.
struct Configuration {
    dim3 grid;
    dim3 block;
    size_t shared;
    cudaStream_t stream;
};

constexpr int kDepth = 32;
thread_local int depth = 0;
alignas(Configuration) thread_local char pushed[kDepth][sizeof(Configuration)];

bool exceeds(unsigned wanted, CUdevice_attribute attribute, CUdevice device)
{
    int limit = 0;
    return driver().cuDeviceGetAttribute(&limit, attribute, device) == CUDA_SUCCESS &&
           wanted > unsigned(limit);
}

// The driver says "invalid value" to a configuration that no launch could have; the runtime has an
// own code.
bool is_impossible(dim3 grid, dim3 block)
{
    CUdevice device;
    if (uint64_t(grid.x) * grid.y * grid.z == 0 || uint64_t(block.x) * block.y * block.z == 0)
        return true;
    if (driver().cuCtxGetDevice(&device) != CUDA_SUCCESS)
        return false;
    return exceeds(block.x, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, device) ||
           exceeds(block.y, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, device) ||
           exceeds(block.z, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, device) ||
           exceeds(block.x * block.y * block.z, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
                   device) ||
           exceeds(grid.x, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, device) ||
           exceeds(grid.y, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, device) ||
           exceeds(grid.z, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, device);
}

cudaError_t judge(CUresult result, dim3 grid, dim3 block)
{
    if (result == CUDA_ERROR_INVALID_VALUE && is_impossible(grid, block))
        return cudaErrorInvalidConfiguration;
    return translate(result);
}

} // namespace

cudaError_t launch(CUkernel kernel, dim3 grid, dim3 block, void **arguments, size_t shared,
                   cudaStream_t stream)
{
    if (shared > UINT32_MAX)
        return cudaErrorInvalidValue;
    CUresult result =
        driver().cuLaunchKernel(CUfunction(kernel), grid.x, grid.y, grid.z, block.x, block.y,
                                block.z, unsigned(shared), stream, arguments, nullptr);
    return result == CUDA_SUCCESS ? cudaSuccess : judge(result, grid, block);
}

cudaError_t launch_cooperative(CUkernel kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared, cudaStream_t stream)
{
    if (shared > UINT32_MAX)
        return cudaErrorInvalidValue;
    CUresult result =
        driver().cuLaunchCooperativeKernel(CUfunction(kernel), grid.x, grid.y, grid.z, block.x,
                                           block.y, block.z, unsigned(shared), stream, arguments);
    return result == CUDA_SUCCESS ? cudaSuccess : judge(result, grid, block);
}

cudaError_t launch_extended(const cudaLaunchConfig_t &config, CUkernel kernel, void **arguments,
                            cudaStream_t stream)
{
    CUlaunchConfig driver_config;
    cudaError_t error = translate_config(config, stream, &driver_config);
    if (error != cudaSuccess)
        return error;
    CUresult result =
        driver().cuLaunchKernelEx(&driver_config, CUfunction(kernel), arguments, nullptr);
    return result == CUDA_SUCCESS ? cudaSuccess : judge(result, config.gridDim, config.blockDim);
}

cudaError_t translate_config(const cudaLaunchConfig_t &from, cudaStream_t stream,
                             CUlaunchConfig *to)
{
    static_assert(sizeof(cudaLaunchAttribute) == sizeof(CUlaunchAttribute));
    if (from.dynamicSmemBytes > UINT32_MAX || (from.numAttrs && !from.attrs))
        return cudaErrorInvalidValue;
    *to = {};
    to->gridDimX = from.gridDim.x;
    to->gridDimY = from.gridDim.y;
    to->gridDimZ = from.gridDim.z;
    to->blockDimX = from.blockDim.x;
    to->blockDimY = from.blockDim.y;
    to->blockDimZ = from.blockDim.z;
    to->sharedMemBytes = unsigned(from.dynamicSmemBytes);
    to->hStream = stream;
    to->attrs = reinterpret_cast<CUlaunchAttribute *>(from.attrs);
    to->numAttrs = from.numAttrs;
    return cudaSuccess;
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

VGPU_CUDART_ENTRY unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared,
                                                       CUstream_st *stream)
{
    if (depth == kDepth)
        return unsigned(finish(cudaErrorLaunchOutOfResources));
    *reinterpret_cast<Configuration *>(pushed[depth++]) = {grid, block, shared, stream};
    return 0;
}

VGPU_CUDART_ENTRY cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared,
                                                         void *stream)
{
    if (depth == 0)
        return finish(cudaErrorMissingConfiguration);
    const auto &top = *reinterpret_cast<Configuration *>(pushed[--depth]);
    *grid = top.grid;
    *block = top.block;
    *shared = top.shared;
    *static_cast<cudaStream_t *>(stream) = top.stream;
    return cudaSuccess;
}

// The stub keeps what it gets here for good, even a failure. So it gets our record of the kernel,
// and the image is loaded by the launch, whose caller sees why it failed and may try again.
VGPU_CUDART_ENTRY cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *stub)
{
    Function *function = find_function(stub);
    *kernel = reinterpret_cast<cudaKernel_t>(function);
    return function ? cudaSuccess : finish(cudaErrorInvalidDeviceFunction);
}

static cudaError_t launch_stub(cudaKernel_t stub, dim3 grid, dim3 block, void **arguments,
                               size_t shared, cudaStream_t stream)
{
    return within_context([&] {
        CUkernel kernel;
        cudaError_t error = stub ? load_kernel(reinterpret_cast<Function *>(stub), &kernel)
                                 : cudaErrorInvalidDeviceFunction;
        return error == cudaSuccess ? launch(kernel, grid, block, arguments, shared, stream)
                                    : error;
    });
}

VGPU_CUDART_ENTRY cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block,
                                                 void **arguments, size_t shared,
                                                 cudaStream_t stream)
{
    return launch_stub(kernel, grid, block, arguments, shared, stream);
}

VGPU_CUDART_ENTRY cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block,
                                                      void **arguments, size_t shared,
                                                      cudaStream_t stream)
{
    return launch_stub(kernel, grid, block, arguments, shared, per_thread(stream));
}

extern "C" {

cudaError_t cudaLaunchKernel(const void *func, dim3 grid, dim3 block, void **arguments,
                             size_t shared, cudaStream_t stream)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return launch(kernel, grid, block, arguments, shared, stream);
    });
}

cudaError_t cudaLaunchCooperativeKernel(const void *func, dim3 grid, dim3 block, void **arguments,
                                        size_t shared, cudaStream_t stream)
{
    return with_kernel(func, [&](CUkernel kernel) {
        return launch_cooperative(kernel, grid, block, arguments, shared, stream);
    });
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *func,
                                void **arguments)
{
    if (!config)
        return finish(cudaErrorInvalidValue);
    return with_kernel(func, [&](CUkernel kernel) {
        return launch_extended(*config, kernel, arguments, config->stream);
    });
}

VGPU_CUDART_ENTRY cudaError_t cudaLaunchKernelExC_ptsz(const cudaLaunchConfig_t *config,
                                                       const void *func, void **arguments)
{
    if (!config)
        return finish(cudaErrorInvalidValue);
    return with_kernel(func, [&](CUkernel kernel) {
        return launch_extended(*config, kernel, arguments, per_thread(config->stream));
    });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data)
{
    return call(driver().cuLaunchHostFunc, stream, function, data);
}
}
