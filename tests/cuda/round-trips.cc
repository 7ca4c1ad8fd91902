// SPDX-License-Identifier: Apache-2.0
// Steps as a training loop makes them, for counting round trips: `round-trips STEPS`. What a step
// asks for is asked for without waiting, but for one synchronisation at its end.
#include "check.h"

#include <cstdlib>
#include <cuda.h>
#include <vector>

const char *const program = "round-trips";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64

.visible .entry add(.param .u64 data, .param .u32 n, .param .u32 value)
{
    .reg .pred %p<2>;
    .reg .b32 %r<8>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [n];
    ld.param.u32 %r2, [value];
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5;
    setp.ge.u32 %p1, %r6, %r1;
    @%p1 bra DONE;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r6, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r7, [%rd4];
    add.u32 %r7, %r7, %r2;
    st.global.u32 [%rd4], %r7;
DONE:
    ret;
}
)";

static const char *name_of(CUresult result)
{
    const char *name = "unknown error";
    cuGetErrorName(result, &name);
    return name;
}

#define DRIVER(call) CHECK_WITH(call, CUDA_SUCCESS, name_of)

static const unsigned n = 1000;
static const int most = 32;

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 1;
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction function;
    CUstream stream;
    CUevent event;
    CUdeviceptr data, scratch[most];
    unsigned *host;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGet(&device, 0));
    DRIVER(cuDevicePrimaryCtxRetain(&context, device));
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuModuleGetFunction(&function, module, "add"));
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuMemAllocHost(reinterpret_cast<void **>(&host), 2 * n * sizeof(unsigned)));
    DRIVER(cuMemAlloc(&data, n * sizeof(unsigned)));
    for (CUdeviceptr &one : scratch) // as many whatever the number of steps
        DRIVER(cuMemAlloc(&one, n * sizeof(unsigned)));
    for (unsigned i = 0; i < n; i++)
        host[i] = i;
    EXPECT(steps > 0 && steps <= most);
    for (int step = 0; step < steps; step++) {
        DRIVER(cuMemcpyHtoDAsync(data, host, n * sizeof(unsigned), stream));
        unsigned count = n;
        for (unsigned value = 1; value <= 10; value++) {
            void *parameters[] = {&data, &count, &value};
            DRIVER(cuLaunchKernel(function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, stream, parameters,
                                  nullptr));
        }
        DRIVER(cuMemsetD8Async(scratch[step], 0, n * sizeof(unsigned), stream));
        DRIVER(cuMemcpyDtoDAsync(scratch[step], data, n * sizeof(unsigned), stream));
        DRIVER(cuEventRecord(event, stream));
        CUresult now = cuEventQuery(event);
        EXPECT(now == CUDA_SUCCESS || now == CUDA_ERROR_NOT_READY);
        DRIVER(cuMemcpyDtoHAsync(host + n, scratch[step], n * sizeof(unsigned), stream));
        DRIVER(cuMemFreeAsync(scratch[step], stream));
        DRIVER(cuStreamSynchronize(stream));
        DRIVER(cuEventQuery(event)); // what was waited for covers it
        DRIVER(cuStreamQuery(stream));
        for (unsigned i = 0; i < n; i++)
            if (host[n + i] != i + 55)
                fail("step %d: [%u] is %u, not %u", step, i, host[n + i], i + 55);
    }
    passed(checksum(host + n, n * sizeof(unsigned)));
    return 0;
}
