// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/calls.h"

namespace vgpu::server::calls
{

CUresult vgpuContextOpen(Session &session, uint32_t ordinal, uint32_t flags)
{
    return session.contexts.open_primary(ordinal, flags);
}

CUresult vgpuContextReset(Session &session, uint32_t ordinal)
{
    if (ordinal >= session.slices.size())
        return CUDA_ERROR_INVALID_DEVICE;
    session.close_context(uint32_t(api::primary_counter(ordinal))); // opened again by its next use
    return CUDA_SUCCESS;
}

CUresult vgpuDetach(Session &session)
{
    session.detached_ = true;
    return CUDA_SUCCESS;
}

CUresult cuCtxCreate_v2(Session &session, CUcontext *context, unsigned flags, CUdevice)
{
    return session.contexts.create(session.handles.slice_named(), flags, context);
}

CUresult cuCtxDestroy_v2(Session &session, CUcontext handle)
{
    Context *context = session.contexts.find(handle);
    if (!context || context->word < api::kFirstContext) // a primary context is reset, not destroyed
        return CUDA_ERROR_INVALID_CONTEXT;
    session.close_context(context->word);
    return CUDA_SUCCESS;
}

// What kernels may allocate, and what they print into, is device memory like any other.
CUresult cuCtxSetLimit(Session &session, CUlimit limit, size_t value)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (limit != CU_LIMIT_MALLOC_HEAP_SIZE && limit != CU_LIMIT_PRINTF_FIFO_SIZE)
        return session.driver.cuCtxSetLimit(limit, value);
    uint64_t before = session.memory.reserved(context->word, limit);
    if (!session.memory.reserve(context->slice, context->word, limit, value))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = session.driver.cuCtxSetLimit(limit, value);
    if (result != CUDA_SUCCESS)
        session.memory.reserve(context->slice, context->word, limit, before);
    return result;
}

} // namespace vgpu::server::calls
