// SPDX-License-Identifier: Apache-2.0
// Rays through a volume: bytes in a 3-D array, read as numbers from 0 to 1 between voxels, and
// colours by a 1-D table, blended from front to back until nothing behind can be seen.
#include "array.h"

const char *const program = "volume-rays";

constexpr int kSide = 24, kTable = 16, kImage = 32, kSamples = 48;

__global__ void march(cudaTextureObject_t volume, cudaTextureObject_t colours, float4 *image)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    float u = (x + 0.5f) / kImage, v = (y + 0.5f) / kImage;
    float4 sum = make_float4(0, 0, 0, 0);
    for (int i = 0; i < kSamples && sum.w < 0.95f; i++) {
        // Slantwise, so that some rays leave by the side, where nothing is.
        float w = (i + 0.5f) / kSamples, dense = tex3D<float>(volume, u + w / 2 - 0.25f, v, w);
        float4 colour = tex1D<float4>(colours, dense);
        float part = (1 - sum.w) * colour.w;
        sum.x += part * colour.x;
        sum.y += part * colour.y;
        sum.z += part * colour.z;
        sum.w += part;
    }
    image[y * kImage + x] = sum;
}

static std::vector<uint8_t> volume;
static std::vector<float4> table;

static int whole(float at, float &part)
{
    at -= 0.5f;
    float low = std::floor(at);
    part = std::round((at - low) * 256) / 256;
    return int(low);
}

static float voxel(int x, int y, int z)
{
    auto in = [](int i) { return i >= 0 && i < kSide; };
    return in(x) && in(y) && in(z) ? float(volume[size_t((z * kSide + y) * kSide + x)]) / 255 : 0;
}

static float host_volume(float u, float v, float w)
{
    float a, b, c, sum = 0;
    int x = whole(u * kSide, a), y = whole(v * kSide, b), z = whole(w * kSide, c);
    for (int i = 0; i < 8; i++)
        sum += (i & 1 ? a : 1 - a) * (i & 2 ? b : 1 - b) * (i & 4 ? c : 1 - c) *
               voxel(x + (i & 1), y + (i >> 1 & 1), z + (i >> 2));
    return sum;
}

static float4 host_colour(float dense)
{
    float part;
    int i = whole(dense * kTable, part);
    auto at = [](int j) { return table[size_t(std::min(std::max(j, 0), kTable - 1))]; };
    float4 a = at(i), b = at(i + 1);
    auto mix = [&](float p, float q) { return p + part * (q - p); };
    return {mix(a.x, b.x), mix(a.y, b.y), mix(a.z, b.z), mix(a.w, b.w)};
}

int main()
{
    for (int z = 0; z < kSide; z++)
        for (int y = 0; y < kSide; y++)
            for (int x = 0; x < kSide; x++) {
                float r = std::hypot(float(x - 12), float(y - 12), float(z - 12));
                volume.push_back(uint8_t(std::max(0.f, 255 - r * 20)));
            }
    for (unsigned i = 0; i < kTable; i++)
        table.push_back({unit(3 * i), unit(3 * i + 1), unit(3 * i + 2), float(i * i) / 600});

    cudaArray_t bytes, colours;
    auto byte = cudaCreateChannelDesc<unsigned char>();
    auto four = cudaCreateChannelDesc<float4>();
    cudaExtent extent = make_cudaExtent(kSide, kSide, kSide);
    CUDA(cudaMalloc3DArray(&bytes, &byte, extent));
    CUDA(cudaMallocArray(&colours, &four, kTable));
    cudaMemcpy3DParms copy{};
    copy.srcPtr = make_cudaPitchedPtr(volume.data(), kSide, kSide, kSide);
    copy.dstArray = bytes;
    copy.extent = extent;
    copy.kind = cudaMemcpyHostToDevice;
    CUDA(cudaMemcpy3D(&copy));
    CUDA(cudaMemcpy2DToArray(colours, 0, 0, table.data(), kTable * 16, kTable * 16, 1,
                             cudaMemcpyHostToDevice));
    cudaTextureObject_t of_volume, of_colours;
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = bytes;
    cudaTextureDesc how{};
    how.filterMode = cudaFilterModeLinear;
    how.readMode = cudaReadModeNormalizedFloat;
    how.normalizedCoords = 1;
    for (auto &mode : how.addressMode)
        mode = cudaAddressModeBorder;
    CUDA(cudaCreateTextureObject(&of_volume, &resource, &how, nullptr));
    resource.res.array.array = colours;
    how.readMode = cudaReadModeElementType;
    how.addressMode[0] = cudaAddressModeClamp;
    CUDA(cudaCreateTextureObject(&of_colours, &resource, &how, nullptr));

    Array<float4> image(kImage * kImage);
    march<<<dim3(kImage / 16, kImage / 8), dim3(16, 8)>>>(of_volume, of_colours, image.at);
    image.get();
    int bright = 0;
    for (int y = 0; y < kImage; y++)
        for (int x = 0; x < kImage; x++) {
            float u = (float(x) + 0.5f) / kImage, v = (float(y) + 0.5f) / kImage, alpha = 0,
                  red = 0;
            for (int i = 0; i < kSamples && alpha < 0.95f; i++) {
                float w = (float(i) + 0.5f) / kSamples;
                float4 colour = host_colour(host_volume(u + w / 2 - 0.25f, v, w));
                float part = (1 - alpha) * colour.w;
                red += part * colour.x;
                alpha += part;
            }
            float4 seen = image[size_t(y * kImage + x)];
            EXPECT(near(seen.x, red, 0.01) && near(seen.w, alpha, 0.01));
            bright += alpha > 0.9f;
        }
    EXPECT(bright > 50 && bright < kImage * kImage / 2);
    CUDA(cudaDestroyTextureObject(of_volume));
    CUDA(cudaDestroyTextureObject(of_colours));
    CUDA(cudaFreeArray(bytes));
    CUDA(cudaFreeArray(colours));
    passed(unsigned(bright));
}
