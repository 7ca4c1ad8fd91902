// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

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
