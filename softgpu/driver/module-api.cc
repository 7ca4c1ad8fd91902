// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/cuda-variables.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/module.h"

using namespace vgpu::soft::driver;

namespace
{

void load(CUmodule *module, const std::string &ptx, JitLog &log)
{
    auto context = current::get();
    *module = handle_of<CUmodule>(*Module::load(context, compile(ptx, log), target_of(ptx)));
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuModuleLoadDataEx(CUmodule *module, const void *image,
                                                unsigned int count, CUjit_option *options,
                                                void **values)
{
    ENTRY({
        require(module && image);
        current::get();
        JitLog log(count, options, values);
        load(module, ptx_of_image(image), log);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleLoadData(CUmodule *module, const void *image)
{
    return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

SOFT_EXPORT CUresult CUDAAPI cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

SOFT_EXPORT CUresult CUDAAPI cuModuleLoad(CUmodule *module, const char *path)
{
    ENTRY({
        require(module && path);
        current::get();
        JitLog log;
        load(module, ptx_of_file(path), log);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleUnload(CUmodule handle)
{
    ENTRY({
        current::get();
        machine().modules.get(handle)->unload();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleGetFunction(CUfunction *function, CUmodule module,
                                                 const char *name)
{
    ENTRY({
        require(function && name && *name);
        *function = handle_of<CUfunction>(*machine().modules.get(module)->function(name));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                                  CUmodule module, const char *name)
{
    ENTRY({
        require((address || bytes) && name);
        auto variable = machine().modules.get(module)->global(name);
        if (address)
            *address = variable.address;
        if (bytes)
            *bytes = variable.size;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleGetLoadingMode(CUmoduleLoadingMode *mode)
{
    ENTRY({
        require(mode != nullptr);
        *mode = vgpu::loads_eagerly() ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING;
    });
}

#if CUDA_VERSION >= 12040
SOFT_EXPORT CUresult CUDAAPI cuModuleGetFunctionCount(unsigned int *count, CUmodule module)
{
    ENTRY({
        require(count != nullptr);
        *count = static_cast<unsigned>(machine().modules.get(module)->functions().size());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuModuleEnumerateFunctions(CUfunction *functions, unsigned int count,
                                                        CUmodule module)
{
    ENTRY({
        require(functions && count);
        auto all = machine().modules.get(module)->functions();
        for (unsigned i = 0; i < count && i < all.size(); i++)
            functions[i] = handle_of<CUfunction>(*all[i]);
    });
}
#endif
