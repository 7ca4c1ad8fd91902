// SPDX-License-Identifier: Apache-2.0
// What kernels may do: the language's features and the device's instructions, one after the other.
#include "cases.h"

#include <algorithm>
#include <cooperative_groups.h>
#include <cuda_fp16.h>
#include <numeric>

namespace cg = cooperative_groups;

const char *const program = "device-cases";

// ---- the language
// --------------------------------------------------------------------------------

__device__ int twice(int x)
{
    return 2 * x;
}
__device__ int square(int x)
{
    return x * x;
}
using Operation = int (*)(int);
__device__ Operation operations[2] = {twice, square};

__global__ void by_pointer(int *out)
{
    out[threadIdx.x] = operations[threadIdx.x % 2](int(threadIdx.x));
}

CASE(function_pointers)
{
    Array<int> out(32);
    by_pointer<<<1, 32>>>(out.at);
    out.get();
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == (i % 2 ? i * i : 2 * i));
    return out.sum();
}

struct Shape {
    __device__ virtual float area() const = 0;
};
struct Box : Shape {
    float a, b;
    __device__ Box(float a, float b) : a(a), b(b) {}
    __device__ float area() const override { return a * b; }
};
struct Disc : Shape {
    float r;
    __device__ explicit Disc(float r) : r(r) {}
    __device__ float area() const override { return 3 * r * r; }
};

__global__ void by_table(float *out)
{
    int i = int(threadIdx.x);
    Box box(float(i), 2);
    Disc disc((float(i)));
    const Shape *shape = i % 2 ? static_cast<const Shape *>(&box) : &disc;
    out[i] = shape->area();
}

CASE(virtual_functions)
{
    Array<float> out(32);
    by_table<<<1, 32>>>(out.at);
    out.get();
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == (i % 2 ? 2.f * i : 3.f * i * i));
    return out.sum();
}

template<class T, int N>
__global__ void power(T *data)
{
    T value = data[threadIdx.x], result = 1;
    for (int i = 0; i < N; i++)
        result *= value;
    data[threadIdx.x] = result;
}

template<class T>
static uint64_t powers()
{
    Array<T> data(32);
    for (int i = 0; i < 32; i++)
        data[i] = T(i % 10);
    data.put();
    power<T, 3><<<1, 32>>>(data.at);
    data.get();
    for (int i = 0; i < 32; i++)
        EXPECT(data[i] == T((i % 10) * (i % 10) * (i % 10)));
    return data.sum();
}

CASE(templates)
{
    return powers<int>() ^ powers<double>() ^ powers<short>() ^ powers<unsigned long long>();
}

__device__ unsigned ackermann(unsigned m, unsigned n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

__global__ void recurse(unsigned *out)
{
    out[threadIdx.x] = ackermann(2, threadIdx.x);
}

CASE(recursion)
{
    Array<unsigned> out(4);
    recurse<<<1, 4>>>(out.at);
    out.get();
    for (unsigned i = 0; i < 4; i++)
        EXPECT(out[i] == 2 * i + 3);
    return out.sum();
}

struct Large {
    int values[256];
    double factor;
};

__global__ void take_large(Large large, double *out)
{
    out[threadIdx.x] = large.values[threadIdx.x] * large.factor;
}

CASE(large_parameters)
{
    Large large;
    for (int i = 0; i < 256; i++)
        large.values[i] = 3 * i;
    large.factor = 0.5;
    Array<double> out(256);
    take_large<<<1, 256>>>(large, out.at);
    out.get();
    for (int i = 0; i < 256; i++)
        EXPECT(out[i] == 1.5 * i);
    return out.sum();
}

__global__ void own_arrays(int *out)
{
    int stack[64], top = 0;
    for (int i = 0; i < 40; i++)
        stack[top++] = i * int(threadIdx.x);
    int sum = 0;
    while (top > 0)
        sum += stack[--top] * (top % 3);
    out[threadIdx.x] = sum;
}

CASE(local_arrays)
{
    Array<int> out(32);
    own_arrays<<<1, 32>>>(out.at);
    out.get();
    int weight = 0;
    for (int i = 0; i < 40; i++)
        weight += i * (i % 3);
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == weight * i);
    return out.sum();
}

