// SPDX-License-Identifier: Apache-2.0
// The nearest neighbours of each query: a warp keeps the best sixteen in its lanes, sorted by
// shuffles as candidates come.
#include "array.h"

const char *const program = "nearest";

constexpr int kPoints = 1500, kQueries = 64, kWidth = 16, kBest = 16;

// Smaller keys to lower lanes by a bitonic network; a key is a distance and a number.
__device__ unsigned long long sorted(unsigned long long key)
{
    unsigned lane = threadIdx.x % 32;
    for (unsigned size = 2; size <= 32; size *= 2)
        for (unsigned stride = size / 2; stride; stride /= 2) {
            unsigned long long other = __shfl_xor_sync(~0u, key, stride);
            bool up = (lane & size) == 0 || size == 32, lower = (lane & stride) == 0;
            key = (key < other) == (up == lower) ? key : other;
        }
    return key;
}

__global__ void find(const char4 *points, const char4 *queries, unsigned long long *out)
{
    __shared__ char4 query[4][kWidth / 4];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q = blockIdx.x * 4 + warp;
    if (lane < kWidth / 4)
        query[warp][lane] = queries[q * kWidth / 4 + lane];
    __syncwarp();
    unsigned long long best = ~0ull; // lanes below kBest: what is kept
    for (int base = 0; base < kPoints; base += kBest) {
        int point = base + lane - kBest;
        if (lane >= kBest && point < kPoints) {
            int sum = 0;
            for (int i = 0; i < kWidth / 4; i++) {
                char4 a = points[point * kWidth / 4 + i], b = query[warp][i];
                int x = a.x - b.x, y = a.y - b.y, z = a.z - b.z, w = a.w - b.w;
                sum += x * x + y * y + z * z + w * w;
            }
            best = (unsigned long long)sum << 32 | unsigned(point);
        } else if (lane >= kBest) {
            best = ~0ull;
        }
        // Nothing to do when none of the new ones is better than the worst that is kept.
        unsigned long long worst = __shfl_sync(~0u, best, kBest - 1);
        if (__any_sync(~0u, lane >= kBest && best < worst))
            best = sorted(best);
    }
    if (lane < kBest)
        out[q * kBest + lane] = best;
}

int main()
{
    Array<char4> points(kPoints * kWidth / 4), queries(kQueries * kWidth / 4);
    Array<unsigned long long> out(kQueries * kBest);
    auto some = [](unsigned i) {
        unsigned x = scramble(i);
        return make_char4(static_cast<signed char>(x), static_cast<signed char>(x >> 8),
                          static_cast<signed char>(x >> 16), static_cast<signed char>(x >> 24));
    };
    for (unsigned i = 0; i < points.size(); i++)
        points[i] = some(i);
    for (unsigned i = 0; i < queries.size(); i++)
        queries[i] = some(i + 100000);
    // One that is there, exactly.
    for (size_t i = 0; i < kWidth / 4; i++)
        queries[i] = points[700 * kWidth / 4 + i];
    points.put();
    queries.put();
    find<<<kQueries / 4, 128>>>(points.at, queries.at, out.at);
    out.get();
    for (size_t q = 0; q < kQueries; q++) {
        std::vector<unsigned long long> all;
        const signed char *b = reinterpret_cast<signed char *>(&queries[q * kWidth / 4]);
        for (size_t p = 0; p < kPoints; p++) {
            const signed char *a = reinterpret_cast<signed char *>(&points[p * kWidth / 4]);
            int sum = 0;
            for (size_t i = 0; i < kWidth; i++)
                sum += (a[i] - b[i]) * (a[i] - b[i]);
            all.push_back((unsigned long long)sum << 32 | p);
        }
        std::partial_sort(all.begin(), all.begin() + kBest, all.end());
        for (size_t i = 0; i < kBest; i++)
            EXPECT(out[q * kBest + i] == all[i]);
    }
    EXPECT(out[0] == 700);
    passed(out.sum());
}
