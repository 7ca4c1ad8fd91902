// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h), of the old parts, which programs
// of today do not call: attachments, launches of before CUDA 4, references, profiles.
#include "wrong-driver.h"

#include <cudaProfiler.h>

const char *const program = "wrong-old";

static void attachments()
{
    CUcontext found = nullptr;
    WALK(cuCtxAttach, &found, 0);
    EXPECT(found == context);
    DRIVER(cuCtxDetach(context));
    REFUSE(cuCtxDetach);
}

static void functions()
{
    WALK(cuFuncSetSharedMemConfig, kernel, CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE);
    WALK(cuFuncSetBlockShape, kernel, 1, 1, 1);
    DRIVER(cuFuncSetBlockShape(kernel, 1, 1, 1));
    // Memory that no block has is seen by the launch.
    WALK_BUT(2, cuFuncSetSharedSize, kernel, 0);
    DRIVER(cuParamSetv(kernel, 0, &data, sizeof data));
    WALK(cuParamSeti, kernel, 8, 1);
    WALK(cuParamSetf, kernel, 8, 0.0f);
    DRIVER(cuParamSetSize(kernel, 12));
    WALK_BUT(2 | 4, cuLaunchGridAsync, kernel, 1, 1, stream);
    for (int size : {-1, 0}) {
        FAILS(CUDA_ERROR_INVALID_VALUE, cuLaunchGridAsync(kernel, size, 1, stream));
        FAILS(CUDA_ERROR_INVALID_VALUE, cuLaunchGridAsync(kernel, 1, size, stream));
    }
    DRIVER(cuFuncSetSharedSize(kernel, 1u << 31));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLaunchGridAsync(kernel, 1, 1, stream));
    DRIVER(cuFuncSetSharedSize(kernel, 0));
}

static void references()
{
    CUtexref texref = nullptr;
    CUarray found = nullptr;
    DRIVER(cuTexRefCreate(&dead<CUtexref>));
    DRIVER(cuTexRefDestroy(dead<CUtexref>));
    DRIVER(cuTexRefCreate(&texref));
    WALK(cuParamSetTexRef, kernel, CU_PARAM_TR_DEFAULT, texref);
    // Of surface references there are none but in modules that no compiler makes any more: null is
    // as good as any.
    WALK(cuSurfRefSetArray, CUsurfref(nullptr), array, 0);
    WALK(cuSurfRefGetArray, &found, CUsurfref(nullptr));
    DRIVER(cuTexRefDestroy(texref));
}

static void identities()
{
    const void *table = nullptr;
    const CUuuid nobodys{};
    char luid[8] = {};
    unsigned mask = 0;
    WALK(cuGetExportTable, &table, &nobodys);
    EXPECT(!table);
    WALK(cuDeviceGetLuid, luid, &mask, device);
}

static void profiles()
{
    // Without a context there is nothing to be profiled.
    DRIVER(cuCtxSetCurrent(nullptr));
    std::printf("%s: cuProfilerStart without a context: %s\n", program, name_of(cuProfilerStart()));
    std::printf("%s: cuProfilerStop without a context: %s\n", program, name_of(cuProfilerStop()));
    DRIVER(cuCtxSetCurrent(context));
    // Went with CUDA 12, though some drivers have the symbol still.
    using Initialize = CUresult (*)(const char *, const char *, int);
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (auto initialize = reinterpret_cast<Initialize>(dlsym(library, "cuProfilerInitialize")))
        EXPECT(initialize("none", "none", 9999) != CUDA_SUCCESS);
}

int main()
{
    open_for_wrong_calls();
    attachments();
    functions();
    references();
    identities();
    profiles();
    end_of_wrong_calls();
}
