// SPDX-License-Identifier: Apache-2.0
// Arrays and textures in a session: what they cost, what a busy device holds up, what a client may
// not say of them.
#include "remoting/api/resource.h"
#include "remoting/server/array-bytes.h"
#include "remoting/server/busy-device.h"
#include "remoting/server/test-client.h"

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

CUDA_ARRAY3D_DESCRIPTOR floats(size_t width, size_t height, size_t depth = 0, unsigned flags = 0)
{
    return {width, height, depth, CU_AD_FORMAT_FLOAT, 1, flags};
}

TEST(ArrayBytes, are_of_whole_tiles)
{
    EXPECT_EQ(array_bytes(floats(1024, 1024), 1), 4 * kMiB);
    EXPECT_EQ(array_bytes(floats(1, 0), 1), 4096u);
    EXPECT_EQ(array_bytes(floats(17, 9, 2), 1), 4096u); // 128 x 16 x 2
    EXPECT_EQ(array_bytes(floats(17, 9, 3), 1), 8192u);
    // Half of each size in the next level, and a quarter of the bytes, but layers stay.
    EXPECT_EQ(array_bytes(floats(1024, 1024), 2), 5 * kMiB);
    EXPECT_EQ(array_bytes(floats(1024, 1024, 4), 2), 16 * kMiB + 2 * kMiB);
    EXPECT_EQ(array_bytes(floats(1024, 1024, 4, CUDA_ARRAY3D_LAYERED), 2), 20 * kMiB);
    EXPECT_EQ(array_bytes(floats(1024, 1024), 11), array_bytes(floats(1024, 1024), 99));
    EXPECT_EQ(array_bytes({64, 64, 0, CU_AD_FORMAT_UNSIGNED_INT8, 4, 0}, 1), 16384u);
    EXPECT_EQ(array_bytes(floats(1024, 1024, 0, 0x40), 1), 0u); // sparse
    EXPECT_FALSE(array_bytes(floats(SIZE_MAX, 1), 1));
    EXPECT_LT(uint64_t(1) << 62, array_bytes(floats(UINT32_MAX, UINT32_MAX, UINT32_MAX), 1));
}

class ArrayTest : public testing::TestWithParam<TestClient::Over>
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }

    CUresult create(TestClient &client, const CUDA_ARRAY3D_DESCRIPTOR &description, CUarray &array)
    {
        return client.call(Call::cuArray3DCreate_v2,
                           New<CUarray>::Client{&array, client.id(Kind::array)},
                           In<CUDA_ARRAY3D_DESCRIPTOR>::Client{&description});
    }

    void destroy(TestClient &client, CUarray array)
    {
        client.post(Call::cuArrayDestroy, Handle<CUarray>::Client{array});
    }

    CUresult texture(TestClient &client, const CUDA_RESOURCE_DESC &resource, uint64_t id)
    {
        uint64_t object = 0;
        CUDA_TEXTURE_DESC how{};
        return client.call(
            Call::vgpuTextureCreate, Val<uint64_t>::Client{id}, Out<uint64_t>::Client{&object},
            In<CUDA_RESOURCE_DESC>::Client{&resource}, In<CUDA_TEXTURE_DESC>::Client{&how},
            Maybe<In<CUDA_RESOURCE_VIEW_DESC>>::Client{
                static_cast<const CUDA_RESOURCE_VIEW_DESC *>(nullptr)});
    }

    CUresult synchronize(TestClient &client) { return client.call(Call::cuCtxSynchronize); }
};

