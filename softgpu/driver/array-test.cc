// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <future>
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

/// Only arrays without memory of their own (sparse ones, and those that are mapped later) have
/// requirements, and there are none of these here.
TEST_F(Arrays, OfTheirOwnMemoryHaveNoRequirements)
{
    CUarray array;
    CUmipmappedArray mipmap;
    auto wanted = floats(16, 8, 0);
    CUDA_ARRAY_MEMORY_REQUIREMENTS got{};
    OK(cuArray3DCreate(&array, &wanted));
    OK(cuMipmappedArrayCreate(&mipmap, &wanted, 2));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuArrayGetMemoryRequirements(&got, array, 0));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuArrayGetMemoryRequirements(&got, array, 7));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayGetMemoryRequirements(&got, mipmap, 0));
    OK(cuArrayDestroy(array));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuArrayGetMemoryRequirements(&got, array, 0));
    wanted.Flags = CUDA_ARRAY3D_DEFERRED_MAPPING;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuArray3DCreate(&array, &wanted));
    wanted.Flags = CUDA_ARRAY3D_SPARSE;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuArray3DCreate(&array, &wanted));
}

const char *kFetch = R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry fetch(.param .u64 texture, .param .u64 out, .param .s32 first)
{
    .reg .u64 %rd<5>;
    .reg .s32 %r<9>;
    ld.param.u64 %rd1, [texture];
    ld.param.u64 %rd2, [out];
    ld.param.s32 %r1, [first];
    mov.u32 %r2, %tid.x;
    add.s32 %r3, %r1, %r2;
    tex.1d.v4.s32.s32 {%r4, %r5, %r6, %r7}, [%rd1, {%r3}];
    mul.wide.u32 %rd3, %r2, 8;
    add.s64 %rd4, %rd2, %rd3;
    st.global.v2.s32 [%rd4], {%r4, %r5};
    ret;
}
)";

/// Entries of one and of two channels, the last ones whole; outside there is nothing.
TEST_F(Arrays, LinearMemoryIsReadFromItsFirstEntryToItsLast)
{
    size_t most = 0;
    int told = 0;
    OK(cuDeviceGetTexture1DLinearMaxWidth(&most, CU_AD_FORMAT_FLOAT, 4, 0));
    OK(cuDeviceGetAttribute(&told, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH, 0));
    EXPECT_EQ(size_t(told), most);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetTexture1DLinearMaxWidth(&most, CU_AD_FORMAT_FLOAT, 3, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetTexture1DLinearMaxWidth(nullptr, CU_AD_FORMAT_FLOAT, 4, 0));

    constexpr int kEntries = 1000;
    CUdeviceptr plain, out;
    CUmodule module;
    CUfunction fetch;
    OK(cuMemAlloc(&plain, kEntries * 4));
    OK(cuMemAlloc(&out, 32 * 8));
    OK(cuModuleLoadData(&module, kFetch));
    OK(cuModuleGetFunction(&fetch, module, "fetch"));
    std::vector<int16_t> values(kEntries * 2);
    std::iota(values.begin(), values.end(), int16_t(-700));
    OK(cuMemcpyHtoD(plain, values.data(), kEntries * 4));
    for (unsigned channels : {1u, 2u}) {
        SCOPED_TRACE(channels);
        CUDA_RESOURCE_DESC resource{};
        resource.resType = CU_RESOURCE_TYPE_LINEAR;
        // Bytes that make no whole entry do not count.
        resource.res.linear = {plain, CU_AD_FORMAT_SIGNED_INT16, channels,
                               kEntries * 2 * channels - 1};
        CUDA_TEXTURE_DESC how{};
        how.flags = CU_TRSF_READ_AS_INTEGER;
        CUtexObject texture;
        OK(cuTexObjectCreate(&texture, &resource, &how, nullptr));
        for (int first : {-16, kEntries - 1 - 16}) {
            void *parameters[] = {&texture, &out, &first};
            std::vector<int> got(64);
            OK(cuLaunchKernel(fetch, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr));
            OK(cuMemcpyDtoH(got.data(), out, 256));
            for (int lane = 0; lane < 32; lane++) {
                int entry = first + lane;
                bool inside = entry >= 0 && entry < kEntries - 1;
                int at = entry * int(channels);
                EXPECT_EQ(got[size_t(2 * lane)], inside ? at - 700 : 0) << entry;
                EXPECT_EQ(got[size_t(2 * lane + 1)], inside && channels == 2 ? at - 699 : 0)
                    << entry;
            }
        }
        OK(cuTexObjectDestroy(texture));
    }
}

/// As an application may, who has no use for a texture after its last launch.
TEST_F(Arrays, TexturesThatAreDestroyedBehindALaunchServeIt)
{
    constexpr int kEntries = 32;
    CUdeviceptr plain, out;
    CUmodule module;
    CUfunction fetch;
    CUstream stream;
    OK(cuMemAlloc(&plain, kEntries * 4));
    OK(cuMemAlloc(&out, kEntries * 8));
    OK(cuMemsetD32(plain, 7, kEntries));
    OK(cuModuleLoadData(&module, kFetch));
    OK(cuModuleGetFunction(&fetch, module, "fetch"));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    resource.res.linear = {plain, CU_AD_FORMAT_SIGNED_INT32, 1, kEntries * 4};
    CUDA_TEXTURE_DESC how{};
    CUtexObject texture;
    OK(cuTexObjectCreate(&texture, &resource, &how, nullptr));
    std::promise<void> go;
    OK(cuLaunchHostFunc(
        stream, [](void *data) { static_cast<std::promise<void> *>(data)->get_future().wait(); },
        &go));
    int first = 0;
    void *parameters[] = {&texture, &out, &first};
    OK(cuLaunchKernel(fetch, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr));
    OK(cuTexObjectDestroy(texture));
    CUDA_RESOURCE_DESC back;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexObjectGetResourceDesc(&back, texture));
    go.set_value();
    OK(cuStreamSynchronize(stream));
    std::vector<int> got(64);
    OK(cuMemcpyDtoH(got.data(), out, 256));
    EXPECT_EQ(got[62], 7);
    // A launch after it does not find it.
    OK(cuLaunchKernel(fetch, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr));
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
}

} // namespace
