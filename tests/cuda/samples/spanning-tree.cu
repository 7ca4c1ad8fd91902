// SPDX-License-Identifier: Apache-2.0
// A minimum spanning tree by Boruvka: each part of the graph picks its cheapest edge by 64-bit
// atomic minima, parts are joined and their roots shortened, until there is one part. Kruskal says
// the same.
#include "array.h"

#include <numeric>

const char *const program = "spanning-tree";

struct Edge {
    int a, b;
    unsigned weight;
};

constexpr int kThreads = 128;
#define INDEX int(blockIdx.x * blockDim.x + threadIdx.x)

__global__ void begin(int *parent, int n)
{
    if (INDEX < n)
        parent[INDEX] = INDEX;
}

// Weight and number in one word: no two edges are the same.
__global__ void cheapest(const Edge *edges, int m, const int *parent, unsigned long long *best)
{
    int i = INDEX;
    if (i >= m)
        return;
    int a = parent[edges[i].a], b = parent[edges[i].b];
    if (a == b)
        return;
    unsigned long long mine = (unsigned long long)edges[i].weight << 32 | unsigned(i);
    atomicMin(&best[a], mine);
    atomicMin(&best[b], mine);
}

__global__ void join(const Edge *edges, int n, const int *parent, const unsigned long long *best,
                     int *next, unsigned *chosen, unsigned long long *total)
{
    int i = INDEX;
    if (i >= n)
        return;
    next[i] = parent[i];
    if (parent[i] != i || best[i] == ~0ull)
        return;
    const Edge &edge = edges[unsigned(best[i])];
    int a = parent[edge.a], other = a == i ? parent[edge.b] : a;
    // Two that pick the same edge: the smaller stays a root.
    if (best[other] == best[i] && i < other)
        return;
    next[i] = other;
    unsigned bit = 1u << (unsigned(best[i]) % 32);
    if (!(atomicOr(&chosen[unsigned(best[i]) / 32], bit) & bit))
        atomicAdd(total, best[i] >> 32);
}

__global__ void shorten(int *parent, int n, int *again)
{
    int i = INDEX;
    if (i >= n)
        return;
    int up = parent[i], root = up;
    while (parent[root] != root)
        root = parent[root];
    if (root != up)
        *again = 1;
    parent[i] = root;
}

int main()
{
    constexpr int kNodes = 900, kEdges = 5000;
    Array<Edge> edges(kEdges);
    for (unsigned i = 0; i < kEdges; i++) {
        // A path through all first, then anything.
        unsigned a = i < kNodes - 1 ? i : scramble(2 * i) % kNodes;
        unsigned b = i < kNodes - 1 ? i + 1 : scramble(2 * i + 1) % kNodes;
        edges[i] = {int(a), int(b), scramble(i + 77777) % 1000};
    }
    Array<int> parent(kNodes), next(kNodes), again(1);
    Array<unsigned long long> best(kNodes), total(1, 0);
    Array<unsigned> chosen(blocks(kEdges, 32), 0);
    edges.put();
    total.put();
    chosen.put();
    unsigned grid = blocks(kNodes, kThreads);
    begin<<<grid, kThreads>>>(parent.at, kNodes);
    int rounds = 0;
    for (bool one = false; !one; rounds++) {
        EXPECT(rounds < 12);
        CUDA(cudaMemset(best.at, 0xff, kNodes * sizeof(unsigned long long)));
        cheapest<<<blocks(kEdges, kThreads), kThreads>>>(edges.at, kEdges, parent.at, best.at);
        join<<<grid, kThreads>>>(edges.at, kNodes, parent.at, best.at, next.at, chosen.at,
                                 total.at);
        std::swap(parent.at, next.at);
        do {
            CUDA(cudaMemset(again.at, 0, sizeof(int)));
            shorten<<<grid, kThreads>>>(parent.at, kNodes, again.at);
            again.get();
        } while (again[0]);
        parent.get();
        one = std::all_of(parent.host.begin(), parent.host.end(),
                          [&](int x) { return x == parent[0]; });
    }
    total.get();
    chosen.get();
    std::vector<int> order(kEdges), root(kNodes);
    std::iota(order.begin(), order.end(), 0);
    std::iota(root.begin(), root.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int i, int j) {
        return edges[size_t(i)].weight < edges[size_t(j)].weight;
    });
    auto find = [&](int x) {
        while (root[size_t(x)] != x)
            x = root[size_t(x)] = root[size_t(root[size_t(x)])];
        return x;
    };
    unsigned long long expected = 0;
    for (int i : order) {
        const Edge &edge = edges[size_t(i)];
        bool joins = find(edge.a) != find(edge.b);
        // Edges are told apart by number where weights are equal, so that there is one tree only.
        EXPECT(joins == bool(chosen[size_t(i) / 32] >> i % 32 & 1));
        if (joins) {
            root[size_t(find(edge.a))] = find(edge.b);
            expected += edge.weight;
        }
    }
    EXPECT(total[0] == expected);
    passed(total[0] * 100 + uint64_t(rounds));
}
