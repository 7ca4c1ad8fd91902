// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/shared-event.h"

#include <cstring>
#include <unistd.h>

// Events of one process in another, found as its memory is (ipc.cc): by where the exporter has the
// event's file open, and the random number in the file's name.

using namespace vgpu::soft::driver;

namespace
{

struct Handle {
    char magic[8];
    int32_t pid;
    int32_t descriptor;
    char token[32];
    uint64_t zero[2];
};
static_assert(sizeof(Handle) == sizeof(CUipcEventHandle));
constexpr char kMagic[8] = {'s', 'o', 'f', 't', 'e', 'v', 't', '1'};

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuIpcGetEventHandle(CUipcEventHandle *handle, CUevent event)
{
    ENTRY({
        require(handle != nullptr);
        auto which = machine().events.get(event);
        require(which->shared && !which->opened, CUDA_ERROR_INVALID_HANDLE);
        Handle made{};
        memcpy(made.magic, kMagic, sizeof kMagic);
        made.pid = getpid();
        made.descriptor = which->shared->descriptor();
        memcpy(made.token, which->shared->token().data(), sizeof made.token);
        memcpy(handle, &made, sizeof made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuIpcOpenEventHandle(CUevent *event, CUipcEventHandle handle)
{
    ENTRY({
        require(event != nullptr);
        auto context = current::get();
        Handle given;
        memcpy(&given, &handle, sizeof given);
        std::string token(given.token, sizeof given.token);
        require(memcmp(given.magic, kMagic, sizeof kMagic) == 0 && given.pid > 0 &&
                given.descriptor >= 0 && given.zero[0] == 0 && given.zero[1] == 0 &&
                token.find_first_not_of("0123456789abcdef") == std::string::npos);
        auto shared = SharedEvent::open(given.pid, given.descriptor, token);
        if (!shared)
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          "an event of process " + std::to_string(given.pid) +
                              " cannot be opened: it was destroyed there, or the process has "
                              "ended, or is another user's, or in another pid namespace");
        if (given.pid == getpid())
            throw Failure(CUDA_ERROR_INVALID_CONTEXT,
                          "a process cannot open a handle of its own: it has the event already");
        auto made = std::make_shared<Event>(
            context, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING, shared, true);
        machine().events.add(made);
        *event = handle_of<CUevent>(*made);
    });
}
