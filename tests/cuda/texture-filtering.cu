// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects in every addressing and filter mode, against the formulas of the
// programming guide.
#include "check.h"

#include <cmath>
#include <vector>

const char *const program = "texture-filtering";

constexpr int kWidth = 16, kHeight = 8, kDepth = 4;

static float value(int x, int y, int z)
{
    return float(scramble(uint32_t(x + 100 * y + 10000 * z)) % 1000);
}

static cudaTextureDesc how(cudaTextureAddressMode address, cudaTextureFilterMode filter,
                           bool normalized, cudaTextureReadMode read = cudaReadModeElementType)
{
    cudaTextureDesc desc = {};
    for (auto &mode : desc.addressMode)
        mode = address;
    desc.filterMode = filter;
    desc.normalizedCoords = normalized;
    desc.readMode = read;
    return desc;
}

static cudaTextureObject_t texture_of(cudaArray_t array, const cudaTextureDesc &desc)
{
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &resource, &desc, nullptr));
    return texture;
}

// An array of floats whose element (x, y, z) is value(x, y, z).
static cudaArray_t make_array(int width, int height, int depth, unsigned flags = 0)
{
    cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    cudaArray_t array;
    CUDA(cudaMalloc3DArray(&array, &format, make_cudaExtent(width, height, depth), flags));
    int rows = height ? height : 1, slices = depth ? depth : 1;
    std::vector<float> host;
    for (int z = 0; z < slices; z++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < width; x++)
                host.push_back(value(x, y, z));
    cudaMemcpy3DParms copy = {};
    copy.srcPtr = make_cudaPitchedPtr(host.data(), width * sizeof(float), width, rows);
    copy.dstArray = array;
    copy.extent = make_cudaExtent(width, rows, slices);
    copy.kind = cudaMemcpyHostToDevice;
    CUDA(cudaMemcpy3D(&copy));
    return array;
}

static float *results;
constexpr int kResults = 512;

static std::vector<float> fetch()
{
    CUDA(cudaGetLastError());
    std::vector<float> host(kResults);
    CUDA(cudaMemcpy(host.data(), results, kResults * sizeof(float), cudaMemcpyDeviceToHost));
    return host;
}

static void expect_close(float got, double want, const char *what, int i)
{
    if (!(std::fabs(got - want) <= 1e-3 + std::fabs(want) * 1e-5))
        fail("%s: result %d is %g, not %g", what, i, got, want);
}

// Coordinates run over more than the image on both sides, never on the edge between two texels.
__device__ __host__ float coordinate(int i, int size)
{
    return (i - kResults / 2) * (3.f * size / kResults) + 1.f / 256;
}

__global__ void read_1d(cudaTextureObject_t texture, float *out, bool normalized)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float x = coordinate(i, kWidth);
    out[i] = tex1D<float>(texture, normalized ? x / kWidth : x);
}

__global__ void read_2d(cudaTextureObject_t texture, float *out, bool normalized)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float x = coordinate(i, kWidth), y = coordinate(i * 37 % kResults, kHeight);
    out[i] = tex2D<float>(texture, normalized ? x / kWidth : x, normalized ? y / kHeight : y);
}

__global__ void read_3d(cudaTextureObject_t texture, float *out, bool normalized)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float x = coordinate(i, kWidth), y = coordinate(i * 37 % kResults, kHeight);
    float z = coordinate(i * 91 % kResults, kDepth);
    out[i] = normalized ? tex3D<float>(texture, x / kWidth, y / kHeight, z / kDepth)
                        : tex3D<float>(texture, x, y, z);
}

// The guide's filtering over up to three dimensions.
static double filtered(const int size[3], const double at[3], int dimensions,
                       cudaTextureAddressMode mode, bool normalized, bool linear)
{
    auto place = [&](long i, int n) -> long {
        if (mode == cudaAddressModeBorder)
            return i < 0 || i >= n ? -1 : i;
        if (normalized && mode == cudaAddressModeWrap)
            return (i % n + n) % n;
        if (normalized && mode == cudaAddressModeMirror) {
            long j = (i % (2 * n) + 2 * n) % (2 * n);
            return j < n ? j : 2 * n - 1 - j;
        }
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    };
    double sum = 0;
    for (int corner = 0; corner < (linear ? 1 << dimensions : 1); corner++) {
        double weight = 1;
        long index[3] = {0, 0, 0};
        for (int d = 0; d < dimensions; d++) {
            double first = std::floor(linear ? at[d] - 0.5 : at[d]);
            double fraction = linear ? std::round((at[d] - 0.5 - first) * 256) / 256 : 0;
            weight *= corner >> d & 1 ? fraction : 1 - fraction;
            index[d] = place(long(first) + (corner >> d & 1), size[d]);
        }
        bool outside = index[0] < 0 || index[1] < 0 || index[2] < 0;
        sum += weight * (outside ? 0 : value(int(index[0]), int(index[1]), int(index[2])));
    }
    return sum;
}

