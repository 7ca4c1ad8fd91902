// SPDX-License-Identifier: Apache-2.0
// cuIpcGetEventHandle and its counterpart: events of one process in another. Handles are the
// worker's, as those of memory are (ipc.cc).
#include "remoting/api/ipc-handle.h"
#include "remoting/client/entry.h"
#include "remoting/client/ipc-ask.h"
#include "remoting/client/remote.h"

using namespace vgpu::client;
namespace api = vgpu::api;

VGPU_ENTRY cuIpcGetEventHandle(CUipcEventHandle *handle, CUevent event)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto known = session.events.find(api::id_of(event));
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        if (!known || !known->shared() || known->opened)
            return CUDA_ERROR_INVALID_HANDLE;
        return ask_for_name(session, context.word(), "cuIpcGetEventHandle",
                            {api::IpcKind::event, {api::id_of(event)}}, handle);
    });
}

VGPU_ENTRY cuIpcOpenEventHandle(CUevent *handle, CUipcEventHandle given)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        Request request;
        request.out().bytes(std::as_bytes(std::span(given.reserved)));
        uint64_t ticket = 0;
        CUevent made = nullptr;
        CUresult result = ask_ipc(session, context.word(), api::Call::vgpuIpcFetch,
                                  "cuIpcOpenEventHandle", request, &ticket, sizeof(ticket));
        if (result == CUDA_SUCCESS)
            result = remote::vgpuEventImport(ticket, &made);
        if (result != CUDA_SUCCESS)
            return result;
        auto event = std::make_shared<Event>();
        event->context = context.id;
        event->flags = CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING;
        event->opened = true;
        session.events.add(api::id_of(made), event);
        *handle = made;
        return CUDA_SUCCESS;
    });
}
