// SPDX-License-Identifier: Apache-2.0
// Device code loaded by the application itself, and the driver's own entry points.
#include "remoting/cudart/registry.h"

using namespace vgpu::cudart;

extern "C" {

#if CUDART_VERSION >= 12080
cudaError_t cudaLibraryLoadData(cudaLibrary_t *library, const void *code,
                                cudaJitOption *jit_options, void **jit_values,
                                unsigned int jit_count, cudaLibraryOption *options, void **values,
                                unsigned int count)
{
    return call(driver().cuLibraryLoadData, library, code, jit_options, jit_values, jit_count,
                options, values, count);
}

cudaError_t cudaLibraryLoadFromFile(cudaLibrary_t *library, const char *name,
                                    cudaJitOption *jit_options, void **jit_values,
                                    unsigned int jit_count, cudaLibraryOption *options,
                                    void **values, unsigned int count)
{
    return call(driver().cuLibraryLoadFromFile, library, name, jit_options, jit_values, jit_count,
                options, values, count);
}

cudaError_t cudaLibraryUnload(cudaLibrary_t library)
{
    return call(driver().cuLibraryUnload, library);
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library, const char *name)
{
    if (!kernel || !name)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUresult result = driver().cuLibraryGetKernel(kernel, library, name);
        // cudaLaunchKernel takes this handle in the place of a stub.
        if (result == CUDA_SUCCESS)
            remember_kernel(*kernel);
        return result;
    });
}

cudaError_t cudaLibraryGetKernelCount(unsigned int *count, cudaLibrary_t library)
{
    return call(driver().cuLibraryGetKernelCount, count, library);
}

cudaError_t cudaLibraryEnumerateKernels(cudaKernel_t *kernels, unsigned int count,
                                        cudaLibrary_t library)
{
    return within_context([&] {
        CUresult result = driver().cuLibraryEnumerateKernels(kernels, count, library);
        for (unsigned i = 0; result == CUDA_SUCCESS && i < count; i++)
            remember_kernel(kernels[i]);
        return result;
    });
}

cudaError_t cudaLibraryGetGlobal(void **pointer, size_t *size, cudaLibrary_t library,
                                 const char *name)
{
    return call(driver().cuLibraryGetGlobal, pointer, size, library, name);
}

cudaError_t cudaLibraryGetManaged(void **pointer, size_t *size, cudaLibrary_t library,
                                  const char *name)
{
    return call(driver().cuLibraryGetManaged, pointer, size, library, name);
}

cudaError_t cudaLibraryGetUnifiedFunction(void **function, cudaLibrary_t library, const char *name)
{
    return call(driver().cuLibraryGetUnifiedFunction, function, library, name);
}

cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, cudaFuncAttribute attribute,
                                            int value, int device)
{
    return about_device(device, [&](CUdevice handle) {
        return driver().cuKernelSetAttribute(CUfunction_attribute(attribute), value, kernel,
                                             handle);
    });
}
#endif

cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function,
                                             unsigned int version, unsigned long long flags,
                                             cudaDriverEntryPointQueryResult *status)
{
    if (!symbol || !function)
        return finish(cudaErrorInvalidValue);
    cudaError_t error = start();
    if (error != cudaSuccess)
        return finish(error);
    *function = nullptr;
    CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    CUresult result = driver().cuGetProcAddress(symbol, function, int(version), flags, &found);
    if (status)
        *status = cudaDriverEntryPointQueryResult(found);
    // A name that the driver does not have is an answer for whoever asked for the status.
    if (result == CUDA_ERROR_NOT_FOUND)
        return status ? cudaSuccess : finish(cudaErrorSymbolNotFound);
    return finish(result);
}

cudaError_t cudaGetDriverEntryPoint(const char *symbol, void **function, unsigned long long flags,
                                    cudaDriverEntryPointQueryResult *status)
{
    return cudaGetDriverEntryPointByVersion(symbol, function, CUDART_VERSION, flags, status);
}
}
