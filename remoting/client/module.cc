// SPDX-License-Identifier: Apache-2.0
// cuModule*.
#include "remoting/base/cuda-variables.h"
#include "remoting/client/entry.h"
#include "remoting/client/function.h"
#include "remoting/client/image.h"
#include "remoting/client/load.h"
#include "remoting/client/remote.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

CUresult load(CUmodule *module, const void *image, uint64_t limit, const JitOptions &options)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!module)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = session.new_id(api::Kind::module);
        CUresult result = load_image(session, api::Call::vgpuModuleLoad, id, image, limit, options);
        if (result != CUDA_SUCCESS)
            return result;
        auto code = std::make_shared<Code>();
        code->context = context.id;
        session.modules.add(id, code);
        *module = api::handle_of<CUmodule>(id);
        return CUDA_SUCCESS;
    });
}

} // namespace

VGPU_ENTRY cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                              CUjit_option *options, void **values)
{
    return load(module, image, kMaxImage, {count, options, values});
}

VGPU_ENTRY cuModuleLoadData(CUmodule *module, const void *image)
{
    return load(module, image, kMaxImage, {});
}

VGPU_ENTRY cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return load(module, image, kMaxImage, {});
}

VGPU_ENTRY cuModuleLoad(CUmodule *module, const char *path)
{
    return entry([&](Session &) -> CUresult {
        std::string bytes;
        CUresult result = module ? read_image(path, bytes) : CUDA_ERROR_INVALID_VALUE;
        return result == CUDA_SUCCESS ? load(module, bytes.data(), bytes.size(), {}) : result;
    });
}

VGPU_ENTRY cuModuleUnload(CUmodule module)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        uint64_t id = api::id_of(module);
        auto code = session.modules.find(id);
        if (!code || code->library)
            return CUDA_ERROR_INVALID_HANDLE; // a library's module goes with the library
        session.modules.remove(id);
        session.forget_ranges_of(id);
        session.functions.remove_if(
            [id](const Function &function) { return function.owner == id; });
        return remote::cuModuleUnload(module);
    });
}

VGPU_ENTRY cuModuleGetLoadingMode(CUmoduleLoadingMode *mode)
{
    if (!mode)
        return CUDA_ERROR_INVALID_VALUE;
    *mode = vgpu::loads_eagerly() ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING;
    return CUDA_SUCCESS;
}

VGPU_ENTRY cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!function || !name)
            return CUDA_ERROR_INVALID_VALUE;
        auto code = session.modules.find(api::id_of(module));
        if (!code)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(code->mutex);
        auto known = code->functions.find(name);
        if (known != code->functions.end()) {
            *function = api::handle_of<CUfunction>(known->second);
            return CUDA_SUCCESS;
        }
        CUfunction made = nullptr;
        CUresult result = remote::cuModuleGetFunction(&made, module, name);
        if (result != CUDA_SUCCESS)
            return result;
        add_function(session, api::id_of(made), api::id_of(module), 0, context.id, name);
        code->functions[name] = api::id_of(made);
        *function = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes, CUmodule module,
                                const char *name)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!name || (!address && !bytes))
            return CUDA_ERROR_INVALID_VALUE;
        auto code = session.modules.find(api::id_of(module));
        if (!code)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(code->mutex);
        auto known = code->globals.find({name, context.id});
        if (known == code->globals.end()) {
            Code::Global global{};
            CUresult result =
                remote::cuModuleGetGlobal_v2(&global.address, &global.bytes, module, name);
            if (result != CUDA_SUCCESS)
                return result;
            known = code->globals.emplace(std::pair{std::string(name), context.id}, global).first;
            note_global(session, context, api::id_of(module), global);
        }
        if (address)
            *address = known->second.address;
        if (bytes)
            *bytes = known->second.bytes;
        return CUDA_SUCCESS;
    });
}
