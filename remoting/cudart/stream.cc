// SPDX-License-Identifier: Apache-2.0
// Streams and events.
#include "remoting/cudart/runtime.h"

#include <stdlib.h>
#include <string.h>

using namespace vgpu::cudart;

static_assert(sizeof(cudaStreamAttrValue) == sizeof(CUstreamAttrValue));

namespace
{

// A callback of the runtime is told a cudaError_t.
struct Callback {
    cudaStreamCallback_t function;
    void *data;
};

void CUDA_CB run_callback(CUstream stream, CUresult status, void *data)
{
    Callback callback = *static_cast<Callback *>(data);
    free(data);
    callback.function(stream, translate(status), callback.data);
}

} // namespace

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned int flags, int priority)
{
    if (!stream)
        return finish(cudaErrorInvalidValue);
    return call(driver().cuStreamCreateWithPriority, stream, flags, priority);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    return call(driver().cuStreamDestroy, stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    return call(driver().cuStreamSynchronize, stream);
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    return call(driver().cuStreamQuery, stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
    return call(driver().cuStreamWaitEvent, stream, event, flags);
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority)
{
    return call(driver().cuStreamGetPriority, stream, priority);
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned int *flags)
{
    return call(driver().cuStreamGetFlags, stream, flags);
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long *id)
{
    return call(driver().cuStreamGetId, stream, id);
}

#if CUDART_VERSION >= 12080
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int *device)
{
    if (!device)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        CUdevice handle;
        cudaError_t error = invoke(driver().cuStreamGetDevice, stream, &handle);
        for (int i = 0; error == cudaSuccess && i < device_count(); i++)
            if (*find_device(i) == handle)
                *device = i;
        return error;
    });
}
#endif

cudaError_t cudaStreamCopyAttributes(cudaStream_t to, cudaStream_t from)
{
    return call(driver().cuStreamCopyAttributes, to, from);
}

cudaError_t cudaStreamGetAttribute(cudaStream_t stream, cudaStreamAttrID attribute,
                                   cudaStreamAttrValue *value)
{
    return call(driver().cuStreamGetAttribute, stream, attribute, value);
}

cudaError_t cudaStreamSetAttribute(cudaStream_t stream, cudaStreamAttrID attribute,
                                   const cudaStreamAttrValue *value)
{
    return call(driver().cuStreamSetAttribute, stream, attribute, value);
}

cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void *pointer, size_t length,
                                     unsigned int flags)
{
    return call(driver().cuStreamAttachMemAsync, stream, pointer, length, flags);
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t function, void *data,
                                  unsigned int flags)
{
    if (!function)
        return finish(cudaErrorInvalidValue);
    return within_context([&] {
        auto *callback = static_cast<Callback *>(malloc(sizeof(Callback)));
        if (!callback)
            return CUDA_ERROR_OUT_OF_MEMORY;
        *callback = {function, data};
        CUresult result = driver().cuStreamAddCallback(stream, run_callback, callback, flags);
        if (result != CUDA_SUCCESS)
            free(callback);
        return result;
    });
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
    if (!event)
        return finish(cudaErrorInvalidValue);
    return call(driver().cuEventCreate, event, flags);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return call(driver().cuEventRecord, event, stream);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned int flags)
{
    return call(driver().cuEventRecordWithFlags, event, stream, flags);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    return call(driver().cuEventQuery, event);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    return call(driver().cuEventSynchronize, event);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    return call(driver().cuEventDestroy, event);
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
    return within_context([&] { return driver().cuEventElapsedTime(milliseconds, start, end); });
}

#if CUDART_VERSION >= 12080 && CUDART_VERSION < 13000
cudaError_t cudaEventElapsedTime_v2(float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
    return cudaEventElapsedTime(milliseconds, start, end);
}
#endif

cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t *handle, cudaEvent_t event)
{
    return call(driver().cuIpcGetEventHandle, handle, event);
}

cudaError_t cudaIpcOpenEventHandle(cudaEvent_t *event, cudaIpcEventHandle_t handle)
{
    return within_context([&] {
        CUipcEventHandle translated;
        static_assert(sizeof translated == sizeof handle);
        memcpy(&translated, &handle, sizeof translated);
        return driver().cuIpcOpenEventHandle(event, translated);
    });
}
}
