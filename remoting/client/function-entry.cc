// SPDX-License-Identifier: Apache-2.0
// cuFunc*: answered from the description, for functions and for kernels in their place.
#include "remoting/client/entry.h"
#include "remoting/client/function.h"
#include "remoting/client/remote.h"

#include <climits>

namespace vgpu::client
{

void note_global(Session &session, const Context &context, uint64_t owner,
                 const Code::Global &global)
{
    // Two names for one variable, or a driver that packs variables without a gap, are no error.
    session.ranges.add({.base = global.address,
                        .bytes = global.bytes,
                        .kind = Range::Kind::global,
                        .context = context.id,
                        .device = context.device,
                        .owner = owner});
}

void remember_attribute(Session &session, Function &function, CUfunction_attribute attribute,
                        int value)
{
    if (describe(session, function) != CUDA_SUCCESS)
        return;
    std::lock_guard lock(function.mutex);
    if (size_t(attribute) < function.attributes.size())
        function.attributes[size_t(attribute)].store(value, std::memory_order_relaxed);
    function.occupancy.clear();
}

} // namespace vgpu::client

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

template<class Body>
CUresult with_function(CUfunction handle, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        auto function = find_function(session, handle);
        return function ? body(session, *function) : CUDA_ERROR_INVALID_HANDLE;
    });
}

} // namespace

VGPU_ENTRY cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle)
{
    return with_function(handle, [&](Session &session, Function &function) -> CUresult {
        if (!value)
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = describe(session, function);
        if (result != CUDA_SUCCESS)
            return result;
        int known = function.attribute(attribute);
        if (known == INT32_MIN)
            return CUDA_ERROR_INVALID_VALUE;
        *value = known;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value)
{
    return with_function(handle, [&](Session &session, Function &function) -> CUresult {
        CUresult result;
        if (api::kind_of(function.id) == api::Kind::kernel) {
            CUdevice device = 0;
            if ((result = cuCtxGetDevice(&device)) != CUDA_SUCCESS)
                return result;
            result = remote::cuKernelSetAttribute(attribute, value,
                                                  api::handle_of<CUkernel>(function.id), device);
        } else {
            result = remote::cuFuncSetAttribute(handle, attribute, value);
        }
        if (result == CUDA_SUCCESS)
            remember_attribute(session, function, attribute, value);
        return result;
    });
}

// Not answered: what the driver would say is said here. A kernel may stand in the function's place.
VGPU_ENTRY cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config)
{
    return with_function(handle, [&](Session &, Function &function) -> CUresult {
        if (config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL)
            return CUDA_ERROR_INVALID_VALUE;
        if (api::kind_of(function.id) != api::Kind::kernel)
            return remote::cuFuncSetCacheConfig(handle, config);
        CUdevice device = 0;
        CUresult result = cuCtxGetDevice(&device);
        return result != CUDA_SUCCESS ? result
                                      : remote::cuKernelSetCacheConfig(
                                            api::handle_of<CUkernel>(function.id), config, device);
    });
}

VGPU_ENTRY cuFuncGetModule(CUmodule *module, CUfunction handle)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto function = find_function(session, handle);
        if (!function)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!module)
            return CUDA_ERROR_INVALID_VALUE;
        if (api::kind_of(function->owner) == api::Kind::library)
            return module_of_library(session, context, api::handle_of<CUlibrary>(function->owner),
                                     module);
        *module = api::handle_of<CUmodule>(function->owner);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuFuncGetName(const char **name, CUfunction handle)
{
    return with_function(handle, [&](Session &, Function &function) -> CUresult {
        if (!name)
            return CUDA_ERROR_INVALID_VALUE;
        *name = function.name.c_str();
        return CUDA_SUCCESS;
    });
}

#if CUDA_VERSION >= 12040
VGPU_ENTRY cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *bytes)
{
    return with_function(handle, [&](Session &session, Function &function) -> CUresult {
        CUresult result = describe(session, function);
        if (result != CUDA_SUCCESS)
            return result;
        if (!offset || index >= function.parameters.size())
            return CUDA_ERROR_INVALID_VALUE;
        *offset = function.parameters[index].offset;
        if (bytes)
            *bytes = function.parameters[index].size;
        return CUDA_SUCCESS;
    });
}

// Loaded means here: the worker knows it, and loads it before a launch if its driver has not.
VGPU_ENTRY cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction handle)
{
    return with_function(handle, [&](Session &, Function &) -> CUresult {
        if (!state)
            return CUDA_ERROR_INVALID_VALUE;
        *state = CU_FUNCTION_LOADING_STATE_LOADED;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuFuncLoad(CUfunction handle)
{
    return with_function(handle, [](Session &, Function &) { return CUDA_SUCCESS; });
}
#endif

// Deprecated: banks have been of one size since Kepler.
VGPU_ENTRY cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig config)
{
    return with_function(handle, [&](Session &, Function &) {
        return is_bank_size(config) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}
