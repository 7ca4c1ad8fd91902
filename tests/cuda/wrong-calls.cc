// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h): devices, contexts and
// green contexts, streams, events.
#include "wrong-driver.h"

const char *const program = "wrong-calls";

static void CUDA_CB nothing(void *) {}
static void CUDA_CB told(CUstream, CUresult, void *) {}

static void devices()
{
    int number = 0, other = 0;
    unsigned flags = 0;
    size_t bytes = 0;
    char text[64] = {};
    CUuuid uuid{};
    CUmemoryPool pool{};
    CUdevice found = 0;
    WALK(cuDeviceGet, &found, 0);
    WALK(cuDeviceGetCount, &number);
    WALK_BUT(2, cuDeviceGetName, text, int(sizeof text), device);
    WALK(cuDeviceGetUuid, &uuid, device);
    WALK(cuDeviceTotalMem, &bytes, device);
    WALK(cuDeviceGetTexture1DLinearMaxWidth, &bytes, CU_AD_FORMAT_FLOAT, 4, device);
    WALK(cuDeviceGetAttribute, &number, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device);
    WALK(cuDeviceGetMemPool, &pool, device);
    WALK(cuDeviceGetDefaultMemPool, &pool, device);
    WALK(cuDeviceSetMemPool, device, pool);
    WALK(cuDeviceGetExecAffinitySupport, &number, CU_EXEC_AFFINITY_TYPE_SM_COUNT, device);
    WALK_BUT(2, cuDeviceGetPCIBusId, text, int(sizeof text), device);
    WALK(cuDeviceGetByPCIBusId, &found, text);
    WALK(cuDeviceCanAccessPeer, &number, device, device);
    WALK(cuDeviceGetP2PAttribute, &number, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, device,
         device);
    WALK(cuDevicePrimaryCtxGetState, device, &flags, &other);
    WALK(cuDevicePrimaryCtxSetFlags, device, 0);
    cuuint64_t used = 0;
    WALK(cuDeviceGetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used);
    WALK(cuDeviceGetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used);
    WALK(cuDeviceSetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &used);
    WALK(cuDeviceGraphMemTrim, device);
    WALK(cuDriverGetVersion, &number);
    const char *name = nullptr;
    WALK(cuGetErrorName, CUDA_ERROR_UNKNOWN, &name);
    WALK(cuGetErrorString, CUDA_ERROR_UNKNOWN, &name);
    void *entry = nullptr;
    CUdriverProcAddressQueryResult how{};
    WALK(cuGetProcAddress, "cuMemAlloc", &entry, 12000, 0, &how);
}

static void contexts()
{
    CUcontext found = nullptr;
    CUdevice of = 0;
    unsigned flags = 0;
    unsigned long long id = 0;
    size_t bytes = 0;
    int least = 0, greatest = 0;
    CUfunc_cache cache{};
    WALK(cuCtxGetCurrent, &found);
    WALK(cuCtxSetCurrent, context);
    WALK(cuCtxGetDevice, &of);
    WALK(cuCtxGetFlags, &flags);
    WALK(cuCtxGetId, context, &id);
    WALK(cuCtxGetApiVersion, context, &flags);
    WALK(cuCtxGetLimit, &bytes, CU_LIMIT_STACK_SIZE);
    WALK_BUT(2, cuCtxSetLimit, CU_LIMIT_STACK_SIZE, bytes);
    WALK(cuCtxGetCacheConfig, &cache);
    WALK(cuCtxSetCacheConfig, cache);
    WALK(cuCtxGetStreamPriorityRange, &least, &greatest);
    WALK(cuCtxEnablePeerAccess, context, 0);
    WALK(cuCtxDisablePeerAccess, context);
    WALK(cuCtxRecordEvent, context, event);
    WALK(cuCtxWaitEvent, context, event);
    CUexecAffinityParam affinity{};
    WALK(cuCtxGetExecAffinity, &affinity, CU_EXEC_AFFINITY_TYPE_SM_COUNT);
    CUdevResource resource{};
    WALK(cuDeviceGetDevResource, device, &resource, CU_DEV_RESOURCE_TYPE_SM);
    WALK(cuCtxGetDevResource, context, &resource, CU_DEV_RESOURCE_TYPE_SM);
    REFUSE(cuCtxDestroy);
}

static void stack_of_contexts()
{
    CUcontext found = nullptr;
#if CUDA_VERSION >= 13000
    WALK_BUT(2, cuCtxCreate, &found, nullptr, 0, device);
#else
    WALK(cuCtxCreate, &found, 0, device);
#endif
    DRIVER(cuCtxDestroy(found));
    DRIVER(cuCtxSetCurrent(context));
    WALK(cuCtxPopCurrent, &found);
    EXPECT(found == context);
    WALK(cuCtxPushCurrent, context);
    DRIVER(cuCtxResetPersistingL2Cache());
}

