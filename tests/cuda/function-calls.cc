// SPDX-License-Identifier: Apache-2.0
// What is asked of modules, libraries, functions and kernels, and set in them.
#include "driver.h"

#include <cstdlib>
#include <unistd.h>

const char *const program = "function-calls";

static CUdevice device;
static CUmodule module;
static CUfunction kernel;

static void functions()
{
    CUmoduleLoadingMode mode;
    DRIVER(cuModuleGetLoadingMode(&mode));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuModuleGetLoadingMode(nullptr));
    CUfunctionLoadingState state;
    DRIVER(cuFuncLoad(kernel));
    DRIVER(cuFuncIsLoaded(&state, kernel));
    EXPECT(state == CU_FUNCTION_LOADING_STATE_LOADED);
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuFuncLoad(nullptr));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuFuncIsLoaded(&state, nullptr));
    DRIVER(cuFuncSetCacheConfig(kernel, CU_FUNC_CACHE_PREFER_SHARED));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuFuncSetCacheConfig(nullptr, CU_FUNC_CACHE_PREFER_SHARED));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncSetCacheConfig(kernel, CUfunc_cache(99)));
    using Banks = CUresult (*)(CUfunction, CUsharedconfig);
    DRIVER(symbol<Banks>("cuFuncSetSharedMemConfig")(kernel,
                                                     CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE));
    int grid = 0, block = 0, blocks = 0;
    DRIVER(cuOccupancyMaxPotentialBlockSizeWithFlags(&grid, &block, kernel, nullptr, 0, 0, 0));
    DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, kernel, block, 0, 0));
    EXPECT(grid > 0 && block > 0 && blocks > 0);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(nullptr, kernel, block, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, kernel, block, 0, 0x80));
    CUmodule other;
    EXPECT(cuModuleLoadFatBinary(&other, "no fat binary at all") != CUDA_SUCCESS);
}

static void libraries()
{
    CUlibrary library, other;
    CUmodule of_library;
    CUkernel of;
    DRIVER(cuLibraryLoadData(&library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryGetKernel(&of, library, "add"));
    DRIVER(cuKernelGetLibrary(&other, of));
    EXPECT(other == library);
    DRIVER(cuLibraryGetModule(&of_library, library));
    CUfunction function;
    DRIVER(cuModuleGetFunction(&function, of_library, "add"));
    int threads = 0;
    DRIVER(cuKernelGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, of, device));
    EXPECT(threads >= 32);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuKernelGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, of, device));
    DRIVER(cuKernelSetCacheConfig(of, CU_FUNC_CACHE_PREFER_L1, device));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuKernelSetCacheConfig(of, CUfunc_cache(99), device));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuKernelSetCacheConfig(of, CU_FUNC_CACHE_PREFER_L1, 99));
    DRIVER(cuFuncSetCacheConfig(reinterpret_cast<CUfunction>(of), CU_FUNC_CACHE_PREFER_L1));
    size_t offset = 99, bytes = 0;
    DRIVER(cuKernelGetParamInfo(of, 1, &offset, &bytes));
    EXPECT(offset == 8 && bytes == 4);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuKernelGetParamInfo(of, 2, &offset, &bytes));
    CUdeviceptr managed = 0, global = 0;
    FAILS(CUDA_ERROR_NOT_FOUND, cuLibraryGetManaged(&managed, &bytes, library, "counter"));
    DRIVER(cuLibraryGetManaged(&managed, &bytes, library, "shared_with_host"));
    EXPECT(bytes == 4 && *reinterpret_cast<unsigned *>(managed) == 7);
    DRIVER(cuLibraryGetGlobal(&global, &bytes, library, "counter"));
    FAILS(CUDA_ERROR_NOT_FOUND, cuLibraryGetManaged(&managed, &bytes, library, "nowhere"));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLibraryGetManaged(&managed, &bytes, library, nullptr));
    void *unified = nullptr;
    EXPECT(cuLibraryGetUnifiedFunction(&unified, library, "nowhere") != CUDA_SUCCESS);
    DRIVER(cuLibraryUnload(library));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLibraryGetModule(&of_library, library));
}

static void files()
{
    CUlibrary library;
    CUkernel of;
    FAILS(CUDA_ERROR_FILE_NOT_FOUND, cuLibraryLoadFromFile(&library, "/nowhere/at/all.ptx", nullptr,
                                                           nullptr, 0, nullptr, nullptr, 0));
    char name[] = "/tmp/function-calls-XXXXXX";
    FILE *file = fdopen(mkstemp(name), "w");
    EXPECT(file && fputs(add_code, file) >= 0 && fclose(file) == 0);
    DRIVER(cuLibraryLoadFromFile(&library, name, nullptr, nullptr, 0, nullptr, nullptr, 0));
    remove(name);
    DRIVER(cuLibraryGetKernel(&of, library, "add"));
    DRIVER(cuLibraryUnload(library));
}

int main()
{
    open_context(&device);
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    functions();
    libraries();
    files();
    passed(0);
}
