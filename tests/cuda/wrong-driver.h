// SPDX-License-Identifier: Apache-2.0
// What the programs of wrong calls (wrong.h) of the driver API begin with: one good thing of each
// kind that most calls ask for, and one that was destroyed.
#pragma once

#include "driver.h"
#include "wrong.h"

// What is deprecated is called too.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

template<>
inline wrong::Code wrong::code_of(CUresult result)
{
    return {name_of(result), result == CUDA_SUCCESS};
}

using wrong::dead;

inline CUdevice device;
inline CUcontext context;
inline CUstream stream;
inline CUevent event;
inline CUdeviceptr data;
inline CUmodule module;
inline CUfunction kernel;
inline CUarray array;
inline constexpr size_t kBytes = 4096; // of `data`

inline void open_for_wrong_calls()
{
    context = open_context(&device);
    wrong::after = [] { DRIVER(cuCtxSetCurrent(context)); };
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&dead<CUstream>, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamDestroy(dead<CUstream>));
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuEventCreate(&dead<CUevent>, 0));
    DRIVER(cuEventDestroy(dead<CUevent>));
    dead<CUcontext> = open_context();
    DRIVER(cuCtxDestroy(dead<CUcontext>));
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuMemAlloc(&data, kBytes));
    DRIVER(cuMemsetD8(data, 0, kBytes));
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    DRIVER(cuModuleLoadData(&dead<CUmodule>, add_code));
    DRIVER(cuModuleGetFunction(&dead<CUfunction>, dead<CUmodule>, "add"));
    DRIVER(cuModuleUnload(dead<CUmodule>));
    const CUDA_ARRAY_DESCRIPTOR plane{16, 16, CU_AD_FORMAT_FLOAT, 1};
    DRIVER(cuArrayCreate(&array, &plane));
    DRIVER(cuArrayCreate(&dead<CUarray>, &plane));
    DRIVER(cuArrayDestroy(dead<CUarray>));
    // Of a kind that few calls ask for.
    CUlinkState link;
    DRIVER(cuLinkCreate(0, nullptr, nullptr, &link));
    wrong::other_kind = link;
}

// All else goes on: the stream and the memory do what they did.
inline void end_of_wrong_calls()
{
    DRIVER(cuCtxSynchronize());
    DRIVER(cuMemsetD32Async(data, 7, 16, stream));
    EXPECT(std::getenv("VGPU_NULL_RECORD") || element(data, stream) == 7);
    passed(0);
}
