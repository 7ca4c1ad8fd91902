// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <atomic>
#include <cstring>
#include <unistd.h>

namespace
{

using Events = OnDevice;

TEST_F(Events, MeasureTime)
{
    CUevent start, end;
    OK(cuEventCreate(&start, 0));
    OK(cuEventCreate(&end, 0));
    float time = -1;
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&time, start, end));
    OK(cuEventRecord(start, nullptr));
    OK(cuLaunchHostFunc(
        nullptr, [](void *) { usleep(20000); }, nullptr));
    OK(cuEventRecord(end, nullptr));
    FAILS(CUDA_ERROR_NOT_READY, cuEventQuery(end));
    FAILS(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&time, start, end));
    OK(cuEventSynchronize(end));
    OK(cuEventQuery(end));
    OK(cuEventElapsedTime(&time, start, end));
    EXPECT_GE(time, 20.0f);
    EXPECT_LT(time, 2000.0f);
    OK(cuEventElapsedTime(&time, end, start));
    EXPECT_LE(time, -20.0f);
}

TEST_F(Events, WithoutTimeCannotMeasure)
{
    CUevent event;
    OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    OK(cuEventQuery(event)); // never recorded: nothing to wait for
    OK(cuEventRecord(event, nullptr));
    OK(cuEventSynchronize(event));
    float time;
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&time, event, event));
    OK(cuEventDestroy(event));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(event));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy(event));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&event, 0x80));
}

TEST_F(Events, OfSeveralProcessesHaveHandlesThatAreNobodyElses)
{
    CUevent event, plain, opened;
    CUipcEventHandle handle, again;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&event, CU_EVENT_INTERPROCESS));
    OK(cuEventCreate(&plain, CU_EVENT_DISABLE_TIMING));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuIpcGetEventHandle(&handle, plain));
    OK(cuEventCreate(&event, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcGetEventHandle(nullptr, event));
    OK(cuIpcGetEventHandle(&handle, event));
    OK(cuIpcGetEventHandle(&again, event));
    EXPECT_EQ(0, memcmp(&handle, &again, sizeof handle));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenEventHandle(nullptr, handle));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuIpcOpenEventHandle(&opened, handle));
    for (size_t i = 0; i < sizeof handle; i++) {
        CUipcEventHandle changed = handle;
        changed.reserved[i] = char(changed.reserved[i] ^ 0x41);
        EXPECT_NE(CUDA_SUCCESS, cuIpcOpenEventHandle(&opened, changed)) << i;
    }
    OK(cuEventDestroy(event));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenEventHandle(&opened, handle));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuIpcGetEventHandle(&handle, event));
}

TEST_F(Events, OfSeveralProcessesAreEventsInThisOne)
{
    CUevent event;
    CUstream blocked, other;
    static std::atomic<bool> go;
    struct Opener { // or the context's end would wait for ever where the test fails
        ~Opener()
        {
            go = true;
            go.notify_all();
        }
    } opener;
    go = false;
    OK(cuStreamCreate(&blocked, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&event, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    OK(cuEventQuery(event));
    OK(cuLaunchHostFunc(
        blocked, [](void *flag) { static_cast<std::atomic<bool> *>(flag)->wait(false); }, &go));
    OK(cuEventRecord(event, blocked));
    FAILS(CUDA_ERROR_NOT_READY, cuEventQuery(event));
    OK(cuStreamWaitEvent(other, event, 0));
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(other));
    OK(cuEventRecord(event, nullptr)); // the latest one counts
    OK(cuEventSynchronize(event));
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(other));
    go = true;
    go.notify_all();
    OK(cuStreamSynchronize(other));
    OK(cuEventDestroy(event));
}

TEST_F(Events, BelongToOneContext)
{
    CUevent event;
    CUcontext other;
    OK(cuEventCreate(&event, 0));
    OK(create_context(&other, 1));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, nullptr));
    OK(cuStreamWaitEvent(nullptr, event, 0));
    OK(cuCtxDestroy(other));
}

} // namespace
