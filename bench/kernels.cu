// SPDX-License-Identifier: Apache-2.0
// usage: kernels ROUNDS                  each kernel beside plain C
//        kernels uneven STEPS ROUNDS    a launch where one block in 64 takes 50 times as long, on all cores
//        kernels application N ITERATIONS  a solver on a grid of N x N that looks at its progress now and then; its time
#include "bench/kernels.h"

#include <cmath>
#include <cstring>
#include <utility>

using namespace vgpu::bench;

namespace
{

constexpr int kTile = 16;

__global__ void vector_add(const float *a, const float *b, float *c, int n)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        c[i] = a[i] + b[i];
}

__global__ void matmul(const float *a, const float *b, float *c, int n)
{
    __shared__ float as[kTile][kTile], bs[kTile][kTile];
    int x = int(threadIdx.x), y = int(threadIdx.y);
    int column = int(blockIdx.x) * kTile + x, row = int(blockIdx.y) * kTile + y;
    float sum = 0;
    for (int t = 0; t < n; t += kTile) {
        as[y][x] = a[row * n + t + x];
        bs[y][x] = b[(t + y) * n + column];
        __syncthreads();
        for (int k = 0; k < kTile; k++)
            sum += as[y][k] * bs[k][x];
        __syncthreads();
    }
    c[row * n + column] = sum;
}

__global__ void reduce(const float *a, float *sums, int n)
{
    float sum = 0;
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += int(gridDim.x * blockDim.x))
        sum += a[i];
    for (int d = 16; d; d /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, d);
    if (threadIdx.x % 32 == 0)
        atomicAdd(sums, sum);
}

__global__ void divergent(const unsigned *in, unsigned *out, int n)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= n)
        return;
    unsigned x = in[i], steps = 0;
    while (x != 1 && steps < 200) {
        x = x & 1 ? 3 * x + 1 : x / 2;
        steps++;
    }
    out[i] = steps;
}

__global__ void histogram(const unsigned char *in, unsigned *bins, int n)
{
    __shared__ unsigned own[256];
    for (int i = int(threadIdx.x); i < 256; i += int(blockDim.x))
        own[i] = 0;
    __syncthreads();
    for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += int(gridDim.x * blockDim.x))
        atomicAdd(&own[in[i]], 1u);
    __syncthreads();
    for (int i = int(threadIdx.x); i < 256; i += int(blockDim.x))
        atomicAdd(&bins[i], own[i]);
}

__global__ void stencil(const float *in, float *out, int n)
{
    int x = int(blockIdx.x * blockDim.x + threadIdx.x), y = int(blockIdx.y * blockDim.y + threadIdx.y);
    if (x < 1 || y < 1 || x >= n - 1 || y >= n - 1)
        return;
    out[y * n + x] = 0.2f * (in[y * n + x] + in[y * n + x - 1] + in[y * n + x + 1] + in[(y - 1) * n + x] + in[(y + 1) * n + x]);
}

// Where a block ran, and when: what has no name in CUDA.
struct Ran {
    unsigned core, cores;
    unsigned long long begin, end;
};

__global__ void uneven(Ran *ran, int steps)
{
    Ran mine;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(mine.begin));
    unsigned x = threadIdx.x;
    for (int i = blockIdx.x % 64 == 32 ? 50 * steps : steps; i > 0; i--)
        x = x * 1664525u + 1013904223u;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(mine.core) : "r"(x)); // so that x is wanted, and first
    asm volatile("mov.u32 %0, %%nsmid;" : "=r"(mine.cores));
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(mine.end));
    if (threadIdx.x == 0)
        ran[blockIdx.x] = mine;
}

std::vector<float> numbers(size_t n)
{
    std::vector<float> list(n);
    for (size_t i = 0; i < n; i++)
        list[i] = float(i * 2654435761u % 1024) / 1024;
    return list;
}

bool close(const std::vector<float> &a, const std::vector<float> &b)
{
    for (size_t i = 0; i < a.size(); i++)
        if (std::fabs(a[i] - b[i]) > 1e-3f * std::fabs(b[i]) + 1e-3f)
            return false;
    return true;
}

void application(int n, int iterations)
{
    constexpr int kLook = 100;
    const size_t cells = size_t(n) * size_t(n);
    float *from = on_device(numbers(cells)), *to = on_device(numbers(cells)), *sum = on_device<float>(1);
    const dim3 grid(unsigned(n) / 32, unsigned(n) / 8), block(32, 8);
    std::vector<float> seen(1);
    RT(cudaDeviceSynchronize());
    double start = seconds();
    for (int i = 0; i < iterations; i++) {
        stencil<<<grid, block>>>(from, to, n);
        std::swap(from, to);
        if (i % kLook == kLook - 1) {
            RT(cudaMemsetAsync(sum, 0, sizeof(float)));
            reduce<<<256, 256>>>(from, sum, int(cells));
            back(seen, sum);
        }
    }
    RT(cudaGetLastError());
    RT(cudaDeviceSynchronize());
    std::printf("seconds %.6f sum %g\n", seconds() - start, double(seen[0]));
}

