// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h): memory, what was
// freed, copies, pools, physical memory and its addresses.
#include "wrong-driver.h"

const char *const program = "wrong-memory";

static char host[kBytes];

// At once, before something else comes to lie there.
static void freed()
{
    CUdeviceptr gone = 0, at = 0;
    size_t size = 0;
    int answer = 0;
    DRIVER(cuMemAlloc(&gone, 8 << 20));
    DRIVER(cuMemFree(gone));
    auto shown = [](const char *call, CUresult result) {
        std::printf("%s: %s of what was freed: %s\n", program, call, name_of(result));
    };
    shown("cuMemFree", cuMemFree(gone));
    shown("cuMemFreeAsync", cuMemFreeAsync(gone, stream));
    shown("cuMemGetAddressRange", cuMemGetAddressRange(&at, &size, gone));
    shown("cuPointerGetAttribute",
          cuPointerGetAttribute(&answer, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, gone));
    shown("cuMemcpyHtoD", cuMemcpyHtoD(gone, host, 16));
    shown("cuMemcpyDtoH", cuMemcpyDtoH(host, gone, 16));
    shown("cuMemcpyDtoD", cuMemcpyDtoD(data, gone, 16));
    shown("cuMemcpyHtoDAsync", cuMemcpyHtoDAsync(gone, host, 16, stream));
    shown("cuMemcpyDtoHAsync", cuMemcpyDtoHAsync(host, gone, 16, stream));
    shown("cuMemcpyDtoDAsync", cuMemcpyDtoDAsync(gone, data, 16, stream));
    shown("cuMemsetD8", cuMemsetD8(gone, 1, 16));
    shown("cuMemsetD2D32Async", cuMemsetD2D32Async(gone, 64, 1, 4, 4, stream));
    shown("cuStreamWriteValue32", cuStreamWriteValue32(stream, gone, 1, 0));
    CUipcMemHandle exported{};
    shown("cuIpcGetMemHandle", cuIpcGetMemHandle(&exported, gone));
}

