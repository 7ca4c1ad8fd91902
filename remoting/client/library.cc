// SPDX-License-Identifier: Apache-2.0
// cuLibrary* and cuKernel*: code that belongs to no context.
#include "remoting/client/entry.h"
#include "remoting/client/function.h"
#include "remoting/client/image.h"
#include "remoting/client/load.h"
#include "remoting/client/remote.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

// The library options concern where host code and the image's bytes lie, which the worker has no
// use for.
CUresult load(CUlibrary *library, const void *image, uint64_t limit, const JitOptions &options)
{
    return entry([&](Session &session) -> CUresult {
        if (!library)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = session.new_id(api::Kind::library);
        CUresult result =
            load_image(session, api::Call::vgpuLibraryLoad, id, image, limit, options);
        if (result != CUDA_SUCCESS)
            return result;
        session.libraries.add(id, std::make_shared<Code>());
        *library = api::handle_of<CUlibrary>(id);
        return CUDA_SUCCESS;
    });
}

template<class Body>
CUresult with_kernel(CUkernel handle, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        auto kernel = find_kernel(session, handle);
        return kernel ? body(session, *kernel) : CUDA_ERROR_INVALID_HANDLE;
    });
}

} // namespace

VGPU_ENTRY cuLibraryLoadData(CUlibrary *library, const void *code, CUjit_option *jit_options,
                             void **jit_values, unsigned jit_count, CUlibraryOption *, void **,
                             unsigned)
{
    return load(library, code, kMaxImage, {jit_count, jit_options, jit_values});
}

VGPU_ENTRY cuLibraryLoadFromFile(CUlibrary *library, const char *path, CUjit_option *jit_options,
                                 void **jit_values, unsigned jit_count, CUlibraryOption *, void **,
                                 unsigned)
{
    return entry([&](Session &) -> CUresult {
        std::string bytes;
        CUresult result = read_image(path, bytes);
        return result == CUDA_SUCCESS
                   ? load(library, bytes.data(), bytes.size(), {jit_count, jit_options, jit_values})
                   : result;
    });
}

VGPU_ENTRY cuLibraryUnload(CUlibrary library)
{
    return entry([&](Session &session) -> CUresult {
        uint64_t id = api::id_of(library);
        if (!session.libraries.remove(id))
            return CUDA_ERROR_INVALID_HANDLE;
        session.forget_ranges_of(id);
        session.functions.remove_if(
            [id](const Function &function) { return function.owner == id; });
        session.modules.remove_if([id](const Code &module) { return module.library == id; });
        return remote::cuLibraryUnload(library);
    });
}

VGPU_ENTRY cuLibraryGetKernel(CUkernel *kernel, CUlibrary handle, const char *name)
{
    return entry([&](Session &session) -> CUresult {
        if (!kernel || !name)
            return CUDA_ERROR_INVALID_VALUE;
        auto library = session.libraries.find(api::id_of(handle));
        if (!library)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(library->mutex);
        auto known = library->functions.find(name);
        if (known != library->functions.end()) {
            *kernel = api::handle_of<CUkernel>(known->second);
            return CUDA_SUCCESS;
        }
        CUkernel made = nullptr;
        CUresult result = remote::cuLibraryGetKernel(&made, handle, name);
        if (result != CUDA_SUCCESS)
            return result;
        add_function(session, api::id_of(made), api::id_of(handle), 0, 0, name);
        library->functions[name] = api::id_of(made);
        *kernel = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuLibraryGetModule(CUmodule *module, CUlibrary library)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        return module ? module_of_library(session, context, library, module)
                      : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary handle,
                              const char *name)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!name || (!address && !bytes))
            return CUDA_ERROR_INVALID_VALUE;
        auto library = session.libraries.find(api::id_of(handle));
        if (!library)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(library->mutex);
        auto known = library->globals.find({name, context.id});
        if (known == library->globals.end()) {
            Code::Global global{};
            CUresult result =
                remote::cuLibraryGetGlobal(&global.address, &global.bytes, handle, name);
            if (result != CUDA_SUCCESS)
                return result;
            known =
                library->globals.emplace(std::pair{std::string(name), context.id}, global).first;
            note_global(session, context, api::id_of(handle), global);
        }
        if (address)
            *address = known->second.address;
        if (bytes)
            *bytes = known->second.bytes;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuKernelGetFunction(CUfunction *function, CUkernel handle)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!function)
            return CUDA_ERROR_INVALID_VALUE;
        auto kernel = find_kernel(session, handle);
        auto library = kernel ? session.libraries.find(kernel->owner) : nullptr;
        if (!library)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(library->mutex);
        uint64_t &id = library->per_context[{kernel->id, context.id}];
        if (id == 0) {
            CUfunction made = nullptr;
            CUresult result = remote::cuKernelGetFunction(&made, handle);
            if (result != CUDA_SUCCESS)
                return result;
            id = api::id_of(made);
            add_function(session, id, kernel->owner, kernel->id, context.id, kernel->name.c_str());
        }
        *function = api::handle_of<CUfunction>(id);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuKernelGetLibrary(CUlibrary *library, CUkernel handle)
{
    return with_kernel(handle, [&](Session &, Function &kernel) -> CUresult {
        if (!library)
            return CUDA_ERROR_INVALID_VALUE;
        *library = api::handle_of<CUlibrary>(kernel.owner);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuKernelGetName(const char **name, CUkernel handle)
{
    return with_kernel(handle, [&](Session &, Function &kernel) -> CUresult {
        if (!name)
            return CUDA_ERROR_INVALID_VALUE;
        *name = kernel.name.c_str();
        return CUDA_SUCCESS;
    });
}

// The slices of a lease are taken to be of one architecture for what a kernel needs.
VGPU_ENTRY cuKernelGetAttribute(int *value, CUfunction_attribute attribute, CUkernel handle,
                                CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        return cuFuncGetAttribute(value, attribute, reinterpret_cast<CUfunction>(handle));
    });
}

VGPU_ENTRY cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel handle,
                                CUdevice device)
{
    return with_kernel(handle, [&](Session &session, Function &kernel) -> CUresult {
        CUresult result = remote::cuKernelSetAttribute(attribute, value, handle, device);
        if (result == CUDA_SUCCESS)
            remember_attribute(session, kernel, attribute, value);
        return result;
    });
}

VGPU_ENTRY cuKernelSetCacheConfig(CUkernel handle, CUfunc_cache config, CUdevice device)
{
    return with_kernel(handle, [&](Session &session, Function &) -> CUresult {
        if (config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL)
            return CUDA_ERROR_INVALID_VALUE;
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        return remote::cuKernelSetCacheConfig(handle, config, device);
    });
}

#if CUDA_VERSION >= 12040
VGPU_ENTRY cuKernelGetParamInfo(CUkernel handle, size_t index, size_t *offset, size_t *bytes)
{
    return cuFuncGetParamInfo(reinterpret_cast<CUfunction>(handle), index, offset, bytes);
}
#endif