static void green_contexts()
{
    CUdevResource all{}, own{};
    CUdevResourceDesc description = nullptr;
    CUgreenCtx green = nullptr;
    CUcontext of = nullptr;
    CUstream its = nullptr;
    unsigned long long id = 0;
    DRIVER(cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM));
    WALK_BUT(4, cuDevResourceGenerateDesc, &description, &all, 1);
    WALK_BUT(4, cuGreenCtxCreate, &green, description, device, CU_GREEN_CTX_DEFAULT_STREAM);
    DRIVER(cuGreenCtxCreate(&green, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    DRIVER(cuGreenCtxCreate(&dead<CUgreenCtx>, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    DRIVER(cuGreenCtxDestroy(dead<CUgreenCtx>));
    WALK(cuCtxFromGreenCtx, &of, green);
    WALK(cuGreenCtxGetDevResource, green, &own, CU_DEV_RESOURCE_TYPE_SM);
    WALK(cuGreenCtxRecordEvent, green, event);
    WALK(cuGreenCtxWaitEvent, green, event);
#if CUDA_VERSION >= 13000
    WALK_BUT(2, cuGreenCtxGetId, green, &id);
#endif
    EXPECT(id != 0 || CUDA_VERSION < 13000);
    WALK_BUT(8, cuGreenCtxStreamCreate, &its, green, CU_STREAM_NON_BLOCKING, 0);
    CUgreenCtx found = nullptr;
    WALK(cuStreamGetGreenCtx, its, &found);
    REFUSE(cuGreenCtxDestroy);
    DRIVER(cuStreamDestroy(its));
    DRIVER(cuGreenCtxDestroy(green));
}

static void streams()
{
    CUstream made = nullptr;
    CUevent record = nullptr;
    unsigned flags = 0;
    int priority = 0;
    unsigned long long id = 0;
    CUcontext of = nullptr;
    CUstreamCaptureStatus capturing{};
    float time = 0;
    CUevent timed;
    DRIVER(cuEventCreate(&timed, CU_EVENT_DEFAULT));
    DRIVER(cuEventRecord(timed, stream));
    DRIVER(cuEventSynchronize(timed));
    WALK(cuStreamCreate, &made, 0);
    WALK(cuStreamCreateWithPriority, &made, 0, 0);
    WALK(cuStreamGetPriority, stream, &priority);
    WALK(cuStreamGetFlags, stream, &flags);
    WALK_BUT(1, cuStreamGetId, stream, &id);
    WALK(cuStreamGetCtx, stream, &of);
    WALK(cuStreamWaitEvent, stream, event, 0);
    WALK(cuStreamAddCallback, stream, told, nullptr, 0);
    WALK(cuLaunchHostFunc, stream, nothing, nullptr);
    DRIVER(cuCtxSynchronize());
    WALK(cuStreamQuery, stream);
    WALK(cuStreamSynchronize, stream);
    WALK(cuStreamIsCapturing, stream, &capturing);
    WALK(cuStreamCopyAttributes, stream, made);
    CUstreamAttrValue value{};
    WALK(cuStreamGetAttribute, stream, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value);
    value.syncPolicy = CU_SYNC_POLICY_AUTO;
    WALK(cuStreamSetAttribute, stream, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value);
    WALK(cuStreamWriteValue32, stream, data, 1, 0);
    WALK_BUT(4, cuStreamWriteValue64, stream, data, 1, 0);
    WALK_BUT(4, cuStreamWaitValue32, stream, data, 0, CU_STREAM_WAIT_VALUE_GEQ);
    WALK_BUT(4, cuStreamWaitValue64, stream, data + 8, 0, CU_STREAM_WAIT_VALUE_GEQ);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWaitValue64(stream, data + 4, 0, 0));
    CUstreamBatchMemOpParams writes{};
    writes.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    writes.writeValue.address = data;
    writes.writeValue.value = 1;
    WALK_BUT(2, cuStreamBatchMemOp, stream, 1, &writes, 0);
    WALK(cuEventCreate, &record, 0);
    WALK(cuEventRecord, event, stream);
    WALK(cuEventRecordWithFlags, event, stream, 0);
    WALK(cuEventSynchronize, event);
    WALK(cuEventQuery, event);
    WALK(cuEventElapsedTime, &time, timed, timed);
    CUevent for_others = nullptr, theirs = nullptr;
    CUipcEventHandle name{};
    WALK(cuEventCreate, &for_others, CU_EVENT_INTERPROCESS);
    DRIVER(cuEventCreate(&for_others, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    WALK(cuIpcGetEventHandle, &name, for_others);
    WALK(cuIpcGetEventHandle, &name, timed);
    WALK(cuIpcOpenEventHandle, &theirs, CUipcEventHandle{});
    DRIVER(cuEventDestroy(for_others));
    REFUSE(cuStreamDestroy);
    REFUSE(cuEventDestroy);

    CUgraph captured = nullptr;
    WALK(cuStreamEndCapture, stream, &captured);
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    WALK(cuThreadExchangeStreamCaptureMode, &mode);
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    WALK(cuStreamBeginCapture, stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    WALK(cuStreamIsCapturing, stream, &capturing);
    DRIVER(cuStreamEndCapture(stream, &captured));
}

int main()
{
    open_for_wrong_calls();
    devices();
    contexts();
    stack_of_contexts();
    green_contexts();
    streams();
    end_of_wrong_calls();
}
