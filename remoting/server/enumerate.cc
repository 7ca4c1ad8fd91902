// SPDX-License-Identifier: Apache-2.0
// Questions with lists for answers, which a driver may be too old for.
#include "remoting/server/calls.h"

#include <algorithm>
#include <string>

namespace vgpu::server::calls
{
namespace
{

using Names = std::vector<std::string>;

#if CUDA_VERSION >= 12040

template<class H, class Owner>
CUresult collect(CUresult (*enumerate)(H *, unsigned, Owner), CUresult (*name_of)(const char **, H),
                 Owner owner, unsigned most, Names &names)
{
    if (!enumerate || !name_of)
        return CUDA_ERROR_NOT_SUPPORTED;
    std::vector<H> found(most);
    CUresult result = enumerate(found.data(), most, owner);
    for (H one : found) {
        const char *name = nullptr;
        if (result != CUDA_SUCCESS || !one)
            break;
        result = name_of(&name, one);
        if (result == CUDA_SUCCESS)
            names.emplace_back(name ? name : "");
    }
    return result;
}

CUresult names_of(Session &session, uint64_t id, unsigned most, Names &names)
{
    const Driver &driver = session.driver;
    api::Kind kind = api::kind_of(id);
    void *owner = nullptr;
    CUresult result = kind == api::Kind::module || kind == api::Kind::library
                          ? session.handles.find(kind, id, owner)
                          : CUDA_ERROR_INVALID_HANDLE;
    if (result != CUDA_SUCCESS)
        return result;
    return kind == api::Kind::module
               ? collect(driver.cuModuleEnumerateFunctions, driver.cuFuncGetName, CUmodule(owner),
                         most, names)
               : collect(driver.cuLibraryEnumerateKernels, driver.cuKernelGetName, CUlibrary(owner),
                         most, names);
}

#else

CUresult names_of(Session &, uint64_t, unsigned, Names &)
{
    return CUDA_ERROR_NOT_SUPPORTED;
}

#endif

} // namespace

void vgpuFunctionNames(Session &session, Request &request)
{
    constexpr uint64_t kMost = 1 << 20;
    uint64_t id = request.in.u64(), most = request.in.u64();
    request.check_done();
    Names names;
    CUresult result = most == 0 ? CUDA_ERROR_INVALID_VALUE
                                : names_of(session, id, unsigned(std::min(most, kMost)), names);
    if (!request.wants_reply || result != CUDA_SUCCESS)
        return session.answer(request, result);
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.u64(names.size());
    for (auto &name : names)
        out.string(name);
    if (session.reply.size() > api::kMaxReplyArray)
        return session.answer(request, CUDA_ERROR_OUT_OF_MEMORY);
    session.replies.send(request.reply_to(), result, session.reply);
}

CUresult vgpuPeerAtomics(Session &session, uint32_t source, uint32_t destination,
                         const uint32_t *operations, uint32_t n, uint32_t *capabilities, uint32_t m)
{
    if (source >= session.slices.size() || destination >= session.slices.size())
        return CUDA_ERROR_INVALID_DEVICE;
    if (n != m || n == 0)
        return CUDA_ERROR_INVALID_VALUE;
    // Of two slices of one device the client knows itself.
    CUdevice from = session.slices[source].device, to = session.slices[destination].device;
#if CUDA_VERSION >= 13000
    if (session.driver.cuDeviceGetP2PAtomicCapabilities && from != to)
        return session.driver.cuDeviceGetP2PAtomicCapabilities(
            capabilities, reinterpret_cast<const CUatomicOperation *>(operations), n, from, to);
#endif
    (void)operations;
    (void)capabilities;
    (void)from;
    (void)to;
    return CUDA_ERROR_NOT_SUPPORTED;
}

} // namespace vgpu::server::calls
