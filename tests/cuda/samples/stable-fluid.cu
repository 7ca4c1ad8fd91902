// SPDX-License-Identifier: Apache-2.0
// Smoke in a box by semi-Lagrangian steps: fields are arrays, written through surfaces and read
// through textures that filter linearly, in turns; pressure by Jacobi's iteration.
#include "array.h"

const char *const program = "stable-fluid";

constexpr int kSide = 64, kJacobi = 20, kSteps = 6;

// A field with both ways to it.
struct Field {
    cudaArray_t array;
    cudaTextureObject_t texture;
    cudaSurfaceObject_t surface;

    explicit Field(cudaChannelFormatDesc format)
    {
        CUDA(cudaMallocArray(&array, &format, kSide, kSide, cudaArraySurfaceLoadStore));
        cudaResourceDesc resource{};
        resource.resType = cudaResourceTypeArray;
        resource.res.array.array = array;
        cudaTextureDesc look{};
        look.addressMode[0] = look.addressMode[1] = cudaAddressModeClamp;
        look.filterMode = cudaFilterModeLinear;
        CUDA(cudaCreateTextureObject(&texture, &resource, &look, nullptr));
        CUDA(cudaCreateSurfaceObject(&surface, &resource));
        std::vector<char> zeros(kSide * kSide * 8);
        size_t row = size_t(format.x + format.y) / 8 * kSide;
        CUDA(cudaMemcpy2DToArray(array, 0, 0, zeros.data(), row, row, kSide,
                                 cudaMemcpyHostToDevice));
    }
    ~Field()
    {
        cudaDestroyTextureObject(texture);
        cudaDestroySurfaceObject(surface);
        cudaFreeArray(array);
    }
};

#define AT                                                                                         \
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;      \
    float u = x + 0.5f, v = y + 0.5f

__global__ void blow(cudaSurfaceObject_t velocity, cudaSurfaceObject_t smoke)
{
    AT;
    float2 now;
    float dense;
    surf2Dread(&now, velocity, x * 8, y);
    surf2Dread(&dense, smoke, x * 4, y);
    float dx = u - kSide / 2, dy = v - 10, near = expf(-(dx * dx + dy * dy) / 20);
    now.y += 2 * near;
    now.x += 0.3f * near * dx;
    surf2Dwrite(now, velocity, x * 8, y);
    surf2Dwrite(dense + near, smoke, x * 4, y);
}

template<class T>
__global__ void advect(cudaTextureObject_t velocity, cudaTextureObject_t in, cudaSurfaceObject_t to)
{
    AT;
    float2 by = tex2D<float2>(velocity, u, v);
    surf2Dwrite(tex2D<T>(in, u - by.x, v - by.y), to, int(x * sizeof(T)), y);
}

__global__ void diverge(cudaTextureObject_t velocity, cudaSurfaceObject_t out)
{
    AT;
    float d = tex2D<float2>(velocity, u + 1, v).x - tex2D<float2>(velocity, u - 1, v).x +
              tex2D<float2>(velocity, u, v + 1).y - tex2D<float2>(velocity, u, v - 1).y;
    surf2Dwrite(d / 2, out, x * 4, y);
}

__global__ void relax(cudaTextureObject_t p, cudaTextureObject_t divergence,
                      cudaSurfaceObject_t out)
{
    AT;
    float around = tex2D<float>(p, u + 1, v) + tex2D<float>(p, u - 1, v) +
                   tex2D<float>(p, u, v + 1) + tex2D<float>(p, u, v - 1);
    surf2Dwrite((around - tex2D<float>(divergence, u, v)) / 4, out, x * 4, y);
}

__global__ void project(cudaTextureObject_t p, cudaTextureObject_t velocity,
                        cudaSurfaceObject_t out)
{
    AT;
    float2 now = tex2D<float2>(velocity, u, v);
    now.x -= (tex2D<float>(p, u + 1, v) - tex2D<float>(p, u - 1, v)) / 2;
    now.y -= (tex2D<float>(p, u, v + 1) - tex2D<float>(p, u, v - 1)) / 2;
    surf2Dwrite(now, out, x * 8, y);
}

// The same on the host, with the texture unit's eight bits of fraction.
template<int kParts>
struct Grid {
    std::vector<float> at = std::vector<float>(kSide * kSide * kParts);
    float &cell(int x, int y, int part = 0)
    {
        x = std::min(std::max(x, 0), kSide - 1);
        y = std::min(std::max(y, 0), kSide - 1);
        return at[size_t(y * kSide + x) * kParts + part];
    }
    float between(float u, float v, int part = 0)
    {
        auto split = [](float where, int &whole) {
            where -= 0.5f;
            whole = int(std::floor(where));
            return std::round((where - float(whole)) * 256) / 256;
        };
        int x, y;
        float a = split(u, x), b = split(v, y);
        return (1 - a) * (1 - b) * cell(x, y, part) + a * (1 - b) * cell(x + 1, y, part) +
               (1 - a) * b * cell(x, y + 1, part) + a * b * cell(x + 1, y + 1, part);
    }
};

