// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

namespace
{

constexpr size_t kStep = 2 * kMiB;
constexpr CUdeviceptr kUnreserved = 16 * kMiB;

class Vmm : public OnDevice
{
protected:
    void SetUp() override
    {
        OnDevice::SetUp();
        properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        access.location = properties.location;
        access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    }

    CUmemAllocationProp properties{};
    CUmemAccessDesc access{};
};

TEST_F(Vmm, MapsPhysicalMemoryAtReservedAddresses)
{
    size_t granularity = 0, free = 0, total = 0, before = 0;
    OK(cuMemGetInfo(&before, &total));
    OK(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    EXPECT_EQ(kStep, granularity);
    CUdeviceptr window;
    OK(cuMemAddressReserve(&window, 4 * kStep, 0, 0, 0));
    CUmemGenericAllocationHandle a, b;
    OK(cuMemCreate(&a, kStep, &properties, 0));
    OK(cuMemCreate(&b, kStep, &properties, 0));
    OK(cuMemGetInfo(&free, &total));
    EXPECT_EQ(before - 2 * kStep, free);
    OK(cuMemMap(window, kStep, 0, a, 0));
    OK(cuMemMap(window + kStep, kStep, 0, b, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(window + kStep, kStep, 0, b, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(window + 4 * kStep, kStep, 0, b, 0));
    int value = 3, got = 0;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(window, &value, 4)); // no access yet
    OK(cuMemSetAccess(window, 2 * kStep, &access, 1));
    OK(cuMemsetD8(window + kStep - 2, 7, 4)); // across both
    OK(cuMemcpyDtoH(&got, window + kStep - 2, 4));
    EXPECT_EQ(0x07070707, got);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(window + 2 * kStep - 2, &value, 4));
    unsigned long long flags = 0;
    OK(cuMemGetAccess(&flags, &access.location, window));
    EXPECT_EQ(unsigned(CU_MEM_ACCESS_FLAGS_PROT_READWRITE), flags);

    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(window, 4 * kStep)); // still mapped
    OK(cuMemRelease(a));
    OK(cuMemRelease(b));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemRelease(b));
    CUmemGenericAllocationHandle again;
    OK(cuMemRetainAllocationHandle(&again, reinterpret_cast<void *>(window)));
    OK(cuMemUnmap(window, 2 * kStep));
    OK(cuMemGetInfo(&free, &total));
    EXPECT_EQ(before - kStep, free); // one is still held
    // The same bytes at another address.
    OK(cuMemMap(window + 3 * kStep, kStep, 0, again, 0));
    OK(cuMemSetAccess(window + 3 * kStep, kStep, &access, 1));
    got = 0;
    OK(cuMemcpyDtoH(&got, window + 4 * kStep - 2, 2));
    EXPECT_EQ(0x0707, got);
    OK(cuMemUnmap(window + 3 * kStep, kStep));
    OK(cuMemRelease(again));
    OK(cuMemAddressFree(window, 4 * kStep));
    OK(cuMemGetInfo(&free, &total));
    EXPECT_EQ(before, free);
}

TEST_F(Vmm, HonoursTheAddressThatIsAskedFor)
{
    CUdeviceptr free, first, second;
    OK(cuMemAddressReserve(&free, 2 * kStep, 0, 0, 0));
    OK(cuMemAddressFree(free, 2 * kStep));
    OK(cuMemAddressReserve(&first, kStep, 0, free + kStep, 0));
    EXPECT_EQ(free + kStep, first);
    OK(cuMemAddressReserve(&second, kStep, 0, free + kStep, 0)); // taken: elsewhere
    EXPECT_NE(first, second);
    OK(cuMemAddressFree(first, kStep));
    OK(cuMemAddressFree(second, kStep));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(second, kStep));
    OK(cuMemAddressReserve(&first, kStep, 64 * kMiB, 0, 0));
    EXPECT_EQ(0u, first % (64 * kMiB));
    OK(cuMemAddressFree(first, kStep));
}

TEST_F(Vmm, RefusesWhatDoesNotFit)
{
    CUdeviceptr window;
    CUmemGenericAllocationHandle handle;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&window, 1000, 0, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&handle, kStep + 1, &properties, 0));
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuMemCreate(&handle, 66 * kMiB, &properties, 0));
    properties.location.id = 9;
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuMemCreate(&handle, kStep, &properties, 0));
    properties.location.id = 0;
    OK(cuMemCreate(&handle, kStep, &properties, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(kUnreserved, kStep, 0, handle, 0)); // not reserved
    OK(cuMemRelease(handle));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemUnmap(kUnreserved, kStep));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemSetAccess(kUnreserved, kStep, &access, 1));
}

TEST_F(Vmm, ReadOnlyMemoryIsNotWritten)
{
    CUdeviceptr window;
    CUmemGenericAllocationHandle handle;
    OK(cuMemAddressReserve(&window, kStep, 0, 0, 0));
    OK(cuMemCreate(&handle, kStep, &properties, 0));
    OK(cuMemMap(window, kStep, 0, handle, 0));
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READ;
    OK(cuMemSetAccess(window, kStep, &access, 1));
    int value = 1;
    OK(cuMemcpyDtoH(&value, window, 4));
    EXPECT_EQ(0, value);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(window, &value, 4));
    OK(cuMemUnmap(window, kStep));
    OK(cuMemRelease(handle));
    OK(cuMemAddressFree(window, kStep));
}

} // namespace
