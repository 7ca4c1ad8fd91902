// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h): modules, functions,
// launches, libraries, links.
#include "wrong-driver.h"

const char *const program = "wrong-modules";

static size_t CUDA_CB no_shared(int)
{
    return 0;
}

static void modules()
{
    CUmodule made = nullptr;
    CUfunction found = nullptr, all[2];
    CUdeviceptr at = 0;
    size_t size = 0;
    int value = 0;
    unsigned count = 0;
    const char *name = nullptr;
    WALK(cuModuleLoadData, &made, add_code);
    WALK_BUT(4 | 8 | 16, cuModuleLoadDataEx, &made, add_code, 0, nullptr, nullptr);
    WALK(cuModuleLoadFatBinary, &made, add_code);
    WALK(cuModuleLoad, &made, "/no/such/file");
    CUmoduleLoadingMode mode{};
    WALK(cuModuleGetLoadingMode, &mode);
    WALK(cuModuleGetFunction, &found, module, "add");
    WALK(cuModuleGetFunctionCount, &count, module);
    WALK_BUT(2, cuModuleEnumerateFunctions, all, 1, module);
    WALK(cuModuleGetGlobal, &at, &size, module, "counter");
    CUtexref texref = nullptr;
    CUsurfref surfref = nullptr;
    WALK(cuModuleGetTexRef, &texref, module, "none");
    WALK(cuModuleGetSurfRef, &surfref, module, "none");
    WALK(cuFuncGetAttribute, &value, CU_FUNC_ATTRIBUTE_NUM_REGS, kernel);
    WALK(cuFuncSetAttribute, kernel, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50);
    WALK(cuFuncSetAttribute, kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1024);
    WALK(cuFuncSetCacheConfig, kernel, CU_FUNC_CACHE_PREFER_L1);
    WALK(cuFuncGetModule, &made, kernel);
    WALK(cuFuncGetName, &name, kernel);
    WALK(cuFuncGetParamInfo, kernel, 1, &size, &size);
    CUfunctionLoadingState state{};
    WALK(cuFuncIsLoaded, &state, kernel);
    WALK(cuFuncLoad, kernel);
    int grid = 0, block = 0;
    WALK(cuOccupancyMaxActiveBlocksPerMultiprocessor, &value, kernel, 32, 0);
    WALK(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, &value, kernel, 32, 0, 0);
    WALK(cuOccupancyMaxPotentialBlockSize, &grid, &block, kernel, no_shared, 0, 0);
    WALK(cuOccupancyMaxPotentialBlockSizeWithFlags, &grid, &block, kernel, no_shared, 0, 0, 0);
    WALK(cuOccupancyAvailableDynamicSMemPerBlock, &size, kernel, 1, 32);
    CUlaunchConfig config{};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = config.blockDimY = config.blockDimZ = 1;
    config.hStream = stream;
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    // Without arguments the driver would read beyond what there is.
    WALK_BUT(1 << 9 | 1 << 10, cuLaunchKernel, kernel, 1, 1, 1, 1, 1, 1, 0, stream, arguments,
             nullptr);
    WALK_BUT(1 << 9, cuLaunchCooperativeKernel, kernel, 1, 1, 1, 1, 1, 1, 0, stream, arguments);
    WALK_BUT(4 | 8, cuLaunchKernelEx, &config, kernel, arguments, nullptr);
    REFUSE(cuModuleUnload);

    CUlibrary library = nullptr;
    CUkernel in_library = nullptr, kernels[2];
    void *unified = nullptr;
    DRIVER(cuLibraryLoadData(&dead<CUlibrary>, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryGetKernel(&dead<CUkernel>, dead<CUlibrary>, "add"));
    DRIVER(cuLibraryUnload(dead<CUlibrary>));
    WALK_BUT(4 | 8 | 16 | 32 | 64 | 128, cuLibraryLoadData, &library, add_code, nullptr, nullptr, 0,
             nullptr, nullptr, 0);
    DRIVER(cuLibraryLoadData(&library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    WALK(cuLibraryGetKernel, &in_library, library, "add");
    DRIVER(cuLibraryGetKernel(&in_library, library, "add"));
    WALK(cuLibraryGetKernelCount, &count, library);
    WALK_BUT(2, cuLibraryEnumerateKernels, kernels, 1, library);
    WALK(cuLibraryGetModule, &made, library);
    CUlibrary of = nullptr;
    WALK(cuKernelGetFunction, &found, in_library);
    WALK(cuKernelGetLibrary, &of, in_library);
    WALK(cuLibraryGetGlobal, &at, &size, library, "counter");
    WALK(cuLibraryGetManaged, &at, &size, library, "shared_with_host");
    WALK(cuLibraryGetUnifiedFunction, &unified, library, "none");
    WALK(cuKernelGetAttribute, &value, CU_FUNC_ATTRIBUTE_NUM_REGS, in_library, device);
    WALK(cuKernelSetAttribute, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50, in_library,
         device);
    WALK(cuKernelSetCacheConfig, in_library, CU_FUNC_CACHE_PREFER_L1, device);
    WALK(cuKernelGetName, &name, in_library);
    WALK(cuKernelGetParamInfo, in_library, 1, &size, &size);
    REFUSE(cuLibraryUnload);
}

static void links()
{
    auto link_of_others = wrong::other_kind;
    wrong::other_kind = module; // which no call here asks for
    CUlinkState link = nullptr;
    void *image = nullptr;
    size_t size = 0;
    static char code[4096];
    std::strncpy(code, add_code, sizeof code - 1);
    WALK_BUT(2 | 4, cuLinkCreate, 0, nullptr, nullptr, &link);
    DRIVER(cuLinkCreate(0, nullptr, nullptr, &dead<CUlinkState>));
    DRIVER(cuLinkDestroy(dead<CUlinkState>));
    WALK_BUT(8 | 16 | 32 | 64 | 128, cuLinkAddData, link, CU_JIT_INPUT_PTX, code, sizeof code,
             "name", 0, nullptr, nullptr);
    WALK_BUT(2 | 8 | 16 | 32, cuLinkAddFile, link, CU_JIT_INPUT_PTX, "/no/such/file", 0, nullptr,
             nullptr);
    WALK_BUT(1, cuLinkComplete, link, &image, &size);
    for (CUlinkState none :
         {CUlinkState(nullptr), dead<CUlinkState>, CUlinkState(wrong::other_kind)})
        std::printf("%s: cuLinkComplete of none: %s\n", program,
                    name_of(cuLinkComplete(none, &image, &size)));
    REFUSE(cuLinkDestroy);
    DRIVER(cuLinkDestroy(link));
    wrong::other_kind = link_of_others;
}

int main()
{
    open_for_wrong_calls();
    modules();
    links();
    end_of_wrong_calls();
}
