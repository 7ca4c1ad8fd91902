// SPDX-License-Identifier: Apache-2.0
// Barriers with two halves: threads arrive, do other work, and wait only then; and copies into
// shared memory that themselves arrive when they are done. For devices from 8.0 on.
#include "array.h"

#include <cuda_awbarrier_primitives.h>

const char *const program = "arrivals";

constexpr int kThreads = 128, kRounds = 30;

// Neighbours' numbers round by round: between arriving and waiting each thread does work of its
// own.
__global__ void rounds(const unsigned *in, unsigned *out, unsigned *own)
{
    __shared__ __mbarrier_t barrier;
    __shared__ unsigned state[2][kThreads];
    int t = threadIdx.x;
    if (t == 0)
        __mbarrier_init(&barrier, kThreads);
    __syncthreads();
    unsigned mine = in[blockIdx.x * kThreads + t], alone = mine;
    for (int round = 0; round < kRounds; round++) {
        state[round % 2][t] = mine;
        __mbarrier_token_t token = __mbarrier_arrive(&barrier);
        for (int i = 0; i < t % 7; i++)
            alone = alone * 1664525 + 1013904223;
        while (!__mbarrier_test_wait(&barrier, token))
            ;
        mine = mine * 3 + state[round % 2][(t + 1) % kThreads] +
               state[round % 2][(t + kThreads - 1) % kThreads];
    }
    out[blockIdx.x * kThreads + t] = mine;
    own[blockIdx.x * kThreads + t] = alone;
    __syncthreads();
    if (t == 0)
        __mbarrier_inval(&barrier);
}

// The copies arrive too: who waits for all threads has the bytes of all.
__global__ void copies(const unsigned *in, unsigned *out)
{
    __shared__ __mbarrier_t full[2];
    __shared__ alignas(16) unsigned stage[2][4 * kThreads];
    int t = threadIdx.x;
    if (t < 2)
        __mbarrier_init(&full[t], kThreads);
    __syncthreads();
    in += blockIdx.x * kRounds * 4 * kThreads;
    __mbarrier_token_t tokens[2];
    auto fetch = [&](int round) {
        unsigned to = unsigned(__cvta_generic_to_shared(&stage[round % 2][4 * t]));
        unsigned arrives = unsigned(__cvta_generic_to_shared(&full[round % 2]));
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to),
                     "l"(in + (round * kThreads + t) * 4)
                     : "memory");
        asm volatile("cp.async.mbarrier.arrive.shared.b64 [%0];" ::"r"(arrives) : "memory");
        tokens[round % 2] = __mbarrier_arrive(&full[round % 2]);
    };
    unsigned sum = 0;
    fetch(0);
    for (int round = 0; round < kRounds; round++) {
        if (round + 1 < kRounds)
            fetch(round + 1);
        while (!__mbarrier_test_wait(&full[round % 2], tokens[round % 2]))
            ;
        for (int i = 0; i < 4; i++)
            sum = sum * 17 + stage[round % 2][(4 * t + 4 * i + i) % (4 * kThreads)];
        __syncthreads();
    }
    out[blockIdx.x * kThreads + t] = sum;
}

int main()
{
    constexpr int kBlocks = 4, kAll = kBlocks * kThreads;
    Array<unsigned> in(kAll * kRounds * 4), out(kAll), own(kAll);
    for (unsigned i = 0; i < in.size(); i++)
        in[i] = scramble(i);
    in.put();
    rounds<<<kBlocks, kThreads>>>(in.at, out.at, own.at);
    out.get();
    own.get();
    std::vector<unsigned> now(in.host.begin(), in.host.begin() + kAll), next(kAll);
    for (int round = 0; round < kRounds; round++, now = next)
        for (size_t i = 0; i < kAll; i++) {
            size_t base = i / kThreads * kThreads, t = i % kThreads;
            next[i] = now[i] * 3 + now[base + (t + 1) % kThreads] +
                      now[base + (t + kThreads - 1) % kThreads];
        }
    EXPECT(out.host == now);
    for (size_t i = 0; i < kAll; i++) {
        unsigned alone = in[i];
        for (size_t j = 0; j < kRounds * (i % kThreads % 7); j++)
            alone = alone * 1664525 + 1013904223;
        EXPECT(own[i] == alone);
    }
    uint64_t first = out.sum();
    copies<<<kBlocks, kThreads>>>(in.at, out.at);
    out.get();
    for (size_t i = 0; i < kAll; i++) {
        unsigned sum = 0;
        for (size_t round = 0; round < kRounds; round++)
            for (size_t j = 0; j < 4; j++) {
                size_t at = (4 * (i % kThreads) + 5 * j) % (4 * kThreads);
                sum = sum * 17 + in[(i / kThreads * kRounds + round) * 4 * kThreads + at];
            }
        EXPECT(out[i] == sum);
    }
    passed(first ^ out.sum());
}
