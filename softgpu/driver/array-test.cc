// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <numeric>

namespace
{

class Arrays : public OnDevice
{
protected:
    static CUDA_ARRAY3D_DESCRIPTOR floats(size_t width, size_t height, size_t depth,
                                          unsigned flags = 0, unsigned channels = 1)
    {
        return {width, height, depth, CU_AD_FORMAT_FLOAT, channels, flags};
    }

    static CUDA_MEMCPY3D box(size_t width, size_t height, size_t depth)
    {
        CUDA_MEMCPY3D it{};
        it.WidthInBytes = width;
        it.Height = height;
        it.Depth = depth;
        return it;
    }
};

TEST_F(Arrays, AreDescribedAndLimited)
{
    CUarray array;
    auto wanted = floats(20, 30, 0, CUDA_ARRAY3D_SURFACE_LDST, 4);
    size_t before = 0, after = 0, total = 0;
    OK(cuMemGetInfo(&before, &total));
    OK(cuArray3DCreate(&array, &wanted));
    OK(cuMemGetInfo(&after, &total));
    EXPECT_LE(20u * 30 * 16, before - after);
    CUDA_ARRAY3D_DESCRIPTOR got{};
    OK(cuArray3DGetDescriptor(&got, array));
    EXPECT_EQ(20u, got.Width);
    EXPECT_EQ(30u, got.Height);
    EXPECT_EQ(4u, got.NumChannels);
    EXPECT_EQ(unsigned(CUDA_ARRAY3D_SURFACE_LDST), got.Flags);
    OK(cuArrayDestroy(array));
    OK(cuMemGetInfo(&after, &total));
    EXPECT_EQ(before, after);
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuArrayDestroy(array));
    auto refused = [&](CUresult code, CUDA_ARRAY3D_DESCRIPTOR it) {
        EXPECT_EQ(code, cuArray3DCreate(&array, &it));
    };
    refused(CUDA_ERROR_INVALID_VALUE, floats(0, 1, 0));
    refused(CUDA_ERROR_INVALID_VALUE, floats(4, 4, 0, 0, 3));
    refused(CUDA_ERROR_INVALID_VALUE, floats(200000, 0, 0));
    refused(CUDA_ERROR_INVALID_VALUE, floats(4, 5, 6, CUDA_ARRAY3D_CUBEMAP));
    refused(CUDA_ERROR_INVALID_VALUE, floats(4, 4, 0, CUDA_ARRAY3D_LAYERED));
    refused(CUDA_ERROR_INVALID_VALUE, floats(4, 0, 4));
    refused(CUDA_ERROR_NOT_SUPPORTED, floats(4, 4, 0, CUDA_ARRAY3D_SPARSE));
    refused(CUDA_ERROR_OUT_OF_MEMORY, floats(8192, 8192, 0));
    CUDA_ARRAY3D_DESCRIPTOR block{8, 8, 0, CU_AD_FORMAT_BC1_UNORM, 4, 0};
    refused(CUDA_ERROR_NOT_SUPPORTED, block);
}

TEST_F(Arrays, AreCopiedInEveryDirection)
{
    CUarray one, two;
    auto wanted = floats(8, 4, 3);
    OK(cuArray3DCreate(&one, &wanted));
    OK(cuArray3DCreate(&two, &wanted));
    std::vector<float> in(8 * 4 * 3), out(8 * 4 * 3);
    std::iota(in.begin(), in.end(), 1.0f);
    auto it = box(32, 4, 3);
    it.srcMemoryType = CU_MEMORYTYPE_HOST;
    it.srcHost = in.data();
    it.srcPitch = 32;
    it.srcHeight = 4;
    it.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    it.dstArray = one;
    OK(cuMemcpy3D(&it));
    // A corner of one into the middle of two, then all of two to the device, then home.
    it = box(8, 2, 2);
    it.srcMemoryType = it.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    it.srcArray = one;
    it.dstArray = two;
    it.dstXInBytes = 4;
    it.dstY = 1;
    it.dstZ = 1;
    OK(cuMemcpy3D(&it));
    CUdeviceptr plain;
    OK(cuMemAlloc(&plain, out.size() * 4));
    it = box(32, 4, 3);
    it.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    it.srcArray = two;
    it.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    it.dstDevice = plain;
    it.dstPitch = 32;
    it.dstHeight = 4;
    OK(cuMemcpy3DAsync(&it, nullptr));
    OK(cuMemcpyDtoH(out.data(), plain, out.size() * 4));
    for (size_t z = 0; z < 3; z++)
        for (size_t y = 0; y < 4; y++)
            for (size_t x = 0; x < 8; x++) {
                bool inside = x >= 1 && x < 3 && y >= 1 && y < 3 && z >= 1;
                float value = inside ? in[((z - 1) * 4 + y - 1) * 8 + x - 1] : 0;
                EXPECT_EQ(value, out[(z * 4 + y) * 8 + x]) << x << " " << y << " " << z;
            }
    it.srcXInBytes = 4;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(&it));
    it.srcXInBytes = 0;
    it.srcZ = 1;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(&it));
    OK(cuArrayDestroy(two));
    it.srcZ = 0;
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuMemcpy3D(&it));
}

