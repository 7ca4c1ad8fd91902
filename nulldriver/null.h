// SPDX-License-Identifier: Apache-2.0
// The null driver: the driver's ABI with nothing behind it. Calls are accepted and, on request,
// recorded; what they cost is then what whoever calls them costs. Nothing is computed and nothing
// is copied.
#pragma once

#pragma GCC visibility push(default)
#include <cuda.h>
#if __has_include(<cudaProfiler.h>)
#include <cudaProfiler.h>
#endif
#pragma GCC visibility pop

#include "nulldriver/record.h"

#include <atomic>

// Marks an entry point of the ABI; exports.py finds those written by hand by this word.
#define NULL_EXPORT extern "C" __attribute__((visibility("default"))) CUresult CUDAAPI

namespace vgpu::null
{

// A handle that nothing had before. Never a valid address, so that whoever looks behind it notices.
inline std::atomic<uintptr_t> last_handle{0x1000};
inline uintptr_t new_handle()
{
    return last_handle.fetch_add(16, std::memory_order_relaxed) + 16;
}

template<class T>
void create(T *handle)
{
    if (handle)
        *handle = (T)new_handle();
}

template<class T>
void clear(T *value)
{
    if (value)
        *value = T();
}

template<class T>
T made(const T *handle)
{
    return handle ? *handle : T();
}

// Name, grid, block, shared memory and the parameters' bytes.
std::string kernel_text(const CUDA_KERNEL_NODE_PARAMS_v2 &kernel);

// Waits for the host functions that the stream was given.
void settle(CUstream stream);

} // namespace vgpu::null
