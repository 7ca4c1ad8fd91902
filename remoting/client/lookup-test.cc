// SPDX-License-Identifier: Apache-2.0
// What is answered without a worker: ids, versions of functions, names of errors, block sizes,
// NVIDIA's runtime recognised.
#include "remoting/client/errors.h"
#include "remoting/client/id.h"
#include "remoting/client/occupancy.h"
#include "remoting/client/proc-address.h"
#include "remoting/client/static-cudart.h"
#include "remoting/client/table.h"
#include "remoting/client/window.h"

#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/mman.h>

using namespace vgpu::client;
namespace api = vgpu::api;

TEST(Ids, AreDistinctAndOfTheirKind)
{
    Ids ids;
    std::set<uint64_t> seen;
    for (int i = 0; i < 100; ++i)
        for (auto kind :
             {api::Kind::stream, api::Kind::event, api::Kind::image, api::Kind::graph_exec}) {
            uint64_t id = ids.next(kind);
            EXPECT_EQ(api::kind_of(id), kind);
            EXPECT_GE(id, api::kSpecialHandles);
            EXPECT_TRUE(seen.insert(id).second);
        }
}

TEST(Ids, CreatedContextsKeepClearOfThePrimaryOnes)
{
    Ids ids;
    EXPECT_EQ(api::counter_of(ids.next(api::Kind::context)), api::kFirstContext);
}

namespace
{

void *resolve(const char *name, int version, cuuint64_t flags = 0,
              CUdriverProcAddressQueryResult *status = nullptr)
{
    void *function = nullptr;
    CUresult result = cuGetProcAddress_v2(name, &function, version, flags, status);
    EXPECT_EQ(result == CUDA_SUCCESS, function != nullptr) << name;
    return function;
}

template<class F>
void *address(F *function)
{
    return reinterpret_cast<void *>(function);
}

} // namespace

extern "C" CUresult CUDAAPI cuMemcpyHtoD_v2_ptds(CUdeviceptr, const void *, size_t);
extern "C" CUresult CUDAAPI cuLaunchKernel_ptsz(CUfunction, unsigned, unsigned, unsigned, unsigned,
                                                unsigned, unsigned, unsigned, CUstream, void **,
                                                void **);

TEST(Table, FindsAgainWhatIsThereAndNotWhatIsGone)
{
    Table<int> table;
    Lately<int> lately;
    EXPECT_EQ(table.find_again(3, lately), nullptr);
    table.add(3, std::make_shared<int>(30));
    ASSERT_NE(table.find_again(3, lately), nullptr);
    int *there = table.find_again(3, lately);
    EXPECT_EQ(*there, 30);
    table.add(3 + 16, std::make_shared<int>(190)); // the same slot
    EXPECT_EQ(*table.find_again(3 + 16, lately), 190);
    there = table.find_again(3, lately);
    table.remove(3);
    EXPECT_EQ(*there, 30); // who had found it may end with it
    EXPECT_EQ(table.find_again(3, lately), nullptr);
    EXPECT_EQ(*table.find_again(3 + 16, lately), 190);
    table.remove_if([](int) { return true; });
    EXPECT_EQ(table.find_again(3 + 16, lately), nullptr);
    EXPECT_EQ(table.find_again(0, lately), nullptr);
}

TEST(ProcAddress, GivesTheNewestUpToTheVersion)
{
    EXPECT_EQ(resolve("cuMemAlloc", 12000), address(&cuMemAlloc_v2));
    EXPECT_EQ(resolve("cuCtxCreate", 4000), address(&cuCtxCreate_v2));
    EXPECT_EQ(resolve("cuCtxCreate", 11040), address(&cuCtxCreate_v3));
    EXPECT_EQ(resolve("cuGetProcAddress", 11040), address(&cuGetProcAddress));
    EXPECT_EQ(resolve("cuGetProcAddress", CUDA_VERSION), address(&cuGetProcAddress_v2));
}

TEST(ProcAddress, GivesTheVariantThatWasAskedFor)
{
    constexpr cuuint64_t per_thread = CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    EXPECT_EQ(resolve("cuMemcpyHtoD", CUDA_VERSION), address(&cuMemcpyHtoD_v2));
    EXPECT_EQ(resolve("cuMemcpyHtoD", CUDA_VERSION, per_thread), address(&cuMemcpyHtoD_v2_ptds));
    EXPECT_EQ(resolve("cuLaunchKernel", CUDA_VERSION, per_thread), address(&cuLaunchKernel_ptsz));
    EXPECT_EQ(resolve("cuInit", CUDA_VERSION, per_thread), address(&cuInit)); // has none
}