TEST_F(Arrays, OfOneDimensionAreCopiedByBytes)
{
    CUarray array, other;
    CUDA_ARRAY_DESCRIPTOR row{16, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1};
    OK(cuArrayCreate(&array, &row));
    OK(cuArrayCreate(&other, &row));
    std::vector<int> in(16), out(16);
    std::iota(in.begin(), in.end(), 0);
    OK(cuMemcpyHtoA(array, 0, in.data(), 64));
    OK(cuMemcpyAtoA(other, 8, array, 4, 16));
    OK(cuMemcpyAtoH(out.data(), other, 0, 64));
    EXPECT_EQ((std::vector<int>{0, 0, 1, 2, 3, 4, 0}),
              std::vector<int>(out.begin(), out.begin() + 7));
    CUdeviceptr plain;
    OK(cuMemAlloc(&plain, 64));
    OK(cuMemcpyAtoD(plain, array, 32, 32));
    OK(cuMemcpyDtoA(other, 0, plain, 32));
    OK(cuMemcpyAtoHAsync(out.data(), other, 0, 64, nullptr));
    OK(cuCtxSynchronize());
    EXPECT_EQ(8, out[0]);
    EXPECT_EQ(15, out[7]);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoA(array, 4, in.data(), 64));
}

TEST_F(Arrays, HaveLevels)
{
    CUmipmappedArray mipmap;
    CUarray level;
    auto wanted = floats(16, 8, 0);
    OK(cuMipmappedArrayCreate(&mipmap, &wanted, 99));
    CUDA_ARRAY3D_DESCRIPTOR got{};
    OK(cuMipmappedArrayGetLevel(&level, mipmap, 2));
    OK(cuArray3DGetDescriptor(&got, level));
    EXPECT_EQ(4u, got.Width);
    EXPECT_EQ(2u, got.Height);
    OK(cuMipmappedArrayGetLevel(&level, mipmap, 4));
    OK(cuArray3DGetDescriptor(&got, level));
    EXPECT_EQ(1u, got.Width);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayGetLevel(&level, mipmap, 5));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuArrayDestroy(level));
    OK(cuMipmappedArrayDestroy(mipmap));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuArray3DGetDescriptor(&got, level));
}

TEST_F(Arrays, AreSeenThroughTexturesAndSurfaces)
{
    CUarray array;
    auto wanted = floats(16, 8, 0);
    OK(cuArray3DCreate(&array, &wanted));
    CUDA_RESOURCE_DESC resource{}, back{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    CUDA_TEXTURE_DESC how{}, how_back{};
    how.filterMode = CU_TR_FILTER_MODE_LINEAR;
    how.addressMode[0] = CU_TR_ADDRESS_MODE_BORDER;
    CUtexObject texture = 0;
    OK(cuTexObjectCreate(&texture, &resource, &how, nullptr));
    OK(cuTexObjectGetResourceDesc(&back, texture));
    EXPECT_EQ(array, back.res.array.hArray);
    OK(cuTexObjectGetTextureDesc(&how_back, texture));
    EXPECT_EQ(CU_TR_ADDRESS_MODE_BORDER, how_back.addressMode[0]);
    OK(cuTexObjectDestroy(texture));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexObjectDestroy(texture));
    // Whole numbers cannot be mixed.
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    CUdeviceptr plain;
    OK(cuMemAlloc(&plain, 1024));
    resource.res.linear = {plain, CU_AD_FORMAT_SIGNED_INT32, 1, 1024};
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &resource, &how, nullptr));
    how.filterMode = CU_TR_FILTER_MODE_POINT;
    OK(cuTexObjectCreate(&texture, &resource, &how, nullptr));
    OK(cuTexObjectDestroy(texture));
    resource.res.linear.sizeInBytes = 4096;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &resource, &how, nullptr));
    // A surface needs an array that was made for one.
    CUsurfObject surface;
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuSurfObjectCreate(&surface, &resource));
    wanted.Flags = CUDA_ARRAY3D_SURFACE_LDST;
    OK(cuArray3DCreate(&resource.res.array.hArray, &wanted));
    OK(cuSurfObjectCreate(&surface, &resource));
    OK(cuSurfObjectDestroy(surface));
}

} // namespace
