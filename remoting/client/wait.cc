// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/wait.h"

#include "remoting/client/call.h"
#include "remoting/client/entry-of-launch.h"
#include "remoting/client/thread-stream.h"

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
CUresult settle(Session &session, uint64_t sequence, CUresult result)
{
    if (!session.connection().complete_before(sequence))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    // Only what the worker says of this context ends it: a deferred failure may be another's.
    if (Context *context = current_context(); context && ends_context(result))
        context->fault.store(result, std::memory_order_release);
    CUresult fetched = session.mirrors.any() ? session.mirrors.after_wait(session) : CUDA_SUCCESS;
    CUresult deferred = session.take_deferred();
    if (result == CUDA_SUCCESS)
        result = deferred;
    return result == CUDA_SUCCESS ? fetched : result;
}

// `mark`: how far is known to be done.
static void move_on(std::atomic<uint64_t> &mark, uint64_t sequence)
{
    uint64_t before = mark.load(std::memory_order_relaxed);
    while (before < sequence &&
           !mark.compare_exchange_weak(before, sequence, std::memory_order_acq_rel))
        ;
}

static bool is_legacy(CUstream stream)
{
    return stream == nullptr || stream == CU_STREAM_LEGACY;
}

CUresult synchronize_context(Session &session, uint32_t word)
{
    if (CUresult forbidden = session.captures.forbid_context(session, word);
        forbidden != CUDA_SUCCESS)
        return forbidden;
    uint64_t sequence = session.connection().last_sequence();
    CUresult result = call_in(session, word, api::Call::cuCtxSynchronize);
    // The request itself, and what may have come between, is past too.
    if (Context *context = session.contexts.find(word); context && result == CUDA_SUCCESS)
        move_on(context->done, sequence + 1);
    return settle(session, sequence, result);
}

CUresult synchronize_stream(Session &session, uint32_t word, CUstream stream)
{
    word = stream_word(session, word, stream);
    if (CUresult forbidden = session.captures.forbid_wait(session, word, stream);
        forbidden != CUDA_SUCCESS)
        return forbidden;
    return await_stream(session, word, stream);
}

CUresult await_stream(Session &session, uint32_t word, CUstream stream)
{
    uint64_t sequence = session.connection().last_sequence();
    CUresult result = call_in(session, word, api::Call::cuStreamSynchronize, handle(stream));
    if (result == CUDA_SUCCESS) {
        if (Stream *known = find_stream(session, stream))
            move_on(known->done, sequence + 1);
        else if (Context *context = session.contexts.find(word); context && is_legacy(stream))
            move_on(context->legacy_done, sequence + 1);
    }
    return settle(session, sequence, result);
}

CUresult finish_launch(Session &session, Context &context, CUstream stream)
{
    const uint32_t word = stream_word(session, context.word(), stream);
    bool capturing = false;
    CUresult result = session.captures.ask(session, word, stream, capturing);
    return result != CUDA_SUCCESS || capturing ? result : await_stream(session, word, stream);
}

CUresult judge(Session &session, uint32_t word)
{
    CUfunc_cache ignored; // a question that costs the driver nothing
    CUresult result = call_in(session, word, api::Call::cuCtxGetCacheConfig, out(&ignored));
    CUresult deferred = session.take_deferred();
    return deferred == CUDA_SUCCESS ? result : deferred;
}

bool is_past(const Session &session, uint64_t context, CUstream stream, uint64_t sequence)
{
    Stream *known = find_stream(session, stream);
    if (known && known->done.load(std::memory_order_acquire) >= sequence)
        return true;
    const Context *all = session.contexts.find(uint32_t(api::counter_of(context)));
    if (!all)
        return false;
    return all->done.load(std::memory_order_acquire) >= sequence ||
           (is_legacy(stream) && all->legacy_done.load(std::memory_order_acquire) >= sequence);
}

Stream *find_stream(const Session &session, CUstream stream)
{
    uint64_t id = api::id_of(stream);
    return id < api::kSpecialHandles ? nullptr
                                     : session.streams.find_again(id, thread_state().streams);
}

uint32_t stream_word(const Session &session, uint32_t current, CUstream stream)
{
    const Stream *known = find_stream(session, stream);
    return known ? uint32_t(api::counter_of(known->context)) : current;
}

bool good_stream(Session &session, CUstream &stream)
{
    if (stream == CU_STREAM_PER_THREAD)
        return name_thread_stream(session, stream);
    return is_legacy(stream) || find_stream(session, stream);
}

} // namespace vgpu::client
