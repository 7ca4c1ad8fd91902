// SPDX-License-Identifier: Apache-2.0
// What device code may do beyond arithmetic: recursion, function pointers and tables, virtual
// functions, malloc and free, local arrays, large dynamic shared memory, constants, timers, the
// registers that describe the machine, address spaces, cooperative groups with cp.async.
#include "check.h"

#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cuda/barrier>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <vector>

const char *const program = "device-features";

namespace cg = cooperative_groups;

__device__ int fibonacci(int n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__device__ int plus_one(int x)
{
    return x + 1;
}
__device__ int squared(int x)
{
    return x * x;
}
__device__ int negated(int x)
{
    return -x;
}
using Function = int (*)(int);
__device__ Function functions[3] = {plus_one, squared, negated};
__constant__ Function constant_functions[2] = {squared, plus_one};
__constant__ int numbers[4] = {3, 1, 4, 1};

struct Shape {
    int side;
    __device__ explicit Shape(int s) : side(s) {}
    __device__ virtual ~Shape() {}
    __device__ virtual int area() const { return side; }
};
struct Square : Shape {
    using Shape::Shape;
    __device__ int area() const override { return side * side; }
};

__global__ void calls(int *out)
{
    int i = threadIdx.x;
    int *o = out + i * 8;
    o[0] = fibonacci(i % 12);
    o[1] = functions[i % 3](i);
    o[2] = constant_functions[i % 2](i);
    Shape *shape = i % 2 ? new Square(i) : new Shape(i);
    o[3] = shape->area();
    delete shape;
    // A list in the device's heap.
    struct Node {
        Node *next;
        int value;
    } *list = nullptr;
    for (int k = 0; k < 10; k++) {
        auto *node = static_cast<Node *>(malloc(sizeof(Node)));
        node->next = list;
        node->value = k * i;
        list = node;
    }
    int sum = 0;
    while (list) {
        sum += list->value;
        Node *next = list->next;
        free(list);
        list = next;
    }
    o[4] = sum;
    // A local array that registers cannot hold.
    int local[64];
    for (int k = 0; k < 64; k++)
        local[(k * 7 + i) % 64] = k;
    o[5] = local[i % 64] + local[(i + 7) % 64];
    o[6] = numbers[i % 4];
    o[7] = malloc(size_t(1) << 60) == nullptr;
}

void check_calls()
{
    constexpr int kThreads = 96;
    int *device;
    CUDA(cudaMalloc(&device, kThreads * 8 * sizeof(int)));
    calls<<<1, kThreads>>>(device);
    CUDA(cudaGetLastError());
    int out[kThreads * 8];
    CUDA(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    const int fib[12] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
    const int known[4] = {3, 1, 4, 1};
    for (int i = 0; i < kThreads; i++) {
        int *o = out + i * 8;
        int local[64];
        for (int k = 0; k < 64; k++)
            local[(k * 7 + i) % 64] = k;
        EXPECT(o[0] == fib[i % 12]);
        EXPECT(o[1] == (i % 3 == 0 ? i + 1 : i % 3 == 1 ? i * i : -i));
        EXPECT(o[2] == (i % 2 ? i + 1 : i * i));
        EXPECT(o[3] == (i % 2 ? i * i : i));
        EXPECT(o[4] == 45 * i);
        EXPECT(o[5] == local[i % 64] + local[(i + 7) % 64]);
        EXPECT(o[6] == known[i % 4]);
        EXPECT(o[7] == 1);
    }
    CUDA(cudaFree(device));
}

__device__ unsigned special(int which)
{
    unsigned value = 0;
    switch (which) {
    case 0:
        asm volatile("mov.u32 %0, %%laneid;" : "=r"(value));
        break;
    case 1:
        asm volatile("mov.u32 %0, %%warpid;" : "=r"(value));
        break;
    case 2:
        asm volatile("mov.u32 %0, %%smid;" : "=r"(value));
        break;
    case 3:
        asm volatile("mov.u32 %0, %%nsmid;" : "=r"(value));
        break;
    case 4:
        asm volatile("mov.u32 %0, %%dynamic_smem_size;" : "=r"(value));
        break;
    default:
        asm volatile("mov.u32 %0, %%lanemask_ge;" : "=r"(value));
    }
    return value;
}

__global__ void machine(unsigned *out, int units)
{
    extern __shared__ unsigned char bytes[];
    unsigned size = special(4);
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x)
        bytes[i] = (unsigned char)(i * 31);
    __syncthreads();
    unsigned sum = 0;
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x)
        sum += bytes[size - 1 - i];
    long long before = clock64();
    unsigned long long time = 0, later = 0;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time));
    __nanosleep(1000);
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(later));
    int local = 0;
    bool right = special(0) == threadIdx.x % 32 && special(1) == threadIdx.x / 32 &&
                 special(2) < special(3) && special(3) >= unsigned(units) &&
                 special(5) == ~0u << threadIdx.x % 32 && clock64() >= before && time > 0 &&
                 later >= time && __isShared(bytes) && !__isShared(out) && __isGlobal(out) &&
                 __isLocal(&local) && !__isGlobal(&local) && __isConstant(numbers) &&
                 !__isConstant(out);
    out[blockIdx.x * blockDim.x + threadIdx.x] = right ? sum : ~0u;
}

