// SPDX-License-Identifier: Apache-2.0
// What a driver takes by itself, for modules and contexts, is in the slice's quota.
#include "remoting/server/calls.h"
#include "remoting/server/test-client.h"

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

class HeldTest : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }

    // Two slices, of 64 and 32 MiB.
    std::vector<Slice> slices()
    {
        return {{.ordinal = 0, .memory = 64 * kMiB, .page = &first.page},
                {.ordinal = 1, .memory = 32 * kMiB, .page = &second.page}};
    }

    // The result of loading a text with so many MiB of variables; `id` becomes its handle's.
    CUresult load(TestClient &client, Call how, uint64_t mib, uint64_t &id)
    {
        std::string text = ".version 7.0\n.target sm_75\n.address_size 64\n"
                           ".visible .global .align 4 .b8 large[" +
                           std::to_string(mib) + " << 20];\n.visible .const .b32 step = 3;\n";
        uint64_t image = client.id(Kind::image), size = text.size() + 1;
        id = client.id(how == Call::vgpuModuleLoad ? Kind::module : Kind::library);
        client.post(Call::vgpuImageData, Val<uint64_t>::Client{image}, Val<uint64_t>::Client{size},
                    Val<uint64_t>::Client{0}, InArray<unsigned char>::Client{text.c_str(), size});
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        for (uint64_t value : {image, id, uint64_t(0), uint64_t(0), uint64_t(0)})
            out.u64(value);
        client.finish(bytes, how, true);
        client.send(bytes);
        client.last = client.receive();
        client.post(Call::vgpuImageDrop, Val<uint64_t>::Client{image});
        return client.last.result;
    }

    TestPage first, second;
};

