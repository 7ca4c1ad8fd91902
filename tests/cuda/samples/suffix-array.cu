// SPDX-License-Identifier: Apache-2.0
// All suffixes of a text in order by doubling: ranks of twice the length at each round, sorted by
// counting in two passes of which each keeps the order of the one before; then searched by
// bisection.
#include "array.h"

#include <string>

const char *const program = "suffix-array";

constexpr int kN = 3000, kThreads = 256;
#define INDEX int(blockIdx.x * blockDim.x + threadIdx.x)

__global__ void first_ranks(const char *text, int *rank, int *order)
{
    if (INDEX < kN) {
        rank[INDEX] = text[INDEX];
        order[INDEX] = INDEX;
    }
}

// One block sorts by one key, 8 bits at a time. A warp ranks its lanes by who has the same digit.
__global__ void sort_by(const int *rank, int ahead, int shift, const int *in, int *out)
{
    __shared__ int starts[256], counts[256];
    int t = threadIdx.x, lane = t % 32;
    auto digit = [&](int suffix) {
        int at = suffix + ahead;
        return (at < kN ? rank[at] + 1 : 0) >> shift & 255;
    };
    counts[t] = 0;
    __syncthreads();
    for (int i = t; i < kN; i += kThreads)
        atomicAdd(&counts[digit(in[i])], 1);
    __syncthreads();
    if (t == 0)
        for (int d = 0, sum = 0; d < 256; sum += counts[d++])
            starts[d] = sum;
    __syncthreads();
    // The first warp places all, 32 at a time, so that the order is kept.
    if (t >= 32)
        return;
    for (int base = 0; base < kN; base += 32) {
        int i = base + lane;
        unsigned there = __ballot_sync(~0u, i < kN);
        if (i < kN) {
            int suffix = in[i], mine = digit(suffix);
            unsigned same = __match_any_sync(there, mine);
            int before = __popc(same & ((1u << lane) - 1)), first = __ffs(same) - 1, start = 0;
            if (before == 0)
                start = atomicAdd(&starts[mine], __popc(same));
            start = __shfl_sync(there, start, first);
            out[start + before] = suffix;
        }
        __syncwarp();
    }
}

__global__ void mark(const int *rank, int ahead, const int *order, int *fresh)
{
    int i = INDEX;
    if (i >= kN)
        return;
    auto second = [&](int s) { return s + ahead < kN ? rank[s + ahead] : -1; };
    int now = order[i], last = i ? order[i - 1] : 0;
    fresh[i] = i && (rank[now] != rank[last] || second(now) != second(last));
}

__global__ void new_ranks(const int *order, const int *fresh, int *rank)
{
    __shared__ int sums[kThreads];
    constexpr int kEach = (kN + kThreads - 1) / kThreads;
    int begin = threadIdx.x * kEach, end = min(begin + kEach, kN), sum = 0;
    for (int i = begin; i < end; i++)
        sum += fresh[i];
    sums[threadIdx.x] = sum;
    __syncthreads();
    int before = 0;
    for (int t = 0; t < int(threadIdx.x); t++)
        before += sums[t];
    for (int i = begin; i < end; i++)
        rank[order[i]] = before += fresh[i];
}

int main()
{
    std::string text;
    // Repeated pieces, so that several rounds are needed.
    for (unsigned i = 0; text.size() < kN; i++)
        text += scramble(i) % 3 ? "abracadabra" : std::string(1, char('a' + scramble(i + 99) % 26));
    text.resize(kN);
    Array<char> letters(kN);
    letters.host.assign(text.begin(), text.end());
    letters.put();
    Array<int> rank(kN), order(kN), other(kN), fresh(kN);
    unsigned grid = blocks(kN, kThreads);
    first_ranks<<<grid, kThreads>>>(letters.at, rank.at, order.at);
    int rounds = 0, last = 0;
    for (int ahead = 0; last < kN - 1; ahead = ahead ? 2 * ahead : 1, rounds++) {
        EXPECT(rounds < 13);
        for (int key : {ahead, 0})
            for (int shift : {0, 8}) {
                sort_by<<<1, kThreads>>>(rank.at, key, shift, order.at, other.at);
                std::swap(order.at, other.at);
            }
        mark<<<grid, kThreads>>>(rank.at, ahead, order.at, fresh.at);
        new_ranks<<<1, kThreads>>>(order.at, fresh.at, rank.at);
        order.get();
        CUDA(cudaMemcpy(&last, rank.at + order[kN - 1], sizeof last, cudaMemcpyDeviceToHost));
    }
    std::vector<int> expected;
    for (int i = 0; i < kN; i++)
        expected.push_back(i);
    std::sort(expected.begin(), expected.end(), [&](int a, int b) {
        return text.compare(size_t(a), text.npos, text, size_t(b), text.npos) < 0;
    });
    EXPECT(order.host == expected);
    EXPECT(rounds > 4);
    passed(order.sum());
}
