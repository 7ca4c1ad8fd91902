// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h), of what few devices have: tensor
// maps, clusters, tiles of sparse arrays, decompression. Without them the good call says so, and no
// wrong one is made; null.bats runs it over the null driver, which has them all.
#include "wrong-driver.h"

const char *const program = "wrong-newer";

static bool there_is(const char *call, CUresult result)
{
    std::printf("%s: %s: %s\n", program, call, name_of(result));
    return result == CUDA_SUCCESS;
}

static void refused(const char *what, CUresult result)
{
    std::printf("%s: %s: %s\n", program, what, name_of(result));
    EXPECT(result != CUDA_SUCCESS);
}

static void tensor_maps()
{
    CUtensorMap map{};
    auto at = reinterpret_cast<void *>(data);
    const cuuint64_t dims[5] = {64, 32, 16, 8, 4}, strides[4] = {128, 4096, 65536, 524288};
    const cuuint32_t box[5] = {16, 8, 4, 2, 1}, steps[5] = {1, 1, 1, 1, 1};
    const int lower[3] = {-1, -1, -1}, upper[3] = {1, 1, 1};
    const auto type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    const auto plain = CU_TENSOR_MAP_INTERLEAVE_NONE;
    const auto swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
    const auto promotion = CU_TENSOR_MAP_L2_PROMOTION_NONE;
    const auto fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
    auto tiled = [&](cuuint32_t rank, const cuuint64_t *of) {
        return cuTensorMapEncodeTiled(&map, type, rank, at, of, strides, box, steps, plain, swizzle,
                                      promotion, fill);
    };
    if (!there_is("tensor maps", tiled(2, dims)))
        return;
    WALK(cuTensorMapEncodeTiled, &map, type, 4, at, dims, strides, box, steps, plain, swizzle,
         promotion, fill);
    refused("a map of no dimension", tiled(0, dims));
    refused("a map of 6 dimensions", tiled(6, dims));
    WALK(cuTensorMapEncodeIm2col, &map, type, 4, at, dims, strides, lower, upper, 32, 64, steps,
         plain, swizzle, promotion, fill);
#if CUDA_VERSION >= 12080
    // Its bounds are numbers of which the device alone knows what is too much.
    WALK_BUT(0x40 | 0x80, cuTensorMapEncodeIm2colWide, &map, type, 4, at, dims, strides, -1, 1, 32,
             64, steps, plain, CU_TENSOR_MAP_IM2COL_WIDE_MODE_W, swizzle, promotion, fill);
#endif
    WALK(cuTensorMapReplaceAddress, &map, at);
}

static void clusters()
{
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim.x = 2;
    cluster.value.clusterDim.y = cluster.value.clusterDim.z = 1;
    CUlaunchConfig config{};
    config.gridDimX = 8;
    config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = 64;
    config.blockDimY = config.blockDimZ = 1;
    config.attrs = &cluster;
    config.numAttrs = 1;
    int number = 0;
    if (!there_is("clusters", cuOccupancyMaxActiveClusters(&number, kernel, &config)))
        return;
    WALK(cuOccupancyMaxActiveClusters, &number, kernel, &config);
    WALK(cuOccupancyMaxPotentialClusterSize, &number, kernel, &config);
}

static void tiles()
{
    int can = 0;
    DRIVER(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED, device));
    if (!can)
        return;
    CUDA_ARRAY3D_DESCRIPTOR description{};
    description.Width = 256;
    description.Height = 128;
    description.Format = CU_AD_FORMAT_FLOAT;
    description.NumChannels = 1;
    description.Flags = CUDA_ARRAY3D_SPARSE;
    CUarray sparse = nullptr, gone = nullptr;
    DRIVER(cuArray3DCreate(&gone, &description));
    DRIVER(cuArrayDestroy(gone));
    DRIVER(cuArray3DCreate(&sparse, &description));
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    prop.allocFlags.usage = CU_MEM_CREATE_USAGE_TILE_POOL;
    CUmemGenericAllocationHandle pool = 0;
    DRIVER(cuMemCreate(&pool, 4 << 20, &prop, 0));

    CUarrayMapInfo tile;
    std::memset(&tile, 0, sizeof tile);
    tile.resourceType = CU_RESOURCE_TYPE_ARRAY;
    tile.resource.array = sparse;
    tile.subresourceType = CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL;
    tile.subresource.sparseLevel = {0, 0, 0, 0, 0, 128, 128, 1};
    tile.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
    tile.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
    tile.memHandle.memHandle = pool;
    tile.deviceBitMask = 1u << device;
    // A count is what the list has.
    WALK_BUT(2, cuMemMapArrayAsync, &tile, 1, stream);
    refused("no tiles", cuMemMapArrayAsync(&tile, 0, stream));
    auto with = [&](const char *what, auto &&change) {
        CUarrayMapInfo bad = tile;
        change(bad);
        refused(what, cuMemMapArrayAsync(&bad, 1, stream));
    };
    with("a tile of no array", [](auto &bad) { bad.resource.array = nullptr; });
    with("a tile of what is no array",
         [](auto &bad) { bad.resource.array = reinterpret_cast<CUarray>(uintptr_t(12345)); });
    with("a tile of what is a stream",
         [](auto &bad) { bad.resource.array = reinterpret_cast<CUarray>(stream); });
    with("a tile of a destroyed array", [&](auto &bad) { bad.resource.array = gone; });
    with("a tile of a pyramid that is none",
         [](auto &bad) { bad.resourceType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY; });
    with("a tile of no memory", [](auto &bad) { bad.memHandle.memHandle = 0; });
    with("a tile of what is no memory", [](auto &bad) { bad.memHandle.memHandle = 12345; });
    with("a tile on no device", [](auto &bad) { bad.deviceBitMask = 0; });
    with("a tile on a device that is not there", [](auto &bad) { bad.deviceBitMask = 1u << 31; });
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuArrayDestroy(sparse));
    DRIVER(cuMemRelease(pool));
}

static void decompression()
{
#if CUDA_VERSION >= 12080
    CUmemDecompressParams list[2]{};
    for (auto &one : list) {
        one.srcNumBytes = 64;
        one.dstNumBytes = 128;
        one.src = reinterpret_cast<void *>(data);
        one.dst = reinterpret_cast<void *>(data + 1024);
        one.dstActBytes = reinterpret_cast<cuuint32_t *>(data + 2048);
        one.algo = CU_MEM_DECOMPRESS_ALGORITHM_SNAPPY;
    }
    size_t wrong_one = 77;
    if (!there_is("decompression", cuMemBatchDecompressAsync(list, 2, 0, &wrong_one, stream)))
        return;
    // A count is what the list has.
    WALK_BUT(2, cuMemBatchDecompressAsync, list, 2, 0, &wrong_one, stream);
    refused("no decompression", cuMemBatchDecompressAsync(list, 0, 0, &wrong_one, stream));
    list[1].srcNumBytes = 0;
    refused("one of no length", cuMemBatchDecompressAsync(list, 2, 0, &wrong_one, stream));
    EXPECT(wrong_one == 1);
    refused("one of no length, nobody asking which",
            cuMemBatchDecompressAsync(list, 2, 0, nullptr, stream));
#endif
}

int main()
{
    open_for_wrong_calls();
    tensor_maps();
    clusters();
    tiles();
    decompression();
    end_of_wrong_calls();
}
