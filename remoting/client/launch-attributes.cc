// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/launch-attributes.h"

#include "remoting/api/launch-attributes.h"
#include "remoting/client/event.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace vgpu::client
{
namespace
{

// An event that a launch records by itself, and how; none in most attributes.
struct Recording {
    CUevent event = nullptr;
    int flags = 0;
};

bool records(const CUlaunchAttribute &attribute, Recording &recording)
{
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT) {
        recording = {attribute.value.programmaticEvent.event,
                     attribute.value.programmaticEvent.flags};
        return true;
    }
#if CUDA_VERSION >= 12030
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT) {
        recording = {attribute.value.launchCompletionEvent.event,
                     attribute.value.launchCompletionEvent.flags};
        return true;
    }
#endif
    return false;
}

// Whether the node that a launch becomes is one that the device may change.
bool is_updatable([[maybe_unused]] const CUlaunchAttribute &attribute)
{
#if CUDA_VERSION >= 12040
    return attribute.id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE &&
           attribute.value.deviceUpdatableKernelNode.deviceUpdatable;
#else
    return false;
#endif
}

// The events that the launch records, each once and in one order, for their locks.
CUresult events_of(const Session &session, std::span<const CUlaunchAttribute> attributes,
                   std::vector<Event *> &events)
{
    for (auto &attribute : attributes) {
        Recording recording;
        if (!records(attribute, recording))
            continue;
        Event *event = find_event(session, recording.event);
        if (!event)
            return CUDA_ERROR_INVALID_HANDLE;
        bool plain = (event->flags & (CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS)) ==
                     CU_EVENT_DISABLE_TIMING;
        if (!plain || recording.flags != CU_EVENT_RECORD_DEFAULT)
            return CUDA_ERROR_INVALID_VALUE;
        events.push_back(event);
    }
    std::sort(events.begin(), events.end());
    events.erase(std::unique(events.begin(), events.end()), events.end());
    return CUDA_SUCCESS;
}

} // namespace

CUresult read_attributes(std::span<const CUlaunchAttribute> attributes, bool &cooperative)
{
    if (attributes.size() > api::kMostAttributes)
        return CUDA_ERROR_INVALID_VALUE;
    for (auto &attribute : attributes) {
        if (!api::is_known_attribute(attribute.id))
            return refused("a launch with an attribute that is newer than this libcuda.so",
                           "what its value holds is not known");
        if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
            cooperative = attribute.value.cooperative;
    }
    return CUDA_SUCCESS;
}

CUresult send_attributed(Session &session, const Context &context, CUstream stream,
                         std::span<CUlaunchAttribute> attributes,
                         const std::function<CUresult(wire::Encoder &)> &put)
{
    std::vector<Event *> events;
    CUresult result = events_of(session, attributes, events);
    if (result != CUDA_SUCCESS)
        return result;
    Request request;
    if (result = put(request.out()); result != CUDA_SUCCESS)
        return result;
    std::vector<std::unique_lock<std::mutex>> locks;
    for (Event *event : events)
        locks.emplace_back(event->mutex);

    auto updatable = std::find_if(attributes.begin(), attributes.end(), is_updatable);
    if (updatable == attributes.end()) {
        result = post(session, context.word(), api::Call::vgpuLaunchWith, request);
    } else {
        Answer answer;
        result = exchange(session, context.word(), api::Call::vgpuLaunchUpdatable, request, answer);
        if (result == CUDA_SUCCESS) {
            wire::Decoder in(answer.body());
            [[maybe_unused]] uint64_t node = in.u64();
            if (!in.done())
                return misunderstood(session, api::Call::vgpuLaunchUpdatable, in.why());
#if CUDA_VERSION >= 12040
            updatable->value.deviceUpdatableKernelNode.devNode =
                reinterpret_cast<CUgraphDeviceNode>(node);
#endif
        }
    }
    if (result == CUDA_SUCCESS)
        for (Event *event : events)
            note_recording(session, *event, stream);
    return result;
}

} // namespace vgpu::client
