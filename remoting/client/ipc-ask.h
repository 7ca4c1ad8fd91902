// SPDX-License-Identifier: Apache-2.0
// What the worker is asked about what several processes share (vgpuIpcExport, vgpuIpcFetch), and
// how a name of it goes to them by a descriptor.
#pragma once

#include "remoting/api/ipc-handle.h"
#include "remoting/base/fd.h"
#include "remoting/client/call.h"
#include "remoting/client/ipc.h"

namespace vgpu::client
{

// Sends what is in the request; the answer, and the `n` bytes that follow it. A failure is logged
// with its reason, as one of the application's call `name`.
CUresult ask_ipc(Session &session, uint32_t word, api::Call call, const char *name,
                 Request &request, void *rest, size_t n);

// Something of this session that other processes may ask for; the kind says what the numbers are
// (server/ipc-calls.cc).
struct IpcThing {
    api::IpcKind kind;
    uint64_t numbers[3];
};

// The name under which the worker offers it from now on, as the bytes that `call` gives to others.
template<class Name>
CUresult ask_for_name(Session &session, uint32_t word, const char *call, const IpcThing &thing,
                      Name *name)
{
    static_assert(sizeof(*name) == sizeof(api::IpcHandle));
    Request request;
    request.out().u64(uint64_t(thing.kind));
    for (uint64_t number : thing.numbers)
        request.out().u64(number);
    return ask_ipc(session, word, api::Call::vgpuIpcExport, call, request, name, sizeof(*name));
}

// A descriptor of a memory file that can no longer be changed and holds the name
// (api/ipc-handle.h): all that a process needs to ask its own worker for what has that name.
Fd write_name(const IpcBytes &name);
// False for a descriptor that is none of those.
bool read_name(int fd, IpcBytes &name);

} // namespace vgpu::client