static void check_filtering()
{
    const int size[3] = {kWidth, kHeight, kDepth};
    cudaArray_t arrays[3] = {make_array(kWidth, 0, 0), make_array(kWidth, kHeight, 0),
                             make_array(kWidth, kHeight, kDepth)};
    for (int dimensions = 1; dimensions <= 3; dimensions++)
        for (auto mode : {cudaAddressModeWrap, cudaAddressModeClamp, cudaAddressModeMirror,
                          cudaAddressModeBorder})
            for (bool linear : {false, true})
                for (bool normalized : {false, true}) {
                    if (!normalized &&
                        (mode == cudaAddressModeWrap || mode == cudaAddressModeMirror))
                        continue;
                    cudaTextureObject_t texture = texture_of(
                        arrays[dimensions - 1],
                        how(mode, linear ? cudaFilterModeLinear : cudaFilterModePoint, normalized));
                    auto read = dimensions == 1 ? read_1d : dimensions == 2 ? read_2d : read_3d;
                    read<<<kResults / 128, 128>>>(texture, results, normalized);
                    auto got = fetch();
                    for (int i = 0; i < kResults; i++) {
                        double at[3] = {coordinate(i, kWidth),
                                        coordinate(i * 37 % kResults, kHeight),
                                        coordinate(i * 91 % kResults, kDepth)};
                        expect_close(got[i],
                                     filtered(size, at, dimensions, mode, normalized, linear),
                                     "filtering", i);
                    }
                    CUDA(cudaDestroyTextureObject(texture));
                }
    for (cudaArray_t array : arrays)
        CUDA(cudaFreeArray(array));
}

__global__ void read_layers(cudaTextureObject_t one, cudaTextureObject_t two, float *out)
{
    int i = threadIdx.x;
    out[i] = tex1DLayered<float>(one, float(i % kWidth) + 0.5f, i / kWidth);
    out[i + 128] =
        tex2DLayered<float>(two, float(i % kWidth) + 0.5f, float(i % kHeight) + 0.5f, i / 32);
}

static void check_layers()
{
    cudaArray_t one = make_array(kWidth, 0, kDepth, cudaArrayLayered);
    cudaArray_t two = make_array(kWidth, kHeight, kDepth, cudaArrayLayered);
    auto desc = how(cudaAddressModeClamp, cudaFilterModePoint, false);
    cudaTextureObject_t t1 = texture_of(one, desc), t2 = texture_of(two, desc);
    read_layers<<<1, 128>>>(t1, t2, results);
    auto got = fetch();
    for (int i = 0; i < 128; i++) {
        int layer = i / kWidth < kDepth ? i / kWidth : kDepth - 1;
        EXPECT(got[i] == value(i % kWidth, 0, layer));
        EXPECT(got[i + 128] == value(i % kWidth, i % kHeight, i / 32));
    }
    CUDA(cudaDestroyTextureObject(t1));
    CUDA(cudaDestroyTextureObject(t2));
    CUDA(cudaFreeArray(one));
    CUDA(cudaFreeArray(two));
}

__global__ void read_cube(cudaTextureObject_t texture, float *out)
{
    const float3 directions[6] = {{1, 0.2f, 0.3f},  {-1, 0.2f, 0.3f}, {0.2f, 1, 0.3f},
                                  {0.2f, -1, 0.3f}, {0.2f, 0.3f, 1},  {0.2f, 0.3f, -1}};
    float3 d = directions[threadIdx.x];
    out[threadIdx.x] = texCubemap<float>(texture, d.x, d.y, d.z);
}

static void check_cube()
{
    cudaArray_t array = make_array(8, 8, 6, cudaArrayCubemap);
    cudaTextureObject_t texture =
        texture_of(array, how(cudaAddressModeClamp, cudaFilterModePoint, true));
    read_cube<<<1, 6>>>(texture, results);
    auto got = fetch();
    // s and t of the guide's table, for each direction above.
    const double st[6][2] = {{-0.3, -0.2}, {0.3, -0.2}, {0.2, 0.3},
                             {0.2, -0.3},  {0.2, -0.3}, {-0.2, -0.3}};
    for (int face = 0; face < 6; face++)
        EXPECT(got[face] == value(int((st[face][0] + 1) * 4), int((st[face][1] + 1) * 4), face));
    CUDA(cudaDestroyTextureObject(texture));
    CUDA(cudaFreeArray(array));
}

__global__ void read_bytes(cudaTextureObject_t numbers, cudaTextureObject_t fractions, float *out)
{
    int i = threadIdx.x;
    float x = float(i % kWidth) + 0.5f, y = float(i / kWidth) + 0.5f;
    uchar4 whole = tex2D<uchar4>(numbers, x, y);
    float4 part = tex2D<float4>(fractions, x, y);
    out[i * 2] = float(whole.x + whole.y * 2 + whole.z * 4 + whole.w * 8);
    out[i * 2 + 1] = part.x + part.y * 2 + part.z * 4 + part.w * 8;
}