TEST_F(HeldTest, a_modules_variables_are_in_the_quota)
{
    TestClient client(TestClient::Over::stream, slices());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    uint64_t module, none;
    CUdeviceptr pointer;
    ASSERT_EQ(load(client, Call::vgpuModuleLoad, 40, module), CUDA_SUCCESS);
    uint64_t left = client.free_memory();
    EXPECT_LT(left, 24 * kMiB); // the constant counts too
    EXPECT_GE(left, 24 * kMiB - 4096);
    EXPECT_EQ(client.alloc(24 * kMiB, pointer), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(load(client, Call::vgpuModuleLoad, 25, none), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(client.free_memory(), left);
    CUfunction function;
    EXPECT_EQ(client.call(Call::cuModuleGetFunction,
                          New<CUfunction>::Client{&function, client.id(Kind::function)},
                          Handle<CUmodule>::Client{handle_of<CUmodule>(none)},
                          String::Client{"none"}),
              CUDA_ERROR_INVALID_HANDLE);
    client.post(Call::cuModuleUnload, Handle<CUmodule>::Client{handle_of<CUmodule>(module)});
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    // What is still being freed gives way.
    ASSERT_EQ(client.alloc(60 * kMiB, pointer), CUDA_SUCCESS);
    client.post(Call::cuMemFree_v2, Pointer::Client{pointer});
    EXPECT_EQ(load(client, Call::vgpuModuleLoad, 60, module), CUDA_SUCCESS);
    // A context takes its modules with it.
    ASSERT_EQ(client.call(Call::vgpuContextReset, Val<uint32_t>::Client{0}), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    client.join();
    EXPECT_EQ(first.page.used(), 0u);
}

TEST_F(HeldTest, a_librarys_variables_are_in_the_quota_of_each_context)
{
    TestClient client(TestClient::Over::stream, slices());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    auto open_second = [&] {
        return client.call(Call::vgpuContextOpen, Val<uint32_t>::Client{1},
                           Val<uint32_t>::Client{0});
    };
    uint64_t library, other;
    ASSERT_EQ(load(client, Call::vgpuLibraryLoad, 40, library), CUDA_SUCCESS);
    EXPECT_LT(client.free_memory(), 24 * kMiB);
    EXPECT_EQ(client.free_memory(1), 32 * kMiB);
    EXPECT_EQ(load(client, Call::vgpuLibraryLoad, 30, other), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(open_second(), CUDA_ERROR_OUT_OF_MEMORY); // 40 of 32
    EXPECT_EQ(client.free_memory(1), 32 * kMiB);
    client.post(Call::cuLibraryUnload, Handle<CUlibrary>::Client{handle_of<CUlibrary>(library)});
    EXPECT_EQ(open_second(), CUDA_SUCCESS);
    ASSERT_EQ(load(client, Call::vgpuLibraryLoad, 20, library), CUDA_SUCCESS);
    EXPECT_LT(client.free_memory(), 44 * kMiB);
    EXPECT_LT(client.free_memory(1), 12 * kMiB);
    EXPECT_EQ(load(client, Call::vgpuLibraryLoad, 20, other), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_GT(client.free_memory(),
              43 * kMiB); // the first slice would have had room: not held either
    client.post(Call::cuLibraryUnload, Handle<CUlibrary>::Client{handle_of<CUlibrary>(library)});
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    EXPECT_EQ(client.free_memory(1), 32 * kMiB);
}

TEST_F(HeldTest, limits_of_a_context_are_in_the_quota)
{
    TestClient client(TestClient::Over::stream, slices());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    auto limit = [&](CUlimit which, size_t value) {
        return client.call(Call::cuCtxSetLimit, Val<CUlimit>::Client{which},
                           Val<size_t>::Client{value});
    };
    EXPECT_EQ(limit(CU_LIMIT_MALLOC_HEAP_SIZE, 65 * kMiB), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(limit(CU_LIMIT_MALLOC_HEAP_SIZE, 30 * kMiB), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 34 * kMiB);
    EXPECT_EQ(limit(CU_LIMIT_PRINTF_FIFO_SIZE, 4 * kMiB), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 30 * kMiB);
    EXPECT_EQ(limit(CU_LIMIT_STACK_SIZE, size_t(1) << 40), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(limit(CU_LIMIT_STACK_SIZE, 1024 + 512), CUDA_SUCCESS);
    EXPECT_LT(client.free_memory(), 30 * kMiB); // for each thread that can be there at once
    EXPECT_EQ(limit(CU_LIMIT_STACK_SIZE, 1024), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 30 * kMiB);
}

// A vendor's contexts take hundreds of MiB. The software GPU's take none, so the meter is ours.
TEST_F(HeldTest, a_context_pays_for_itself)
{
    Session session(*test_driver(), slices());
    uint64_t used = 5 * kMiB, each = 10 * kMiB;
    session.contexts.costs.used = [&](CUdevice) { return std::exchange(used, used + each); };
    ASSERT_EQ(calls::vgpuContextOpen(session, 0, 0), CUDA_SUCCESS);
    EXPECT_EQ(first.page.used(), 10 * kMiB);
    ASSERT_EQ(calls::vgpuContextOpen(session, 0, 0), CUDA_SUCCESS); // it is open already
    EXPECT_EQ(first.page.used(), 10 * kMiB);
    CUcontext created = nullptr;
    ASSERT_EQ(calls::cuCtxCreate_v2(session, &created, 0, 0), CUDA_SUCCESS);
    session.contexts.adopt(uint32_t(kFirstContext), created);
    EXPECT_EQ(first.page.used(), 20 * kMiB);
    ASSERT_EQ(calls::cuCtxDestroy_v2(session, created), CUDA_SUCCESS);
    EXPECT_EQ(first.page.used(), 10 * kMiB);
    each = 40 * kMiB;
    EXPECT_EQ(calls::vgpuContextOpen(session, 1, 0), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(second.page.used(), 0u);
    EXPECT_EQ(session.contexts.find(2), nullptr);
    each = 60 * kMiB;
    EXPECT_EQ(calls::cuCtxCreate_v2(session, &created, 0, 0), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(first.page.used(), 10 * kMiB);
}

} // namespace
