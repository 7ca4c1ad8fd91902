// SPDX-License-Identifier: Apache-2.0
// Flow between walls by the lattice Boltzmann method: nine directions in arrays of their own,
// pulled from neighbours; driven by a force, it becomes Poiseuille's parabola, which is known.
#include "array.h"

const char *const program = "lattice-gas";

constexpr int kWidth = 16, kHeight = 19, kCells = kWidth * kHeight, kSteps = 2500;
constexpr float kTau = 0.9f, kForce = 1e-4f;

__constant__ int device_x[9] = {0, 1, 0, -1, 0, 1, -1, -1, 1};
__constant__ int device_y[9] = {0, 0, 1, 0, -1, 1, 1, -1, -1};
__constant__ float weights[9] = {4.f / 9,  1.f / 9,  1.f / 9,  1.f / 9, 1.f / 9,
                                 1.f / 36, 1.f / 36, 1.f / 36, 1.f / 36};
__constant__ int opposite[9] = {0, 3, 4, 1, 2, 7, 8, 5, 6};

__global__ void step(const float *__restrict__ from, float *__restrict__ to,
                     float *__restrict__ speed)
{
    int x = threadIdx.x, y = blockIdx.x, cell = y * kWidth + x;
    float f[9], density = 0, u = 0, v = 0;
#pragma unroll
    for (int i = 0; i < 9; i++) {
        int fx = (x - device_x[i] + kWidth) % kWidth, fy = y - device_y[i];
        // A wall gives back what came to it.
        f[i] = fy < 0 || fy >= kHeight ? from[opposite[i] * kCells + cell]
                                       : from[i * kCells + fy * kWidth + fx];
        density += f[i];
        u += f[i] * device_x[i];
        v += f[i] * device_y[i];
    }
    u = (u + kForce / 2) / density;
    v /= density;
    speed[cell] = u;
    float square = 1.5f * (u * u + v * v);
#pragma unroll
    for (int i = 0; i < 9; i++) {
        float along = 3 * (device_x[i] * u + device_y[i] * v);
        float rest = weights[i] * density * (1 + along + along * along / 2 - square);
        float push = (1 - 0.5f / kTau) * weights[i] * kForce *
                     (3 * (device_x[i] - u) + 3 * along * device_x[i]);
        to[i * kCells + cell] = f[i] + (rest - f[i]) / kTau + push;
    }
}

int main()
{
    Array<float> a(9 * kCells), b(9 * kCells), speed(kCells);
    const float start[] = {4.f / 9,  1.f / 9,  1.f / 9,  1.f / 9, 1.f / 9,
                           1.f / 36, 1.f / 36, 1.f / 36, 1.f / 36};
    for (size_t i = 0; i < a.size(); i++)
        a[i] = start[i / kCells];
    a.put();
    // Two steps a graph, which gives back the buffers as they were.
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t pair;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    step<<<kHeight, kWidth, 0, stream>>>(a.at, b.at, speed.at);
    step<<<kHeight, kWidth, 0, stream>>>(b.at, a.at, speed.at);
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&pair, graph, 0));
    for (int i = 0; i < kSteps / 2; i++)
        CUDA(cudaGraphLaunch(pair, stream));
    CUDA(cudaStreamSynchronize(stream));
    a.get();
    speed.get();
    double mass = 0, viscosity = (kTau - 0.5) / 3;
    for (float one : a.host)
        mass += double(one);
    EXPECT(near(mass, kCells, 1e-4));
    for (int y = 0; y < kHeight; y++) {
        double from_wall = y + 0.5,
               expected = kForce / 2 / viscosity * from_wall * (kHeight - from_wall);
        for (int x = 0; x < kWidth; x++)
            EXPECT(std::abs(double(speed[size_t(y * kWidth + x)]) - expected) < 0.02 * 0.034);
    }
    CUDA(cudaGraphExecDestroy(pair));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaStreamDestroy(stream));
    passed(uint64_t(mass + 0.5));
}
