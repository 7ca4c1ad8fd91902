// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/graph.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

// Capturing: what would go into a stream becomes nodes of a graph. All of it is guarded by the
// graphs' lock; who does not capture pays one look at a counter.

namespace vgpu::soft::driver
{

/// One capture, from cuStreamBeginCapture to cuStreamEndCapture.
struct Capture {
    uint64_t number = 0;
    std::shared_ptr<Graph> graph;
    std::weak_ptr<Stream> origin;
    std::weak_ptr<Context> context;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    std::thread::id thread;
    bool into = false; ///< a graph of the application's
    bool invalid = false;
    bool ended = false;
    std::vector<std::weak_ptr<Stream>> streams; ///< that take part
};

/// Where a capturing stream stands: what its next node will depend on.
struct CaptureMark {
    std::shared_ptr<Capture> capture;
    std::vector<std::shared_ptr<Node>> tails;
    std::vector<CUgraphNode> handles; ///< what cuStreamGetCaptureInfo gave out last
};

/// True if `stream` is being captured, so that the caller is to add a node. Throws what a capture
/// forbids: using one that was spoiled, or the legacy stream beside one.
bool captured(Stream &stream);

/// Before a call that waits for `stream`, which no capture can hold.
void forbid_while_capturing(Stream &stream);

/// Before a call that is not safe while somebody captures: an allocation, say.
void forbid_unsafe();

/// Before a call that waits for all of a context.
void forbid_in_context(const Context &context);

void capture_kernel(Stream &stream, const Function &function, const Shape &shape,
                    const std::vector<std::byte> &packed);
void capture_copy(Stream &stream, const Transfer &transfer);
void capture_fill(Stream &stream, const CUDA_MEMSET_NODE_PARAMS &fill);
/// Any node, after what the stream has done so far.
Node &capture_node(Stream &stream, Payload payload);

/// cuEventRecord and cuStreamWaitEvent, as far as they have to do with a capture: true if that is
/// all.
bool capture_record(Stream &stream, Event &event);
bool capture_wait(Stream &stream, Event &event);

/// Throws CAPTURED_EVENT for an event whose last recording is none that one could wait for.
void forbid_captured(const Event &event);

/// The stream goes: what captured it can end no more.
void spoil(Stream &stream);

} // namespace vgpu::soft::driver