void check_machine()
{
    cudaDeviceProp properties;
    CUDA(cudaGetDeviceProperties(&properties, 0));
    int size = int(properties.sharedMemPerBlockOptin);
    EXPECT(size >= 160 * 1024);
    unsigned *device;
    CUDA(cudaMalloc(&device, 128 * sizeof(unsigned)));
    // More than 48 KiB has to be asked for, and more than there is is refused.
    machine<<<2, 64, size>>>(device, properties.multiProcessorCount);
    EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
    EXPECT(cudaFuncSetAttribute(machine, cudaFuncAttributeMaxDynamicSharedMemorySize, size + 1) ==
           cudaErrorInvalidValue);
    cudaGetLastError();
    CUDA(cudaFuncSetAttribute(machine, cudaFuncAttributeMaxDynamicSharedMemorySize, size));
    machine<<<2, 64, size>>>(device, properties.multiProcessorCount);
    CUDA(cudaGetLastError());
    unsigned out[128];
    CUDA(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    for (int t = 0; t < 128; t++) {
        unsigned sum = 0;
        for (int i = t % 64; i < size; i += 64)
            sum += (unsigned char)((size - 1 - i) * 31);
        EXPECT(out[t] == sum);
    }
    CUDA(cudaFree(device));
}

__global__ void groups(const float *in, float *out, cuda::std::byte *)
{
    __shared__ alignas(16) float tile[256];
#pragma nv_diag_suppress static_var_with_dynamic_init
    __shared__ cuda::barrier<cuda::thread_scope_block> barrier; // init() makes it
    auto block = cg::this_thread_block();
    if (block.thread_rank() == 0)
        init(&barrier, block.size());
    block.sync();
    cg::memcpy_async(block, tile, in, sizeof(float) * 128);
    cuda::memcpy_async(block, tile + 128, in + 128, cuda::aligned_size_t<16>(sizeof(float) * 128),
                       barrier);
    cg::wait(block);
    barrier.arrive_and_wait();
    auto warp = cg::tiled_partition<32>(block);
    float sum = cg::reduce(warp, tile[block.thread_rank()], cg::plus<float>());
    if (block.thread_rank() % 2) {
        auto odd = cg::coalesced_threads();
        sum += float(odd.size()) * 1000;
    }
    cg::this_grid().sync();
    out[block.thread_rank()] = sum + float(cg::this_grid().num_blocks()) * 100000;
}

void check_groups()
{
    std::vector<float> in(256), out(256);
    for (int i = 0; i < 256; i++)
        in[i] = float(scramble(i) % 100);
    float *a, *b;
    CUDA(cudaMalloc(&a, 1024));
    CUDA(cudaMalloc(&b, 1024));
    CUDA(cudaMemcpy(a, in.data(), 1024, cudaMemcpyHostToDevice));
    cuda::std::byte *none = nullptr;
    void *arguments[] = {&a, &b, &none};
    CUDA(cudaLaunchCooperativeKernel((void *)groups, dim3(2), dim3(256), arguments, 0, nullptr));
    CUDA(cudaMemcpy(out.data(), b, 1024, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 256; i++) {
        float sum = 200000 + (i % 2 ? 16000 : 0);
        for (int k = 0; k < 32; k++)
            sum += in[i / 32 * 32 + k];
        EXPECT(out[i] == sum);
    }
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
}

// The 8-bit formats are software on compute capability 8.0: the host has the same.
__global__ void narrow(const float *in, unsigned *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __nv_fp8_e4m3 a(in[i]);
    __nv_fp8_e5m2 b(in[i]);
    __half2 pair = __hfma2_relu(__floats2half2_rn(in[i], -in[i]), __float2half2_rn(1.5f),
                                __float2half2_rn(0.25f));
    out[i * 3] = a.__x | b.__x << 8;
    out[i * 3 + 1] = __half_as_ushort(__half(a)) ^ __half_as_ushort(__half(b)) << 8;
    out[i * 3 + 2] = __half_as_ushort(__low2half(pair)) | __half_as_ushort(__high2half(pair)) << 16;
}

void check_narrow()
{
    constexpr int kCount = 1024;
    std::vector<float> in(kCount);
    for (int i = 0; i < kCount; i++)
        in[i] = (float(scramble(i) % 2001) - 1000) / float(1 << i % 16);
    float *a;
    unsigned *b;
    CUDA(cudaMalloc(&a, kCount * sizeof(float)));
    CUDA(cudaMalloc(&b, kCount * 3 * sizeof(unsigned)));
    CUDA(cudaMemcpy(a, in.data(), kCount * sizeof(float), cudaMemcpyHostToDevice));
    narrow<<<kCount / 128, 128>>>(a, b);
    CUDA(cudaGetLastError());
    std::vector<unsigned> out(kCount * 3);
    CUDA(cudaMemcpy(out.data(), b, out.size() * sizeof(unsigned), cudaMemcpyDeviceToHost));
    for (int i = 0; i < kCount; i++) {
        __nv_fp8_e4m3 x(in[i]);
        __nv_fp8_e5m2 y(in[i]);
        EXPECT(out[i * 3] == (x.__x | unsigned(y.__x) << 8));
        unsigned halves = __half_as_ushort(__half(x)) ^ unsigned(__half_as_ushort(__half(y))) << 8;
        EXPECT(out[i * 3 + 1] == halves);
        for (int k = 0; k < 2; k++) {
            // Half times 1.5 plus 0.25 is exact in double.
            double value = double(__half2float(__float2half_rn(k ? -in[i] : in[i]))) * 1.5 + 0.25;
            __half want = value > 0 ? __double2half(value) : __float2half(0);
            EXPECT((out[i * 3 + 2] >> 16 * k & 0xffff) == __half_as_ushort(want));
        }
    }
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
}

int main()
{
    check_calls();
    check_machine();
    check_groups();
    check_narrow();
    passed(4);
    return 0;
}
