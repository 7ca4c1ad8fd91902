// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <numeric>
#include <thread>

namespace
{

using Memory = OnDevice;

size_t free_bytes()
{
    size_t free = 0, total = 0;
    EXPECT_EQ(CUDA_SUCCESS, cuMemGetInfo(&free, &total));
    return free;
}

TEST_F(Memory, IsChargedAndRefunded)
{
    size_t before = free_bytes();
    CUdeviceptr a, b;
    OK(cuMemAlloc(&a, 10 * kMiB));
    EXPECT_EQ(before - 10 * kMiB, free_bytes());
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&b, 60 * kMiB));
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&b, SIZE_MAX - 100));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(&b, 0));
    OK(cuMemFree(a));
    EXPECT_EQ(before, free_bytes());
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(a));
    OK(cuMemFree(0));
}

TEST_F(Memory, GoesWithItsContext)
{
    size_t before = free_bytes();
    CUcontext other;
    OK(create_context(&other, 0));
    CUdeviceptr lost;
    OK(cuMemAlloc(&lost, kMiB));
    OK(cuCtxDestroy(other));
    EXPECT_EQ(before, free_bytes());
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(lost));
}

TEST_F(Memory, CopiesThereAndBack)
{
    std::vector<int> in(1000), out(1000);
    std::iota(in.begin(), in.end(), 7);
    CUdeviceptr a, b;
    OK(cuMemAlloc(&a, 4000));
    OK(cuMemAlloc(&b, 4000));
    OK(cuMemcpyHtoD(a, in.data(), 4000));
    OK(cuMemcpyDtoD(b, a, 4000));
    OK(cuMemcpyDtoH(out.data(), b, 4000));
    EXPECT_EQ(in, out);
    OK(cuMemcpy(reinterpret_cast<CUdeviceptr>(out.data()), a + 400, 400));
    EXPECT_EQ(in[100], out[0]);
    OK(cuMemcpyHtoD(a, in.data(), 0));
}

TEST_F(Memory, CopiesStayInside)
{
    std::vector<char> host(8000);
    CUdeviceptr a;
    OK(cuMemAlloc(&a, 4000));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(a, host.data(), 4001));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(host.data(), a + 1, 4000));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(a, nullptr, 10));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemcpyHtoD(reinterpret_cast<CUdeviceptr>(host.data()), host.data(), 10));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(reinterpret_cast<void *>(a), a, 10));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(a, 0x1000, 10));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(a, 0, 4001));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(a + 2, 0, 10));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(a, 0, SIZE_MAX / 2));
}

TEST_F(Memory, FillsAllWidths)
{
    CUdeviceptr a;
    std::vector<unsigned char> out(64);
    OK(cuMemAlloc(&a, 64));
    OK(cuMemsetD8(a, 1, 64));
    OK(cuMemsetD16(a + 8, 0x0203, 2));
    OK(cuMemsetD32(a + 16, 0x04050607, 2));
    OK(cuMemsetD2D8(a + 32, 16, 9, 2, 2));
    OK(cuMemcpyDtoH(out.data(), a, 64));
    EXPECT_EQ(1, out[7]);
    EXPECT_EQ(3, out[8]);
    EXPECT_EQ(2, out[11]);
    EXPECT_EQ(1, out[12]);
    EXPECT_EQ(7, out[16]);
    EXPECT_EQ(4, out[23]);
    EXPECT_EQ(9, out[33]);
    EXPECT_EQ(1, out[34]);
    EXPECT_EQ(9, out[48]);
}

TEST_F(Memory, CopiesRectangles)
{
    CUdeviceptr a;
    size_t pitch = 0;
    OK(cuMemAllocPitch(&a, &pitch, 12, 4, 4));
    EXPECT_EQ(0u, pitch % 256);
    std::vector<char> in(40), out(40, '.');
    std::iota(in.begin(), in.end(), 'A');
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = in.data();
    copy.srcPitch = 10;
    copy.srcXInBytes = 1;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = a;
    copy.dstPitch = pitch;
    copy.WidthInBytes = 3;
    copy.Height = 4;
    OK(cuMemcpy2D(&copy));
    std::swap(copy.srcMemoryType, copy.dstMemoryType);
    copy.srcDevice = a;
    copy.srcPitch = pitch;
    copy.srcXInBytes = 0;
    copy.dstHost = out.data();
    copy.dstPitch = 10;
    OK(cuMemcpy2D(&copy));
    EXPECT_EQ("BCD.......LMN.......VWX.......", std::string(out.data(), 30));
    copy.WidthInBytes = 11;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(&copy));
    copy.WidthInBytes = 3;
    copy.Height = 1000;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(&copy));
    copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuMemcpy2D(&copy)); // there is none
}

