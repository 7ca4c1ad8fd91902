// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <unistd.h>

namespace
{

using Pools = OnDevice;

uint64_t value_of(CUmemoryPool pool, CUmemPool_attribute attribute)
{
    cuuint64_t value = 0;
    EXPECT_EQ(CUDA_SUCCESS, cuMemPoolGetAttribute(pool, attribute, &value));
    return value;
}

TEST_F(Pools, AllocateInAStreamsOrder)
{
    CUstream stream;
    CUdeviceptr a, b;
    CUmemoryPool pool;
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuDeviceGetDefaultMemPool(&pool, 0));
    OK(cuMemAllocAsync(&a, kMiB, stream));
    OK(cuMemsetD8Async(a, 1, kMiB, stream));
    EXPECT_EQ(kMiB, value_of(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT));
    OK(cuMemFreeAsync(a, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(a, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(a, 0, 1));
    OK(cuMemAllocAsync(&b, kMiB, stream)); // the same stream may have it back at once
    EXPECT_EQ(a, b);
    OK(cuMemFreeAsync(b, stream));
    EXPECT_EQ(kMiB, value_of(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT));
    OK(cuStreamSynchronize(stream));
    EXPECT_EQ(0u, value_of(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT));
    EXPECT_LE(kMiB, value_of(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH));
}

TEST_F(Pools, KeepWhatTheirThresholdSays)
{
    CUmemPoolProps properties{};
    properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    CUmemoryPool pool;
    OK(cuMemPoolCreate(&pool, &properties));
    cuuint64_t all = UINT64_MAX;
    OK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &all));
    CUdeviceptr a;
    OK(cuMemAllocFromPoolAsync(&a, kMiB, pool, nullptr));
    CUmemoryPool owner = nullptr;
    OK(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, a));
    EXPECT_EQ(pool, owner);
    OK(cuMemFreeAsync(a, nullptr));
    OK(cuCtxSynchronize());
    EXPECT_EQ(kMiB, value_of(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT));
    OK(cuMemPoolTrimTo(pool, 0));
    EXPECT_EQ(0u, value_of(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT));
    OK(cuMemPoolDestroy(pool));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolTrimTo(pool, 0));
    CUmemoryPool standard;
    OK(cuDeviceGetDefaultMemPool(&standard, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(standard));
}

TEST_F(Pools, GiveBackWhenTheDeviceIsFull)
{
    CUdeviceptr a, b;
    OK(cuMemAllocAsync(&a, 40 * kMiB, nullptr));
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&b, 40 * kMiB, nullptr));
    OK(cuMemFreeAsync(a, nullptr));
    OK(cuMemAllocAsync(&b, 60 * kMiB, nullptr));
    OK(cuMemFree(b));
    OK(cuCtxSynchronize());
}

TEST_F(Pools, OfSeveralProcessesStandForMemoryInFiles)
{
    CUmemPoolProps properties{};
    properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    CUmemoryPool plain, pool, imported;
    OK(cuMemPoolCreate(&plain, &properties));
    properties.handleTypes = CU_MEM_HANDLE_TYPE_WIN32;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuMemPoolCreate(&pool, &properties));
    constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    properties.handleTypes = kDescriptor;
    OK(cuMemPoolCreate(&pool, &properties));
    int fd = -1;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolExportToShareableHandle(&fd, plain, kDescriptor, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolExportToShareableHandle(&fd, pool, kDescriptor, 1));
    FAILS(CUDA_ERROR_NOT_SUPPORTED,
          cuMemPoolExportToShareableHandle(&fd, pool, CU_MEM_HANDLE_TYPE_WIN32, 0));
    OK(cuMemPoolExportToShareableHandle(&fd, pool, kDescriptor, 0));
    auto as_handle = reinterpret_cast<void *>(intptr_t(fd));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemPoolImportFromShareableHandle(&imported, as_handle, kDescriptor, 0)); // our own
    CUmemGenericAllocationHandle memory;
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemImportFromShareableHandle(&memory, as_handle, kDescriptor));
    close(fd);

    CUdeviceptr a, b, opened;
    OK(cuMemAllocFromPoolAsync(&a, kMiB, pool, nullptr));
    OK(cuMemAllocFromPoolAsync(&b, kMiB, plain, nullptr));
    OK(cuMemsetD8(a, 5, kMiB));
    CUmemPoolPtrExportData data;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolExportPointer(&data, b));
    OK(cuMemPoolExportPointer(&data, a));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolImportPointer(&opened, pool, &data));
    unsigned char last = 0;
    OK(cuMemcpyDtoH(&last, a + kMiB - 1, 1));
    EXPECT_EQ(5, last);
    OK(cuMemFree(a));
    OK(cuMemFree(b));
    OK(cuMemPoolDestroy(pool));
    OK(cuMemPoolDestroy(plain));
}

} // namespace