TEST(ProcAddress, SaysWhyThereIsNone)
{
    CUdriverProcAddressQueryResult status;
    EXPECT_FALSE(resolve("cuNoSuchThing", CUDA_VERSION, 0, &status));
    EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
    EXPECT_FALSE(
        resolve("cuMemAlloc_v2", CUDA_VERSION, 0, &status)); // a symbol, not a function's name
    EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
    EXPECT_FALSE(resolve("cuMemAllocAsync", 11000, 0, &status));
    EXPECT_EQ(status, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
    EXPECT_TRUE(resolve("cuMemAllocAsync", 11020, 0, &status));
    EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SUCCESS);

    void *function;
    EXPECT_EQ(cuGetProcAddress_v2(nullptr, &function, 12000, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuGetProcAddress_v2("cuInit", nullptr, 12000, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuGetProcAddress_v2("cuInit", &function, 12000, 1 << 5, nullptr),
              CUDA_ERROR_INVALID_VALUE);
}

TEST(Errors, AllHaveNamesAndTheRowsAreInOrder)
{
    const char *text = nullptr;
    EXPECT_EQ(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text), CUDA_SUCCESS);
    EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
    EXPECT_EQ(cuGetErrorString(CUDA_SUCCESS, &text), CUDA_SUCCESS);
    EXPECT_STREQ(text, "no error");
    EXPECT_EQ(cuGetErrorName(CUDA_ERROR_UNKNOWN, &text),
              CUDA_SUCCESS); // the last one: found only if all are in order
    EXPECT_EQ(cuGetErrorName(CUresult(12345), &text), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(text, nullptr);
    for (int i = 0, last = -1, names = 0; i < 1000; ++i)
        if (auto row = error_text(CUresult(i))) {
            EXPECT_GT(i, last);
            last = i;
            EXPECT_EQ(std::string(row->name).rfind("CUDA_", 0), 0u);
            EXPECT_GE(++names, 1);
        }
}

TEST(Occupancy, TheBlockThatKeepsMostThreadsWins)
{
    // 1536 threads, 40 registers a thread of 65536, blocks of whole warps.
    auto blocks = [](int block) { return std::min(1536 / block, 65536 / (40 * block)); };
    auto best = best_block(32, 1024, 1536, blocks);
    EXPECT_EQ(best.block * best.blocks, 1536);
    EXPECT_EQ(best.block, 768);
}

TEST(Occupancy, ALimitThatIsNoWholeWarpIsTriedItself)
{
    auto best = best_block(32, 50, 2048, [](int) { return 1; });
    EXPECT_EQ(best.block, 50);
    EXPECT_EQ(best_block(32, 1024, 2048, [](int) { return 0; }).block, 0);
    EXPECT_EQ(best_block(32, 1024, 2048, [](int) { return -1; }).blocks, 0);
}

TEST(StaticCudart, IsKnownByWhatItLeavesBehind)
{
    auto holds = [](const std::string &text) {
        return holds_nvidia_runtime(std::as_bytes(std::span(text)));
    };
    std::string pattern = std::string("/cudart.") + "shm.%x";
    EXPECT_TRUE(holds("x" + pattern + "y"));
    EXPECT_TRUE(holds(std::string("/cudart./cudart.") + pattern));
    EXPECT_FALSE(holds(pattern.substr(0, 12)));
    EXPECT_FALSE(holds("cudart.shm.%"));
    EXPECT_FALSE(holds(""));
    EXPECT_FALSE(report_static_cudart()); // this test is linked with none
}

#ifndef __SANITIZE_THREAD__ // which has its own idea of which addresses there are
TEST(Window, KeepsOneOfWhatItOffersAndReservesIt)
{
    Window window(uint64_t(1) << 30);
    ASSERT_FALSE(window.candidates().empty());
    auto offered = window.candidates();
    uint64_t base = offered.front();
    EXPECT_FALSE(window.holds(base));
    ASSERT_TRUE(window.keep(base));
    EXPECT_TRUE(window.holds(base));
    EXPECT_TRUE(window.holds(base + window.bytes() - 1));
    EXPECT_FALSE(window.holds(base + window.bytes()));
    EXPECT_FALSE(window.holds(base - 1));
    // What was not chosen is free again, what was is not.
    for (uint64_t place : offered) {
        void *want = reinterpret_cast<void *>(place);
        void *got =
            mmap(want, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        EXPECT_EQ(got == want, place != base);
        if (got != MAP_FAILED)
            munmap(got, 4096);
    }
    munmap(reinterpret_cast<void *>(base), window.bytes());
}

TEST(Window, AStrangersChoiceIsRefused)
{
    Window window(uint64_t(1) << 30);
    EXPECT_FALSE(window.keep(0x1234000));
    EXPECT_FALSE(window.holds(0x1234000));
}
#endif

TEST(Entry, NothingWorksBeforeCuInit)
{
    int count = 0;
    EXPECT_EQ(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
    CUdeviceptr pointer;
    EXPECT_EQ(cuMemAlloc_v2(&pointer, 16), CUDA_ERROR_NOT_INITIALIZED);
    EXPECT_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
    unsetenv("VGPU_LEASE");
    EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
    setenv("VGPU_LEASE", "/nonexistent/lease", 1);
    EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
    setenv("VGPU_LEASE", "/dev/null", 1); // not one's own
    EXPECT_EQ(cuInit(0), CUDA_ERROR_NOT_PERMITTED);
    int version = 0;
    EXPECT_EQ(cuDriverGetVersion(&version), CUDA_SUCCESS);
    EXPECT_EQ(version, CUDA_VERSION);
    const void *table;
    CUuuid id{};
    EXPECT_EQ(cuGetExportTable(&table, &id), CUDA_ERROR_NOT_FOUND);
}
