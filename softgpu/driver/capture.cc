// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <set>

namespace vgpu::soft::driver
{
namespace
{

std::atomic<unsigned> active{0}; ///< captures that go on: read without the lock, as a quick no
std::vector<std::shared_ptr<Capture>> captures;
thread_local CUstreamCaptureMode own_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

[[noreturn]] void invalidate(Capture &capture, CUresult code)
{
    capture.invalid = true;
    throw Failure(code);
}

/// The nodes that the stream's next one follows, without those that the application took away.
std::vector<Node *> tails_of(CaptureMark &mark)
{
    std::erase_if(mark.tails, [](auto &node) { return !machine().nodes.find(node->id); });
    std::vector<Node *> list;
    for (auto &node : mark.tails)
        list.push_back(node.get());
    return list;
}

void join(CaptureMark &mark, const std::vector<std::shared_ptr<Node>> &more)
{
    for (auto &node : more)
        if (std::find(mark.tails.begin(), mark.tails.end(), node) == mark.tails.end())
            mark.tails.push_back(node);
}

void take_part(Stream &stream, std::shared_ptr<Capture> capture)
{
    stream.mark = std::make_shared<CaptureMark>();
    stream.mark->capture = capture;
    capture->streams.push_back(stream.weak_from_this());
}

void end(const std::shared_ptr<Capture> &capture)
{
    capture->ended = true;
    for (auto &weak : capture->streams)
        if (auto stream = weak.lock())
            stream->mark.reset();
    std::erase(captures, capture);
    active--;
}

/// True if every node at which a stream of the capture stands comes before the origin's tails.
bool joined(Capture &capture, const CaptureMark &origin)
{
    std::set<Node *> before;
    std::vector<Node *> open;
    for (auto &node : origin.tails)
        open.push_back(node.get());
    while (!open.empty()) {
        Node *node = open.back();
        open.pop_back();
        if (before.insert(node).second)
            open.insert(open.end(), node->before.begin(), node->before.end());
    }
    for (auto &weak : capture.streams)
        if (auto stream = weak.lock(); stream && stream->mark)
            for (Node *node : tails_of(*stream->mark))
                if (!before.count(node))
                    return false;
    return true;
}

/// The blocking streams of a context that capture: the legacy stream would have to wait for them.
Capture *implicit(const Context &context)
{
    for (auto &capture : captures)
        for (auto &weak : capture->streams)
            if (auto stream = weak.lock())
                if (stream->blocking() && stream->context.lock().get() == &context)
                    return capture.get();
    return nullptr;
}

} // namespace

bool captured(Stream &stream)
{
    if (active.load(std::memory_order_relaxed) == 0)
        return false;
    std::lock_guard hold(graph_lock());
    if (stream.mark) {
        require(!stream.mark->capture->invalid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        return true;
    }
    if (stream.role == Stream::Role::legacy)
        if (auto context = stream.context.lock())
            if (Capture *capture = implicit(*context))
                invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    return false;
}

void forbid_while_capturing(Stream &stream)
{
    if (captured(stream)) {
        std::lock_guard hold(graph_lock());
        invalidate(*stream.mark->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    forbid_unsafe();
}

void forbid_unsafe()
{
    if (active.load(std::memory_order_relaxed) == 0 || own_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
        return;
    std::lock_guard hold(graph_lock());
    bool forbidden = false;
    for (auto &capture : captures) {
        bool mine = capture->thread == std::this_thread::get_id() &&
                    capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
        bool anyones = own_mode == CU_STREAM_CAPTURE_MODE_GLOBAL &&
                       capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
        if (mine || anyones)
            forbidden = capture->invalid = true;
    }
    require(!forbidden, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

void forbid_in_context(const Context &context)
{
    if (active.load(std::memory_order_relaxed) == 0)
        return;
    std::lock_guard hold(graph_lock());
    bool forbidden = false;
    for (auto &capture : captures)
        if (capture->context.lock().get() == &context)
            forbidden = capture->invalid = true;
    require(!forbidden, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    forbid_unsafe();
}

Node &capture_node(Stream &stream, Payload payload)
{
    std::lock_guard hold(graph_lock());
    CaptureMark &mark = *stream.mark;
    Node &node = mark.capture->graph->add(std::move(payload), tails_of(mark));
    mark.tails = {machine().nodes.find(node.id)};
    return node;
}

void capture_kernel(Stream &stream, const Function &function, const Shape &shape,
                    const std::vector<std::byte> &packed)
{
    capture_node(stream, kernel_node(stream.context.lock(), function, shape, packed));
}

void capture_copy(Stream &stream, const Transfer &transfer)
{
    capture_node(stream, CopyNode{stream.context, description_of(transfer)});
}

void capture_fill(Stream &stream, const CUDA_MEMSET_NODE_PARAMS &fill)
{
    if (fill.width && fill.height)
        capture_node(stream, FillNode{stream.context, fill});
}

bool capture_record(Stream &stream, Event &event)
{
    bool now = captured(stream);
    if (!now && active.load(std::memory_order_relaxed) == 0 && !event.mark)
        return false;
    std::lock_guard hold(graph_lock());
    event.mark.reset();
    if (now)
        event.mark = std::make_shared<CaptureMark>(*stream.mark);
    return now;
}

bool capture_wait(Stream &stream, Event &event)
{
    bool now = captured(stream);
    if (!now && !event.mark)
        return false;
    std::lock_guard hold(graph_lock());
    if (!event.mark) {
        // An event that was never recorded holds nobody up; another is outside of the capture.
        if (event.last())
            invalidate(*stream.mark->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
        return true;
    }
    auto capture = event.mark->capture;
    if (capture->ended) {
        if (now)
            invalidate(*stream.mark->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
        throw Failure(CUDA_ERROR_CAPTURED_EVENT);
    }
    require(!capture->invalid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    if (stream.role == Stream::Role::legacy)
        invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    if (now && stream.mark->capture != capture) {
        stream.mark->capture->invalid = true;
        invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
    }
    if (!now)
        take_part(stream, capture);
    join(*stream.mark, event.mark->tails);
    return true;
}

void forbid_captured(const Event &event)
{
    std::lock_guard hold(graph_lock());
    if (!event.mark)
        return;
    if (!event.mark->capture->ended)
        event.mark->capture->invalid = true;
    throw Failure(CUDA_ERROR_CAPTURED_EVENT);
}

void spoil(Stream &stream)
{
    std::lock_guard hold(graph_lock());
    if (!stream.mark)
        return;
    auto capture = stream.mark->capture;
    capture->invalid = true;
    if (capture->origin.lock().get() == &stream)
        end(capture);
}

namespace
{

std::shared_ptr<Stream> open(CUstream handle)
{
    auto stream = stream_of(handle, *current::get());
    auto context = stream->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    return stream;
}

void begin(CUstream handle, std::shared_ptr<Graph> graph, const std::vector<Node *> &before,
           CUstreamCaptureMode mode)
{
    static uint64_t last_number = 0;
    require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED);
    auto stream = open(handle);
    require(stream->role != Stream::Role::legacy, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    require(!stream->mark, CUDA_ERROR_ILLEGAL_STATE);
    auto capture = std::make_shared<Capture>();
    capture->number = ++last_number;
    capture->into = graph != nullptr;
    capture->graph = graph ? graph : Graph::create(true);
    capture->origin = stream;
    capture->context = stream->context;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    take_part(*stream, capture);
    for (Node *node : before)
        stream->mark->tails.push_back(machine().nodes.find(node->id));
    captures.push_back(capture);
    active++;
}

CUstreamCaptureStatus status_of(const Stream &stream)
{
    if (!stream.mark)
        return CU_STREAM_CAPTURE_STATUS_NONE;
    return stream.mark->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                         : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

/// One is asked about: the legacy stream has no answer beside a capture of a blocking one.
std::shared_ptr<Stream> asked(CUstream handle)
{
    auto stream = open(handle);
    if (stream->role == Stream::Role::legacy)
        require(!implicit(*stream->context.lock()), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    return stream;
}

void information(CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *number, CUgraph *graph,
                 const CUgraphNode **nodes, size_t *count)
{
    require(status != nullptr);
    auto stream = asked(handle);
    *status = status_of(*stream);
    if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) {
        if (count)
            *count = 0;
        return;
    }
    CaptureMark &mark = *stream->mark;
    mark.handles.clear();
    for (Node *node : tails_of(mark))
        mark.handles.push_back(handle_of<CUgraphNode>(*node));
    if (number)
        *number = mark.capture->number;
    if (graph)
        *graph = handle_of<CUgraph>(*mark.capture->graph);
    if (nodes)
        *nodes = mark.handles.data();
    if (count)
        *count = mark.handles.size();
}

void change_tails(CUstream handle, const CUgraphNode *nodes, size_t count, unsigned flags)
{
    require(flags == CU_STREAM_ADD_CAPTURE_DEPENDENCIES ||
            flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES);
    auto stream = open(handle);
    require(stream->mark != nullptr, CUDA_ERROR_ILLEGAL_STATE);
    captured(*stream);
    nodes_of(nodes, count, *stream->mark->capture->graph);
    std::vector<std::shared_ptr<Node>> list;
    for (size_t i = 0; i < count; i++)
        list.push_back(node_of(nodes[i]));
    if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES)
        stream->mark->tails.clear();
    join(*stream->mark, list);
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode)
{
    GRAPH_ENTRY({ begin(stream, nullptr, {}, mode); });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuStreamBeginCaptureToGraph(CUstream stream, CUgraph handle,
                                                         const CUgraphNode *nodes,
                                                         const CUgraphEdgeData *edges, size_t count,
                                                         CUstreamCaptureMode mode)
{
    GRAPH_ENTRY({
        auto graph = graph_of(handle);
        check_edges(edges, count);
        begin(stream, graph, nodes_of(nodes, count, *graph), mode);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuStreamEndCapture(CUstream handle, CUgraph *graph)
{
    GRAPH_ENTRY({
        if (graph) // a capture into a graph that is there needs none
            *graph = nullptr;
        auto stream = open(handle);
        require(stream->mark != nullptr, CUDA_ERROR_ILLEGAL_STATE);
        auto capture = stream->mark->capture;
        if (capture->origin.lock() != stream)
            invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
        require(capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED ||
                    capture->thread == std::this_thread::get_id(),
                CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        bool whole = capture->invalid || joined(*capture, *stream->mark);
        end(capture);
        if (capture->invalid || !whole) {
            // What was captured until then is of no use; a graph of the application's stays.
            if (!capture->into)
                capture->graph->unlist();
            throw Failure(whole ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
                                : CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
        }
        if (graph)
            *graph = handle_of<CUgraph>(*capture->graph);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status)
{
    GRAPH_ENTRY({
        require(status != nullptr);
        *status = status_of(*asked(stream));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamGetCaptureInfo_v2(CUstream stream,
                                                       CUstreamCaptureStatus *status,
                                                       cuuint64_t *number, CUgraph *graph,
                                                       const CUgraphNode **nodes, size_t *count)
{
    GRAPH_ENTRY({ information(stream, status, number, graph, nodes, count); });
}

#if CUDA_VERSION >= 12030
SOFT_EXPORT CUresult CUDAAPI cuStreamGetCaptureInfo_v3(CUstream stream,
                                                       CUstreamCaptureStatus *status,
                                                       cuuint64_t *number, CUgraph *graph,
                                                       const CUgraphNode **nodes,
                                                       const CUgraphEdgeData **edges, size_t *count)
{
    GRAPH_ENTRY({
        information(stream, status, number, graph, nodes, count);
        if (edges)
            *edges = nullptr; // all are plain
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamUpdateCaptureDependencies_v2(CUstream stream,
                                                                  CUgraphNode *nodes,
                                                                  const CUgraphEdgeData *edges,
                                                                  size_t count, unsigned int flags)
{
    GRAPH_ENTRY({
        check_edges(edges, count);
        change_tails(stream, nodes, count, flags);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode)
{
    ENTRY({
        require(mode && *mode >= CU_STREAM_CAPTURE_MODE_GLOBAL &&
                *mode <= CU_STREAM_CAPTURE_MODE_RELAXED);
        std::swap(*mode, own_mode);
    });
}
