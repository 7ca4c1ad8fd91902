// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/capture.h"

#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <utility>

namespace vgpu::client
{

static thread_local CUstreamCaptureMode own_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

CUstreamCaptureMode Captures::exchange_mode(CUstreamCaptureMode mode) noexcept
{
    return std::exchange(own_mode, mode);
}

void Captures::begun(CUstream origin, uint32_t word, CUstreamCaptureMode mode)
{
    std::lock_guard lock(mutex_);
    captures_.push_back({origin, word, mode, std::this_thread::get_id()});
    active_.store(unsigned(captures_.size()), std::memory_order_relaxed);
}

void Captures::ended(CUstream origin)
{
    std::lock_guard lock(mutex_);
    std::erase_if(captures_, [&](const Capture &one) { return one.origin == origin; });
    active_.store(unsigned(captures_.size()), std::memory_order_relaxed);
}

bool Captures::is_anothers(CUstream origin)
{
    std::lock_guard lock(mutex_);
    return std::any_of(captures_.begin(), captures_.end(), [&](const Capture &one) {
        return one.origin == origin && one.mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
               one.thread != std::this_thread::get_id();
    });
}

// `word`: all of that context's are spoiled in any case.
CUresult Captures::forbid(Session &session, uint32_t word)
{
    std::vector<Capture> spoiled;
    {
        std::lock_guard lock(mutex_);
        for (const Capture &one : captures_) {
            bool strict = own_mode != CU_STREAM_CAPTURE_MODE_RELAXED;
            bool mine = strict && one.thread == std::this_thread::get_id() &&
                        one.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
            bool anyones = own_mode == CU_STREAM_CAPTURE_MODE_GLOBAL &&
                           one.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
            if (mine || anyones || (word && one.word == word))
                spoiled.push_back(one);
        }
    }
    // To ask a stream that is captured whether it is done is what spoils a capture.
    for (const Capture &one : spoiled)
        call_in(session, one.word, api::Call::cuStreamQuery, handle(one.origin));
    return spoiled.empty() ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult Captures::forbid_wait(Session &session, uint32_t word, CUstream stream)
{
    if (!any())
        return CUDA_SUCCESS;
    CUresult result = call_in(session, word, api::Call::cuStreamQuery, handle(stream));
    bool of_captures = result >= CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED &&
                       result <= CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    return of_captures ? result : forbid(session);
}

CUresult Captures::ask(Session &session, uint32_t word, CUstream stream, bool &capturing)
{
    capturing = false;
    if (!any())
        return CUDA_SUCCESS;
    Request request;
    request.out().u64(api::id_of(stream));
    request.out().u64(session.new_id(api::Kind::graph));
    Answer answer;
    CUresult result = exchange(session, word, api::Call::vgpuCaptureInfo, request, answer);
    if (result == CUDA_SUCCESS)
        capturing = wire::Decoder(answer.body()).u64() != CU_STREAM_CAPTURE_STATUS_NONE;
    return result;
}

} // namespace vgpu::client

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

CUresult begin(CUstream stream, CUgraph graph, const CUgraphNode *nodes, size_t count,
               CUstreamCaptureMode mode)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (unsigned(mode) > CU_STREAM_CAPTURE_MODE_RELAXED)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        uint32_t word = stream_word(session, context.word(), stream);
        CUresult result =
            call_in(session, word, api::Call::vgpuCaptureBegin, handle(stream),
                    api::Handle<CUgraph, true>::Client(graph),
                    api::InHandles<CUgraphNode>::Client(const_cast<CUgraphNode *>(nodes), count));
        if (result == CUDA_SUCCESS)
            session.captures.begun(stream, word, mode);
        return result;
    });
}

struct Info {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    cuuint64_t number = 0;
    uint64_t graph = 0;
};

CUresult inform(CUstream stream, Info &info)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        thread_state().tails.clear();
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (!session.captures.any()) // nothing ever is, then
            return CUDA_SUCCESS;
        Request request;
        request.out().u64(api::id_of(stream));
        request.out().u64(session.new_id(api::Kind::graph));
        Answer answer;
        CUresult result = exchange(session, stream_word(session, context.word(), stream),
                                   api::Call::vgpuCaptureInfo, request, answer);
        if (result != CUDA_SUCCESS)
            return result;
        wire::Decoder in(answer.body());
        info.status = CUstreamCaptureStatus(in.u64());
        info.number = in.u64();
        info.graph = in.u64();
        for (uint64_t n = std::min(in.u64(), in.left() / 8); n > 0; --n)
            thread_state().tails.push_back(api::handle_of<CUgraphNode>(in.u64()));
        return in.done() ? CUDA_SUCCESS
                         : misunderstood(session, api::Call::vgpuCaptureInfo, in.why());
    });
}

CUresult depend(CUstream stream, CUgraphNode *nodes, const CUgraphEdgeData *edges, size_t count,
                unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        for (size_t i = 0; edges && i < count; ++i)
            if (edges[i].from_port || edges[i].to_port || edges[i].type)
                return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        return call_in(session, stream_word(session, context.word(), stream),
                       api::Call::vgpuCaptureDepend, handle(stream),
                       api::InHandles<CUgraphNode>::Client(nodes, count), val(uint32_t(flags)));
    });
}

} // namespace

VGPU_ENTRY cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode)
{
    return begin(stream, nullptr, nullptr, 0, mode);
}

VGPU_ENTRY cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode)
{
    return cuStreamBeginCapture_v2(per_thread(stream), mode);
}

