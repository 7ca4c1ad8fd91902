// SPDX-License-Identifier: Apache-2.0
// All pairs' shortest paths by blocks of Floyd and Warshall's matrix in three phases, with the
// roads themselves; every road is walked again by the host.
#include "array.h"

const char *const program = "shortest-paths";

constexpr int kTile = 16, kN = 96, kFar = 1 << 28;

// One tile by way of the nodes of tile `k`; `a` is in its row, `b` in its column.
__device__ void relax(int (&c)[kTile][kTile], int (&via)[kTile][kTile], int (&a)[kTile][kTile],
                      int (&b)[kTile][kTile], int k, bool meet)
{
    int x = threadIdx.x, y = threadIdx.y;
    for (int i = 0; i < kTile; i++) {
        int sum = a[y][i] + b[i][x];
        if (sum < c[y][x]) {
            c[y][x] = sum;
            via[y][x] = k * kTile + i;
        }
        if (meet)
            __syncthreads();
    }
}

// Phase 0: the tile on the diagonal; 1: its row and column; 2: all others.
template<int kPhase>
__global__ void phase(int *distance, int *middle, int k)
{
    __shared__ int c[kTile][kTile], via[kTile][kTile], a[kTile][kTile], b[kTile][kTile];
    int row = kPhase == 0 ? k : blockIdx.y, column = kPhase == 0 ? k : blockIdx.x;
    if (kPhase == 1) {
        row = blockIdx.y ? int(blockIdx.x) : k;
        column = blockIdx.y ? k : int(blockIdx.x);
    }
    if (kPhase > 0 && (row == k) + (column == k) != (kPhase == 1))
        return;
    int x = threadIdx.x, y = threadIdx.y, at = (row * kTile + y) * kN + column * kTile + x;
    c[y][x] = distance[at];
    via[y][x] = middle[at];
    a[y][x] = distance[(row * kTile + y) * kN + k * kTile + x];
    b[y][x] = distance[(k * kTile + y) * kN + column * kTile + x];
    __syncthreads();
    if (kPhase == 0)
        relax(c, via, c, c, k, true);
    else if (kPhase == 1 && row == k)
        relax(c, via, a, c, k, true);
    else if (kPhase == 1)
        relax(c, via, c, b, k, true);
    else
        relax(c, via, a, b, k, false);
    distance[at] = c[y][x];
    middle[at] = via[y][x];
}

static std::vector<int> roads(kN *kN, kFar);

// The length of the road that the middles tell.
static int walk(const Array<int> &middle, size_t from, size_t to, int depth = 0)
{
    EXPECT(depth < kN);
    int via = middle.host[from * kN + to];
    if (via < 0)
        return roads[from * kN + to];
    return walk(middle, from, size_t(via), depth + 1) + walk(middle, size_t(via), to, depth + 1);
}

int main()
{
    for (unsigned i = 0; i < kN; i++) {
        roads[i * kN + i] = 0;
        for (unsigned j = 0; j < 4; j++)
            roads[i * kN + scramble(i * 8 + j) % (kN - 1)] = 1 + int(scramble(i * 8 + j + 4) % 100);
        roads[i * kN + i] = 0;
    }
    Array<int> distance(kN * kN), middle(kN * kN, -1);
    distance.host = roads;
    distance.put();
    middle.put();
    constexpr int kTiles = kN / kTile;
    dim3 block(kTile, kTile);
    for (int k = 0; k < kTiles; k++) {
        phase<0><<<1, block>>>(distance.at, middle.at, k);
        phase<1><<<dim3(kTiles, 2), block>>>(distance.at, middle.at, k);
        phase<2><<<dim3(kTiles, kTiles), block>>>(distance.at, middle.at, k);
    }
    distance.get();
    middle.get();
    std::vector<int> expected = roads;
    for (size_t k = 0; k < kN; k++)
        for (size_t i = 0; i < kN; i++)
            for (size_t j = 0; j < kN; j++)
                expected[i * kN + j] =
                    std::min(expected[i * kN + j], expected[i * kN + k] + expected[k * kN + j]);
    int reached = 0;
    for (size_t i = 0; i < kN; i++)
        for (size_t j = 0; j < kN; j++) {
            bool there = expected[i * kN + j] < kFar;
            reached += there;
            EXPECT((distance[i * kN + j] < kFar) == there);
            if (!there)
                continue;
            EXPECT(distance[i * kN + j] == expected[i * kN + j]);
            EXPECT(walk(middle, i, j) == distance[i * kN + j]);
        }
    // Nobody has a road to the last node.
    EXPECT(reached > kN * kN / 2 && reached < kN * kN);
    passed(distance.sum());
}
