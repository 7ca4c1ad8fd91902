// SPDX-License-Identifier: Apache-2.0
// What is asked of a context and set in it, who is attached to it, and the events and counters that
// belong to it.
#include "driver.h"

#include <cudaProfiler.h>

const char *const program = "context-calls";

static CUcontext context;
static CUdevice device;
static CUstream stream;

static void settings()
{
    unsigned flags = 99, version = 0;
    DRIVER(cuCtxGetFlags(&flags));
    DRIVER(cuCtxSetFlags(flags));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxGetFlags(nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxSetFlags(0x4000));
    DRIVER(cuCtxGetApiVersion(context, &version));
    EXPECT(version >= 3020);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxGetApiVersion(context, nullptr));
    CUfunc_cache cache;
    DRIVER(cuCtxSetCacheConfig(CU_FUNC_CACHE_PREFER_L1));
    DRIVER(cuCtxGetCacheConfig(&cache));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxSetCacheConfig(CUfunc_cache(99)));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxGetCacheConfig(nullptr));
    using Get = CUresult (*)(CUsharedconfig *);
    using Set = CUresult (*)(CUsharedconfig);
    CUsharedconfig banks;
    DRIVER(symbol<Get>("cuCtxGetSharedMemConfig")(&banks));
    DRIVER(symbol<Set>("cuCtxSetSharedMemConfig")(banks));
    FAILS(CUDA_ERROR_INVALID_VALUE, symbol<Get>("cuCtxGetSharedMemConfig")(nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, symbol<Set>("cuCtxSetSharedMemConfig")(CUsharedconfig(99)));
    DRIVER(cuCtxResetPersistingL2Cache());
    CUexecAffinityParam affinity{};
    EXPECT(cuCtxGetExecAffinity(&affinity, CU_EXEC_AFFINITY_TYPE_SM_COUNT) != CUDA_SUCCESS);
    DRIVER(cuProfilerStart());
    DRIVER(cuProfilerStop());
    // Went with CUDA 12, though some drivers have the symbol still.
    using Initialize = CUresult (*)(const char *, const char *, CUoutput_mode);
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (auto initialize = reinterpret_cast<Initialize>(dlsym(library, "cuProfilerInitialize")))
        initialize(nullptr, nullptr, CU_OUT_CSV);
}

// The last one that is attached ends it.
static void attachments()
{
    using Attach = CUresult (*)(CUcontext *, unsigned);
    using Detach = CUresult (*)(CUcontext);
    auto attach = symbol<Attach>("cuCtxAttach");
    auto detach = symbol<Detach>("cuCtxDetach");
    CUcontext same = nullptr, now = nullptr, own = open_context();
    DRIVER(attach(&same, 0));
    EXPECT(same == own);
    FAILS(CUDA_ERROR_INVALID_VALUE, attach(nullptr, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, attach(&same, 1));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, detach(context)); // not the current one
    DRIVER(detach(own));
    DRIVER(cuCtxGetCurrent(&now));
    EXPECT(now == own);
    DRIVER(detach(own));
    DRIVER(cuCtxGetCurrent(&now));
    EXPECT(now == context);
    FAILS(CUDA_ERROR_INVALID_CONTEXT, detach(own));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(own));
}

static void events()
{
    CUevent event;
    CUdeviceptr data;
    DRIVER(cuMemAlloc(&data, 256));
    DRIVER(cuEventCreate(&event, 0));
    DRIVER(cuMemsetD32Async(data, 5, 64, stream));
    DRIVER(cuCtxRecordEvent(context, event)); // behind all that goes on in the context
    DRIVER(cuCtxWaitEvent(context, event));
    DRIVER(cuEventSynchronize(event));
    EXPECT(element(data, stream) == 5);
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuCtxRecordEvent(context, nullptr));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuCtxWaitEvent(context, nullptr));
    DRIVER(cuEventRecordWithFlags(event, stream, CU_EVENT_RECORD_DEFAULT));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuEventRecordWithFlags(event, stream, 0x80));
    DRIVER(cuEventSynchronize(event));
    DRIVER(cuEventDestroy(event));
    DRIVER(cuMemFree(data));
}

static void streams()
{
#if CUDA_VERSION >= 12080
    CUdevice of = -1;
    DRIVER(cuStreamGetDevice(stream, &of));
    EXPECT(of == device);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamGetDevice(stream, nullptr));
#endif
}

int main()
{
    context = open_context(&device);
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    settings();
    attachments();
    events();
    streams();
    passed(0);
}