static void memory()
{
    CUdeviceptr at = 0, base = 0;
    size_t size = 0;
    void *pinned = nullptr, *device_sees = nullptr;
    unsigned flags = 0;
    WALK(cuMemGetInfo, &size, &size);
    WALK(cuMemAlloc, &at, kBytes);
    WALK(cuMemAllocPitch, &at, &size, 100, 10, 4);
    WALK(cuMemAllocManaged, &at, kBytes, CU_MEM_ATTACH_GLOBAL);
    CUdeviceptr managed = at;
    WALK(cuMemAllocHost, &pinned, kBytes);
    WALK(cuMemHostAlloc, &pinned, kBytes, 0);
    WALK(cuMemHostGetFlags, &flags, pinned);
    WALK(cuMemHostGetDevicePointer, &at, pinned, 0);
    static char own[kBytes];
    WALK_BUT(2, cuMemHostRegister, own, kBytes, 0);
    DRIVER(cuMemHostUnregister(own));
    WALK_BUT(2, cuMemHostRegister, own, kBytes, CU_MEMHOSTREGISTER_DEVICEMAP);
    WALK(cuMemGetAddressRange, &base, &size, data);
    WALK(cuMemAllocAsync, &at, kBytes, stream);
    WALK(cuMemFreeAsync, at, stream);
    REFUSE(cuMemFree);
    REFUSE(cuMemFreeHost);
    REFUSE(cuMemHostUnregister);

    int answer = 0;
    WALK(cuPointerGetAttribute, &answer, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, data);
    WALK(cuPointerGetAttribute, &device_sees, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, data);
    int sync = 1;
    WALK(cuPointerSetAttribute, &sync, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, data);
    CUpointer_attribute which = CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
    void *into = &answer;
    WALK_BUT(1, cuPointerGetAttributes, 1, &which, &into, data);
    CUmem_range_attribute range = CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY;
    size_t four = 4;
    WALK(cuMemRangeGetAttribute, &answer, sizeof answer, range, managed, kBytes);
    WALK_BUT(8, cuMemRangeGetAttributes, &into, &four, &range, 1, managed, kBytes);
    WALK(cuStreamAttachMemAsync, stream, managed, 0, CU_MEM_ATTACH_GLOBAL);
#if CUDA_VERSION >= 13000
    CUmemLocation here{CU_MEM_LOCATION_TYPE_DEVICE, {0}};
    WALK(cuMemAdvise, managed, kBytes, CU_MEM_ADVISE_SET_READ_MOSTLY, here);
    WALK(cuMemPrefetchAsync, managed, kBytes, here, 0, stream);
#endif
    CUipcMemHandle exported{};
    WALK(cuIpcGetMemHandle, &exported, data);
    WALK(cuIpcOpenMemHandle, &at, CUipcMemHandle{}, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
    REFUSE(cuIpcCloseMemHandle);
}

static void copies()
{
    // Null is a stream too: one copy at a time, or they would race.
    auto after = wrong::after;
    wrong::after = [] {
        DRIVER(cuCtxSetCurrent(context));
        DRIVER(cuCtxSynchronize());
    };
    WALK_BUT(3, cuMemcpy, data, data + 64, 16);
    WALK(cuMemcpyPeer, data, context, data + 64, context, 16);
    WALK(cuMemcpyHtoD, data, host, 16);
    WALK(cuMemcpyDtoH, host, data, 16);
    WALK(cuMemcpyDtoD, data, data + 64, 16);
    WALK(cuMemcpyDtoA, array, 0, data, 16);
    WALK(cuMemcpyAtoD, data, array, 0, 16);
    WALK(cuMemcpyHtoA, array, 0, host, 16);
    WALK(cuMemcpyAtoH, host, array, 0, 16);
    WALK(cuMemcpyAtoA, array, 0, array, 64, 16);
    WALK_BUT(3, cuMemcpyAsync, data, data + 64, 16, stream);
    WALK(cuMemcpyPeerAsync, data, context, data + 64, context, 16, stream);
    WALK(cuMemcpyHtoDAsync, data, host, 16, stream);
    WALK(cuMemcpyDtoHAsync, host, data, 16, stream);
    WALK(cuMemcpyDtoDAsync, data, data + 64, 16, stream);
    WALK(cuMemcpyHtoAAsync, array, 0, host, 16, stream);
    WALK(cuMemcpyAtoHAsync, host, array, 0, 16, stream);
    CUDA_MEMCPY2D plane{};
    plane.srcMemoryType = CU_MEMORYTYPE_HOST;
    plane.srcHost = host;
    plane.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    plane.dstDevice = data;
    plane.WidthInBytes = 32;
    plane.Height = 2;
    WALK(cuMemcpy2D, &plane);
    WALK(cuMemcpy2DUnaligned, &plane);
    WALK(cuMemcpy2DAsync, &plane, stream);
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = CU_MEMORYTYPE_HOST;
    box.srcHost = host;
    box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.dstDevice = data;
    box.WidthInBytes = 32;
    box.Height = box.Depth = 1;
    WALK(cuMemcpy3D, &box);
    WALK(cuMemcpy3DAsync, &box, stream);
    WALK(cuMemcpy3DPeer, static_cast<const CUDA_MEMCPY3D_PEER *>(nullptr));
    WALK(cuMemcpy3DPeerAsync, static_cast<const CUDA_MEMCPY3D_PEER *>(nullptr), stream);
    WALK(cuMemsetD8, data, 1, 16);
    WALK(cuMemsetD16, data, 1, 16);
    WALK(cuMemsetD32, data, 1, 16);
    WALK(cuMemsetD2D8, data, 64, 1, 16, 2);
    WALK(cuMemsetD2D16, data, 64, 1, 16, 2);
    WALK(cuMemsetD2D32, data, 64, 1, 16, 2);
    WALK(cuMemsetD8Async, data, 1, 16, stream);
    WALK(cuMemsetD16Async, data, 1, 16, stream);
    WALK(cuMemsetD32Async, data, 1, 16, stream);
    WALK(cuMemsetD2D8Async, data, 64, 1, 16, 2, stream);
    WALK(cuMemsetD2D16Async, data, 64, 1, 16, 2, stream);
    WALK(cuMemsetD2D32Async, data, 64, 1, 16, 2, stream);
    wrong::after = after;
}

static void pools_and_mappings()
{
    CUmemoryPool pool = nullptr;
    CUmemPoolProps props{};
    props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    WALK(cuMemPoolCreate, &pool, &props);
    DRIVER(cuMemPoolCreate(&dead<CUmemoryPool>, &props));
    DRIVER(cuMemPoolDestroy(dead<CUmemoryPool>));
    cuuint64_t value = 0;
    CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {0}}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemAccess_flags may{};
    CUdeviceptr at = 0;
    WALK(cuMemPoolGetAttribute, pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value);
    WALK(cuMemPoolSetAttribute, pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value);
    WALK_BUT(4, cuMemPoolSetAccess, pool, &access, 1);
    WALK(cuMemPoolGetAccess, &may, pool, &access.location);
    WALK(cuMemPoolTrimTo, pool, 0);
    WALK(cuMemAllocFromPoolAsync, &at, kBytes, pool, stream);
    DRIVER(cuMemFreeAsync(at, stream));
    constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    CUmemPoolProps for_others = props;
    for_others.handleTypes = kDescriptor;
    CUmemoryPool lent = nullptr;
    CUdeviceptr theirs = 0;
    CUmemPoolPtrExportData block{};
    int file = -1;
    DRIVER(cuMemPoolCreate(&lent, &for_others));
    DRIVER(cuMemAllocFromPoolAsync(&at, kBytes, lent, stream));
    WALK(cuMemPoolExportToShareableHandle, &file, lent, kDescriptor, 0);
    WALK(cuMemPoolImportFromShareableHandle, &pool, reinterpret_cast<void *>(intptr_t(file)),
         kDescriptor, 0);
    WALK(cuMemPoolExportPointer, &block, at);
    WALK(cuMemPoolImportPointer, &theirs, lent, &block);
    DRIVER(cuMemFreeAsync(at, stream));
    DRIVER(cuMemPoolDestroy(lent));
    REFUSE(cuMemPoolDestroy);
    for (int type : {0, 2, 9}) {
        CUmemPoolProps other = props;
        other.allocType = CUmemAllocationType(type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.location.type = CUmemLocationType(type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.location.id = type + 7;
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.handleTypes = CUmemAllocationHandleType(64 + type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
    }

    size_t granularity = 0;
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    WALK(cuMemGetAllocationGranularity, &granularity, &prop, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    DRIVER(cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    CUmemGenericAllocationHandle physical = 0;
    CUdeviceptr reserved = 0;
    WALK(cuMemCreate, &physical, granularity, &prop, 0);
    for (int type : {0, 2, 9}) {
        CUmemAllocationProp other = prop;
        other.type = CUmemAllocationType(type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        other = prop;
        other.location.type = CUmemLocationType(type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        WALK_BUT(7, cuMemGetAllocationGranularity, &granularity, &other,
                 CU_MEM_ALLOC_GRANULARITY_MINIMUM);
        other = prop;
        other.location.id = type + 7;
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        WALK_BUT(7, cuMemGetAllocationGranularity, &granularity, &other,
                 CU_MEM_ALLOC_GRANULARITY_MINIMUM);
        other = prop;
        other.requestedHandleTypes = CUmemAllocationHandleType(64 + type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
    }
    DRIVER(cuMemCreate(&physical, granularity, &prop, 0));
    WALK_BUT(8, cuMemAddressReserve, &reserved, 2 * granularity, 0, 0, 0);
    DRIVER(cuMemAddressReserve(&reserved, 2 * granularity, 0, 0, 0));
    WALK(cuMemMap, reserved, granularity, 0, physical, 0);
    WALK_BUT(8, cuMemSetAccess, reserved, granularity, &access, 1);
    unsigned long long flags = 0;
    WALK(cuMemGetAccess, &flags, &access.location, reserved);
    WALK(cuMemGetAllocationPropertiesFromHandle, &prop, physical);
    CUmemGenericAllocationHandle again = 0;
    WALK(cuMemRetainAllocationHandle, &again, reinterpret_cast<void *>(reserved));
    for (CUdeviceptr none : {CUdeviceptr(0), CUdeviceptr(0x1234500000), data}) {
        WALK_BUT(3, cuMemUnmap, none, granularity);
        WALK_BUT(3, cuMemAddressFree, none, granularity);
    }
    WALK_BUT(3, cuMemUnmap, reserved, 0);
    WALK_BUT(3, cuMemUnmap, reserved, granularity + 1);
    WALK_BUT(3, cuMemAddressFree, reserved, 2 * granularity); // still mapped
    REFUSE(cuMemRelease);
    DRIVER(cuMemUnmap(reserved, granularity));
    DRIVER(cuMemAddressFree(reserved, 2 * granularity));
}

int main()
{
    open_for_wrong_calls();
    freed();
    memory();
    copies();
    pools_and_mappings();
    end_of_wrong_calls();
}