static void check_pitched()
{
    std::vector<uchar4> host(kWidth * kHeight);
    for (int i = 0; i < kWidth * kHeight; i++) {
        uint32_t bits = scramble(uint32_t(i));
        host[i] = make_uchar4(bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24);
    }
    void *memory;
    size_t pitch;
    CUDA(cudaMallocPitch(&memory, &pitch, kWidth * sizeof(uchar4), kHeight));
    CUDA(cudaMemcpy2D(memory, pitch, host.data(), kWidth * sizeof(uchar4), kWidth * sizeof(uchar4),
                      kHeight, cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypePitch2D;
    resource.res.pitch2D.devPtr = memory;
    resource.res.pitch2D.desc = cudaCreateChannelDesc<uchar4>();
    resource.res.pitch2D.width = kWidth;
    resource.res.pitch2D.height = kHeight;
    resource.res.pitch2D.pitchInBytes = pitch;
    cudaTextureObject_t numbers, fractions;
    auto desc = how(cudaAddressModeClamp, cudaFilterModePoint, false);
    CUDA(cudaCreateTextureObject(&numbers, &resource, &desc, nullptr));
    desc.readMode = cudaReadModeNormalizedFloat;
    CUDA(cudaCreateTextureObject(&fractions, &resource, &desc, nullptr));
    read_bytes<<<1, kWidth * kHeight>>>(numbers, fractions, results);
    auto got = fetch();
    for (int i = 0; i < kWidth * kHeight; i++) {
        int sum = host[i].x + host[i].y * 2 + host[i].z * 4 + host[i].w * 8;
        EXPECT(got[i * 2] == float(sum));
        expect_close(got[i * 2 + 1], sum / 255.0, "fractions", i);
    }
    CUDA(cudaDestroyTextureObject(numbers));
    CUDA(cudaDestroyTextureObject(fractions));
    CUDA(cudaFree(memory));
}

__global__ void read_linear(cudaTextureObject_t texture, float *out)
{
    int i = threadIdx.x;
    out[i] = float(tex1Dfetch<short>(texture, i - 5));
}

static void check_linear()
{
    constexpr int kCount = 40;
    std::vector<short> host(kCount);
    for (int i = 0; i < kCount; i++)
        host[i] = short(i * 700 - 9000);
    void *memory;
    CUDA(cudaMalloc(&memory, kCount * sizeof(short)));
    CUDA(cudaMemcpy(memory, host.data(), kCount * sizeof(short), cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeLinear;
    resource.res.linear.devPtr = memory;
    resource.res.linear.desc = cudaCreateChannelDesc<short>();
    resource.res.linear.sizeInBytes = kCount * sizeof(short);
    cudaTextureDesc desc = {};
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &resource, &desc, nullptr));
    read_linear<<<1, 64>>>(texture, results);
    auto got = fetch();
    for (int i = 0; i < 64; i++) // outside of the memory there are zeros
        EXPECT(got[i] == (i >= 5 && i < kCount + 5 ? float(host[i - 5]) : 0.f));
    CUDA(cudaDestroyTextureObject(texture));
    CUDA(cudaFree(memory));
}

__global__ void turn(cudaSurfaceObject_t from, cudaSurfaceObject_t to)
{
    int x = threadIdx.x % kWidth, y = threadIdx.x / kWidth;
    float here = surf2Dread<float>(from, x * 4, y);
    float beyond = surf2Dread<float>(from, (x + kWidth) * 4, y, cudaBoundaryModeZero);
    float edge = surf2Dread<float>(from, (x + kWidth) * 4, y, cudaBoundaryModeClamp);
    surf2Dwrite(here + beyond + edge, to, (kWidth - 1 - x) * 4, kHeight - 1 - y);
    surf2Dwrite(-1.f, to, x * 4, y + kHeight, cudaBoundaryModeZero);
}

static void check_surfaces()
{
    cudaArray_t from = make_array(kWidth, kHeight, 0, cudaArraySurfaceLoadStore);
    cudaArray_t to = make_array(kWidth, kHeight, 0, cudaArraySurfaceLoadStore);
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = from;
    cudaSurfaceObject_t a, b;
    CUDA(cudaCreateSurfaceObject(&a, &resource));
    resource.res.array.array = to;
    CUDA(cudaCreateSurfaceObject(&b, &resource));
    turn<<<1, kWidth * kHeight>>>(a, b);
    CUDA(cudaGetLastError());
    std::vector<float> got(kWidth * kHeight);
    CUDA(cudaMemcpy2DFromArray(got.data(), kWidth * sizeof(float), to, 0, 0, kWidth * sizeof(float),
                               kHeight, cudaMemcpyDeviceToHost));
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++)
            EXPECT(got[(kHeight - 1 - y) * kWidth + kWidth - 1 - x] ==
                   value(x, y, 0) + value(kWidth - 1, y, 0));
    CUDA(cudaDestroySurfaceObject(a));
    CUDA(cudaDestroySurfaceObject(b));
    CUDA(cudaFreeArray(from));
    CUDA(cudaFreeArray(to));
}

int main()
{
    CUDA(cudaMalloc(&results, kResults * sizeof(float)));
    check_filtering();
    check_layers();
    check_cube();
    check_pitched();
    check_linear();
    check_surfaces();
    CUDA(cudaFree(results));
    passed(6);
    return 0;
}
