// SPDX-License-Identifier: Apache-2.0
// The driver's functions for programs that have a runtime too, found as a program without -lcuda
// finds them, so that both links of it can be had: DRIVER(cuArrayCreate)(&array, &description).
#pragma once

#include "check.h"

#include <cuda.h>
#include <dlfcn.h>

inline void *driver_symbol(const char *name)
{
    static void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    EXPECT(driver != nullptr);
    void *found = dlsym(driver, name);
    if (!found)
        fail("no %s", name);
    return found;
}

// The header's names are macros for the symbols' of the version that it describes.
#define VGPU_NAME_OF(name) #name
#define DRIVER(name) reinterpret_cast<decltype(&name)>(driver_symbol(VGPU_NAME_OF(name)))

inline const char *driver_error(CUresult result)
{
    const char *name = "unknown error";
    DRIVER(cuGetErrorName)(result, &name);
    return name;
}

#define CU(call) CHECK_WITH(call, CUDA_SUCCESS, driver_error)