__global__ void from_heap(int *out)
{
    int *mine = new int[threadIdx.x + 1];
    for (unsigned i = 0; i <= threadIdx.x; i++)
        mine[i] = int(i);
    int sum = 0;
    for (unsigned i = 0; i <= threadIdx.x; i++)
        sum += mine[i];
    delete[] mine;
    void *raw = malloc(100);
    out[threadIdx.x] = raw ? sum : -1;
    free(raw);
}

CASE(device_heap)
{
    Array<int> out(64);
    from_heap<<<1, 64>>>(out.at);
    out.get();
    for (int i = 0; i < 64; i++)
        EXPECT(out[i] == i * (i + 1) / 2);
    return out.sum();
}

__global__ void choose(const int *in, int *out)
{
    switch (in[threadIdx.x]) {
    case 0:
        out[threadIdx.x] = 10;
        break;
    case 1:
        out[threadIdx.x] = 21;
        break;
    case 2:
        out[threadIdx.x] = 35; // falls through
    case 3:
        out[threadIdx.x] += 7;
        break;
    case 9:
        return;
    default:
        out[threadIdx.x] = -in[threadIdx.x];
    }
}

CASE(switches)
{
    Array<int> in(32), out(32);
    for (int i = 0; i < 32; i++)
        in[i] = i % 11;
    in.put();
    out.put();
    choose<<<1, 32>>>(in.at, out.at);
    out.get();
    const int expected[11] = {10, 21, 42, 7, -4, -5, -6, -7, -8, 0, -10};
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == expected[i % 11]);
    return out.sum();
}

// ---- warps and blocks
// ----------------------------------------------------------------------------

__global__ void vote(unsigned *out)
{
    unsigned lane = threadIdx.x;
    unsigned odd = __ballot_sync(~0u, lane & 1);
    int all = __all_sync(~0u, lane < 32), any = __any_sync(~0u, lane == 77);
    out[lane] =
        odd ^ unsigned(all) ^ unsigned(any) << 1 ^ unsigned(__popc(odd & ((1u << lane) - 1))) << 8;
}

CASE(votes)
{
    Array<unsigned> out(32);
    vote<<<1, 32>>>(out.at);
    out.get();
    for (unsigned i = 0; i < 32; i++)
        EXPECT(out[i] == (0xaaaaaaaau ^ 1 ^ (i / 2) << 8));
    return out.sum();
}

__global__ void shuffle(int *out)
{
    int lane = int(threadIdx.x), value = lane * lane;
    out[lane] = __shfl_sync(~0u, value, 31 - lane);
    out[lane + 32] = __shfl_up_sync(~0u, value, 3);
    out[lane + 64] = __shfl_xor_sync(~0u, value, 5, 8);
    out[lane + 96] = __shfl_down_sync(~0u, value, 2, 16);
}

CASE(shuffles)
{
    Array<int> out(128);
    shuffle<<<1, 32>>>(out.at);
    out.get();
    auto of = [](int lane) { return lane * lane; };
    for (int i = 0; i < 32; i++) {
        EXPECT(out[i] == of(31 - i) && out[i + 32] == of(i < 3 ? i : i - 3));
        EXPECT(out[i + 64] == of(i ^ 5) && out[i + 96] == of(i % 16 + 2 < 16 ? i + 2 : i));
    }
    return out.sum();
}

__global__ void match(unsigned *out)
{
    out[threadIdx.x] = __match_any_sync(~0u, threadIdx.x % 5);
}

CASE(matches)
{
    Array<unsigned> out(32);
    match<<<1, 32>>>(out.at);
    out.get();
    for (unsigned i = 0; i < 32; i++)
        for (unsigned j = 0; j < 32; j++)
            EXPECT((out[i] >> j & 1) == (i % 5 == j % 5));
    return out.sum();
}

__global__ void count_in_barrier(int *out)
{
    int t = int(threadIdx.x);
    int n = __syncthreads_count(t % 3 == 0), both = __syncthreads_and(t < 96),
        one = __syncthreads_or(t == 95);
    if (t == 0) {
        out[0] = n;
        out[1] = both != 0;
        out[2] = one != 0;
    }
}

