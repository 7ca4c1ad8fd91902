// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/wait.h"

#include "remoting/client/call.h"

namespace vgpu::client
{
namespace
{

// After these the driver refuses all further work in the context.
bool ends_context(CUresult result)
{
    switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
        return true;
    default:
        return false;
    }
}

} // namespace

// All copies up to there are waited for, not only the stream's own: a stream may have waited for
// another one's event, and the program may then rely on what that one had copied.
CUresult settle(Session &session, uint32_t sequence, CUresult result)
{
    if (!session.connection().complete_before(sequence))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    // Only what the worker says of this context ends it: a deferred failure may be another's.
    if (Context *context = current_context(); context && ends_context(result))
        context->fault.store(result, std::memory_order_release);
    CUresult deferred = session.take_deferred();
    return result == CUDA_SUCCESS ? deferred : result;
}

CUresult synchronize_context(Session &session, uint32_t word)
{
    uint32_t sequence = session.connection().last_sequence();
    return settle(session, sequence, call_in(session, word, api::Call::cuCtxSynchronize));
}

CUresult synchronize_stream(Session &session, uint32_t word, CUstream stream)
{
    uint32_t sequence = session.connection().last_sequence();
    return settle(session, sequence,
                  call_in(session, stream_word(session, word, stream),
                          api::Call::cuStreamSynchronize, handle(stream)));
}

uint32_t stream_word(const Session &session, uint32_t current, CUstream stream)
{
    uint64_t id = api::id_of(stream);
    auto known = id < api::kSpecialHandles ? nullptr : session.streams.find(id);
    return known ? uint32_t(api::counter_of(known->context)) : current;
}

bool good_stream(const Session &session, CUstream stream)
{
    uint64_t id = api::id_of(stream);
    if (id < api::kSpecialHandles)
        return stream == nullptr || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
    return session.streams.has(id);
}

} // namespace vgpu::client
