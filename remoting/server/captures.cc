// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/captures.h"

#include <utility>

namespace vgpu::server
{

bool Captures::in_context(uint32_t word) const
{
    for (auto &[stream, context] : origins_)
        if (context == word)
            return true;
    return false;
}

bool Captures::captures(CUstream stream) const
{
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    return any() && driver_.cuStreamIsCapturing(stream, &status) == CUDA_SUCCESS &&
           status != CU_STREAM_CAPTURE_STATUS_NONE;
}

CUresult Captures::begin(CUstream stream, uint32_t word, CUgraph graph, const CUgraphNode *nodes,
                         size_t count)
{
    CUresult result = CUDA_ERROR_NOT_SUPPORTED;
    if (!graph && driver_.cuStreamBeginCapture_v2)
        result = driver_.cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    else if (graph && driver_.cuStreamBeginCaptureToGraph)
        result = driver_.cuStreamBeginCaptureToGraph(stream, graph, nodes, nullptr, count,
                                                     CU_STREAM_CAPTURE_MODE_RELAXED);
    if (result == CUDA_SUCCESS)
        origins_[stream] = word;
    return result;
}

CUresult Captures::end(CUstream stream, CUgraph &graph)
{
    if (!driver_.cuStreamEndCapture)
        return CUDA_ERROR_NOT_SUPPORTED;
    CUresult result = driver_.cuStreamEndCapture(stream, &graph);
    if (!captures(stream)) // it is over, however it went
        origins_.erase(stream);
    return result;
}

CUresult Captures::state(CUstream stream, State &state) const
{
    if (!driver_.cuStreamGetCaptureInfo_v3)
        return CUDA_ERROR_NOT_SUPPORTED;
    const CUgraphNode *tails = nullptr;
    size_t count = 0;
    CUresult result = driver_.cuStreamGetCaptureInfo_v3(stream, &state.status, &state.number,
                                                        &state.graph, &tails, nullptr, &count);
    if (result == CUDA_SUCCESS && tails)
        state.tails.assign(tails, tails + count);
    return result;
}

CUresult Captures::keep(CUgraph graph, std::unique_ptr<Kept> kept)
{
    if (!driver_.cuUserObjectCreate || !driver_.cuGraphRetainUserObject)
        return CUDA_ERROR_NOT_SUPPORTED;
    CUuserObject object = nullptr;
    kept->list = released_;
    CUresult result = driver_.cuUserObjectCreate(&object, kept.get(), release, 1,
                                                 CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
    if (result != CUDA_SUCCESS)
        return result;
    kept.release(); // the object's from now on
    result = driver_.cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE);
    if (result != CUDA_SUCCESS)
        driver_.cuUserObjectRelease(object, 1);
    return result;
}

// A thread of the driver's, which may not be called from there.
void Captures::release(void *argument)
{
    std::unique_ptr<Kept> kept(static_cast<Kept *>(argument));
    std::shared_ptr<Released> list = kept->list;
    std::lock_guard lock(list->mutex);
    if (list->over)
        kept.release(); // the process ends
    else
        list->all.push_back(std::move(kept));
}

std::vector<std::unique_ptr<Captures::Kept>> Captures::take_released()
{
    std::lock_guard lock(released_->mutex);
    return std::exchange(released_->all, {});
}

Captures::~Captures()
{
    std::lock_guard lock(released_->mutex);
    released_->over = true;
    released_->all.clear();
}

} // namespace vgpu::server
