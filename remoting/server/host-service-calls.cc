// SPDX-License-Identifier: Apache-2.0
// The client's functions in its streams, and its answers.
#include "remoting/server/calls.h"

#include "remoting/base/error.h"

#include <cerrno>

namespace vgpu::server::calls
{

void vgpuHostService(Session &session, Request &request)
{
    request.check_done();
    session.host_service.open(request.reply_to());
    session.attend_while_waiting();
}

CUresult vgpuHostCall(Session &session, uint64_t number, uint32_t flags, CUstream stream)
{
    constexpr uint32_t kWithStatus = 1;
    if (!session.host_service.is_open())
        return CUDA_ERROR_NOT_PERMITTED;
    const Driver &driver = session.driver;
    HostService::Call *call = session.host_service.make(number, !session.captures.captures(stream));
    CUresult result = CUDA_ERROR_OUT_OF_MEMORY;
    if (call)
        result = flags & kWithStatus
                     ? driver.cuStreamAddCallback(stream, HostService::run_with_status, call, 0)
                     : driver.cuLaunchHostFunc(stream, HostService::run, call);
    if (result == CUDA_SUCCESS)
        return result;
    session.waiters.add(0,
                        [&service = session.host_service, number] { service.tell_over(number); });
    if (call && call->once)
        HostService::discard(call);
    return result;
}

// An answer to what was not asked is none of a client that keeps to the rules.
void vgpuHostDone(Session &session, Request &request)
{
    uint64_t token = request.in.u64();
    request.check_done();
    if (!session.host_service.done(token))
        fail(EPROTO, "an answer to a question that was never asked");
}

void vgpuHostBytes(Session &session, Request &request)
{
    uint64_t token = request.in.u64(), offset = request.in.u64();
    auto data = request.in.bytes(request.in.u64());
    request.check_done();
    if (!session.host_service.bytes(token, offset, data))
        fail(EPROTO, "bytes that were never asked for");
}

} // namespace vgpu::server::calls