CASE(counting_barriers)
{
    Array<int> out(3);
    count_in_barrier<<<1, 96>>>(out.at);
    out.get();
    EXPECT(out[0] == 32 && out[1] == 1 && out[2] == 1);
    return out.sum();
}

__device__ unsigned finished;

// The block that comes last adds up what the others have written.
__global__ void last_block(int *parts, int *total)
{
    __shared__ bool last;
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = int(blockIdx.x) * 3;
        __threadfence();
        last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0)
        for (unsigned i = 0; i < gridDim.x; i++)
            *total += ((volatile int *)parts)[i];
}

CASE(last_block)
{
    Array<int> parts(40), total(1);
    total.put();
    last_block<<<40, 32>>>(parts.at, total.at);
    last_block<<<40, 32>>>(parts.at, total.at);
    total.get();
    EXPECT(total[0] == 2 * 3 * 40 * 39 / 2);
    return uint64_t(total[0]);
}

__global__ void tiles(int *out)
{
    auto block = cg::this_thread_block();
    auto tile = cg::tiled_partition<8>(block);
    int sum = int(block.thread_rank());
    for (int step = 4; step > 0; step /= 2)
        sum += tile.shfl_down(sum, step);
    if (tile.thread_rank() == 0)
        out[block.thread_rank() / 8] = sum;
    auto here = cg::coalesced_threads();
    if (here.size() != 32)
        out[0] = -1;
}

CASE(tiled_groups)
{
    Array<int> out(8);
    tiles<<<1, 64>>>(out.at);
    out.get();
    for (int i = 0; i < 8; i++)
        EXPECT(out[i] == 64 * i + 28);
    return out.sum();
}

__global__ void whole_grid(int *data)
{
    auto grid = cg::this_grid();
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int round = 0; round < 5; round++) {
        int left = data[(i + grid.size() - 1) % grid.size()];
        grid.sync();
        data[i] += left;
        grid.sync();
    }
}

CASE(grid_barrier)
{
    Array<int> data(64, 1);
    data.put();
    void *arguments[] = {&data.at};
    CUDA(cudaLaunchCooperativeKernel(whole_grid, dim3(2), dim3(32), arguments, 0, nullptr));
    data.get();
    for (int value : data.host)
        EXPECT(value == 32);
    return data.sum();
}

// ---- atomics
// -------------------------------------------------------------------------------------

__global__ void atomics(int *cell, unsigned *other, unsigned long long *wide, float *real,
                        double *fine)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&cell[0], i);
    atomicSub(&cell[1], 2);
    atomicMin(&cell[2], i - 50);
    atomicMax(&cell[3], i);
    atomicOr(&other[0], 1u << i % 32);
    atomicAnd(&other[1], ~(1u << i % 8));
    atomicXor(&other[2], unsigned(i));
    atomicInc(&other[3], 99);
    atomicDec(&other[4], 99);
    atomicAdd(wide, 1ull << 33);
    atomicAdd(real, 0.5f);
    atomicAdd(fine, 0.25);
    unsigned long long seen = wide[1], expected;
    do {
        expected = seen;
        seen = atomicCAS(&wide[1], expected, expected * 2 + 1);
    } while (seen != expected && seen < 1ull << 40);
}

CASE(atomics)
{
    Array<int> cell(4);
    Array<unsigned> other(5);
    Array<unsigned long long> wide(2);
    Array<float> real(1);
    Array<double> fine(1);
    other[1] = ~0u;
    cell.put();
    other.put();
    wide.put();
    real.put();
    fine.put();
    atomics<<<4, 64>>>(cell.at, other.at, wide.at, real.at, fine.at);
    cell.get();
    other.get();
    wide.get();
    real.get();
    fine.get();
    EXPECT(cell[0] == 255 * 128 && cell[1] == -512 && cell[2] == -50 && cell[3] == 255);
    EXPECT(other[0] == ~0u && other[1] == 0xffffff00u && other[2] == 0 && other[3] == 256 % 100);
    EXPECT(wide[0] == 256ull << 33 && real[0] == 128 && fine[0] == 64);
    return cell.sum() ^ other[4];
}

