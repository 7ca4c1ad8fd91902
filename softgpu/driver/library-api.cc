// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"
#include "softgpu/driver/module.h"

using namespace vgpu::soft::driver;

namespace
{

void load(CUlibrary *library, const std::string &ptx, CUjit_option *options, void **values,
          unsigned count)
{
    JitLog log(count, options, values);
    *library = handle_of<CUlibrary>(*Library::load(ptx, log));
}

std::shared_ptr<Module> here(CUlibrary library)
{
    return machine().libraries.get(library)->module_in(current::get());
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuLibraryLoadData(CUlibrary *library, const void *code,
                                               CUjit_option *options, void **values,
                                               unsigned int count, CUlibraryOption *, void **,
                                               unsigned int)
{
    ENTRY({
        require(library && code);
        load(library, ptx_of_image(code), options, values, count);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryLoadFromFile(CUlibrary *library, const char *path,
                                                   CUjit_option *options, void **values,
                                                   unsigned int count, CUlibraryOption *, void **,
                                                   unsigned int)
{
    ENTRY({
        require(library && path);
        load(library, ptx_of_file(path), options, values, count);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryUnload(CUlibrary handle)
{
    ENTRY({
        auto library = machine().libraries.get(handle);
        require(machine().libraries.remove(library->id), CUDA_ERROR_INVALID_HANDLE);
        library->unload();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryGetKernel(CUkernel *kernel, CUlibrary library,
                                                const char *name)
{
    ENTRY({
        require(kernel && name);
        *kernel = handle_of<CUkernel>(*machine().libraries.get(library)->kernel(name));
    });
}

#if CUDA_VERSION >= 12040
SOFT_EXPORT CUresult CUDAAPI cuLibraryGetKernelCount(unsigned int *count, CUlibrary library)
{
    ENTRY({
        require(count != nullptr);
        *count = static_cast<unsigned>(machine().libraries.get(library)->kernels().size());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryEnumerateKernels(CUkernel *kernels, unsigned int count,
                                                       CUlibrary library)
{
    ENTRY({
        require(kernels && count);
        auto all = machine().libraries.get(library)->kernels();
        for (unsigned i = 0; i < count && i < all.size(); i++)
            kernels[i] = handle_of<CUkernel>(*all[i]);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuLibraryGetModule(CUmodule *module, CUlibrary library)
{
    ENTRY({
        require(module != nullptr);
        *module = handle_of<CUmodule>(*here(library));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes,
                                                CUlibrary library, const char *name)
{
    ENTRY({
        require((address || bytes) && name);
        auto variable = here(library)->global(name);
        if (address)
            *address = variable.address;
        if (bytes)
            *bytes = variable.size;
    });
}

// Functions called by one address on both sides are no device's that exists.
SOFT_EXPORT CUresult CUDAAPI cuLibraryGetUnifiedFunction(void **function, CUlibrary library,
                                                         const char *name)
{
    ENTRY({
        require(function && name);
        machine().libraries.get(library);
        return CUDA_ERROR_NOT_FOUND;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuKernelGetFunction(CUfunction *function, CUkernel kernel)
{
    ENTRY({
        require(function != nullptr);
        machine().kernels.get(kernel);
        *function = handle_of<CUfunction>(*function_of(reinterpret_cast<CUfunction>(kernel)));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuKernelGetAttribute(int *value, CUfunction_attribute attribute,
                                                  CUkernel kernel, CUdevice device)
{
    ENTRY({
        require(value != nullptr);
        *value = machine().kernels.get(kernel)->view(machine().device(device)).attribute(attribute);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuKernelSetAttribute(CUfunction_attribute attribute, int value,
                                                  CUkernel kernel, CUdevice device)
{
    ENTRY({
        machine()
            .kernels.get(kernel)
            ->view(machine().device(device))
            .set_attribute(attribute, value);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config,
                                                    CUdevice device)
{
    ENTRY({
        require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
        machine().kernels.get(kernel);
        machine().device(device);
    });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuKernelGetName(const char **name, CUkernel kernel)
{
    ENTRY({
        require(name != nullptr);
        *name = machine().kernels.get(kernel)->name.c_str();
    });
}
#endif

#if CUDA_VERSION >= 12040
SOFT_EXPORT CUresult CUDAAPI cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t *offset,
                                                  size_t *size)
{
    ENTRY({
        machine().kernels.get(kernel)->view(machine().device(0)).parameter(index, offset, size);
    });
}
#endif

#if CUDA_VERSION >= 12050
SOFT_EXPORT CUresult CUDAAPI cuKernelGetLibrary(CUlibrary *library, CUkernel kernel)
{
    ENTRY({
        require(library != nullptr);
        auto owner = machine().kernels.get(kernel)->library.lock();
        require(owner != nullptr, CUDA_ERROR_INVALID_HANDLE);
        *library = handle_of<CUlibrary>(*owner);
    });
}
#endif