// From the first block's begin to the last one's end, beside what it would have been had all cores ended at once. Of several
// launches the one that other programs disturbed least.
void blocks_of_two_kinds(int steps, int rounds)
{
    constexpr int kBlocks = 2048, kThreads = 64;
    std::vector<Ran> ran(kBlocks);
    Ran *device = on_device(ran);
    double taken = 0, ideal = 0;
    for (int round = 0; round < rounds; round++) {
        uneven<<<kBlocks, kThreads>>>(device, steps);
        RT(cudaGetLastError());
        back(ran, device);
        std::vector<unsigned long long> ends(ran[0].cores);
        unsigned long long begin = ran[0].begin, end = 0;
        for (const Ran &it : ran) {
            begin = std::min(begin, it.begin);
            end = std::max(end, it.end);
            ends[it.core] = std::max(ends[it.core], it.end);
        }
        double busy = 0;
        for (unsigned long long one : ends)
            busy += one ? double(one - begin) / double(ends.size()) : 0;
        if (round == 0 || double(end - begin) / busy < taken / ideal) {
            taken = double(end - begin);
            ideal = busy;
        }
    }
    report("softgpu-uneven-blocks", taken * 1e-6, "ms", ideal * 1e-6);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 4 && !std::strcmp(argv[1], "application"))
        return application(std::atoi(argv[2]), std::atoi(argv[3])), 0;
    if (argc == 4 && !std::strcmp(argv[1], "uneven"))
        return blocks_of_two_kinds(std::atoi(argv[2]), std::atoi(argv[3])), 0;
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
    {
        const int n = 4 << 20;
        std::vector<float> a = numbers(n), b = numbers(n), c(n), plain(n);
        float *da = on_device(a), *db = on_device(b), *dc = on_device<float>(n);
        compare("softgpu-vector-add", rounds, [&] { vector_add<<<n / 256, 256>>>(da, db, dc, n); },
                [&] { plain_vector_add(a.data(), b.data(), plain.data(), n); },
                [&] { return back(c, dc), c == plain; });
    }
    {
        const int n = 512;
        std::vector<float> a = numbers(n * n), b = numbers(n * n), c(n * n), plain(n * n);
        float *da = on_device(a), *db = on_device(b), *dc = on_device<float>(n * n);
        const dim3 grid(n / kTile, n / kTile), block(kTile, kTile);
        compare("softgpu-matmul", rounds, [&] { matmul<<<grid, block>>>(da, db, dc, n); },
                [&] { plain_matmul(a.data(), b.data(), plain.data(), n); },
                [&] { return back(c, dc), close(c, plain); });
    }
    {
        const int n = 8 << 20;
        std::vector<float> a(n, 1.0f), sum(1);
        float *da = on_device(a), *ds = on_device<float>(1), plain = 0;
        compare("softgpu-shuffle-reduce", rounds,
                [&] {
                    RT(cudaMemset(ds, 0, sizeof(float)));
                    reduce<<<256, 256>>>(da, ds, n);
                },
                [&] { plain = plain_reduce(a.data(), n); },
                [&] { return back(sum, ds), sum[0] == float(n) && plain == float(n); });
    }
    {
        const int n = 1 << 18;
        std::vector<unsigned> in(n), out(n), plain(n);
        for (int i = 0; i < n; i++)
            in[size_t(i)] = unsigned(i) + 1;
        unsigned *di = on_device(in), *dout = on_device<unsigned>(n);
        compare("softgpu-divergent", rounds, [&] { divergent<<<n / 256, 256>>>(di, dout, n); },
                [&] { plain_divergent(in.data(), plain.data(), n); },
                [&] { return back(out, dout), out == plain; });
    }
    {
        const int n = 8 << 20;
        std::vector<unsigned char> in(n);
        for (int i = 0; i < n; i++)
            in[size_t(i)] = static_cast<unsigned char>((unsigned(i) * 2654435761u) >> 24);
        std::vector<unsigned> bins(256), plain(256);
        unsigned char *di = on_device(in);
        unsigned *db = on_device<unsigned>(256);
        compare("softgpu-histogram", rounds,
                [&] {
                    RT(cudaMemset(db, 0, 1024));
                    histogram<<<64, 256>>>(di, db, n);
                },
                [&] {
                    plain.assign(256, 0);
                    plain_histogram(in.data(), plain.data(), n);
                },
                [&] { return back(bins, db), bins == plain; });
    }
    {
        const int n = 2048;
        std::vector<float> in = numbers(size_t(n) * n), out(size_t(n) * n), plain(size_t(n) * n);
        float *di = on_device(in), *dout = on_device<float>(size_t(n) * n);
        const dim3 grid(n / 32, n / 8), block(32, 8);
        compare("softgpu-stencil", rounds, [&] { stencil<<<grid, block>>>(di, dout, n); },
                [&] { plain_stencil(in.data(), plain.data(), n); },
                [&] { return back(out, dout), close(out, plain); });
    }
    return 0;
}