__global__ void locked(int *lock, int *count)
{
    if (threadIdx.x == 0) {
        while (atomicCAS(lock, 0, 1) != 0)
            ;
        __threadfence();
        int value = *(volatile int *)count;
        *(volatile int *)count = value + 1;
        __threadfence();
        atomicExch(lock, 0);
    }
}

CASE(spin_lock)
{
    Array<int> cells(2);
    cells.put();
    locked<<<50, 32>>>(cells.at, cells.at + 1);
    cells.get();
    EXPECT(cells[0] == 0 && cells[1] == 50);
    return uint64_t(cells[1]);
}

// ---- numbers
// -------------------------------------------------------------------------------------

__global__ void bits(const unsigned *in, unsigned *out)
{
    unsigned i = threadIdx.x, x = in[i];
    out[i] = __brev(x);
    out[i + 32] = unsigned(__clz(int(x)));
    out[i + 64] = unsigned(__ffs(int(x)));
    out[i + 96] = __byte_perm(x, ~x, 0x3614);
    out[i + 128] = __funnelshift_l(x, ~x, i);
    out[i + 160] = unsigned(__popc(x));
}

CASE(bit_instructions)
{
    Array<unsigned> in(32), out(192);
    for (unsigned i = 0; i < 32; i++)
        in[i] = i ? scramble(i) : 0;
    in.put();
    bits<<<1, 32>>>(in.at, out.at);
    out.get();
    for (unsigned i = 0; i < 32; i++) {
        unsigned x = in[i], reversed = 0;
        for (unsigned b = 0; b < 32; b++)
            reversed |= (x >> b & 1) << (31 - b);
        EXPECT(out[i] == reversed && out[i + 32] == (x ? unsigned(__builtin_clz(x)) : 32));
        EXPECT(out[i + 64] == unsigned(__builtin_ffs(int(x))));
        unsigned char bytes[8];
        for (int b = 0; b < 4; b++) {
            bytes[b] = (unsigned char)(x >> 8 * b);
            bytes[b + 4] = (unsigned char)(~x >> 8 * b);
        }
        EXPECT(out[i + 96] == (unsigned(bytes[3]) << 24 | unsigned(bytes[6]) << 16 |
                               unsigned(bytes[1]) << 8 | bytes[4]));
        EXPECT(out[i + 128] == (i ? ~x << i | x >> (32 - i) : ~x));
        EXPECT(out[i + 160] == unsigned(__builtin_popcount(x)));
    }
    return out.sum();
}

__global__ void wide_numbers(const unsigned long long *in, unsigned long long *out)
{
    unsigned long long a = in[threadIdx.x], b = in[(threadIdx.x + 1) % 32];
    out[threadIdx.x] = __umul64hi(a, b);
    out[threadIdx.x + 32] = a / (b % 1000 + 1);
    out[threadIdx.x + 64] =
        __umulhi(unsigned(a), unsigned(b)) + (unsigned long long)__mul24(int(a), int(b));
}

CASE(wide_integers)
{
    Array<unsigned long long> in(32), out(96);
    for (unsigned i = 0; i < 32; i++)
        in[i] = (unsigned long long)(scramble(i)) << 32 | scramble(i + 1000);
    in.put();
    wide_numbers<<<1, 32>>>(in.at, out.at);
    out.get();
    for (unsigned i = 0; i < 32; i++) {
        unsigned long long a = in[i], b = in[(i + 1) % 32];
        EXPECT(out[i] == (unsigned long long)((unsigned __int128)(a)*b >> 64));
        EXPECT(out[i + 32] == a / (b % 1000 + 1));
    }
    return out.sum();
}

__global__ void mathematics(const double *in, double *out)
{
    double x = in[threadIdx.x];
    out[threadIdx.x] = sin(x) * sin(x) + cos(x) * cos(x);
    out[threadIdx.x + 32] = log(exp(x));
    out[threadIdx.x + 64] = sqrt(x * x) + cbrt(x * x * x) + hypot(3 * x, 4 * x);
    out[threadIdx.x + 96] = fma(x, x, -1.0) + floor(x) + tanh(0.0) + pow(x, 2.0);
}

