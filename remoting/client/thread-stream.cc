// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/thread-stream.h"

#include "remoting/client/call.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <sys/syscall.h>
#include <unistd.h>

namespace vgpu::client
{

bool name_thread_stream(Session &session, CUstream &stream)
{
    Context *context = current_context();
    if (!context)
        return false;
    auto &own = thread_state().default_streams;
    for (const ThreadStream &one : own) {
        // A context that was reset has lost it.
        if (one.context == context->id &&
            find_stream(session, api::handle_of<CUstream>(one.stream))) {
            stream = api::handle_of<CUstream>(one.stream);
            return true;
        }
    }
    uint64_t id = session.new_id(api::Kind::stream);
    // Like the driver's own: it waits for the legacy stream, and that for it.
    if (post_in(session, context->word(), api::Call::cuStreamCreateWithPriority,
                api::New<CUstream>::Client(id), val(unsigned(CU_STREAM_DEFAULT)),
                val(0)) != CUDA_SUCCESS)
        return false;
    auto made = std::make_shared<Stream>();
    made->context = context->id;
    made->device = context->device;
    session.streams.add(id, made);
    std::erase_if(own, [&](const ThreadStream &one) { return one.context == context->id; });
    own.push_back({context->id, id});
    stream = api::handle_of<CUstream>(id);
    return true;
}

void end_thread_streams(ThreadState &thread) noexcept
{
    // The main thread ends with the process, and the session with it: nothing may hold up an exit.
    CUresult why;
    Session *session = thread.default_streams.empty() ? nullptr : Session::get(why);
    if (!session || syscall(SYS_gettid) == getpid())
        return;
    try {
        for (const ThreadStream &one : thread.default_streams)
            if (session->streams.remove(one.stream)) // it was not ended with its context
                post_in(*session, uint32_t(api::counter_of(one.context)),
                        api::Call::cuStreamDestroy_v2,
                        handle(api::handle_of<CUstream>(one.stream)));
    } catch (...) {
        caught();
    }
}

} // namespace vgpu::client
