// SPDX-License-Identifier: Apache-2.0
// Cooperative groups that data makes: lanes of one label add up together, those that are awake form
// a group, two halves go different ways, and tiles larger than a warp.
#include "array.h"

#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;
const char *const program = "partitions";

constexpr int kN = 2048, kLabels = 5;

// One atomic operation for each label that a warp has.
__global__ void sums_by_label(const int *labels, const int *values, int *sums, int *groups)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    auto same = cg::labeled_partition(warp, labels[i]);
    int sum = cg::reduce(same, values[i], cg::plus<int>());
    if (same.thread_rank() == 0) {
        atomicAdd(&sums[labels[i]], sum);
        atomicAdd(groups, 1);
    }
}

// Those that stay take places in order, by who is there.
__global__ void places(const int *values, int *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = -1;
    if (values[i] % 3 == 0)
        return;
    auto awake = cg::coalesced_threads();
    int before = cg::exclusive_scan(awake, 1);
    out[i] = before == int(awake.thread_rank()) ? before * 100 + int(awake.size()) : -2;
}

__global__ void halves(const int *values, int *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    bool odd = values[i] & 1;
    auto half = cg::binary_partition(warp, odd);
    out[i] = odd ? cg::reduce(half, values[i], cg::greater<int>())
                 : cg::reduce(half, values[i], cg::less<int>());
    // What the first of a half has, all of it get.
    out[i] = out[i] * 2000 + half.shfl(values[i], 0);
}

__global__ void tiles(const int *values, int *out)
{
    auto block = cg::this_thread_block();
    int i = block.group_index().x * block.size() + block.thread_rank();
    auto four = cg::tiled_partition<4>(block);
    auto sixteen = cg::tiled_partition<16>(block);
    int mine = cg::inclusive_scan(four, values[i], cg::bit_xor<int>());
    int turned = sixteen.shfl(mine, (sixteen.thread_rank() + 5) % 16);
    bool all = four.all(mine >= 0), any = sixteen.any(turned > 900);
    unsigned match = sixteen.match_any(values[i] % 4);
    out[i] = turned + 1000 * int(four.meta_group_rank() % 8) + 10000 * all + 20000 * any +
             100000 * __popc(match);
}

int main()
{
    Array<int> labels(kN), values(kN), sums(kLabels, 0), groups(1, 0), out(kN);
    for (unsigned i = 0; i < kN; i++) {
        labels[i] = int(scramble(i) % kLabels);
        values[i] = int(scramble(i + kN) % 1000);
    }
    labels.put();
    values.put();
    sums.put();
    groups.put();
    uint64_t all = 0;
    sums_by_label<<<kN / 128, 128>>>(labels.at, values.at, sums.at, groups.at);
    sums.get();
    groups.get();
    std::vector<int> by_label(kLabels);
    int count = 0;
    for (size_t i = 0; i < kN; i++) {
        by_label[size_t(labels[i])] += values[i];
        bool first = true;
        for (size_t j = i / 32 * 32; j < i; j++)
            first &= labels[j] != labels[i];
        count += first;
    }
    EXPECT(sums.host == by_label && groups[0] == count);

    places<<<kN / 128, 128>>>(values.at, out.at);
    out.get();
    for (size_t w = 0; w < kN; w += 32) {
        auto stays = [&](size_t i) { return values[i] % 3 != 0; };
        int size = 0, rank = 0;
        for (size_t i = w; i < w + 32; i++)
            size += stays(i);
        for (size_t i = w; i < w + 32; i++)
            EXPECT(out[i] == (stays(i) ? rank++ * 100 + size : -1));
    }
    all ^= out.sum();

    halves<<<kN / 128, 128>>>(values.at, out.at);
    out.get();
    for (size_t i = 0; i < kN; i++) {
        int most = values[i], least = values[i], first = -1;
        for (size_t j = i / 32 * 32; j < i / 32 * 32 + 32; j++)
            if ((values[j] & 1) == (values[i] & 1)) {
                most = std::max(most, values[j]);
                least = std::min(least, values[j]);
                first = first < 0 ? values[j] : first;
            }
        EXPECT(out[i] == (values[i] & 1 ? most : least) * 2000 + first);
    }
    all ^= out.sum();

    tiles<<<kN / 128, 128>>>(values.at, out.at);
    out.get();
    auto scanned = [&](size_t i) {
        int x = 0;
        for (size_t j = i / 4 * 4; j <= i; j++)
            x ^= values[j];
        return x;
    };
    for (size_t i = 0; i < kN; i++) {
        size_t base = i / 16 * 16;
        int any = 0, match = 0;
        for (size_t j = base; j < base + 16; j++) {
            any |= scanned(j) > 900;
            match += values[j] % 4 == values[i] % 4;
        }
        EXPECT(out[i] == scanned(base + (i + 5) % 16) + 1000 * int(i / 4 % 8) + 10000 +
                             20000 * any + 100000 * match);
    }
    passed(all ^ out.sum());
}