TEST_F(Memory, CopiesBoxes)
{
    std::vector<int> in(4 * 3 * 2), out(4 * 3 * 2);
    std::iota(in.begin(), in.end(), 0);
    CUdeviceptr a;
    OK(cuMemAlloc(&a, in.size() * 4));
    OK(cuMemcpyHtoD(a, in.data(), in.size() * 4));
    CUDA_MEMCPY3D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = a;
    copy.srcPitch = 16;
    copy.srcHeight = 3;
    copy.srcXInBytes = 8;
    copy.srcY = 1;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = out.data();
    copy.dstPitch = 8;
    copy.dstHeight = 2;
    copy.WidthInBytes = 8;
    copy.Height = 2;
    copy.Depth = 2;
    OK(cuMemcpy3D(&copy));
    EXPECT_EQ((std::vector<int>{6, 7, 10, 11, 18, 19, 22, 23}),
              std::vector<int>(out.begin(), out.begin() + 8));
    copy.srcZ = 1;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(&copy));
}

TEST_F(Memory, OfTheHostIsPinnedAndRegistered)
{
    void *pinned = nullptr;
    OK(cuMemHostAlloc(&pinned, 5000, CU_MEMHOSTALLOC_DEVICEMAP));
    CUdeviceptr device = 0;
    OK(cuMemHostGetDevicePointer(&device, pinned, 0));
    EXPECT_EQ(reinterpret_cast<CUdeviceptr>(pinned), device);
    unsigned type = 0, flags = 0;
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, device + 4999));
    EXPECT_EQ(unsigned(CU_MEMORYTYPE_HOST), type);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, device + 5000));
    OK(cuMemHostGetFlags(&flags, pinned));
    OK(cuMemFreeHost(pinned));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(pinned));

    std::vector<char> own(3000);
    OK(cuMemHostRegister(own.data(), own.size(), 0));
    FAILS(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister(own.data() + 100, 100, 0));
    OK(cuMemHostGetDevicePointer(&device, own.data() + 10, 0));
    OK(cuMemHostUnregister(own.data()));
    FAILS(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(own.data()));
}

TEST_F(Memory, PointersAreKnown)
{
    CUdeviceptr a, base;
    size_t size;
    OK(cuMemAlloc(&a, 1000));
    OK(cuMemGetAddressRange(&base, &size, a + 999));
    EXPECT_EQ(a, base);
    EXPECT_EQ(1000u, size);
    FAILS(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange(&base, &size, a + 1000));
    CUcontext owner = nullptr;
    int ordinal = -1, stranger = 5;
    void *both[] = {&owner, &ordinal};
    CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_CONTEXT,
                                   CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
    OK(cuPointerGetAttributes(2, which, both, a + 10));
    EXPECT_EQ(context, owner);
    EXPECT_EQ(0, ordinal);
    OK(cuPointerGetAttributes(2, which, both, reinterpret_cast<CUdeviceptr>(&stranger)));
    EXPECT_EQ(nullptr, owner);
    EXPECT_EQ(-2, ordinal);
}

TEST_F(Memory, TravelsBetweenDevices)
{
    CUcontext other;
    CUdeviceptr here, there;
    int in = 42, out = 0;
    OK(cuMemAlloc(&here, 4));
    OK(cuMemcpyHtoD(here, &in, 4));
    OK(create_context(&other, 1));
    OK(cuMemAlloc(&there, 4));
    OK(cuMemcpyPeer(there, other, here, context, 4));
    OK(cuMemcpyDtoH(&out, there, 4));
    EXPECT_EQ(42, out);
    OK(cuCtxDestroy(other));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuMemcpyPeer(there, other, here, context, 4));
}

} // namespace