TEST_P(ArrayTest, is_charged_and_given_back)
{
    TestClient client(GetParam()); // 64 MiB
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUarray one, two;
    CUmipmappedArray mipmap;
    auto large = floats(4096, 2048), levels = floats(1024, 1024);
    ASSERT_EQ(create(client, large, one), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 32 * kMiB);
    ASSERT_EQ(client.call(Call::cuMipmappedArrayCreate,
                          New<CUmipmappedArray>::Client{&mipmap, client.id(Kind::mipmap)},
                          In<CUDA_ARRAY3D_DESCRIPTOR>::Client{&levels}, Val<unsigned>::Client{2}),
              CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 27 * kMiB);
    EXPECT_EQ(create(client, large, two), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(create(client, floats(4, 0, 4), two), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(client.free_memory(), 27 * kMiB);
    client.post(Call::cuMipmappedArrayDestroy, Handle<CUmipmappedArray>::Client{mipmap});
    destroy(client, one);
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    // With its context.
    ASSERT_EQ(create(client, large, one), CUDA_SUCCESS);
    EXPECT_EQ(client.call(Call::vgpuContextReset, Val<uint32_t>::Client{0}), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    destroy(client, one);
    EXPECT_EQ(synchronize(client), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_HANDLE));
}

TEST_P(ArrayTest, is_destroyed_behind_a_busy_device)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUarray one, two;
    auto large = floats(4096, 2048);
    ASSERT_EQ(create(client, large, one), CUDA_SUCCESS);
    {
        Hold hold;
        destroy(client, one);
        EXPECT_EQ(client.free_memory(), 64 * kMiB); // counts as free, and nobody waits
        hold.release();
    }
    EXPECT_EQ(synchronize(client), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, 0u);
    ASSERT_EQ(create(client, large, one), CUDA_SUCCESS);
    ASSERT_EQ(create(client, floats(4096, 2044), two), CUDA_SUCCESS);
}

TEST_P(ArrayTest, of_a_mipmap_end_with_it)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUmipmappedArray mipmap;
    CUarray level;
    auto levels = floats(64, 64);
    ASSERT_EQ(client.call(Call::cuMipmappedArrayCreate,
                          New<CUmipmappedArray>::Client{&mipmap, client.id(Kind::mipmap)},
                          In<CUDA_ARRAY3D_DESCRIPTOR>::Client{&levels}, Val<unsigned>::Client{4}),
              CUDA_SUCCESS);
    client.post(Call::cuMipmappedArrayGetLevel,
                New<CUarray>::Client{&level, client.id(Kind::array)},
                Handle<CUmipmappedArray>::Client{mipmap}, Val<unsigned>::Client{1});
    CUDA_ARRAY3D_DESCRIPTOR back{};
    ASSERT_EQ(client.call(Call::cuArray3DGetDescriptor_v2,
                          Out<CUDA_ARRAY3D_DESCRIPTOR>::Client{&back},
                          Handle<CUarray>::Client{level}),
              CUDA_SUCCESS);
    EXPECT_EQ(back.Width, 32u);
    client.post(Call::cuMipmappedArrayDestroy, Handle<CUmipmappedArray>::Client{mipmap});
    EXPECT_EQ(client.call(Call::cuArray3DGetDescriptor_v2,
                          Out<CUDA_ARRAY3D_DESCRIPTOR>::Client{&back},
                          Handle<CUarray>::Client{level}),
              CUDA_ERROR_INVALID_HANDLE);
}

