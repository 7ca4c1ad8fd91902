// SPDX-License-Identifier: Apache-2.0
// What every entry point of the runtime stands on: the thread's device and last error, and making a
// context current before the driver is called.
#pragma once

// The public API is all that is exported; the header's declarations carry the visibility.
#pragma GCC visibility push(default)
#include <cuda_runtime_api.h>
#pragma GCC visibility pop

#include "remoting/cudart/driver.h"

// An entry point that no public header declares.
#define VGPU_CUDART_ENTRY extern "C" [[gnu::visibility("default")]]

// Calls that got a second form in the course of CUDA 12, and lost the first in 13.
#if CUDART_VERSION < 13000
#define VGPU_SECOND(name) name##_v2
#else
#define VGPU_SECOND(name) name
#endif

#if CUDART_VERSION < 12050
// Declared since 12.5, but called by what newer compilers of the same major built.
VGPU_CUDART_ENTRY cudaError_t cudaGetDriverEntryPointByVersion(
    const char *symbol, void **function, unsigned int version, unsigned long long flags,
    cudaDriverEntryPointQueryResult *status = nullptr);
#endif

namespace vgpu::cudart
{

// A code of the driver as the runtime's; the two enumerations share their numbers since CUDA 10.1.
cudaError_t translate(CUresult result);
inline cudaError_t translate(cudaError_t result)
{
    return result;
}

// True for an error that leaves the context unusable, so that it is not forgotten when it was read.
bool is_sticky(cudaError_t error);

// Keeps a failure as the thread's last error, and hands it on.
cudaError_t finish(cudaError_t error);
template<typename R>
cudaError_t finish(R result)
{
    return finish(translate(result));
}
cudaError_t last_error();
cudaError_t take_last_error();
void forget_errors();

// Loads and initialises the driver; no context yet.
cudaError_t start();
// start(), and the thread's device has a current context: the one that is current, whoever made it
// current, else the primary context of the thread's device.
cudaError_t attach();

int device_count();
// The device of the current context, else the one chosen for the thread.
int current_device();
// Chooses the thread's device and makes its primary context current.
cudaError_t select_device(int ordinal);
cudaError_t reset_device();
cudaError_t prefer_devices(const int *ordinals, int count);
// Null for an ordinal out of range.
const CUdevice *find_device(int ordinal);
// The primary context of a device, retained for good at the first request.
cudaError_t primary_context(int ordinal, CUcontext *context);

// The driver takes enumerations, handles and addresses under other names; the values are the same.
template<typename To, typename From>
To as(From value)
{
    return (To)value;
}

template<typename... P, typename... A>
cudaError_t invoke(CUresult (*function)(P...), A... arguments)
{
    return translate(function(as<P>(arguments)...));
}

// One entry point that is one call of the driver, in the current context: `return
// call(driver().cuX, ...)`.
template<typename... P, typename... A>
cudaError_t call(CUresult (*const &function)(P...), A... arguments)
{
    cudaError_t error = attach();
    // The table is read after attach(), which fills it.
    return finish(error == cudaSuccess ? invoke(function, arguments...) : error);
}

// The same for a question that needs the driver but no context.
template<typename... P, typename... A>
cudaError_t ask(CUresult (*const &function)(P...), A... arguments)
{
    cudaError_t error = start();
    return finish(error == cudaSuccess ? invoke(function, arguments...) : error);
}

// An entry point of several steps; the body answers a CUresult or a cudaError_t.
template<typename Body>
cudaError_t within_context(Body body)
{
    cudaError_t error = attach();
    return finish(error == cudaSuccess ? translate(body()) : error);
}

// An entry point about one device, named by its ordinal; it needs no context.
template<typename Body>
cudaError_t about_device(int ordinal, Body body)
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return finish(error);
    const CUdevice *device = find_device(ordinal);
    return finish(device ? translate(body(*device)) : cudaErrorInvalidDevice);
}

inline CUdeviceptr address(const void *pointer)
{
    return reinterpret_cast<CUdeviceptr>(pointer);
}

inline CUcontext current_context()
{
    CUcontext context = nullptr;
    driver().cuCtxGetCurrent(&context);
    return context;
}

// What the `_ptsz` and `_ptds` entry points put in the place of stream 0.
inline cudaStream_t per_thread(cudaStream_t stream)
{
    return stream ? stream : cudaStreamPerThread;
}

} // namespace vgpu::cudart
