// SPDX-License-Identifier: Apache-2.0
// Soft shadows: a map of heights in a texture, of which each look gathers four neighbours at once,
// of any channel; compared with single looks and with the host.
#include "array.h"

const char *const program = "shadow-gather";

constexpr int kSide = 40;

// Channels: height, 100 + height, x, y.
static float4 texel(int x, int y)
{
    float height = unit(unsigned(y * kSide + x));
    return {height, 100 + height, float(x), float(y)};
}

// How much of the four samples around a place is below `level`, and all that was gathered.
__global__ void shade(cudaTextureObject_t map, float level, float *lit, float4 *four,
                      float4 *places)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= kSide || y >= kSide)
        return;
    float u = float(x), v = float(y); // where four texels meet
    float4 heights = tex2Dgather<float4>(map, u, v, 0), again = tex2Dgather<float4>(map, u, v, 1);
    float4 xs = tex2Dgather<float4>(map, u, v, 2), ys = tex2Dgather<float4>(map, u, v, 3);
    int i = y * kSide + x;
    lit[i] =
        ((heights.x < level) + (heights.y < level) + (heights.z < level) + (heights.w < level)) /
        4.f;
    if (fabsf(again.x - heights.x - 100) > 1e-4f)
        lit[i] = -1;
    four[i] = heights;
    places[i] =
        make_float4(xs.x + 1000 * ys.x, xs.y + 1000 * ys.y, xs.z + 1000 * ys.z, xs.w + 1000 * ys.w);
}

int main()
{
    std::vector<float4> texels;
    for (int i = 0; i < kSide * kSide; i++)
        texels.push_back(texel(i % kSide, i / kSide));
    auto format = cudaCreateChannelDesc<float4>();
    cudaArray_t array;
    CUDA(cudaMallocArray(&array, &format, kSide, kSide, cudaArrayTextureGather));
    CUDA(cudaMemcpy2DToArray(array, 0, 0, texels.data(), kSide * 16, kSide * 16, kSide,
                             cudaMemcpyHostToDevice));
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc how{};
    how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
    cudaTextureObject_t map;
    CUDA(cudaCreateTextureObject(&map, &resource, &how, nullptr));
    Array<float> lit(kSide * kSide);
    Array<float4> four(lit.size()), places(lit.size());
    shade<<<dim3(3, 5), dim3(16, 8)>>>(map, 0.4f, lit.at, four.at, places.at);
    CUDA(cudaDestroyTextureObject(map));
    lit.get();
    four.get();
    places.get();
    // Counter-clockwise from the lower left, as the manual has it.
    const int dx[] = {-1, 0, 0, -1}, dy[] = {0, 0, -1, -1};
    for (int y = 0; y < kSide; y++)
        for (int x = 0; x < kSide; x++) {
            size_t i = size_t(y * kSide + x);
            const float *seen = &four[i].x, *place = &places[i].x;
            float below = 0;
            for (int j = 0; j < 4; j++) {
                int tx = std::max(x + dx[j], 0), ty = std::max(y + dy[j], 0);
                EXPECT(seen[j] == texel(tx, ty).x);
                EXPECT(place[j] == float(tx + 1000 * ty));
                below += texel(tx, ty).x < 0.4f;
            }
            EXPECT(lit[i] == below / 4);
        }
    CUDA(cudaFreeArray(array));
    passed(lit.sum());
}
