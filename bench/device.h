// SPDX-License-Identifier: Apache-2.0
// The device as the measuring programs use it: the public driver API and a PTX text, so that the
// same program runs straight on any driver and remoted.
#pragma once

#include <cuda.h>

#include <cstdio>
#include <cstdlib>

namespace vgpu::bench
{

inline void check(CUresult result, const char *what)
{
    if (result == CUDA_SUCCESS)
        return;
    const char *name = "?";
    cuGetErrorName(result, &name);
    std::fprintf(stderr, "bench: %s: %s\n", what, name);
    std::exit(1);
}

#define CU(call) vgpu::bench::check((call), #call)

// `nothing` takes 64 bytes of parameters; `turn` goes round a loop `n` times and writes what it
// counted; `next` adds one to a word.
constexpr char kKernels[] = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry nothing(.param .u64 a, .param .u64 b, .param .u64 c, .param .u64 d,
                        .param .u64 e, .param .u64 f, .param .u64 g, .param .u64 h)
{
    ret;
}
.visible .entry turn(.param .u64 out, .param .u32 n)
{
    .reg .pred %p;
    .reg .b32 %i, %n, %s;
    .reg .b64 %a;
    ld.param.u64 %a, [out];
    ld.param.u32 %n, [n];
    cvta.to.global.u64 %a, %a;
    mov.u32 %i, 0;
    mov.u32 %s, 0;
again:
    mad.lo.u32 %s, %s, 3, %i;
    add.u32 %i, %i, 1;
    setp.lt.u32 %p, %i, %n;
    @%p bra again;
    st.global.u32 [%a], %s;
    ret;
}
.visible .entry next(.param .u64 out)
{
    .reg .b32 %s;
    .reg .b64 %a;
    ld.param.u64 %a, [out];
    cvta.to.global.u64 %a, %a;
    ld.global.u32 %s, [%a];
    add.u32 %s, %s, 1;
    st.global.u32 [%a], %s;
    ret;
}
)";

class Device
{
public:
    Device()
    {
        CU(cuInit(0));
        CUdevice device;
        CU(cuDeviceGet(&device, 0));
        CU(cuDevicePrimaryCtxRetain(&context, device));
        CU(cuCtxSetCurrent(context));
    }

    CUfunction kernel(const char *name)
    {
        if (!module_)
            CU(cuModuleLoadData(&module_, kKernels));
        CUfunction function;
        CU(cuModuleGetFunction(&function, module_, name));
        return function;
    }

    CUcontext context = nullptr;

private:
    CUmodule module_ = nullptr;
};

inline CUdeviceptr allocate(size_t bytes)
{
    CUdeviceptr pointer;
    CU(cuMemAlloc(&pointer, bytes));
    return pointer;
}

// A launch with the 64 bytes of `nothing`.
inline void launch_nothing(CUfunction function, CUstream stream = nullptr)
{
    static unsigned long long word = 1;
    void *arguments[] = {&word, &word, &word, &word, &word, &word, &word, &word};
    CU(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, arguments, nullptr));
}

} // namespace vgpu::bench
