// SPDX-License-Identifier: Apache-2.0
// Green contexts: a device's units in groups, a context for each, work in both at once.
#include "driver.h"

#include <vector>

const char *const program = "green-contexts";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry count(.param .u64 data)
{
    .reg .b32 %r<3>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [data];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r1, 1;
    atom.global.add.u32 %r2, [%rd2], %r1;
    ret;
}
)";

int main()
{
    CUdevice device;
    CUcontext context = open_context(&device);
    CUdevResource whole{}, groups[64]{}, rest{};
    DRIVER(cuDeviceGetDevResource(device, &whole, CU_DEV_RESOURCE_TYPE_SM));
    const unsigned units = whole.sm.smCount;
    int multiprocessors = 0;
    DRIVER(
        cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
    EXPECT(whole.type == CU_DEV_RESOURCE_TYPE_SM && units == unsigned(multiprocessors));
    FAILS(CUDA_ERROR_INVALID_RESOURCE_TYPE,
          cuDeviceGetDevResource(device, &whole, CU_DEV_RESOURCE_TYPE_INVALID));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetDevResource(device, nullptr, CU_DEV_RESOURCE_TYPE_SM));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetDevResource(77, &rest, CU_DEV_RESOURCE_TYPE_SM));
    DRIVER(cuCtxGetDevResource(context, &rest, CU_DEV_RESOURCE_TYPE_SM));
    EXPECT(rest.sm.smCount == units);

    // One unit and the rest; or the one there is.
    unsigned count = 0;
    DRIVER(cuDevSmResourceSplitByCount(nullptr, &count, &whole, nullptr, 0, 1));
    EXPECT(count == units);
    count = 1;
    DRIVER(cuDevSmResourceSplitByCount(groups, &count, &whole, &rest, 0, 1));
    EXPECT(count == 1 && groups[0].sm.smCount == 1);
    EXPECT(units == 1 ? rest.type == CU_DEV_RESOURCE_TYPE_INVALID : rest.sm.smCount == units - 1);
    FAILS(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION,
          cuDevSmResourceSplitByCount(groups + 1, &count, &whole, nullptr, 0, units + 1));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDevSmResourceSplitByCount(groups, nullptr, &whole, nullptr, 0, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDevSmResourceSplitByCount(groups, &count, nullptr, nullptr, 0, 1));
    CUdevResource invented = groups[0];
    invented._internal_padding[0] ^= 0x55;
    CUdevResourceDesc description;
    FAILS(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION,
          cuDevResourceGenerateDesc(&description, &invented, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDevResourceGenerateDesc(&description, groups, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDevResourceGenerateDesc(nullptr, groups, 1));

    CUdevResource parts[2] = {groups[0], units == 1 ? groups[0] : rest};
    CUgreenCtx green[2];
    CUcontext inner[2];
    CUstream stream[2];
    CUdeviceptr cell[2];
    for (int i = 0; i < 2; i++) {
        DRIVER(cuDevResourceGenerateDesc(&description, &parts[i], 1));
        FAILS(CUDA_ERROR_INVALID_VALUE, cuGreenCtxCreate(&green[i], description, device, 0));
        DRIVER(cuGreenCtxCreate(&green[i], description, device, CU_GREEN_CTX_DEFAULT_STREAM));
        DRIVER(cuCtxFromGreenCtx(&inner[i], green[i]));
        EXPECT(inner[i] != context);
        CUdevResource own{};
        DRIVER(cuGreenCtxGetDevResource(green[i], &own, CU_DEV_RESOURCE_TYPE_SM));
        EXPECT(own.sm.smCount == parts[i].sm.smCount);
        DRIVER(cuCtxGetDevResource(inner[i], &own, CU_DEV_RESOURCE_TYPE_SM));
        EXPECT(own.sm.smCount == parts[i].sm.smCount);
        FAILS(CUDA_ERROR_INVALID_VALUE, cuGreenCtxStreamCreate(&stream[i], green[i], 0, 0));
        DRIVER(cuGreenCtxStreamCreate(&stream[i], green[i], CU_STREAM_NON_BLOCKING, 0));
        CUgreenCtx told = nullptr;
        DRIVER(cuStreamGetGreenCtx(stream[i], &told));
        EXPECT(told == green[i]);
        CUcontext of = nullptr;
        told = nullptr;
        DRIVER(cuStreamGetCtx_v2(stream[i], &of, &told));
        EXPECT(told == green[i]);
        unsigned long long id = 0, same = 0;
        DRIVER(cuGreenCtxGetId(green[i], &id));
        DRIVER(cuCtxGetId(inner[i], &same));
        EXPECT(id == same && id != 0);
    }
    CUgreenCtx none = green[0];
    CUstream plain;
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuStreamCreate(&plain, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamGetGreenCtx(plain, &none));
    EXPECT(none == nullptr);

    // Work in both, ordered by an event.
    CUevent event;
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    for (int i = 0; i < 2; i++) {
        CUmodule module;
        CUfunction kernel;
        DRIVER(cuCtxSetCurrent(inner[i]));
        DRIVER(cuModuleLoadData(&module, code));
        DRIVER(cuModuleGetFunction(&kernel, module, "count"));
        DRIVER(cuMemAlloc(&cell[i], 4));
        DRIVER(cuMemsetD32Async(cell[i], 0, 1, stream[i]));
        void *arguments[] = {&cell[i]};
        for (int k = 0; k < 10; k++)
            DRIVER(cuLaunchKernel(kernel, 7, 1, 1, 64, 1, 1, 0, stream[i], arguments, nullptr));
    }
    DRIVER(cuGreenCtxRecordEvent(green[0], event));
    DRIVER(cuGreenCtxWaitEvent(green[1], event));
    DRIVER(cuEventSynchronize(event));
    for (int i = 0; i < 2; i++) {
        unsigned value = 0;
        DRIVER(cuCtxSetCurrent(inner[i]));
        DRIVER(cuStreamSynchronize(stream[i]));
        DRIVER(cuMemcpyDtoH(&value, cell[i], 4));
        EXPECT(value == 7 * 64 * 10);
        DRIVER(cuMemFree(cell[i]));
        DRIVER(cuStreamDestroy(stream[i]));
    }
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuEventDestroy(event));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(inner[0]));
    DRIVER(cuGreenCtxDestroy(green[0]));
    DRIVER(cuGreenCtxDestroy(green[1]));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuGreenCtxDestroy(green[0]));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxFromGreenCtx(&inner[0], green[0]));
    EXPECT(cuCtxSetCurrent(inner[1]) != CUDA_SUCCESS);
    passed(0);
}