VGPU_ENTRY cuStreamBeginCapture(CUstream stream)
{
    return cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

VGPU_ENTRY cuStreamBeginCapture_ptsz(CUstream stream)
{
    return cuStreamBeginCapture(per_thread(stream));
}

VGPU_ENTRY cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode *nodes,
                                       const CUgraphEdgeData *edges, size_t count,
                                       CUstreamCaptureMode mode)
{
    for (size_t i = 0; edges && i < count; ++i)
        if (edges[i].from_port || edges[i].to_port || edges[i].type)
            return CUDA_ERROR_INVALID_VALUE;
    return graph ? begin(stream, graph, nodes, count, mode) : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuStreamBeginCaptureToGraph_ptsz(CUstream stream, CUgraph graph,
                                            const CUgraphNode *nodes, const CUgraphEdgeData *edges,
                                            size_t count, CUstreamCaptureMode mode)
{
    return cuStreamBeginCaptureToGraph(per_thread(stream), graph, nodes, edges, count, mode);
}

VGPU_ENTRY cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (graph)
            *graph = nullptr;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (session.captures.is_anothers(stream))
            return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
        uint32_t answer = 0;
        uint64_t made = 0;
        CUresult result = call_in(session, stream_word(session, context.word(), stream),
                                  api::Call::vgpuCaptureEnd, handle(stream),
                                  val(session.new_id(api::Kind::graph)), out(&answer), out(&made));
        if (result != CUDA_SUCCESS)
            return result;
        if (answer != CUDA_ERROR_STREAM_CAPTURE_UNMATCHED)
            session.captures.ended(stream);
        if (graph && answer == CUDA_SUCCESS)
            *graph = api::handle_of<CUgraph>(made);
        return CUresult(answer);
    });
}

VGPU_ENTRY cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph)
{
    return cuStreamEndCapture(per_thread(stream), graph);
}

VGPU_ENTRY cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status,
                                     cuuint64_t *number, CUgraph *graph, const CUgraphNode **nodes,
                                     size_t *count)
{
    if (!status)
        return CUDA_ERROR_INVALID_VALUE;
    Info info;
    CUresult result = inform(stream, info);
    if (result != CUDA_SUCCESS)
        return result;
    *status = info.status;
    if (info.status != CU_STREAM_CAPTURE_STATUS_ACTIVE) {
        if (count)
            *count = 0;
        return CUDA_SUCCESS;
    }
    if (number)
        *number = info.number;
    if (graph)
        *graph = api::handle_of<CUgraph>(info.graph);
    if (nodes)
        *nodes = thread_state().tails.data();
    if (count)
        *count = thread_state().tails.size();
    return CUDA_SUCCESS;
}

VGPU_ENTRY cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, CUstreamCaptureStatus *status,
                                          cuuint64_t *number, CUgraph *graph,
                                          const CUgraphNode **nodes, size_t *count)
{
    return cuStreamGetCaptureInfo_v2(per_thread(stream), status, number, graph, nodes, count);
}

VGPU_ENTRY cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus *status,
                                     cuuint64_t *number, CUgraph *graph, const CUgraphNode **nodes,
                                     const CUgraphEdgeData **edges, size_t *count)
{
    CUresult result = cuStreamGetCaptureInfo_v2(stream, status, number, graph, nodes, count);
    if (result == CUDA_SUCCESS && edges)
        *edges = nullptr; // all are plain
    return result;
}

VGPU_ENTRY cuStreamGetCaptureInfo_v3_ptsz(CUstream stream, CUstreamCaptureStatus *status,
                                          cuuint64_t *number, CUgraph *graph,
                                          const CUgraphNode **nodes, const CUgraphEdgeData **edges,
                                          size_t *count)
{
    return cuStreamGetCaptureInfo_v3(per_thread(stream), status, number, graph, nodes, edges,
                                     count);
}

VGPU_ENTRY cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus *status,
                                  cuuint64_t *number)
{
    return cuStreamGetCaptureInfo_v2(stream, status, number, nullptr, nullptr, nullptr);
}

VGPU_ENTRY cuStreamGetCaptureInfo_ptsz(CUstream stream, CUstreamCaptureStatus *status,
                                       cuuint64_t *number)
{
    return cuStreamGetCaptureInfo(per_thread(stream), status, number);
}

VGPU_ENTRY cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status)
{
    return cuStreamGetCaptureInfo_v2(stream, status, nullptr, nullptr, nullptr, nullptr);
}

VGPU_ENTRY cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus *status)
{
    return cuStreamIsCapturing(per_thread(stream), status);
}

VGPU_ENTRY cuStreamUpdateCaptureDependencies_v2(CUstream stream, CUgraphNode *nodes,
                                                const CUgraphEdgeData *edges, size_t count,
                                                unsigned flags)
{
    return depend(stream, nodes, edges, count, flags);
}

VGPU_ENTRY cuStreamUpdateCaptureDependencies_v2_ptsz(CUstream stream, CUgraphNode *nodes,
                                                     const CUgraphEdgeData *edges, size_t count,
                                                     unsigned flags)
{
    return depend(per_thread(stream), nodes, edges, count, flags);
}

VGPU_ENTRY cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode *nodes, size_t count,
                                             unsigned flags)
{
    return depend(stream, nodes, nullptr, count, flags);
}

VGPU_ENTRY cuStreamUpdateCaptureDependencies_ptsz(CUstream stream, CUgraphNode *nodes, size_t count,
                                                  unsigned flags)
{
    return depend(per_thread(stream), nodes, nullptr, count, flags);
}

VGPU_ENTRY cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode)
{
    if (!mode || unsigned(*mode) > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    *mode = Captures::exchange_mode(*mode);
    return CUDA_SUCCESS;
}
