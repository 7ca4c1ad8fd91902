// SPDX-License-Identifier: Apache-2.0
// Lists of operations: memory for the tiles of sparse arrays, and decompression, which few devices
// have: what is made of each, or the code. Run over the null driver too (null.bats), which shows
// that all that is given arrives.
#include "driver.h"

#include <cstring>

const char *const program = "batch-calls";

static void said(const char *what, CUresult result)
{
    std::printf("%s: %s: %s\n", program, what, name_of(result));
}

static void tiles(CUdevice device)
{
    int can = 0;
    DRIVER(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED, device));
    CUDA_ARRAY3D_DESCRIPTOR description{};
    description.Width = 256;
    description.Height = 128;
    description.Format = CU_AD_FORMAT_FLOAT;
    description.NumChannels = 1;
    description.Flags = can ? CUDA_ARRAY3D_SPARSE : 0;
    CUarray array;
    CUmipmappedArray mipmap;
    DRIVER(cuArray3DCreate(&array, &description));
    DRIVER(cuMipmappedArrayCreate(&mipmap, &description, 3));
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    prop.allocFlags.usage = can ? CU_MEM_CREATE_USAGE_TILE_POOL : 0;
    CUmemGenericAllocationHandle pool;
    DRIVER(cuMemCreate(&pool, 4 << 20, &prop, 0));

    CUarrayMapInfo list[3];
    std::memset(list, 0, sizeof list);
    for (unsigned i = 0; i < 3; i++) {
        list[i].resourceType = i == 1 ? CU_RESOURCE_TYPE_MIPMAPPED_ARRAY : CU_RESOURCE_TYPE_ARRAY;
        if (i == 1)
            list[i].resource.mipmap = mipmap;
        else
            list[i].resource.array = array;
        list[i].subresourceType = CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL;
        list[i].subresource.sparseLevel = {i == 1, 0, 64 * i, 32, 0, 64 + i, 32, 1};
        list[i].memOperationType = i == 2 ? CU_MEM_OPERATION_TYPE_UNMAP : CU_MEM_OPERATION_TYPE_MAP;
        list[i].memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
        list[i].memHandle.memHandle = i == 2 ? 0 : pool;
        list[i].offset = 65536 * i;
        list[i].deviceBitMask = 1u << device;
    }
    said("cuMemMapArrayAsync", cuMemMapArrayAsync(list, 3, nullptr));
    DRIVER(cuCtxSynchronize());
    DRIVER(cuArrayDestroy(array));
    DRIVER(cuMipmappedArrayDestroy(mipmap));
    DRIVER(cuMemRelease(pool));
}

static void decompression()
{
#if CUDA_VERSION >= 12080
    CUdeviceptr data;
    DRIVER(cuMemAlloc(&data, 1 << 20));
    constexpr size_t kCount = 1500; // more than one request
    static CUmemDecompressParams list[kCount];
    for (size_t i = 0; i < kCount; i++) {
        list[i].srcNumBytes = 64 + i;
        list[i].dstNumBytes = 128;
        list[i].src = reinterpret_cast<void *>(data);
        list[i].dst = reinterpret_cast<void *>(data + 65536 + 256 * i);
        list[i].dstActBytes = reinterpret_cast<cuuint32_t *>(data + 524288 + 4 * i);
        list[i].algo =
            i % 2 ? CU_MEM_DECOMPRESS_ALGORITHM_SNAPPY : CU_MEM_DECOMPRESS_ALGORITHM_DEFLATE;
    }
    size_t wrong = 0;
    said("cuMemBatchDecompressAsync", cuMemBatchDecompressAsync(list, kCount, 0, &wrong, nullptr));
    list[1200].srcNumBytes = 0;
    wrong = 0;
    CUresult result = cuMemBatchDecompressAsync(list, kCount, 0, &wrong, nullptr);
    said("with one that is wrong", result);
    if (result != CUDA_ERROR_NOT_SUPPORTED)
        std::printf("%s: it is %zu\n", program, wrong);
    DRIVER(cuCtxSynchronize());
    DRIVER(cuMemFree(data));
#endif
}

int main()
{
    CUdevice device;
    open_context(&device);
    tiles(device);
    decompression();
    passed(0);
}
