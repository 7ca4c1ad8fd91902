// SPDX-License-Identifier: Apache-2.0
// What the wrappers of CUDA libraries (remoting/libs) have of the session: the table that
// cuGetExportTable gives them. Their calls go the way of all calls, in the same order.
#include "remoting/client/libraries.h"

#include "remoting/api/library-table.h"
#include "remoting/base/log.h"
#include "remoting/client/call.h"
#include "remoting/client/entry-of-launch.h"
#include "remoting/client/mirrors.h"
#include "remoting/client/wait.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace vgpu::client
{
namespace
{

constexpr uint32_t kMostLibraries = 16;

using CallName = const char *(*)(uint32_t number);
// Written by open(); partner: library_call_name() in every thread.
std::array<std::atomic<CallName>, kMostLibraries> call_names;

// A library brings CUDA up by itself: the first device, unless the program has chosen one.
CUresult make_ready()
{
    CUresult result = CUDA_SUCCESS;
    CUresult why;
    if (!Session::get(why))
        result = why == CUDA_ERROR_NOT_INITIALIZED ? cuInit(0) : why;
    if (result != CUDA_SUCCESS || top_context())
        return result;
    CUcontext context;
    result = cuDevicePrimaryCtxRetain(&context, 0);
    return result == CUDA_SUCCESS ? cuCtxSetCurrent(context) : result;
}

CUresult open_library(const api::LibraryIntroduction *library)
{
    if (!library || library->number >= kMostLibraries)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult ready = make_ready();
    if (ready != CUDA_SUCCESS)
        return ready;
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        Request request;
        request.out().u64(library->number);
        request.out().u64(library->major);
        request.out().u64(library->hash);
        Answer answer;
        CUresult result =
            exchange(session, context.word(), api::Call::vgpuLibraryOpen, request, answer);
        if (result != CUDA_SUCCESS)
            return result;
        wire::Decoder in(answer.body());
        std::string why(in.string(api::kMaxString));
        if (!in.done())
            return misunderstood(session, api::Call::vgpuLibraryOpen, in.why());
        if (!why.empty()) {
            log(Level::error, "%s: %s", library->name, why.c_str());
            return CUDA_ERROR_NOT_FOUND;
        }
        call_names[library->number].store(library->call_name, std::memory_order_release);
        return CUDA_SUCCESS;
    });
}

uint64_t new_object_id()
{
    return new_id(api::Kind::library_object);
}

bool name_stream(CUstream stream, uint64_t *id)
{
    return entry([&](Session &session) -> CUresult {
               if (!good_stream(session, stream))
                   return CUDA_ERROR_INVALID_HANDLE;
               *id = api::id_of(stream);
               return CUDA_SUCCESS;
           }) == CUDA_SUCCESS;
}

// work(session, context), with what the program has written to shared memory sent ahead.
template<class Work>
CUresult give(uint64_t stream, Work &&work)
{
    CUresult why = top_context() ? CUDA_SUCCESS : make_ready();
    if (why != CUDA_SUCCESS)
        return why;
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        DeviceWork given(session, context, api::handle_of<CUstream>(stream));
        return given.result == CUDA_SUCCESS ? work(session, context) : given.result;
    });
}

CUresult ask_library(Session &session, Context &context, std::span<std::byte> message, int *status,
                     const std::byte **reply, size_t *reply_bytes)
{
    constexpr auto call = api::Call::vgpuLibraryCall;
    Answer answer;
    Connection &connection = session.connection();
    if (!connection.send(uint16_t(call), context.word(), message, {}, &answer) ||
        !connection.wait(answer))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    if (answer.result != CUDA_SUCCESS)
        return answer.result;
    wire::Decoder in(answer.body());
    int64_t said = in.i64();
    if (!in.ok() || said != int(said))
        return misunderstood(session, call, "it has no status");
    *status = int(said);
    *reply = answer.body().data() + sizeof said;
    *reply_bytes = answer.body().size() - sizeof said;
    return CUDA_SUCCESS;
}

// With CUDA_LAUNCH_BLOCKING=1 what a call has given to its stream is done when it returns.
CUresult finish(uint64_t stream)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto handle = api::handle_of<CUstream>(stream);
        if (!good_stream(session, handle)) // the object outlives it
            return CUDA_SUCCESS;
        return finish_launch(session, context, handle);
    });
}

CUresult ask(uint64_t stream, std::byte *message, size_t bytes, int *status,
             const std::byte **reply, size_t *reply_bytes)
{
    CUresult result = give(stream, [&](Session &session, Context &context) {
        return ask_library(session, context, {message, bytes}, status, reply, reply_bytes);
    });
    if (result != CUDA_SUCCESS || *status != 0 || !launches_block()) [[likely]]
        return result;
    // Waiting has an answer too, which takes this one's memory.
    auto &kept = thread_state().kept_reply;
    kept.assign(*reply, *reply + *reply_bytes);
    *reply = kept.data();
    return finish(stream);
}

CUresult post(uint64_t stream, std::byte *message, size_t bytes, int *status)
{
    const bool waits = launches_block();
    CUresult result = give(stream, [&](Session &session, Context &context) -> CUresult {
        *status = 0;
        // Each call of a capture may be the one that ends it.
        if (session.captures.any() || waits) [[unlikely]] {
            const std::byte *reply;
            size_t reply_bytes;
            return ask_library(session, context, {message, bytes}, status, &reply, &reply_bytes);
        }
        bool sent = session.connection().send(uint16_t(api::Call::vgpuLibraryCall), context.word(),
                                              {message, bytes});
        return sent ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
    });
    return result == CUDA_SUCCESS && *status == 0 && waits ? finish(stream) : result;
}

constexpr api::LibraryTable kTable{
    sizeof(api::LibraryTable),
    1,
    open_library,
    new_object_id,
    name_stream,
    post,
    ask,
    [](const char *name, const char *reason) { refused(name, reason); }};
static_assert(api::kMessageRoom == wire::kHeaderSize);

} // namespace

const void *library_table() noexcept
{
    return &kTable;
}

const char *library_call_name(uint32_t number) noexcept
{
    uint32_t library = number >> 16;
    if (library == 0 || library >= kMostLibraries)
        return nullptr;
    CallName name = call_names[library].load(std::memory_order_acquire);
    return name ? name(number & 0xffff) : nullptr;
}

} // namespace vgpu::client
