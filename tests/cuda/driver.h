// SPDX-License-Identifier: Apache-2.0
// What the programs of the driver API alone share.
#pragma once

#include "check.h"

#include <cuda.h>
#include <dlfcn.h>

inline const char *name_of(CUresult result)
{
    const char *name = "unknown error";
    cuGetErrorName(result, &name);
    return name;
}

#define DRIVER(call) CHECK_WITH(call, CUDA_SUCCESS, name_of)

// The call must fail, with this code.
#define FAILS(code, call)                                                                          \
    do {                                                                                           \
        CUresult code_ = (call);                                                                   \
        if (code_ != (code))                                                                       \
            fail("%s: %s, not %s (line %d)", #call, name_of(code_), #code, __LINE__);              \
    } while (0)

// A context on device 0, current.
inline CUcontext open_context(CUdevice *device = nullptr)
{
    CUdevice own;
    CUcontext context;
    if (!device)
        device = &own;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGet(device, 0));
#if CUDA_VERSION >= 13000
    DRIVER(cuCtxCreate(&context, nullptr, 0, *device));
#else
    DRIVER(cuCtxCreate(&context, 0, *device));
#endif
    return context;
}

// A symbol of the library, for the versions that the header hides.
template<class F>
F symbol(const char *name)
{
    static void *library = dlopen("libcuda.so.1", RTLD_NOW);
    EXPECT(library != nullptr);
    auto found = reinterpret_cast<F>(dlsym(library, name));
    if (!found)
        fail("libcuda.so.1 has no %s", name);
    return found;
}

// A kernel for those who need some: add(unsigned *data, unsigned n) adds n to one element a thread.
// `counter` is an ordinary variable, `shared_with_host` a managed one.
static const char *const add_code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .global .u32 counter;
.visible .global .attribute(.managed) .u32 shared_with_host = 7;
.visible .entry add(.param .u64 data, .param .u32 n)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [n];
    mov.u32 %r2, %tid.x;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r2, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r3, [%rd4];
    add.u32 %r3, %r3, %r1;
    st.global.u32 [%rd4], %r3;
    ret;
}
)";

// Element `i` of an array on the device, behind all that `stream` was given.
inline unsigned element(CUdeviceptr data, CUstream stream, unsigned i = 0)
{
    unsigned value = 0;
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemcpyDtoH(&value, data + i * sizeof value, sizeof value));
    return value;
}
