// SPDX-License-Identifier: Apache-2.0
// The functions of a module and the kernels of a library: the worker gives their names, and each is
// then looked up as if by that name, so that a function has one handle only.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

// At most `most` names of what `owner` has.
CUresult names_of(Session &session, uint64_t owner, unsigned most, std::vector<std::string> &names)
{
    Request request;
    request.out().u64(owner);
    request.out().u64(most);
    Answer answer;
    CUresult result =
        exchange(session, current_word(), api::Call::vgpuFunctionNames, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    wire::Decoder in(answer.body());
    uint64_t n = in.u64();
    if (n > most)
        in.fail("more names than were asked for");
    for (uint64_t i = 0; i < n && in.ok(); ++i)
        names.emplace_back(in.string(api::kMaxString));
    return in.done() ? CUDA_SUCCESS
                     : misunderstood(session, api::Call::vgpuFunctionNames, in.why());
}

template<class H, class Owner>
CUresult enumerate(Session &session, H *handles, unsigned count, Owner owner,
                   CUresult (*look_up)(H *, Owner, const char *))
{
    std::vector<std::string> names;
    CUresult result = names_of(session, api::id_of(owner), count, names);
    for (size_t i = 0; i < names.size() && result == CUDA_SUCCESS; ++i)
        result = look_up(&handles[i], owner, names[i].c_str());
    return result;
}

} // namespace

#if CUDA_VERSION >= 12040

VGPU_ENTRY cuModuleEnumerateFunctions(CUfunction *functions, unsigned count, CUmodule module)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!functions || count == 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (!session.modules.has(api::id_of(module)))
            return CUDA_ERROR_INVALID_HANDLE;
        return enumerate(session, functions, count, module, &cuModuleGetFunction);
    });
}

VGPU_ENTRY cuLibraryEnumerateKernels(CUkernel *kernels, unsigned count, CUlibrary library)
{
    return entry([&](Session &session) -> CUresult {
        if (!kernels || count == 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (!session.libraries.has(api::id_of(library)))
            return CUDA_ERROR_INVALID_HANDLE;
        return enumerate(session, kernels, count, library, &cuLibraryGetKernel);
    });
}

#endif

// A device whose functions are called by one address on both sides is none that can be remote: as
// on every other device, a library has none of them.
VGPU_ENTRY cuLibraryGetUnifiedFunction(void **function, CUlibrary library, const char *name)
{
    return entry([&](Session &session) -> CUresult {
        if (!function || !name)
            return CUDA_ERROR_INVALID_VALUE;
        return session.libraries.has(api::id_of(library)) ? CUDA_ERROR_NOT_FOUND
                                                          : CUDA_ERROR_INVALID_HANDLE;
    });
}
