// SPDX-License-Identifier: Apache-2.0
// Local alignments of proteins by Smith and Waterman with affine gaps, two pairs in the halves of
// one word: additions, maxima and clamping of two 16-bit numbers at once.
#include "array.h"

#include <string>

const char *const program = "alignments";

constexpr int kQuery = 60, kLetters = 20, kOpen = 11, kExtend = 1;

__constant__ signed char device_scores[kLetters * kLetters];

// Each thread aligns two sequences of one length; columns of the query lie in local memory.
__global__ void align(const char *query, const char *sequences, int length, int pairs, int *best)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= pairs)
        return;
    const char *one = sequences + size_t(2 * i) * length, *two = one + length;
    const unsigned open = kOpen * 0x10001u, extend = kExtend * 0x10001u, low = 0x80008000u;
    unsigned h[kQuery], e[kQuery], most = 0;
    for (int q = 0; q < kQuery; q++) {
        h[q] = 0;
        e[q] = low;
    }
    for (int s = 0; s < length; s++) {
        unsigned diagonal = 0, above = 0, f = low;
        for (int q = 0; q < kQuery; q++) {
            const signed char *row = device_scores + query[q] * kLetters;
            unsigned score =
                (unsigned(row[int(two[s])]) << 16) | (unsigned(row[int(one[s])]) & 0xffff);
            e[q] = __vmaxs2(__vsubss2(e[q], extend), __vsubss2(h[q], open));
            f = __vmaxs2(__vsubss2(f, extend), __vsubss2(above, open));
            unsigned now = __vaddss2(diagonal, score);
            now = __vmaxs2(__vmaxs2(now, 0), __vmaxs2(e[q], f));
            diagonal = h[q];
            h[q] = above = now;
            most = __vmaxs2(most, now);
        }
    }
    best[2 * i] = int(most & 0xffff);
    best[2 * i + 1] = int(most >> 16);
}

static int host_align(const char *query, const char *sequence, int length,
                      const signed char *scores)
{
    std::vector<int> h(kQuery), e(kQuery, -9999);
    int most = 0;
    for (int s = 0; s < length; s++) {
        int diagonal = 0, above = 0, f = -9999;
        for (size_t q = 0; q < kQuery; q++) {
            e[q] = std::max(e[q] - kExtend, h[q] - kOpen);
            f = std::max(f - kExtend, above - kOpen);
            int now = diagonal + scores[query[q] * kLetters + sequence[s]];
            now = std::max({now, 0, e[q], f});
            diagonal = h[q];
            h[q] = above = now;
            most = std::max(most, now);
        }
    }
    return most;
}

int main()
{
    constexpr int kPairs = 48, kLength = 70;
    signed char scores[kLetters * kLetters];
    for (int a = 0; a < kLetters; a++)
        for (int b = 0; b <= a; b++)
            scores[a * kLetters + b] = scores[b * kLetters + a] = static_cast<signed char>(
                a == b ? 4 + a % 6 : 1 - int(scramble(unsigned(a * 31 + b)) % 5));
    CUDA(cudaMemcpyToSymbol(device_scores, scores, sizeof scores));
    Array<char> query(kQuery), sequences(2 * kPairs * kLength);
    for (unsigned q = 0; q < kQuery; q++)
        query[q] = char(scramble(q) % kLetters);
    for (unsigned i = 0; i < sequences.size(); i++) {
        // Much of the query, with letters lost and changed.
        unsigned at = i % kLength, of = i / kLength, from = at + (at > of % 50 ? of % 7 : 0);
        bool kept = from < kQuery && scramble(i + 999) % 100 < of;
        sequences[i] = kept ? query[from] : char(scramble(i + 5555) % kLetters);
    }
    query.put();
    sequences.put();
    Array<int> best(2 * kPairs);
    align<<<blocks(kPairs, 32), 32>>>(query.at, sequences.at, kLength, kPairs, best.at);
    best.get();
    for (size_t i = 0; i < best.size(); i++)
        EXPECT(best[i] ==
               host_align(query.host.data(), &sequences.host[i * kLength], kLength, scores));
    passed(best.sum());
}
