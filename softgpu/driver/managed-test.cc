// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <cstring>

namespace
{

using Managed = OnDevice;

TEST_F(Managed, IsOneMemoryForBothSides)
{
    CUdeviceptr data, plain;
    OK(cuMemAllocManaged(&data, 4096, CU_MEM_ATTACH_GLOBAL));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&plain, 4096, 0));
    auto *words = reinterpret_cast<unsigned *>(data);
    words[3] = 7;
    OK(cuMemsetD32(data, 5, 2));
    OK(cuCtxSynchronize());
    EXPECT_EQ(5u, words[1]);
    EXPECT_EQ(7u, words[3]);
    // As the host's memory and as the device's.
    OK(cuMemAlloc(&plain, 4096));
    OK(cuMemcpyHtoD(plain, words, 16));
    OK(cuMemcpyDtoD(data + 16, plain, 16));
    EXPECT_EQ(7u, words[7]);
    unsigned managed = 0;
    void *host = nullptr;
    OK(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, data));
    EXPECT_EQ(1u, managed);
    OK(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, data + 8));
    EXPECT_EQ(words + 2, host);
    OK(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, plain));
    EXPECT_EQ(0u, managed);
    OK(cuStreamAttachMemAsync(nullptr, data, 0, CU_MEM_ATTACH_HOST));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamAttachMemAsync(nullptr, plain, 0, CU_MEM_ATTACH_HOST));
    OK(cuMemFree(data));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(data));
}

TEST_F(Managed, RemembersAdvice)
{
    CUdeviceptr data;
    int value = 5, by[3] = {};
    OK(cuMemAllocManaged(&data, 3 * 4096, CU_MEM_ATTACH_GLOBAL));
    CUmemLocation second{CU_MEM_LOCATION_TYPE_DEVICE, 1}, host{CU_MEM_LOCATION_TYPE_HOST, 0};
    auto ask = [&](CUmem_range_attribute what, CUdeviceptr from, size_t bytes) {
        EXPECT_EQ(CUDA_SUCCESS, cuMemRangeGetAttribute(&value, 4, what, from, bytes));
        return value;
    };
    EXPECT_EQ(CU_DEVICE_INVALID, ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION, data, 3 * 4096));
    OK(cuMemAdvise(data, 4096, CU_MEM_ADVISE_SET_READ_MOSTLY, host));
    EXPECT_EQ(1, ask(CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, data, 4096));
    EXPECT_EQ(0, ask(CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, data, 8192));
    OK(cuMemAdvise(data, 8192, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, second));
    EXPECT_EQ(1, ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION, data, 8192));
    OK(cuMemAdvise(data + 4096, 4096, CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION, second));
    EXPECT_EQ(1, ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION, data, 4096));
    EXPECT_EQ(CU_DEVICE_INVALID, ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION, data, 8192));
    OK(cuMemAdvise(data, 4096, CU_MEM_ADVISE_SET_ACCESSED_BY, second));
    OK(cuMemAdvise(data, 4096, CU_MEM_ADVISE_SET_ACCESSED_BY, host));
    OK(cuMemRangeGetAttribute(by, sizeof by, CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY, data, 4096));
    EXPECT_EQ(CU_DEVICE_CPU, by[0]);
    EXPECT_EQ(1, by[1]);
    EXPECT_EQ(CU_DEVICE_INVALID, by[2]);
    OK(cuMemPrefetchAsync(data, 3 * 4096, second, 0, nullptr));
    OK(cuCtxSynchronize());
    EXPECT_EQ(1, ask(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, data, 3 * 4096));
    second.id = 9;
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuMemPrefetchAsync(data, 4096, second, 0, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync(data, 4 * 4096, host, 0, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemRangeGetAttribute(&value, 3, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, data, 4096));
    OK(cuMemFree(data));
}

#if CUDA_VERSION >= 13000
TEST_F(Managed, IsPrefetchedAndDiscardedInBatches)
{
    CUdeviceptr ranges[3];
    size_t sizes[3] = {4096, 8192, 4096}, first[2] = {0, 2};
    for (size_t i = 0; i < 3; i++)
        OK(cuMemAllocManaged(&ranges[i], sizes[i], CU_MEM_ATTACH_GLOBAL));
    CUmemLocation places[2] = {{CU_MEM_LOCATION_TYPE_DEVICE, 1}, {CU_MEM_LOCATION_TYPE_HOST, 0}};
    OK(cuMemPrefetchBatchAsync(ranges, sizes, 3, places, first, 2, 0, nullptr));
    OK(cuCtxSynchronize());
    int last[3] = {};
    for (size_t i = 0; i < 3; i++)
        OK(cuMemRangeGetAttribute(&last[i], sizeof last[i],
                                  CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, ranges[i],
                                  sizes[i]));
    EXPECT_EQ(1, last[0]);
    EXPECT_EQ(1, last[1]);
    EXPECT_EQ(CU_DEVICE_CPU, last[2]);
    OK(cuMemDiscardBatchAsync(ranges, sizes, 3, 0, nullptr));
    OK(cuMemDiscardAndPrefetchBatchAsync(ranges, sizes, 3, places, first, 2, 0, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemPrefetchBatchAsync(ranges, sizes, 3, places, first, 2, 1, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemPrefetchBatchAsync(ranges, sizes, 3, nullptr, nullptr, 0, 0, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemDiscardBatchAsync(ranges, sizes, 0, 0, nullptr));
    size_t wrong[2] = {1, 2};
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemPrefetchBatchAsync(ranges, sizes, 3, places, wrong, 2, 0, nullptr));
}
#endif

} // namespace
