// SPDX-License-Identifier: Apache-2.0
// A pyramid of an image in a mipmapped array: each level is drawn through a surface from the one
// below, then read between levels and by gradients through one trilinear texture.
#include "array.h"

const char *const program = "mip-pyramid";

constexpr unsigned kSide = 64, kLevels = 7;

__global__ void halve(cudaTextureObject_t from, cudaSurfaceObject_t to, int side)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= side || y >= side)
        return;
    // In the middle of four.
    float step = 0.5f / side;
    surf2Dwrite(tex2D<float>(from, (2 * x + 1) * step, (2 * y + 1) * step), to, x * 4, y);
}

__global__ void look(cudaTextureObject_t all, float *out, float *by_gradient)
{
    int i = threadIdx.x;
    float level = i / 8.f;
    out[i] = tex2DLod<float>(all, 0.5f, 0.5f, level);
    // Four texels of the first level a step: two levels up.
    float step = ldexpf(1.f / kSide, i % 5);
    by_gradient[i] =
        tex2DGrad<float>(all, 0.25f, 0.75f, make_float2(step, 0), make_float2(0, step));
}

int main()
{
    cudaMipmappedArray_t pyramid;
    auto format = cudaCreateChannelDesc<float>();
    CUDA(cudaMallocMipmappedArray(&pyramid, &format, make_cudaExtent(kSide, kSide, 0), kLevels,
                                  cudaArraySurfaceLoadStore));
    std::vector<std::vector<float>> expected(kLevels);
    for (unsigned i = 0; i < kSide * kSide; i++)
        expected[0].push_back(unit(i) * 100);
    cudaArray_t level;
    CUDA(cudaGetMipmappedArrayLevel(&level, pyramid, 0));
    CUDA(cudaMemcpy2DToArray(level, 0, 0, expected[0].data(), kSide * 4, kSide * 4, kSide,
                             cudaMemcpyHostToDevice));
    uint64_t sum = 0;
    for (unsigned l = 1; l < kLevels; l++) {
        unsigned side = kSide >> l;
        cudaResourceDesc from{}, to{};
        from.resType = to.resType = cudaResourceTypeArray;
        from.res.array.array = level;
        CUDA(cudaGetMipmappedArrayLevel(&level, pyramid, l));
        to.res.array.array = level;
        cudaExtent extent;
        CUDA(cudaArrayGetInfo(nullptr, &extent, nullptr, level));
        EXPECT(extent.width == side && extent.height == side);
        cudaTextureDesc how{};
        how.filterMode = cudaFilterModeLinear;
        how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
        how.normalizedCoords = 1;
        cudaTextureObject_t texture;
        cudaSurfaceObject_t surface;
        CUDA(cudaCreateTextureObject(&texture, &from, &how, nullptr));
        CUDA(cudaCreateSurfaceObject(&surface, &to));
        halve<<<dim3(blocks(side, 8), blocks(side, 8)), dim3(8, 8)>>>(texture, surface, int(side));
        CUDA(cudaDestroyTextureObject(texture));
        CUDA(cudaDestroySurfaceObject(surface));
        std::vector<float> seen(side * side);
        CUDA(cudaMemcpy2DFromArray(seen.data(), side * 4, level, 0, 0, side * 4, side,
                                   cudaMemcpyDeviceToHost));
        for (unsigned y = 0; y < side; y++)
            for (unsigned x = 0; x < side; x++) {
                const float *four = &expected[l - 1][4 * y * side + 2 * x];
                float mean = (four[0] + four[1] + four[2 * side] + four[2 * side + 1]) / 4;
                expected[l].push_back(mean);
                EXPECT(near(seen[y * side + x], mean, 1e-5));
            }
        sum = sum * 31 + checksum(seen.data(), seen.size() * 4);
    }

    cudaResourceDesc all{};
    all.resType = cudaResourceTypeMipmappedArray;
    all.res.mipmap.mipmap = pyramid;
    cudaTextureDesc how{};
    how.filterMode = how.mipmapFilterMode = cudaFilterModeLinear;
    how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
    how.normalizedCoords = 1;
    how.maxMipmapLevelClamp = kLevels - 1;
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &all, &how, nullptr));
    Array<float> out(49), by_gradient(49);
    look<<<1, 49>>>(texture, out.at, by_gradient.at);
    out.get();
    by_gradient.get();
    // Where four texels meet; of the last level there is one.
    auto middle = [&](unsigned l, unsigned x, unsigned y) {
        unsigned side = kSide >> l;
        if (side == 1)
            return expected[l][0];
        const float *at = &expected[l][(y * side / 4 - 1) * side + x * side / 4 - 1];
        return (at[0] + at[1] + at[side] + at[side + 1]) / 4;
    };
    for (unsigned i = 0; i < 49; i++) {
        unsigned l = i / 8;
        float part = float(i % 8) / 8, above = l + 1 < kLevels ? middle(l + 1, 2, 2) : 0;
        EXPECT(near(out[i], middle(l, 2, 2) * (1 - part) + above * part, 1e-4));
        unsigned by = i % 5;
        // At the fourth level (4 by 4) texels still meet at a quarter.
        EXPECT(near(by_gradient[i], middle(by, 1, 3), 1e-4));
    }
    CUDA(cudaDestroyTextureObject(texture));
    CUDA(cudaFreeMipmappedArray(pyramid));
    passed(sum);
}
