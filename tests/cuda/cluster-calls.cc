// SPDX-License-Identifier: Apache-2.0
// Tensor maps and clusters, which devices have since 9.0: what is made of each, or the code. Run
// over the null driver too (null.bats), which shows that all that is given arrives.
#include "driver.h"

const char *const program = "cluster-calls";

static CUdeviceptr data;

static void said(const char *what, CUresult result)
{
    std::printf("%s: %s: %s\n", program, what, name_of(result));
}

static void said(const char *what, CUresult result, const CUtensorMap &map)
{
    said(what, result);
    // The null driver's maps say what they were made of, the address first.
    if (result != CUDA_SUCCESS || !std::getenv("VGPU_NULL_RECORD"))
        return;
    std::printf("%llx:", (unsigned long long)(map.opaque[0] - data));
    for (size_t i = 1; i < 16; i++)
        std::printf(" %llx", (unsigned long long)map.opaque[i]);
    std::printf("\n");
}

static void tensor_maps()
{
    CUtensorMap map{};
    auto at = reinterpret_cast<void *>(data), elsewhere = reinterpret_cast<void *>(data + 4096);
    cuuint64_t dims[5] = {64, 32, 16, 8, 4}, strides[4] = {128, 4096, 65536, 524288};
    cuuint32_t box[5] = {16, 8, 4, 2, 1}, steps[5] = {1, 2, 1, 1, 3};
    int lower[3] = {-1, -2, -3}, upper[3] = {1, 2, 3};
    const auto type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    const auto plain = CU_TENSOR_MAP_INTERLEAVE_NONE;
    const auto swizzle = CU_TENSOR_MAP_SWIZZLE_64B;
    const auto promotion = CU_TENSOR_MAP_L2_PROMOTION_L2_128B;
    const auto fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
    auto tiled = [&](cuuint32_t rank, const cuuint64_t *of) {
        return cuTensorMapEncodeTiled(&map, type, rank, at, of, strides, box, steps, plain, swizzle,
                                      promotion, fill);
    };
    said("cuTensorMapEncodeTiled", tiled(5, dims), map);
    if (tiled(1, dims) == CUDA_SUCCESS) { // or there are none
        alignas(64) char room[2 * sizeof map];
        said("a map at a multiple of 8",
             cuTensorMapEncodeTiled(reinterpret_cast<CUtensorMap *>(room + 8), type, 1, at, dims,
                                    strides, box, steps, plain, swizzle, promotion, fill));
    }
    said("cuTensorMapReplaceAddress", cuTensorMapReplaceAddress(&map, elsewhere), map);
    said("of one dimension", tiled(1, dims), map);
    said("cuTensorMapEncodeIm2col",
         cuTensorMapEncodeIm2col(&map, type, 5, at, dims, strides, lower, upper, 32, 64, steps,
                                 plain, swizzle, promotion, fill),
         map);
#if CUDA_VERSION >= 12080
    said("cuTensorMapEncodeIm2colWide",
         cuTensorMapEncodeIm2colWide(&map, type, 4, at, dims, strides, -3, 5, 32, 64, steps, plain,
                                     CU_TENSOR_MAP_IM2COL_WIDE_MODE_W128, swizzle, promotion, fill),
         map);
#endif
}

static void clusters()
{
    CUmodule module;
    CUfunction kernel;
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim.x = 4;
    cluster.value.clusterDim.y = 2;
    cluster.value.clusterDim.z = 1;
    CUlaunchConfig config{};
    config.gridDimX = 8;
    config.gridDimY = 4;
    config.gridDimZ = 3;
    config.blockDimX = 64;
    config.blockDimY = 2;
    config.blockDimZ = 1;
    config.sharedMemBytes = 1024;
    config.attrs = &cluster;
    config.numAttrs = 1;
    unsigned n = 0;
    void *arguments[] = {&data, &n};
    int number = -1;
    CUresult result = cuOccupancyMaxActiveClusters(&number, kernel, &config);
    said("cuOccupancyMaxActiveClusters", result);
    EXPECT(result != CUDA_SUCCESS || number >= 0);
    result = cuOccupancyMaxPotentialClusterSize(&number, kernel, &config);
    said("cuOccupancyMaxPotentialClusterSize", result);
    EXPECT(result != CUDA_SUCCESS || number >= 0);
    result = cuLaunchKernelEx(&config, kernel, arguments, nullptr);
    CUresult later = cuCtxSynchronize();
    said("cuLaunchKernelEx", result != CUDA_SUCCESS ? result : later);
}

int main()
{
    open_context();
    DRIVER(cuMemAlloc(&data, 8192));
    tensor_maps();
    clusters();
    passed(0);
}
