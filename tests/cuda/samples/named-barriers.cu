// SPDX-License-Identifier: Apache-2.0
// Warps with parts of their own: one warp of a block fills buffers, the others use them up, and
// named barriers in inline PTX say who may go on: one side arrives, the other waits.
#include "array.h"

const char *const program = "named-barriers";

constexpr int kUsers = 96, kAll = kUsers + 32, kPiece = 192, kPieces = 40;

__device__ inline void wait_at(int barrier)
{
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(kAll) : "memory");
}
__device__ inline void arrive_at(int barrier)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "n"(kAll) : "memory");
}

// Barriers 1 and 2: the buffer is full; 3 and 4: it is empty again.
__global__ void relay(const int *in, int *out)
{
    __shared__ int buffer[2][kPiece];
    int t = threadIdx.x;
    in += blockIdx.x * kPieces * kPiece;
    if (t >= kUsers) {
        for (int i = 0; i < kPieces; i++) {
            if (i >= 2)
                wait_at(3 + i % 2);
            for (int j = t - kUsers; j < kPiece; j += 32)
                buffer[i % 2][j] = in[i * kPiece + j];
            __threadfence_block();
            arrive_at(1 + i % 2);
        }
    } else {
        int sum = 0;
        for (int i = 0; i < kPieces; i++) {
            wait_at(1 + i % 2);
            // Each as many steps as its number says, so that they come apart.
            for (int j = t; j < kPiece; j += kUsers)
                for (int k = 0; k <= t % 5; k++)
                    sum = sum * 31 + buffer[i % 2][(j + k) % kPiece];
            if (i + 2 < kPieces)
                arrive_at(3 + i % 2);
        }
        out[blockIdx.x * kUsers + t] = sum;
    }
}

// Barriers that count and vote as they wait.
__global__ void ballots(const int *in, int *out)
{
    int t = threadIdx.x, odd;
    int count = __syncthreads_count(in[t] % 3 == 0);
    int all = __syncthreads_and(in[t] < 1000), any = __syncthreads_or(in[t] == 7);
    asm volatile("{\n\t"
                 ".reg .pred p, q;\n\t"
                 "setp.ne.s32 p, %1, 0;\n\t"
                 "bar.red.or.pred q, 5, p;\n\t"
                 "selp.s32 %0, 1, 0, q;\n\t"
                 "}"
                 : "=r"(odd)
                 : "r"(in[t] & 1)
                 : "memory");
    if (t == 0) {
        out[0] = count;
        out[1] = all;
        out[2] = any;
        out[3] = odd;
    }
}

int main()
{
    constexpr int kBlocks = 6;
    Array<int> in(kBlocks * kPieces * kPiece), out(kBlocks * kUsers), seen(4);
    for (unsigned i = 0; i < in.size(); i++)
        in[i] = int(scramble(i) % 1000);
    in.put();
    relay<<<kBlocks, kAll>>>(in.at, out.at);
    ballots<<<1, 256>>>(in.at, seen.at);
    out.get();
    seen.get();
    for (int b = 0; b < kBlocks; b++)
        for (int t = 0; t < kUsers; t++) {
            unsigned sum = 0;
            for (int i = 0; i < kPieces; i++)
                for (int j = t; j < kPiece; j += kUsers)
                    for (int k = 0; k <= t % 5; k++)
                        sum = sum * 31 +
                              unsigned(in[size_t((b * kPieces + i) * kPiece + (j + k) % kPiece)]);
            EXPECT(unsigned(out[size_t(b * kUsers + t)]) == sum);
        }
    auto of = [&](auto what) {
        return int(std::count_if(in.host.begin(), in.host.begin() + 256, what));
    };
    EXPECT(seen[0] == of([](int x) { return x % 3 == 0; }));
    EXPECT((seen[1] != 0) == (of([](int x) { return x < 1000; }) == 256));
    EXPECT((seen[2] != 0) == (of([](int x) { return x == 7; }) > 0));
    EXPECT(seen[3] == 1);
    passed(out.sum());
}
