// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/calls.h"

namespace vgpu::server::calls
{
namespace
{

// The driver keeps a stack for every thread that the device can have at once. The one that a
// context starts with is among what the context takes by itself.
uint64_t stack_bytes(Session &session, const Context &context, uint64_t value)
{
    constexpr uint64_t kFirst = 1024;
    int units = 0, threads = 0;
    CUdevice device = session.slices[context.slice].device;
    session.driver.cuDeviceGetAttribute(&units, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
    session.driver.cuDeviceGetAttribute(&threads,
                                        CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, device);
    uint64_t more = value > kFirst ? value - kFirst : 0, bytes;
    if (__builtin_mul_overflow(more, uint64_t(units) * uint64_t(threads), &bytes))
        return UINT64_MAX;
    return bytes;
}

} // namespace

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

// What kernels may allocate, what they print into and their threads' stacks are device memory like
// any other.
CUresult cuCtxSetLimit(Session &session, CUlimit limit, size_t value)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (limit != CU_LIMIT_MALLOC_HEAP_SIZE && limit != CU_LIMIT_PRINTF_FIFO_SIZE &&
        limit != CU_LIMIT_STACK_SIZE)
        return session.driver.cuCtxSetLimit(limit, value);
    Memory &memory = session.memory;
    auto hold = [&](uint64_t bytes) {
        return memory.hold(context->slice, context->word, Memory::Held::limit, limit, bytes);
    };
    uint64_t bytes = limit == CU_LIMIT_STACK_SIZE ? stack_bytes(session, *context, value) : value;
    uint64_t before = memory.held(context->word, Memory::Held::limit, limit);
    if (!hold(bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = session.driver.cuCtxSetLimit(limit, value);
    if (result != CUDA_SUCCESS)
        hold(before);
    return result;
}

} // namespace vgpu::server::calls
