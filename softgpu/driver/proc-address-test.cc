// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <dlfcn.h>

namespace
{

void *found(const char *name, int version, cuuint64_t flags = 0)
{
    void *function = nullptr;
    CUdriverProcAddressQueryResult status;
    CUresult result = cuGetProcAddress_v2(name, &function, version, flags, &status);
    EXPECT_EQ(result == CUDA_SUCCESS, function != nullptr);
    EXPECT_EQ(result == CUDA_SUCCESS, status == CU_GET_PROC_ADDRESS_SUCCESS);
    return function;
}

CUdriverProcAddressQueryResult status(const char *name, int version)
{
    void *function = nullptr;
    CUdriverProcAddressQueryResult status;
    EXPECT_EQ(CUDA_ERROR_NOT_FOUND, cuGetProcAddress_v2(name, &function, version, 0, &status));
    EXPECT_EQ(nullptr, function);
    return status;
}

TEST(ProcAddress, GivesTheNewestThatTheVersionAllows)
{
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuMemAlloc_v2"), found("cuMemAlloc", 12000));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuCtxCreate_v2"), found("cuCtxCreate", 4000));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuCtxCreate_v3"), found("cuCtxCreate", 12000));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuGetProcAddress_v2"), found("cuGetProcAddress", 12000));
}

TEST(ProcAddress, GivesPerThreadFormsWhenAsked)
{
    constexpr auto flag = CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuLaunchKernel_ptsz"), found("cuLaunchKernel", 12000, flag));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuLaunchKernel"), found("cuLaunchKernel", 12000));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuMemcpyHtoD_v2_ptds"), found("cuMemcpyHtoD", 12000, flag));
    EXPECT_EQ(dlsym(RTLD_DEFAULT, "cuMemAlloc_v2"),
              found("cuMemAlloc", 12000, flag)); // has no such form
}

TEST(ProcAddress, SaysWhatIsNotThere)
{
    EXPECT_EQ(CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND, status("cuNoSuchThing", 13000));
    EXPECT_EQ(CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND,
              status("cuMemAlloc_v2", 13000)); // a symbol, not a name
    EXPECT_EQ(CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT, status("cuLibraryLoadData", 11000));
    void *function;
    EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress_v2(nullptr, &function, 12000, 0, nullptr));
    EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress_v2("cuInit", nullptr, 12000, 0, nullptr));
    EXPECT_EQ(CUDA_ERROR_INVALID_VALUE,
              cuGetProcAddress_v2("cuInit", &function, 12000, 64, nullptr));
}

TEST(ProcAddress, RefusesWhatIsNotImplementedAndPrivateTables)
{
    CUexternalMemory memory;
    CUDA_EXTERNAL_MEMORY_HANDLE_DESC what{};
    EXPECT_EQ(CUDA_ERROR_NOT_SUPPORTED, cuImportExternalMemory(&memory, &what));
    EXPECT_EQ(nullptr, found("cuImportExternalMemory", 13000));
    CUuuid id{};
    const void *table = &id;
    EXPECT_EQ(CUDA_ERROR_NOT_FOUND, cuGetExportTable(&table, &id));
    EXPECT_EQ(nullptr, table);
}

} // namespace