CASE(mathematics)
{
    Array<double> in(32), out(128);
    for (int i = 0; i < 32; i++)
        in[i] = 0.25 + i * 0.5;
    in.put();
    mathematics<<<1, 32>>>(in.at, out.at);
    out.get();
    auto near = [](double a, double b) { return a - b < 1e-9 && b - a < 1e-9; };
    for (int i = 0; i < 32; i++) {
        double x = in[i];
        EXPECT(near(out[i], 1) && near(out[i + 32], x) && near(out[i + 64], 7 * x));
        EXPECT(near(out[i + 96], 2 * x * x - 1 + double(int(x))));
    }
    return out.sum();
}

__global__ void halves(const float *in, float *out)
{
    half a = __float2half(in[threadIdx.x]), b = __float2half(0.5f);
    half2 both = __halves2half2(a, b);
    both = __hfma2(both, both, __float2half2_rn(1));
    out[2 * threadIdx.x] = __low2float(both);
    out[2 * threadIdx.x + 1] = __high2float(both) + (__hgt(a, b) ? 1 : 0);
}

CASE(half_precision)
{
    Array<float> in(32), out(64);
    for (int i = 0; i < 32; i++)
        in[i] = i * 0.125f;
    in.put();
    halves<<<1, 32>>>(in.at, out.at);
    out.get();
    for (int i = 0; i < 32; i++)
        EXPECT(out[2 * i] == in[i] * in[i] + 1 && out[2 * i + 1] == 1.25f + (in[i] > 0.5f));
    return out.sum();
}

__global__ void vectors(const float4 *in, uchar4 *bytes, double2 *wide)
{
    float4 v = in[threadIdx.x];
    bytes[threadIdx.x] =
        make_uchar4((unsigned char)v.x, (unsigned char)v.y, (unsigned char)v.z, (unsigned char)v.w);
    wide[threadIdx.x] = make_double2(double(v.x) + v.y, double(v.z) * v.w);
}

CASE(vector_types)
{
    Array<float4> in(32);
    Array<uchar4> bytes(32);
    Array<double2> wide(32);
    for (int i = 0; i < 32; i++)
        in[i] = make_float4(float(i), float(2 * i), float(3 * i), float(4 * i));
    in.put();
    vectors<<<1, 32>>>(in.at, bytes.at, wide.at);
    bytes.get();
    wide.get();
    for (int i = 0; i < 32; i++)
        EXPECT(bytes[i].w == 4 * i && wide[i].x == 3 * i && wide[i].y == 12.0 * i * i);
    return bytes.sum() ^ wide.sum();
}

__constant__ int table[64];

__global__ void look_up(const int *index, int *out)
{
    out[threadIdx.x] = table[index[threadIdx.x]] + table[5];
}

CASE(constant_tables)
{
    int values[64];
    Array<int> index(32), out(32);
    for (int i = 0; i < 64; i++)
        values[i] = 1000 - i * i;
    for (int i = 0; i < 32; i++)
        index[i] = int(scramble(unsigned(i)) % 64);
    index.put();
    CUDA(cudaMemcpyToSymbol(table, values, sizeof values));
    look_up<<<1, 32>>>(index.at, out.at);
    out.get();
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == values[index[i]] + values[5]);
    return out.sum();
}

__global__ void times(long long *out)
{
    long long begin = clock64();
    int spin = 0;
    for (int i = 0; i < 100; i++)
        spin += i * int(threadIdx.x + 1);
    long long end = clock64();
    out[0] = end >= begin;
    out[1] = spin;
}

CASE(clocks)
{
    Array<long long> out(2);
    times<<<1, 1>>>(out.at);
    out.get();
    EXPECT(out[0] == 1 && out[1] == 4950);
    return out.sum();
}

__global__ void say()
{
    if (threadIdx.x == 0)
        printf("%d %u %5.2f|%-6s|%c %x %lld %%\n", -7, 7u, 3.14159, "ab", 'z', 255, -(1ll << 40));
}

CASE(printf_formats)
{
    std::fflush(stdout);
    say<<<1, 32>>>();
    CUDA(cudaDeviceSynchronize());
    return 0;
}

int main()
{
    return run_cases();
}
