// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/function.h"

#include "remoting/client/remote.h"

#include <algorithm>
#include <cstring>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kMaxParameters = 4096;
constexpr uint64_t kMaxParameterBytes = 64 << 10;

bool decode(wire::Decoder in, Function &function)
{
    uint64_t n = in.u64();
    if (n > 1024)
        return false;
    auto packed = in.bytes(n * sizeof(int32_t));
    uint64_t count = in.u64();
    if (!in.ok() || count > kMaxParameters)
        return false;
    std::vector<std::atomic<int32_t>> attributes(packed.size() / sizeof(int32_t));
    for (size_t i = 0; i < attributes.size(); ++i) {
        int32_t value;
        std::memcpy(&value, packed.data() + i * sizeof(value), sizeof(value));
        attributes[i].store(value, std::memory_order_relaxed);
    }
    std::vector<Function::Parameter> parameters(count);
    uint64_t end = 0;
    for (auto &parameter : parameters) {
        parameter.offset = in.u64();
        parameter.size = in.u64();
        if (parameter.offset > kMaxParameterBytes || parameter.size > kMaxParameterBytes)
            return false;
        end = std::max(end, parameter.offset + parameter.size);
    }
    if (!in.done())
        return false;
    function.attributes = std::move(attributes);
    function.parameters = std::move(parameters);
    function.parameter_bytes = end;
    return true;
}

} // namespace

std::shared_ptr<Function> find_function(const Session &session, CUfunction handle)
{
    return session.functions.find(api::id_of(handle));
}

Function *find_function_again(const Session &session, CUfunction handle)
{
    return session.functions.find_again(api::id_of(handle), thread_state().functions);
}

std::shared_ptr<Function> find_kernel(const Session &session, CUkernel handle)
{
    uint64_t id = api::id_of(handle);
    return api::kind_of(id) == api::Kind::kernel ? session.functions.find(id) : nullptr;
}

std::shared_ptr<Function> add_function(Session &session, uint64_t id, uint64_t owner,
                                       uint64_t kernel, uint64_t context, const char *name)
{
    auto function = std::make_shared<Function>();
    function->id = id;
    function->owner = owner;
    function->kernel = kernel;
    function->context = context;
    function->name = name;
    return session.functions.add(id, std::move(function));
}

CUresult describe(Session &session, Function &function)
{
    if (function.described.load(std::memory_order_acquire)) [[likely]]
        return CUDA_SUCCESS;
    std::lock_guard lock(function.mutex);
    if (function.described.load(std::memory_order_relaxed))
        return CUDA_SUCCESS;
    Request request;
    request.out().u64(function.id);
    Answer answer;
    CUresult result =
        exchange(session, current_word(), api::Call::vgpuFunctionInfo, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    if (!decode(wire::Decoder(answer.body()), function))
        return misunderstood(session, api::Call::vgpuFunctionInfo, "a bad description");
    function.described.store(true, std::memory_order_release);
    return CUDA_SUCCESS;
}

CUresult module_of_library(Session &session, Context &context, CUlibrary handle, CUmodule *module)
{
    auto library = session.libraries.find(api::id_of(handle));
    if (!library)
        return CUDA_ERROR_INVALID_HANDLE;
    std::lock_guard lock(library->mutex);
    uint64_t &id = library->per_context[{0, context.id}];
    if (id == 0) {
        CUmodule made = nullptr;
        CUresult result = remote::cuLibraryGetModule(&made, handle);
        if (result != CUDA_SUCCESS)
            return result;
        id = api::id_of(made);
        auto code = std::make_shared<Code>();
        code->context = context.id;
        code->library = api::id_of(handle);
        session.modules.add(id, code);
    }
    *module = api::handle_of<CUmodule>(id);
    return CUDA_SUCCESS;
}

} // namespace vgpu::client
