// SPDX-License-Identifier: Apache-2.0
// Light from all sides in cubemaps: six faces written through a surface, looked up by directions,
// and a layered array of cubes whose layers are kept apart.
#include "array.h"

const char *const program = "cube-map";

constexpr int kSide = 8, kCubes = 3, kDirections = 512;

struct Face {
    int face;
    float s, t; // from -1 to 1
};

// The axis that is longest says which face; the others, where on it.
__host__ __device__ inline Face face_of(float x, float y, float z)
{
    float ax = fabsf(x), ay = fabsf(y), az = fabsf(z);
    if (ax >= ay && ax >= az)
        return x > 0 ? Face{0, -z / ax, -y / ax} : Face{1, z / ax, -y / ax};
    if (ay >= az)
        return y > 0 ? Face{2, x / ay, z / ay} : Face{3, x / ay, -z / ay};
    return z > 0 ? Face{4, x / az, -y / az} : Face{5, -x / az, -y / az};
}

__host__ __device__ inline float light(int cube, int face, int x, int y)
{
    return float(cube * 1000 + face * 100 + y * 10 + x);
}

__global__ void paint_cube(cudaSurfaceObject_t cube)
{
    int x = threadIdx.x, y = threadIdx.y, face = blockIdx.x;
    surfCubemapwrite(light(0, face, x, y), cube, x * 4, y, face);
}

__global__ void paint_cubes(cudaSurfaceObject_t cubes)
{
    int x = threadIdx.x, y = threadIdx.y, face = blockIdx.x, cube = blockIdx.y;
    surfCubemapLayeredwrite(light(cube, face, x, y), cubes, x * 4, y, cube * 6 + face);
}

__global__ void look(cudaTextureObject_t cube, cudaTextureObject_t cubes, const float3 *directions,
                     float *single, float *layered)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float3 d = directions[i];
    single[i] = texCubemap<float>(cube, d.x, d.y, d.z);
    layered[i] = texCubemapLayered<float>(cubes, d.x, d.y, d.z, i % kCubes);
}

static cudaTextureObject_t texture_of(cudaArray_t array, cudaTextureFilterMode filter)
{
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc how{};
    how.filterMode = filter;
    how.normalizedCoords = 1;
    how.seamlessCubemap = filter == cudaFilterModeLinear;
    cudaTextureObject_t made;
    CUDA(cudaCreateTextureObject(&made, &resource, &how, nullptr));
    return made;
}

static cudaSurfaceObject_t surface_of(cudaArray_t array)
{
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaSurfaceObject_t made;
    CUDA(cudaCreateSurfaceObject(&made, &resource));
    return made;
}

int main()
{
    auto format = cudaCreateChannelDesc<float>();
    cudaArray_t cube, cubes;
    CUDA(cudaMalloc3DArray(&cube, &format, make_cudaExtent(kSide, kSide, 6),
                           cudaArrayCubemap | cudaArraySurfaceLoadStore));
    CUDA(cudaMalloc3DArray(&cubes, &format, make_cudaExtent(kSide, kSide, 6 * kCubes),
                           cudaArrayCubemap | cudaArrayLayered | cudaArraySurfaceLoadStore));
    unsigned flags;
    CUDA(cudaArrayGetInfo(nullptr, nullptr, &flags, cubes));
    EXPECT(flags & cudaArrayCubemap && flags & cudaArrayLayered);
    cudaSurfaceObject_t to_cube = surface_of(cube), to_cubes = surface_of(cubes);
    paint_cube<<<6, dim3(kSide, kSide)>>>(to_cube);
    paint_cubes<<<dim3(6, kCubes), dim3(kSide, kSide)>>>(to_cubes);

    Array<float3> directions(kDirections);
    Array<float> single(kDirections), layered(kDirections);
    for (unsigned i = 0; i < kDirections; i++)
        directions[i] = {unit(3 * i) - 0.5f, unit(3 * i + 1) - 0.5f, unit(3 * i + 2) - 0.5f};
    directions.put();
    cudaTextureObject_t nearest = texture_of(cube, cudaFilterModePoint);
    cudaTextureObject_t of_cubes = texture_of(cubes, cudaFilterModePoint);
    look<<<kDirections / 64, 64>>>(nearest, of_cubes, directions.at, single.at, layered.at);
    single.get();
    layered.get();
    for (unsigned i = 0; i < kDirections; i++) {
        Face f = face_of(directions[i].x, directions[i].y, directions[i].z);
        int x = std::min(int((f.s + 1) / 2 * kSide), kSide - 1);
        int y = std::min(int((f.t + 1) / 2 * kSide), kSide - 1);
        EXPECT(single[i] == light(0, f.face, x, y));
        EXPECT(layered[i] == light(int(i) % kCubes, f.face, x, y));
    }

    // Filtered within a face, where the colours are a plane: what is between lies on it.
    cudaTextureObject_t smooth = texture_of(cube, cudaFilterModeLinear);
    look<<<kDirections / 64, 64>>>(smooth, of_cubes, directions.at, single.at, layered.at);
    single.get();
    int inner = 0;
    for (unsigned i = 0; i < kDirections; i++) {
        Face f = face_of(directions[i].x, directions[i].y, directions[i].z);
        float x = (f.s + 1) / 2 * kSide - 0.5f, y = (f.t + 1) / 2 * kSide - 0.5f;
        if (x < 0 || y < 0 || x > kSide - 1 || y > kSide - 1)
            continue;
        inner++;
        // Eight bits of fraction.
        EXPECT(std::abs(single[i] - (float(f.face * 100) + y * 10 + x)) < 0.03f);
    }
    EXPECT(inner > kDirections / 2);
    for (auto one : {nearest, of_cubes, smooth})
        CUDA(cudaDestroyTextureObject(one));
    for (auto one : {to_cube, to_cubes})
        CUDA(cudaDestroySurfaceObject(one));
    CUDA(cudaFreeArray(cube));
    CUDA(cudaFreeArray(cubes));
    passed(layered.sum());
}
