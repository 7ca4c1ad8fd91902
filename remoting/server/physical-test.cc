// SPDX-License-Identifier: Apache-2.0
// Memory that the client maps itself: charged as long as it exists, mapped nowhere but where the
// client has reserved.
#include "remoting/server/calls.h"
#include "remoting/server/test-client.h"

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kUnit = 2 << 20;
// Below where programs lie, in what both AddressSanitizer and ThreadSanitizer leave to them.
constexpr uint64_t kPlace = uint64_t(0x55) << 40;

uint64_t number(uint64_t n)
{
    return make_id(Kind::allocation, 0, n);
}

template<class... T>
CUresult ask(TestClient &client, Call call, T... numbers)
{
    return client.call(call, typename Val<T>::Client{numbers}...);
}

class PhysicalTest : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
        client = std::make_unique<TestClient>();
        ASSERT_EQ(client->open(), CUDA_SUCCESS);
    }

    CUresult create(uint64_t n, uint64_t bytes, uint32_t slice = 0)
    {
        return ask(*client, Call::vgpuAllocationCreate, number(n), slice, bytes, uint32_t(0),
                   uint32_t(0), uint32_t(0), uint32_t(0));
    }
    CUresult reserve(uint64_t base, uint64_t bytes)
    {
        return ask(*client, Call::vgpuAddressReserve, base, bytes, uint64_t(0));
    }
    uint64_t free()
    {
        uint64_t free = 0, total = 0;
        EXPECT_EQ(client->call(Call::vgpuMemoryInfo, Val<uint32_t>::Client{0},
                               Out<uint64_t>::Client{&free}, Out<uint64_t>::Client{&total}),
                  CUDA_SUCCESS);
        return free;
    }

    std::unique_ptr<TestClient> client;
};

TEST_F(PhysicalTest, memory_is_charged_until_it_is_neither_held_nor_mapped)
{
    uint64_t before = free();
    EXPECT_EQ(create(1, 1 << 30), CUDA_ERROR_OUT_OF_MEMORY); // of 64 MiB
    EXPECT_EQ(free(), before);
    ASSERT_EQ(create(1, 4 * kUnit), CUDA_SUCCESS);
    EXPECT_EQ(free(), before - 4 * kUnit);
    ASSERT_EQ(reserve(kPlace, 8 * kUnit), CUDA_SUCCESS);
    ASSERT_EQ(ask(*client, Call::vgpuAllocationMap, kPlace, 4 * kUnit, uint64_t(0), number(1)),
              CUDA_SUCCESS);
    ASSERT_EQ(ask(*client, Call::vgpuAllocationRelease, number(1)), CUDA_SUCCESS);
    EXPECT_EQ(ask(*client, Call::vgpuAllocationRelease, number(1)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(free(), before - 4 * kUnit);
    EXPECT_EQ(ask(*client, Call::vgpuAddressFree, kPlace, 8 * kUnit), CUDA_ERROR_INVALID_VALUE);
    ASSERT_EQ(ask(*client, Call::vgpuAllocationUnmap, kPlace, 4 * kUnit), CUDA_SUCCESS);
    EXPECT_EQ(free(), before);
    EXPECT_EQ(ask(*client, Call::vgpuAddressFree, kPlace, 8 * kUnit), CUDA_SUCCESS);
}

TEST_F(PhysicalTest, nothing_is_mapped_outside_of_what_the_client_has_reserved)
{
    ASSERT_EQ(create(1, 2 * kUnit), CUDA_SUCCESS);
    CUdeviceptr block = 0;
    ASSERT_EQ(client->alloc(4 * kUnit, block), CUDA_SUCCESS);
    for (uint64_t base : {uint64_t(block), client->window + (uint64_t(1) << 30), kPlace})
        EXPECT_EQ(ask(*client, Call::vgpuAllocationMap, base, kUnit, uint64_t(0), number(1)),
                  CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(ask(*client, Call::vgpuAllocationUnmap, uint64_t(block), 4 * kUnit),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(ask(*client, Call::vgpuAllocationAccess, uint64_t(block), 4 * kUnit, uint32_t(0),
                  uint32_t(0)),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(ask(*client, Call::vgpuAddressFree, client->window, uint64_t(1) << 30),
              CUDA_ERROR_INVALID_VALUE);
    // What is in use is not to be had, and the answer is another address's.
    EXPECT_EQ(reserve(block, kUnit), CUDA_ERROR_ALREADY_MAPPED);
    ASSERT_EQ(reserve(kPlace, 2 * kUnit), CUDA_SUCCESS);
    EXPECT_EQ(
        ask(*client, Call::vgpuAllocationMap, kPlace + kUnit, 2 * kUnit, uint64_t(0), number(1)),
        CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(create(1, kUnit), CUDA_ERROR_INVALID_HANDLE); // twice
    EXPECT_EQ(create(2, kUnit, 7), CUDA_ERROR_INVALID_DEVICE);
    EXPECT_EQ(ask(*client, Call::vgpuAllocationMap, kPlace, kUnit, uint64_t(0), number(9)),
              CUDA_ERROR_INVALID_VALUE);
}

TEST_F(PhysicalTest, a_session_that_ends_leaves_nothing)
{
    ASSERT_EQ(create(1, 2 * kUnit), CUDA_SUCCESS);
    ASSERT_EQ(reserve(kPlace, 2 * kUnit), CUDA_SUCCESS);
    ASSERT_EQ(ask(*client, Call::vgpuAllocationMap, kPlace, 2 * kUnit, uint64_t(0), number(1)),
              CUDA_SUCCESS);
    client->join();
    client = std::make_unique<TestClient>();
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    EXPECT_EQ(reserve(kPlace, 2 * kUnit), CUDA_SUCCESS); // the address is free again
}

} // namespace
