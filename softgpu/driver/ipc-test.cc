// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

// What one process can see of memory that is given to others; two of them share some in
// tests/cuda/ipc.cu.

namespace
{

constexpr size_t kStep = 2 * kMiB;

using Ipc = OnDevice;

TEST_F(Ipc, KeepsWhatIsInMemoryThatIsExported)
{
    CUdeviceptr memory;
    OK(cuMemAlloc(&memory, kMiB + 5));
    std::vector<unsigned char> bytes(kMiB + 5), got(kMiB + 5);
    for (size_t i = 0; i < bytes.size(); i++)
        bytes[i] = (unsigned char)(i > kMiB / 2 ? i * 7 : 0);
    OK(cuMemcpyHtoD(memory, bytes.data(), bytes.size()));
    CUipcMemHandle handle, again;
    OK(cuIpcGetMemHandle(&handle, memory));
    OK(cuIpcGetMemHandle(&again, memory + 100)); // the whole allocation
    EXPECT_EQ(0, memcmp(&handle, &again, sizeof handle));
    OK(cuMemcpyDtoH(got.data(), memory, got.size()));
    EXPECT_EQ(bytes, got);
    OK(cuMemsetD8(memory, 9, 100));
    unsigned capable = 0;
    OK(cuPointerGetAttribute(&capable, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE, memory));
    EXPECT_EQ(1u, capable);

    CUdeviceptr opened;
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuIpcOpenMemHandle(&opened, handle, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle(&opened, handle, 2));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcCloseMemHandle(memory));
    OK(cuMemFree(memory));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle(&opened, handle, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&handle, memory));
    OK(cuMemAlloc(&memory, kMiB));
    OK(cuIpcGetMemHandle(&again, memory));
    EXPECT_NE(0, memcmp(&handle, &again, sizeof handle));
    OK(cuMemFree(memory));
}

TEST_F(Ipc, RefusesEveryHandleThatWasChanged)
{
    CUdeviceptr memory, opened;
    OK(cuMemAlloc(&memory, kMiB));
    CUipcMemHandle handle;
    OK(cuIpcGetMemHandle(&handle, memory));
    for (size_t i = 0; i < sizeof handle; i++) {
        CUipcMemHandle changed = handle;
        changed.reserved[i] = char(changed.reserved[i] ^ 0x41);
        EXPECT_NE(CUDA_SUCCESS, cuIpcOpenMemHandle(&opened, changed, 1)) << i;
    }
    memset(&handle, 0, sizeof handle);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle(&opened, handle, 1));
    OK(cuMemFree(memory));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&handle, memory));
}

class Shareable : public OnDevice
{
protected:
    void SetUp() override
    {
        OnDevice::SetUp();
        properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
        access.location = properties.location;
        access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
        OK(cuMemAddressReserve(&window, 4 * kStep, 0, 0, 0));
    }
    void TearDown() override
    {
        OK(cuMemAddressFree(window, 4 * kStep));
        OnDevice::TearDown();
    }

    static CUresult import(CUmemGenericAllocationHandle *handle, int descriptor)
    {
        return cuMemImportFromShareableHandle(handle, (void *)intptr_t(descriptor),
                                              CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    }

    CUmemAllocationProp properties{};
    CUmemAccessDesc access{};
    CUdeviceptr window = 0;
};

TEST_F(Shareable, IsTheSameMemoryThroughADescriptor)
{
    CUmemGenericAllocationHandle own, imported, plain;
    OK(cuMemCreate(&own, 2 * kStep, &properties, 0));
    OK(cuMemMap(window, kStep, kStep, own, 0));
    OK(cuMemSetAccess(window, kStep, &access, 1));
    OK(cuMemsetD32(window, 0x01020304, 16));
    OK(cuMemsetD8(window + kStep - 1, 3, 1));
    int descriptor = -1;
    OK(cuMemExportToShareableHandle(&descriptor, own, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    OK(cuMemsetD32(window, 0x05060708, 8)); // after it was moved
    size_t before = 0, after = 0, total = 0;
    OK(cuMemGetInfo(&before, &total));
    OK(import(&imported, descriptor));
    close(descriptor);
    OK(cuMemGetInfo(&after, &total));
    EXPECT_EQ(before, after);
    OK(cuMemMap(window + 2 * kStep, 2 * kStep, 0, imported, 0));
    OK(cuMemSetAccess(window + 2 * kStep, 2 * kStep, &access, 1));
    unsigned got[16] = {}, end = 0;
    OK(cuMemcpyDtoH(got, window + 3 * kStep, sizeof got));
    EXPECT_EQ(0x05060708u, got[7]);
    EXPECT_EQ(0x01020304u, got[8]);
    OK(cuMemcpyDtoH(&end, window + 4 * kStep - 1, 1));
    EXPECT_EQ(3u, end);
    // The importer's stays, whatever becomes of the other.
    OK(cuMemRelease(own));
    OK(cuMemUnmap(window, kStep));
    OK(cuMemcpyDtoH(&end, window + 4 * kStep - 1, 1));
    EXPECT_EQ(3u, end);
    OK(cuMemRelease(imported));
    OK(cuMemUnmap(window + 2 * kStep, 2 * kStep));

    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
    OK(cuMemCreate(&plain, kStep, &properties, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemExportToShareableHandle(&descriptor, plain, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                       0));
    OK(cuMemRelease(plain));
}

TEST_F(Shareable, TakesNoDescriptorThatIsNotOfDeviceMemory)
{
    CUmemGenericAllocationHandle handle;
    FAILS(CUDA_ERROR_INVALID_VALUE, import(&handle, -1));
    int ends[2];
    ASSERT_EQ(0, pipe(ends));
    FAILS(CUDA_ERROR_INVALID_VALUE, import(&handle, ends[0]));
    close(ends[0]);
    close(ends[1]);
    // Of the right name, but it could be cut off behind our back.
    std::string name = "vgpu-soft-0-" + std::string(32, 'a');
    int open = memfd_create(name.c_str(), MFD_CLOEXEC);
    ASSERT_EQ(0, ftruncate(open, kStep));
    FAILS(CUDA_ERROR_INVALID_VALUE, import(&handle, open));
    close(open);
}

} // namespace
