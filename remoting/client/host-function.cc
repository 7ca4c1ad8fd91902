// SPDX-License-Identifier: Apache-2.0
// Host functions in a stream: called here by a thread of ours when the stream has come so far, and
// the stream goes on when they have returned.
#include "remoting/client/entry.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;

namespace
{

template<class Function>
CUresult launch(CUstream stream, Function function, void *data)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!function)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        return session.host_service.call(session, stream_word(session, context.word(), stream),
                                         stream, function, data);
    });
}

} // namespace

VGPU_ENTRY cuLaunchHostFunc(CUstream stream, CUhostFn function, void *data)
{
    return launch(stream, function, data);
}

VGPU_ENTRY cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn function, void *data)
{
    return cuLaunchHostFunc(per_thread(stream), function, data);
}

// Unlike the former, these are also called after a failure, and told of it.
VGPU_ENTRY cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void *data,
                               unsigned flags)
{
    return flags ? CUDA_ERROR_INVALID_VALUE : launch(stream, callback, data);
}

VGPU_ENTRY cuStreamAddCallback_ptsz(CUstream stream, CUstreamCallback callback, void *data,
                                    unsigned flags)
{
    return cuStreamAddCallback(per_thread(stream), callback, data, flags);
}
