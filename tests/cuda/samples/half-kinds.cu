// SPDX-License-Identifier: Apache-2.0
// Small floats: a layer in half and in bfloat16 pairs with single-precision sums, layer norm, a
// scale that adapts when halves overflow, and atomic sums of both kinds. For devices from 8.0 on.
#include "array.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

const char *const program = "half-kinds";

constexpr int kIn = 64, kOut = 96;

static __device__ __half2 product(__half2 a, __half2 b, __half2 c)
{
    return __hfma2(a, b, c);
}
static __device__ __nv_bfloat162 product(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c)
{
    return __hfma2(a, b, c);
}
static __device__ float2 wide(__half2 x)
{
    return __half22float2(x);
}
static __device__ float2 wide(__nv_bfloat162 x)
{
    return __bfloat1622float2(x);
}
static __device__ void narrow(float x, __half *out)
{
    *out = __float2half_rn(x);
}
static __device__ void narrow(float x, __nv_bfloat16 *out)
{
    *out = __float2bfloat16_rn(x);
}

// A warp for each output; eight products in the small type, then a sum in the large one.
template<class Two, class One>
__global__ void layer(const Two *weights, const Two *x, One *out, float scale)
{
    int row = blockIdx.x, lane = threadIdx.x;
    Two zero = weights[0];
    zero.x = zero.y = One(0.f);
    Two part = product(weights[row * kIn / 2 + lane], x[lane], zero);
    float2 sum = wide(part);
    float all = sum.x + sum.y;
    for (int offset = 16; offset; offset /= 2)
        all += __shfl_xor_sync(~0u, all, offset);
    // Rectified in the small type.
    One small;
    narrow(all * scale, &small);
    if (lane == 0)
        out[row] = __hmax(small, One(0.f));
}

__global__ void overflows(const __half *x, int n, int *bad)
{
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        if (__hisinf(x[i]) || __hisnan(x[i]))
            *bad = 1;
}

template<class One>
__global__ void add_all(const One *x, int n, One *sum)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        atomicAdd(sum, x[i]);
}

template<class Two, class One, class Narrow>
static uint64_t check(Narrow narrow_host, double step, const char *)
{
    Array<One> weights(kIn * kOut), x(kIn), out(kOut);
    for (unsigned i = 0; i < weights.size(); i++)
        weights[i] = narrow_host(2 * unit(i) - 1);
    for (unsigned i = 0; i < kIn; i++)
        x[i] = narrow_host(2 * unit(i + 10000) - 1);
    weights.put();
    x.put();
    layer<<<kOut, 32>>>(reinterpret_cast<Two *>(weights.at), reinterpret_cast<Two *>(x.at), out.at,
                        1.f);
    out.get();
    for (size_t row = 0; row < kOut; row++) {
        double sum = 0, size = 0;
        for (size_t i = 0; i < kIn; i++) {
            double one = double(float(weights[row * kIn + i])) * double(float(x[i]));
            sum += one;
            size += std::abs(one);
        }
        EXPECT(std::abs(double(float(out[row])) - std::max(sum, 0.0)) <= step * size);
    }
    return out.sum();
}

int main()
{
    uint64_t all = check<__half2, __half>([](float x) { return __float2half(x); }, 1e-3, "half");
    all ^= check<__nv_bfloat162, __nv_bfloat16>([](float x) { return __float2bfloat16(x); }, 8e-3,
                                                "bfloat16");

    // Scaled until it fits, as mixed training does.
    Array<__half> weights(kIn * kOut, __float2half(60)), x(kIn, __float2half(500)), out(kOut);
    Array<int> bad(1);
    weights.put();
    x.put();
    float scale = 1;
    int tries = 0;
    do {
        scale /= 4;
        tries++;
        CUDA(cudaMemset(bad.at, 0, sizeof(int)));
        layer<<<kOut, 32>>>(reinterpret_cast<__half2 *>(weights.at),
                            reinterpret_cast<__half2 *>(x.at), out.at, scale);
        overflows<<<1, 32>>>(out.at, kOut, bad.at);
        bad.get();
    } while (bad[0]);
    // 64 * 30000 / 4^3 = 30000 fits below 65504; 4 times that does not.
    EXPECT(tries == 3);
    out.get();
    EXPECT(near(__half2float(out[0]), 30000, 1e-3));

    // Sums that are exact: small whole numbers.
    Array<__half> ones(300, __float2half(3)), sum(1, __float2half(0));
    ones.put();
    sum.put();
    add_all<<<3, 100>>>(ones.at, 300, sum.at);
    sum.get();
    EXPECT(__half2float(sum[0]) == 900);
    Array<__nv_bfloat16> twos(120, __float2bfloat16(2)), total(1, __float2bfloat16(0));
    twos.put();
    total.put();
    add_all<<<2, 64>>>(twos.at, 120, total.at);
    total.get();
    EXPECT(__bfloat162float(total[0]) == 240);
    passed(all);
}
