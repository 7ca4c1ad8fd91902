// SPDX-License-Identifier: Apache-2.0
// Host functions in a stream. They must run here, in this process, when all before them has been
// done, and before all after them: there is no thread of ours to run them on, so that the calling
// thread waits for the stream and runs them itself. A program that counts on its own progress while
// they are pending sees them run earlier than it could tell.
#include "remoting/client/entry.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;

VGPU_ENTRY cuLaunchHostFunc(CUstream stream, CUhostFn function, void *data)
{
    CUresult result = entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!function)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        return synchronize_stream(session, context.word(), stream);
    });
    // Outside of the frame: what it throws is the application's own affair.
    if (result == CUDA_SUCCESS)
        function(data);
    return result;
}

VGPU_ENTRY cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn function, void *data)
{
    return cuLaunchHostFunc(per_thread(stream), function, data);
}

// Unlike the former, these are also called after a failure, and told of it.
VGPU_ENTRY cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void *data,
                               unsigned flags)
{
    CUresult outcome = CUDA_SUCCESS;
    CUresult result = entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!callback || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        outcome = synchronize_stream(session, context.word(), stream);
        return CUDA_SUCCESS;
    });
    if (result == CUDA_SUCCESS)
        callback(stream, outcome, data);
    return result;
}

VGPU_ENTRY cuStreamAddCallback_ptsz(CUstream stream, CUstreamCallback callback, void *data,
                                    unsigned flags)
{
    return cuStreamAddCallback(per_thread(stream), callback, data, flags);
}
