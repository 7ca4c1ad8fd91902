// SPDX-License-Identifier: Apache-2.0
// Prefix sums in one pass: each block publishes its own sum, then looks back over the blocks before
// it until it finds one that knows its whole prefix. Blocks take their numbers as they begin.
#include "array.h"

const char *const program = "scan-lookback";

constexpr unsigned kThreads = 128, kEach = 4, kTile = kThreads * kEach;
// The upper half of a word of `states`; the lower half is the sum that it speaks of.
constexpr unsigned kOwnSum = 1, kPrefix = 2;

__device__ unsigned ticket;

__device__ unsigned block_scan(unsigned mine, unsigned &total)
{
    __shared__ unsigned sums[kThreads / 32];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, sum = mine;
    for (unsigned step = 1; step < 32; step *= 2) {
        unsigned below = __shfl_up_sync(~0u, sum, step);
        sum += lane >= step ? below : 0;
    }
    if (lane == 31)
        sums[warp] = sum;
    __syncthreads();
    unsigned before = 0;
    total = 0;
    for (unsigned w = 0; w < kThreads / 32; w++) {
        before += w < warp ? sums[w] : 0;
        total += sums[w];
    }
    return before + sum - mine;
}

__global__ void scan(const uint4 *in, uint4 *out, volatile unsigned long long *states)
{
    __shared__ unsigned tile, before;
    if (threadIdx.x == 0)
        tile = atomicAdd(&ticket, 1);
    __syncthreads();
    uint4 mine = in[tile * kThreads + threadIdx.x];
    unsigned total, first = block_scan(mine.x + mine.y + mine.z + mine.w, total);
    if (threadIdx.x == 0) {
        unsigned long long kind = tile == 0 ? kPrefix : kOwnSum;
        states[tile] = kind << 32 | total;
        unsigned sum = 0;
        for (unsigned at = tile; at-- > 0;) {
            unsigned long long state;
            do
                state = states[at];
            while (state == 0);
            sum += unsigned(state);
            if (state >> 32 == kPrefix)
                break;
        }
        if (tile > 0)
            states[tile] = 1ull * kPrefix << 32 | (sum + total);
        before = sum;
    }
    __syncthreads();
    uint4 result;
    result.x = before + first + mine.x;
    result.y = result.x + mine.y;
    result.z = result.y + mine.z;
    result.w = result.z + mine.w;
    out[tile * kThreads + threadIdx.x] = result;
}

int main()
{
    constexpr unsigned kTiles = 200;
    Array<unsigned> in(kTiles * kTile), out(in.size());
    Array<unsigned long long> states(kTiles);
    for (unsigned i = 0; i < in.size(); i++)
        in[i] = scramble(i) % 100;
    in.put();
    for (int round = 0; round < 3; round++) {
        unsigned none = 0;
        CUDA(cudaMemcpyToSymbol(ticket, &none, sizeof none));
        CUDA(cudaMemset(states.at, 0, kTiles * sizeof(unsigned long long)));
        scan<<<kTiles, kThreads>>>(reinterpret_cast<uint4 *>(in.at),
                                   reinterpret_cast<uint4 *>(out.at), states.at);
        out.get();
        unsigned sum = 0;
        for (size_t i = 0; i < in.size(); i++)
            EXPECT(out[i] == (sum += in[i]));
    }
    passed(out.sum());
}
