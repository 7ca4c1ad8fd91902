// SPDX-License-Identifier: Apache-2.0
// cuIpc*: device memory of one process in another. Handles are the worker's (api/ipc-handle.h); an
// address that is opened lies in the window, as all that the worker maps for this process.
#include "remoting/client/ipc.h"
#include "remoting/api/ipc-handle.h"
#include "remoting/base/log.h"
#include "remoting/client/entry.h"
#include "remoting/client/ipc-ask.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <cstring>
#include <string>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

CUresult vgpu::client::ask_ipc(Session &session, uint32_t word, api::Call call, const char *name,
                               Request &request, void *rest, size_t n)
{
    constexpr size_t kMostText = 1024;
    Answer answer;
    CUresult result = exchange(session, word, call, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    wire::Decoder in(answer.body());
    result = CUresult(in.u32());
    std::string why(in.string(kMostText));
    if (result == CUDA_SUCCESS)
        if (auto bytes = in.bytes(n); bytes.size() == n)
            std::memcpy(rest, bytes.data(), n);
    if (!in.ok())
        return misunderstood(session, call, in.why());
    if (result != CUDA_SUCCESS)
        vgpu::log(vgpu::Level::warning, "%s: %s", name, why.c_str());
    return result;
}

namespace
{

bool alive(const Session &session, const Imports::One &one)
{
    auto range = session.ranges.find(one.address);
    return range && range->serial == one.serial;
}

CUresult open(Session &session, Context &context, const IpcBytes &handle, Imports::One &one)
{
    Request request;
    request.out().bytes(std::as_bytes(std::span(handle)));
    uint64_t ticket = 0, address = 0, bytes = 0;
    uint32_t slice = 0;
    CUresult result = ask_ipc(session, context.word(), api::Call::vgpuIpcFetch,
                              "cuIpcOpenMemHandle", request, &ticket, sizeof(ticket));
    if (result == CUDA_SUCCESS)
        result = remote::vgpuIpcOpen(ticket, &address, &bytes, &slice);
    if (result != CUDA_SUCCESS)
        return result;
    if (slice >= session.devices().size() || !session.ranges.add({.base = address,
                                                                  .bytes = bytes,
                                                                  .context = context.id,
                                                                  .device = int(slice),
                                                                  .imported = true})) {
        session.connection().give_up("it gave an address out twice");
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    }
    one.address = address;
    one.serial = session.ranges.find(address)->serial;
    return CUDA_SUCCESS;
}

} // namespace

VGPU_ENTRY cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr address)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto range = session.ranges.find(address);
        if (!handle || !range || !range->exportable())
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        return ask_for_name(session, context.word(), "cuIpcGetMemHandle",
                            {api::IpcKind::memory, {range->base, range->bytes}}, handle);
    });
}

VGPU_ENTRY cuIpcOpenMemHandle_v2(CUdeviceptr *address, CUipcMemHandle given, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || (flags & ~unsigned(CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        IpcBytes handle;
        std::memcpy(handle.data(), &given, sizeof(given));
        Imports &imports = session.imports;
        std::lock_guard lock(imports.mutex);
        std::erase_if(imports.opened, [&](auto &item) { return !alive(session, item.second); });
        auto at = imports.opened.find({context.id, handle});
        if (at == imports.opened.end()) {
            Imports::One one;
            CUresult result = open(session, context, handle, one);
            if (result != CUDA_SUCCESS)
                return result;
            at = imports.opened.emplace(std::pair(context.id, handle), one).first;
        }
        ++at->second.times;
        *address = at->second.address;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuIpcCloseMemHandle(CUdeviceptr address)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        Imports &imports = session.imports;
        std::lock_guard lock(imports.mutex);
        auto at = std::find_if(imports.opened.begin(), imports.opened.end(), [&](auto &item) {
            return item.first.first == context.id && item.second.address == address;
        });
        if (at == imports.opened.end() || !alive(session, at->second))
            return CUDA_ERROR_INVALID_VALUE;
        if (--at->second.times != 0)
            return CUDA_SUCCESS;
        imports.opened.erase(at);
        session.ranges.remove(address);
        return remote::cuMemFree_v2(address);
    });
}
