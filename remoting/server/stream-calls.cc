// SPDX-License-Identifier: Apache-2.0
// Streams, events, and the calls that wait: those leave the dispatch thread with a fence.
#include "remoting/server/calls.h"
#include "remoting/server/launch.h"

#include "remoting/server/copy.h"
#include "remoting/server/graph-node.h"
#include <bit>

#include <algorithm>

namespace vgpu::server
{
namespace calls
{

CUresult cuStreamCreateWithPriority(Session &session, CUstream *stream, unsigned flags,
                                    int priority)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    CUresult result = session.driver.cuStreamCreateWithPriority(stream, flags, priority);
    if (result == CUDA_SUCCESS)
        (flags & CU_STREAM_NON_BLOCKING ? context->non_blocking : context->blocking)
            .push_back(*stream);
    return result;
}

CUresult cuStreamDestroy_v2(Session &session, CUstream stream)
{
    session.contexts.forget_stream(stream);
    session.captures.forget(stream);
    return session.driver.cuStreamDestroy_v2(stream);
}

// Behind whoever still waits for it.
CUresult cuEventDestroy_v2(Session &session, CUevent event)
{
    session.sharing.withdraw(uint64_t(event));
    if (session.waiters.idle(uint64_t(event)))
        return session.driver.cuEventDestroy_v2(event);
    session.waiters.add(uint64_t(event),
                        [&driver = session.driver, event] { driver.cuEventDestroy_v2(event); });
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime_v2(Session &session, float *ms, CUevent start, CUevent end)
{
    return session.driver.cuEventElapsedTime(ms, start, end);
}

void cuStreamSynchronize(Session &session, const Request &request, CUstream stream)
{
    Context *context = session.contexts.current();
    if (!context)
        return session.answer(request, CUDA_ERROR_INVALID_CONTEXT);
    uint64_t key = lane_key(*context, stream);
    if (session.waiters.idle(key)) { // else an earlier copy's reply would be overtaken
        CUresult now = session.driver.cuStreamQuery(stream);
        if (now == CUDA_SUCCESS) // at once, but only this brings what kernels printed
            now = session.driver.cuStreamSynchronize(stream);
        if (now != CUDA_ERROR_NOT_READY)
            return session.answer(request, now);
    }
    auto fence = std::make_shared<Fence>(session.driver);
    if (CUresult result = fence->add(context->handle, context->events, stream);
        result != CUDA_SUCCESS)
        return session.answer(request, result);
    session.waiters.add(key,
                        [&session, request, fence] { session.answer(request, fence->wait()); });
}

CUresult vgpuStreamAttribute(Session &session, CUstream stream, uint32_t attribute,
                             const unsigned char *bytes, uint64_t n)
{
    auto id = CUstreamAttrID(attribute);
    CUstreamAttrValue value;
    CUresult result = read_attribute(session, id, {bytes, n}, value);
    return result == CUDA_SUCCESS ? session.driver.cuStreamSetAttribute(stream, id, &value)
                                  : result;
}

} // namespace calls

CUresult read_operations(Session &session, std::span<const uint64_t> all,
                         std::vector<CUstreamBatchMemOpParams> &list)
{
    constexpr uint64_t kFields = 4, kMost = 256; // the driver's own limit
    if (all.empty() || all.size() % kFields != 0 || all.size() / kFields > kMost)
        return CUDA_ERROR_INVALID_VALUE;
    list.resize(all.size() / kFields);
    const uint64_t *words = all.data();
    for (auto &one : list) {
        auto operation = CUstreamBatchMemOpType(words[0]);
        bool writes = operation == CU_STREAM_MEM_OP_WRITE_VALUE_32 ||
                      operation == CU_STREAM_MEM_OP_WRITE_VALUE_64;
        if (writes || operation == CU_STREAM_MEM_OP_WAIT_VALUE_32 ||
            operation == CU_STREAM_MEM_OP_WAIT_VALUE_64) {
            if (CUresult result = session.handles.pointer(words[1]); result != CUDA_SUCCESS)
                return result;
            // What waits and what writes are laid out alike.
            one.waitValue = {operation, words[1], {}, unsigned(words[3]), 0};
            one.waitValue.value64 = words[2];
        } else if (operation == CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES ||
                   operation == CU_STREAM_MEM_OP_BARRIER) {
            one.memoryBarrier = {operation, unsigned(words[3])};
        } else {
            return CUDA_ERROR_INVALID_VALUE;
        }
        words += kFields;
    }
    return CUDA_SUCCESS;
}

namespace calls
{

CUresult vgpuStreamBatch(Session &session, const uint64_t *words, uint64_t n, CUstream stream)
{
    std::vector<CUstreamBatchMemOpParams> list;
    CUresult result = read_operations(session, {words, n}, list);
    return result == CUDA_SUCCESS
               ? session.driver.cuStreamBatchMemOp_v2(stream, unsigned(list.size()), list.data(), 0)
               : result;
}

void cuCtxSynchronize(Session &session, const Request &request)
{
    Context *context = session.contexts.current();
    if (!context)
        return session.answer(request, CUDA_ERROR_INVALID_CONTEXT);
    Fence now_under_way = session.contexts.fence(*context);
    CUresult now;
    if (session.waiters.idle() && now_under_way.done(now)) {
        // A context that failed has no fence to tell of it.
        session.answer(request, now == CUDA_SUCCESS ? session.driver.cuCtxSynchronize() : now);
        if (session.contexts.is_only(*context)) // nothing runs any more
            session.replies.may_print(false);
        return;
    }
    auto fence = std::make_shared<Fence>(std::move(now_under_way));
    auto result = std::make_shared<CUresult>(CUDA_SUCCESS);
    session.waiters.add(lane_key(*context, nullptr), [&driver = session.driver,
                                                      handle = context->handle, fence, result] {
        *result = fence->wait();
        // A context that had failed before the fence has none of its streams in it.
        if (*result == CUDA_SUCCESS && driver.cuCtxSetCurrent(handle) == CUDA_SUCCESS)
            if (CUresult now = driver.cuStreamQuery(nullptr); now != CUDA_ERROR_NOT_READY)
                *result = now;
    });
    session.waiters.after_all([&session, request, result] { session.answer(request, *result); });
}

void vgpuEventLook(Session &session, const Request &request, CUevent event)
{
    CUresult now = session.driver.cuEventQuery(event);
    session.waiters.add(0, [&session, request, now] { session.answer(request, now); });
}

void cuEventSynchronize(Session &session, const Request &request, CUevent event)
{
    CUresult now = session.driver.cuEventQuery(event);
    Context *context = session.contexts.current();
    if (now == CUDA_SUCCESS) // at once, but only this brings what kernels printed
        now = session.driver.cuEventSynchronize(event);
    if (now != CUDA_ERROR_NOT_READY || !context)
        return session.answer(request,
                              now == CUDA_ERROR_NOT_READY ? CUDA_ERROR_INVALID_CONTEXT : now);
    session.waiters.add(uint64_t(event), [&session, request, event, current = context->handle] {
        CUresult result = session.driver.cuCtxSetCurrent(current);
        if (result == CUDA_SUCCESS)
            result = session.driver.cuEventSynchronize(event);
        session.answer(request, result);
    });
}

} // namespace calls
} // namespace vgpu::server
