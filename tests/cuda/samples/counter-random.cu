// SPDX-License-Identifier: Apache-2.0
// Random numbers by Philox, from a key and a counter alone: any thread has any number. Checked by
// the published test values; then normal numbers, their moments, and an integral with antithetic
// pairs.
#include "array.h"

const char *const program = "counter-random";

constexpr int kThreads = 128, kBlocks = 24, kEach = 16;

__host__ __device__ inline uint4 philox(uint4 counter, uint2 key)
{
    for (int round = 0; round < 10; round++) {
#ifdef __CUDA_ARCH__
        unsigned high0 = __umulhi(0xD2511F53u, counter.x), high1 = __umulhi(0xCD9E8D57u, counter.z);
#else
        unsigned high0 = unsigned(0xD2511F53ull * counter.x >> 32);
        unsigned high1 = unsigned(0xCD9E8D57ull * counter.z >> 32);
#endif
        unsigned low0 = 0xD2511F53u * counter.x, low1 = 0xCD9E8D57u * counter.z;
        counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return counter;
}

__global__ void published(uint4 *out)
{
    unsigned all = ~0u;
    if (threadIdx.x == 0)
        out[0] = philox(make_uint4(0, 0, 0, 0), make_uint2(0, 0));
    else if (threadIdx.x == 1)
        out[1] = philox(make_uint4(all, all, all, all), make_uint2(all, all));
}

__host__ __device__ inline float uniform(unsigned x)
{
    return (float(x >> 8) + 0.5f) / 16777216.f;
}

struct Sums {
    double one, two, three, integral;
    unsigned long long bits;
};

__global__ void simulate(uint2 key, Sums *out)
{
    int t = blockIdx.x * blockDim.x + threadIdx.x;
    Sums sums{};
    for (unsigned i = 0; i < kEach; i++) {
        uint4 r = philox(make_uint4(i, unsigned(t), 0, 0), key);
        sums.bits += (unsigned long long)r.x + r.y + r.z + r.w;
        // Two normal numbers by Box and Muller; the integral of exp over (0, 1) by pairs.
        float sine, cosine, radius = sqrtf(-2 * logf(uniform(r.x)));
        sincospif(2 * uniform(r.y), &sine, &cosine);
        for (float z : {radius * sine, radius * cosine}) {
            sums.one += z;
            sums.two += z * z;
            sums.three += z * z * z;
        }
        float u = uniform(r.z);
        sums.integral += 0.5f * (expf(u) + expf(1 - u));
    }
    out[t] = sums;
}

int main()
{
    constexpr int kAll = kThreads * kBlocks;
    Array<uint4> known(2);
    published<<<1, 32>>>(known.at);
    known.get();
    EXPECT(known[0].x == 0x6627e8d5 && known[0].y == 0xe169c58d && known[0].z == 0xbc57ac4c &&
           known[0].w == 0x9b00dbd8);
    EXPECT(known[1].x == 0x408f276d && known[1].y == 0x41c83b0e && known[1].z == 0xa20bc7c6 &&
           known[1].w == 0x6d5451fd);
    Array<Sums> sums(kAll);
    uint2 key = make_uint2(2026, 4);
    simulate<<<kBlocks, kThreads>>>(key, sums.at);
    sums.get();
    Sums all{};
    unsigned long long bits = 0;
    for (unsigned t = 0; t < kAll; t++) {
        all.one += sums[t].one;
        all.two += sums[t].two;
        all.three += sums[t].three;
        all.integral += sums[t].integral;
        all.bits += sums[t].bits;
        for (unsigned i = 0; i < kEach; i++) {
            uint4 r = philox(make_uint4(i, t, 0, 0), key);
            bits += (unsigned long long)r.x + r.y + r.z + r.w;
        }
    }
    double n = 2.0 * kAll * kEach;
    EXPECT(all.bits == bits);
    EXPECT(std::abs(all.one / n) < 4 / std::sqrt(n));
    EXPECT(std::abs(all.two / n - 1) < 4 * std::sqrt(2 / n));
    EXPECT(std::abs(all.three / n) < 4 * std::sqrt(15 / n));
    EXPECT(std::abs(2 * all.integral / n - (std::exp(1.0) - 1)) < 4 * 0.063 / std::sqrt(n / 2));
    passed(bits);
}
