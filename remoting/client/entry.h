// SPDX-License-Identifier: Apache-2.0
// The frame of every exported function: finds the session, keeps exceptions inside.
#pragma once

#include "remoting/client/context.h"
#include "remoting/client/session.h"

#include <cuda.h>

// In front of each definition of a function of cuda.h.
#define VGPU_ENTRY extern "C" __attribute__((visibility("default"))) CUresult CUDAAPI

namespace vgpu::client
{

// Logs what was thrown and turns it into a result. To be called inside a catch block.
CUresult caught() noexcept;

// body(Session &) -> CUresult
template<class Body>
CUresult entry(Body &&body) noexcept
{
    CUresult why;
    Session *session = Session::get(why);
    if (!session)
        return why;
    try {
        return body(*session);
    } catch (...) {
        return caught();
    }
}

// body(Session &, Context &) -> CUresult: for questions about the current context.
template<class Body>
CUresult entry_about_context(Body &&body) noexcept
{
    return entry([&](Session &session) -> CUresult {
        Context *context = current_context();
        if (!context)
            return top_context() ? CUDA_ERROR_CONTEXT_IS_DESTROYED : CUDA_ERROR_INVALID_CONTEXT;
        return body(session, *context);
    });
}

// The same for work in it: none is possible after a fault.
template<class Body>
CUresult entry_in_context(Body &&body) noexcept
{
    return entry_about_context([&](Session &session, Context &context) -> CUresult {
        int fault = context.fault.load(std::memory_order_acquire);
        return fault == CUDA_SUCCESS ? body(session, context) : CUresult(fault);
    });
}

// The `_ptsz` and `_ptds` variants: stream 0 means the thread's own default stream.
inline CUstream per_thread(CUstream stream) noexcept
{
    return stream ? stream : CU_STREAM_PER_THREAD;
}

} // namespace vgpu::client
