// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress for every row of the installed cudaTypedefs.h: the symbol that it gives has the
// parameters that the row says.
#include "remoting/client/proc-address.h"

#include <cuda.h>
#include <cudaProfiler.h>
#include <cudaProfilerTypedefs.h>
#include <cudaTypedefs.h>

#include <gtest/gtest.h>
#include <string>
#include <type_traits>

namespace
{

// The compiler compares each function with its row.
#define ROW(name, version, per_thread, symbol, pointer)                                            \
    static_assert(std::is_same_v<decltype(&::symbol), pointer>, #pointer " is not " #symbol);
#include "remoting/client/proc-address.inc"
#undef ROW

struct Row {
    const char *name;
    int version;
    bool per_thread;
    void *address;
    const char *pointer;
};

const Row kRows[] = {
#define ROW(name, version, per_thread, symbol, pointer)                                            \
    {name, version, per_thread, reinterpret_cast<void *>(&::symbol), #pointer},
#include "remoting/client/proc-address.inc"
#undef ROW
};

void *ask(const Row &row, int version, CUdriverProcAddressQueryResult &status, CUresult &result)
{
    void *found = nullptr;
    result = cuGetProcAddress_v2(row.name, &found, version,
                                 row.per_thread ? CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM
                                                : CU_GET_PROC_ADDRESS_LEGACY_STREAM,
                                 &status);
    return found;
}

} // namespace

TEST(ProcAddressRows, EachVersionIsTheFunctionOfItsRow)
{
    EXPECT_GT(std::size(kRows), 400u);
    for (const Row &row : kRows) {
        CUdriverProcAddressQueryResult status{};
        CUresult result{};
        EXPECT_EQ(ask(row, row.version, status, result), row.address) << row.pointer;
        EXPECT_EQ(result, CUDA_SUCCESS) << row.pointer;
        EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SUCCESS) << row.pointer;
    }
}

TEST(ProcAddressRows, BeforeItsFirstVersionANameIsTooNew)
{
    for (const Row &row : kRows) {
        int first = row.version;
        for (const Row &other : kRows)
            if (std::string(other.name) == row.name)
                first = std::min(first, other.version);
        CUdriverProcAddressQueryResult status{};
        CUresult result{};
        EXPECT_EQ(ask(row, first - 1, status, result), nullptr) << row.pointer;
        EXPECT_EQ(result, CUDA_ERROR_NOT_FOUND) << row.pointer;
        EXPECT_EQ(status, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT) << row.pointer;
    }
}

// The next older one, or the newest, but never one of other parameters.
TEST(ProcAddressRows, JustBeforeAVersionItIsTheOneBefore)
{
    for (const Row &row : kRows) {
        const Row *before = nullptr;
        for (const Row &other : kRows)
            if (std::string(other.name) == row.name && other.per_thread == row.per_thread &&
                other.version < row.version && (!before || other.version > before->version))
                before = &other;
        if (!before)
            continue;
        CUdriverProcAddressQueryResult status{};
        CUresult result{};
        EXPECT_EQ(ask(row, row.version - 1, status, result), before->address) << row.pointer;
    }
}

TEST(ProcAddressRows, NamesThatAreNoneAreNotFound)
{
    for (std::string name : {"", "cu", "cuMemAlloc_v2", "cuMemAlloc_ptsz", "cuLaunchKernel_ptsz",
                             "cudaMalloc", "vgpuClientVersion", "cuCtxCreate "}) {
        CUdriverProcAddressQueryResult status{};
        CUresult result{};
        EXPECT_EQ(ask({name.c_str(), 0, false, nullptr, ""}, CUDA_VERSION, status, result),
                  nullptr);
        EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND) << name;
    }
}