TEST_P(ArrayTest, lets_no_texture_look_elsewhere)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer;
    ASSERT_EQ(client.alloc(4096, pointer), CUDA_SUCCESS);
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    auto linear = [&](CUdeviceptr at, size_t bytes) {
        resource.res.linear = {at, CU_AD_FORMAT_FLOAT, 1, bytes};
        return texture(client, resource, client.id(Kind::texture));
    };
    EXPECT_EQ(linear(pointer, 4096), CUDA_SUCCESS);
    // Memory of the worker's own.
    static std::vector<float> own(1 << 16);
    auto here = (reinterpret_cast<uint64_t>(own.data()) + 511) & ~uint64_t(511);
    EXPECT_EQ(linear(here, 4096), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(linear(pointer, SIZE_MAX - 8), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(linear(pointer, uint64_t(1) << 33), CUDA_ERROR_INVALID_VALUE); // past the window
    EXPECT_EQ(linear(pointer, 0), CUDA_ERROR_INVALID_VALUE);
    resource.resType = CU_RESOURCE_TYPE_PITCH2D;
    resource.res.pitch2D = {pointer, CU_AD_FORMAT_FLOAT, 1, 8, SIZE_MAX, SIZE_MAX};
    EXPECT_EQ(texture(client, resource, client.id(Kind::texture)), CUDA_ERROR_INVALID_VALUE);
    resource.resType = CUresourcetype(7);
    EXPECT_EQ(texture(client, resource, client.id(Kind::texture)), CUDA_ERROR_INVALID_VALUE);
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = handle_of<CUarray>(client.id(Kind::array));
    EXPECT_EQ(texture(client, resource, client.id(Kind::texture)), CUDA_ERROR_INVALID_HANDLE);
    // Ids of another kind, those in use and those that are none.
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    resource.res.linear = {pointer, CU_AD_FORMAT_FLOAT, 1, 4096};
    EXPECT_EQ(texture(client, resource, client.id(Kind::surface)), CUDA_ERROR_INVALID_HANDLE);
    uint64_t id = client.id(Kind::texture);
    EXPECT_EQ(texture(client, resource, id), CUDA_SUCCESS);
    EXPECT_EQ(texture(client, resource, id), CUDA_ERROR_INVALID_HANDLE);
    client.post(Call::vgpuTextureDestroy, Val<uint64_t>::Client{id});
    EXPECT_EQ(synchronize(client), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, 0u);
    client.post(Call::vgpuTextureDestroy, Val<uint64_t>::Client{id});
    EXPECT_EQ(synchronize(client), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_HANDLE));
}

TEST_P(ArrayTest, lets_no_copy_out_of_it)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUarray array;
    ASSERT_EQ(create(client, floats(16, 4), array), CUDA_SUCCESS);
    auto context = handle_of<CUcontext>(make_id(Kind::context, 0, 1));
    std::vector<std::byte> data(64);
    auto copy_in = [&](uint64_t x, uint64_t y, uint64_t z, uint64_t width, uint64_t rows) {
        client.post(Call::vgpuArrayIn, Handle<CUarray>::Client{array},
                    Handle<CUcontext>::Client{context}, Val<uint64_t>::Client{x},
                    Val<uint64_t>::Client{y}, Val<uint64_t>::Client{z},
                    Val<uint64_t>::Client{width}, Val<uint64_t>::Client{rows},
                    Handle<CUstream>::Client{nullptr},
                    InArray<std::byte>::Client{data.data(), data.size()});
        EXPECT_EQ(synchronize(client), CUDA_SUCCESS);
        return CUresult(client.last.deferred);
    };
    EXPECT_EQ(copy_in(0, 0, 0, 64, 1), CUDA_SUCCESS);
    EXPECT_EQ(copy_in(0, 3, 0, 64, 1), CUDA_SUCCESS);
    EXPECT_EQ(copy_in(0, 4, 0, 64, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy_in(4, 0, 0, 64, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy_in(0, 0, 1, 64, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy_in(0, UINT64_MAX, 0, 64, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy_in(UINT64_MAX - 3, 0, 0, 64, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy_in(0, 0, 0, 32, 3), CUDA_ERROR_INVALID_VALUE); // not as many bytes
    EXPECT_EQ(copy_in(0, 0, 0, 32, uint64_t(1) << 60), CUDA_ERROR_INVALID_VALUE);
}

INSTANTIATE_TEST_SUITE_P(Channels, ArrayTest,
                         testing::Values(TestClient::Over::stream, TestClient::Over::ring),
                         [](auto &info) {
                             return info.param == TestClient::Over::ring ? "ring" : "stream";
                         });

} // namespace
