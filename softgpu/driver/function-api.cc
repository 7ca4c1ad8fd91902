// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"
#include "softgpu/driver/module.h"

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                                                CUfunction function)
{
    ENTRY({
        require(value != nullptr);
        *value = function_of(function)->view().attribute(attribute);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute,
                                                int value)
{
    ENTRY({ function_of(function)->view().set_attribute(attribute, value); });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncSetCacheConfig(CUfunction function, CUfunc_cache config)
{
    ENTRY({
        require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
        function_of(function);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncSetSharedMemConfig(CUfunction function, CUsharedconfig config)
{
    ENTRY({
        require(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE &&
                config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE);
        function_of(function);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncGetModule(CUmodule *module, CUfunction function)
{
    ENTRY({
        require(module != nullptr);
        auto owner = function_of(function)->module.lock();
        require(owner != nullptr, CUDA_ERROR_INVALID_HANDLE);
        *module = handle_of<CUmodule>(*owner);
    });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuFuncGetName(const char **name, CUfunction function)
{
    ENTRY({
        require(name != nullptr);
        *name = function_of(function)->info.name.c_str();
    });
}
#endif

#if CUDA_VERSION >= 12040
SOFT_EXPORT CUresult CUDAAPI cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset,
                                                size_t *size)
{
    ENTRY({ function_of(function)->view().parameter(index, offset, size); });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction function)
{
    ENTRY({
        require(state != nullptr);
        function_of(function);
        *state = CU_FUNCTION_LOADING_STATE_LOADED;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncLoad(CUfunction function)
{
    ENTRY({ function_of(function); });
}
#endif
