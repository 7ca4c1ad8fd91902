// SPDX-License-Identifier: Apache-2.0
// The driver API alone: PTX from a string, a launch by parameters and one by a buffer, a global
// variable.
#include "check.h"

#include <cuda.h>
#include <vector>

const char *const program = "driver-ptx";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64

.visible .global .align 4 .u32 launches = 0;

.visible .entry scale(.param .u64 data, .param .u32 n, .param .u32 factor)
{
    .reg .pred %p<3>;
    .reg .b32 %r<10>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [n];
    ld.param.u32 %r2, [factor];
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5;
    setp.ne.s32 %p2, %r6, 0;
    @%p2 bra COUNTED;
    atom.global.add.u32 %r9, [launches], 1;
COUNTED:
    setp.ge.u32 %p1, %r6, %r1;
    @%p1 bra DONE;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r6, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r7, [%rd4];
    mul.lo.s32 %r8, %r7, %r2;
    st.global.u32 [%rd4], %r8;
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

int main()
{
    const unsigned n = 100000;
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction function;
    CUdeviceptr data, counter;
    size_t counter_size = 0;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGet(&device, 0));
#if CUDA_VERSION >= 13000
    DRIVER(cuCtxCreate(&context, nullptr, 0, device));
#else
    DRIVER(cuCtxCreate(&context, 0, device));
#endif
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuModuleGetFunction(&function, module, "scale"));
    EXPECT(cuModuleGetFunction(&function, module, "missing") == CUDA_ERROR_NOT_FOUND);
    DRIVER(cuModuleGetFunction(&function, module, "scale"));
    DRIVER(cuModuleGetGlobal(&counter, &counter_size, module, "launches"));
    EXPECT(counter_size == 4);

    std::vector<unsigned> host(n);
    for (unsigned i = 0; i < n; i++)
        host[i] = i;
    DRIVER(cuMemAlloc(&data, n * 4));
    DRIVER(cuMemcpyHtoD(data, host.data(), n * 4));
    unsigned count = n, factor = 3;
    void *parameters[] = {&data, &count, &factor};
    DRIVER(cuLaunchKernel(function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, nullptr, parameters,
                          nullptr));
    struct {
        CUdeviceptr data;
        unsigned n;
        unsigned factor;
    } packed = {data, n, 7};
    size_t packed_size = sizeof packed;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE,
                     &packed_size, CU_LAUNCH_PARAM_END};
    DRIVER(cuLaunchKernel(function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, nullptr, nullptr, extra));
    DRIVER(cuCtxSynchronize());
    DRIVER(cuMemcpyDtoH(host.data(), data, n * 4));
    for (unsigned i = 0; i < n; i++)
        if (host[i] != i * 21)
            fail("[%u] is %u, not %u", i, host[i], i * 21);
    unsigned launches = 0;
    DRIVER(cuMemcpyDtoH(&launches, counter, sizeof launches));
    EXPECT(launches == 2);
    EXPECT(cuModuleLoadData(&module, ".version 7.0\n.target sm_70\nthis is no PTX\n") !=
           CUDA_SUCCESS);
    DRIVER(cuMemFree(data));
    DRIVER(cuCtxDestroy(context));
    passed(checksum(host.data(), n * 4));
    return 0;
}
