// SPDX-License-Identifier: Apache-2.0
// What launches have in common beside other work in a context.
#pragma once

#include "remoting/base/cuda-variables.h"
#include "remoting/client/entry.h"

namespace vgpu::client
{

// After a launch into this stream: waits for it, unless it was captured.
CUresult finish_launch(Session &session, Context &context, CUstream stream);

// body(Session &, Context &) gives work to `stream`, which it may name anew (good_stream). With
// CUDA_LAUNCH_BLOCKING=1 the result is that of the work.
template<class Body>
CUresult entry_of_launch(CUstream &stream, Body &&body) noexcept
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        CUresult result = body(session, context);
        return result == CUDA_SUCCESS && launches_block() ? finish_launch(session, context, stream)
                                                          : result;
    });
}

} // namespace vgpu::client
