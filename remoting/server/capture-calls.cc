// SPDX-License-Identifier: Apache-2.0
// Captures, and the copies in graphs of host memory that only the client has: the graph's node
// copies from or to memory of ours, and beside it a node of ours that the client does not see has
// it filled, or sends what is in it.
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"
#include "remoting/server/decode.h"
#include "remoting/server/graph-node.h"

namespace vgpu::server
{

std::shared_ptr<HostService::Transfer> make_transfer(Session &session, uint64_t place,
                                                     bool to_device, uint64_t bytes)
{
    constexpr uint64_t kMost = uint64_t(4) << 30;
    if (!session.host_service.is_open() || bytes == 0 || bytes > kMost)
        return nullptr;
    auto transfer = std::make_shared<HostService::Transfer>();
    transfer->service = &session.host_service;
    transfer->place = place;
    transfer->to_device = to_device;
    transfer->memory = std::make_unique<Pinned>(session.driver, bytes);
    transfer->bytes = bytes;
    return transfer;
}

namespace
{

CUresult copy_place(Session &session, CUdeviceptr device, uint64_t pitch, uint64_t place,
                    uint64_t width, uint64_t rows, bool to_device, CUstream stream)
{
    const Driver &driver = session.driver;
    Captures::State now;
    if (CUresult result = session.captures.state(stream, now); result != CUDA_SUCCESS)
        return result;
    if (now.status != CU_STREAM_CAPTURE_STATUS_ACTIVE)
        return now.status == CU_STREAM_CAPTURE_STATUS_NONE ? CUDA_ERROR_ILLEGAL_STATE
                                                           : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    uint64_t bytes;
    if (__builtin_mul_overflow(width, rows, &bytes))
        return CUDA_ERROR_INVALID_VALUE;
    auto kept = std::make_unique<Captures::Kept>();
    kept->transfer = make_transfer(session, place, to_device, bytes);
    if (!kept->transfer)
        return CUDA_ERROR_INVALID_VALUE;
    HostService::Transfer *transfer = kept->transfer.get();
    std::byte *memory = transfer->memory->data();
    CUresult result = session.captures.keep(now.graph, std::move(kept));
    Rows shape{pitch, width, width, rows};
    if (result == CUDA_SUCCESS && to_device)
        result = driver.cuLaunchHostFunc(stream, HostService::transfer, transfer);
    if (result == CUDA_SUCCESS)
        result = to_device ? copy_to_device(driver, device, memory, shape, stream)
                           : copy_to_host(driver, memory, device, shape, stream);
    if (result == CUDA_SUCCESS && !to_device)
        result = driver.cuLaunchHostFunc(stream, HostService::transfer, transfer);
    return result;
}

} // namespace

namespace calls
{

CUresult vgpuCaptureBegin(Session &session, CUstream stream, CUgraph graph, CUgraphNode *nodes,
                          uint64_t n)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (CUresult result = session.contexts.prepare_capture(*context); result != CUDA_SUCCESS)
        return result;
    for (uint64_t i = 0; i < n; ++i)
        nodes[i] = session.graphs.last_of(nodes[i]);
    return session.captures.begin(stream, context->word, graph, nodes, n);
}

CUresult vgpuCaptureEnd(Session &session, CUstream stream, uint64_t proposed, uint32_t *answer,
                        uint64_t *graph)
{
    if (CUresult result = session.handles.claim(api::Kind::graph, proposed); result != CUDA_SUCCESS)
        return result;
    CUgraph captured = nullptr;
    *answer = session.captures.end(stream, captured);
    *graph = captured ? session.graphs.id_of(captured, proposed) : 0;
    return CUDA_SUCCESS;
}

void vgpuCaptureInfo(Session &session, Request &request)
{
    std::tuple<api::Handle<CUstream>::Server, api::Val<uint64_t>::Server> all;
    CUresult result = decode(session, request, all);
    Captures::State now;
    uint64_t proposed = std::get<1>(all).arg(), graph = 0;
    if (result == CUDA_SUCCESS)
        result = session.handles.claim(api::Kind::graph, proposed);
    if (result == CUDA_SUCCESS)
        result = session.captures.state(std::get<0>(all).arg(), now);
    if (result != CUDA_SUCCESS)
        return session.answer(request, result);
    bool active = now.status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (active)
        graph = session.graphs.id_of(now.graph, proposed);
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.u64(uint64_t(now.status));
    out.u64(active ? now.number : 0);
    out.u64(graph);
    out.u64(active ? now.tails.size() : 0);
    for (CUgraphNode node : now.tails)
        if (active)
            out.u64(session.graphs.id_of(session.graphs.seen(node), now.graph));
    session.replies.send(request.reply_to(), CUDA_SUCCESS, session.reply);
}

CUresult vgpuCaptureDepend(Session &session, CUstream stream, CUgraphNode *nodes, uint64_t n,
                           uint32_t flags)
{
    if (!session.driver.cuStreamUpdateCaptureDependencies_v2)
        return CUDA_ERROR_NOT_SUPPORTED;
    for (uint64_t i = 0; i < n; ++i)
        nodes[i] = session.graphs.last_of(nodes[i]);
    return session.driver.cuStreamUpdateCaptureDependencies_v2(stream, nodes, nullptr, n, flags);
}

CUresult vgpuCopyPlace(Session &session, CUdeviceptr device, uint64_t pitch, uint64_t place,
                       uint64_t width, uint64_t rows, uint32_t to_device, CUstream stream)
{
    return copy_place(session, device, pitch, place, width, rows, to_device != 0, stream);
}

} // namespace calls
} // namespace vgpu::server
