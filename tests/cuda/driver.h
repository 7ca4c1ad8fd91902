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