template<class F>
static void each(F f)
{
    for (int y = 0; y < kSide; y++)
        for (int x = 0; x < kSide; x++)
            f(x, y);
}

static void host_step(Grid<2> &velocity, Grid<1> &smoke)
{
    each([&](int x, int y) {
        float dx = x + 0.5f - kSide / 2, dy = y + 0.5f - 10;
        float near = std::exp(-(dx * dx + dy * dy) / 20);
        velocity.cell(x, y, 1) += 2 * near;
        velocity.cell(x, y, 0) += 0.3f * near * dx;
        smoke.cell(x, y) += near;
    });
    Grid<2> moved;
    Grid<1> thinner, d, p, q;
    each([&](int x, int y) {
        float u = x + 0.5f - velocity.cell(x, y, 0), v = y + 0.5f - velocity.cell(x, y, 1);
        moved.cell(x, y, 0) = velocity.between(u, v, 0);
        moved.cell(x, y, 1) = velocity.between(u, v, 1);
        thinner.cell(x, y) = smoke.between(u, v);
    });
    smoke = thinner;
    each([&](int x, int y) {
        d.cell(x, y) = (moved.cell(x + 1, y, 0) - moved.cell(x - 1, y, 0) +
                        moved.cell(x, y + 1, 1) - moved.cell(x, y - 1, 1)) /
                       2;
    });
    for (int i = 0; i < kJacobi; i++) {
        each([&](int x, int y) {
            q.cell(x, y) = (p.cell(x + 1, y) + p.cell(x - 1, y) + p.cell(x, y + 1) +
                            p.cell(x, y - 1) - d.cell(x, y)) /
                           4;
        });
        std::swap(p, q);
    }
    each([&](int x, int y) {
        velocity.cell(x, y, 0) = moved.cell(x, y, 0) - (p.cell(x + 1, y) - p.cell(x - 1, y)) / 2;
        velocity.cell(x, y, 1) = moved.cell(x, y, 1) - (p.cell(x, y + 1) - p.cell(x, y - 1)) / 2;
    });
}

int main()
{
    Field velocity(cudaCreateChannelDesc<float2>()), moved(cudaCreateChannelDesc<float2>());
    auto one = cudaCreateChannelDesc<float>();
    Field smoke(one), thinner(one), divergence(one), p(one), q(one);
    dim3 grid(kSide / 32, kSide / 8), block(32, 8);
    Grid<2> host_velocity;
    Grid<1> host_smoke;
    for (int step = 0; step < kSteps; step++) {
        blow<<<grid, block>>>(velocity.surface, smoke.surface);
        advect<float2><<<grid, block>>>(velocity.texture, velocity.texture, moved.surface);
        advect<float><<<grid, block>>>(velocity.texture, smoke.texture, thinner.surface);
        diverge<<<grid, block>>>(moved.texture, divergence.surface);
        std::vector<float> zeros(kSide * kSide);
        CUDA(cudaMemcpy2DToArray(p.array, 0, 0, zeros.data(), kSide * 4, kSide * 4, kSide,
                                 cudaMemcpyHostToDevice));
        for (int i = 0; i < kJacobi / 2; i++) {
            relax<<<grid, block>>>(p.texture, divergence.texture, q.surface);
            relax<<<grid, block>>>(q.texture, divergence.texture, p.surface);
        }
        project<<<grid, block>>>(p.texture, moved.texture, velocity.surface);
        CUDA(cudaMemcpy2DArrayToArray(smoke.array, 0, 0, thinner.array, 0, 0, kSide * 4, kSide));
        host_step(host_velocity, host_smoke);
    }
    std::vector<float> seen(kSide * kSide), by(2 * kSide * kSide);
    CUDA(cudaMemcpy2DFromArray(seen.data(), kSide * 4, smoke.array, 0, 0, kSide * 4, kSide,
                               cudaMemcpyDeviceToHost));
    CUDA(cudaMemcpy2DFromArray(by.data(), kSide * 8, velocity.array, 0, 0, kSide * 8, kSide,
                               cudaMemcpyDeviceToHost));
    float most = 0;
    // A fraction that is rounded to the other side moves a value by a 256th of the way.
    for (size_t i = 0; i < seen.size(); i++) {
        EXPECT(near(seen[i], host_smoke.at[i], 0.02));
        EXPECT(near(by[2 * i], host_velocity.at[2 * i], 0.02));
        EXPECT(near(by[2 * i + 1], host_velocity.at[2 * i + 1], 0.02));
        most = std::max(most, seen[i]);
    }
    EXPECT(most > 1);
    passed(uint64_t(most * 100));
}
