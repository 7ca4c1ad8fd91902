// SPDX-License-Identifier: Apache-2.0
// Huffman's codes: counted and packed on the device, where each thread finds the place of its bits
// by the sums before it, then unpacked again by chunks whose beginnings are noted.
#include "array.h"

#include <queue>

const char *const program = "huffman";

constexpr unsigned kSymbols = 64, kChunk = 128, kMostBits = 24;

struct Code {
    unsigned bits, length;
};

__constant__ Code codes[kSymbols];

__global__ void count(const uint8_t *text, unsigned n, unsigned *counts)
{
    __shared__ unsigned mine[kSymbols];
    for (unsigned i = threadIdx.x; i < kSymbols; i += blockDim.x)
        mine[i] = 0;
    __syncthreads();
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        atomicAdd(&mine[text[i]], 1);
    __syncthreads();
    for (unsigned i = threadIdx.x; i < kSymbols; i += blockDim.x)
        atomicAdd(&counts[i], mine[i]);
}

__global__ void chunk_bits(const uint8_t *text, unsigned *sizes)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < kChunk / 32; i++)
        sum += codes[text[blockIdx.x * kChunk + i * 32 + threadIdx.x]].length;
    for (int offset = 16; offset; offset /= 2)
        sum += __shfl_down_sync(~0u, sum, offset);
    if (threadIdx.x == 0)
        sizes[blockIdx.x] = sum;
}

// A warp for each chunk; words between two codes or chunks are put together by atomic or.
__global__ void pack(const uint8_t *text, const unsigned *starts, unsigned *out)
{
    unsigned at = starts[blockIdx.x], lane = threadIdx.x;
    for (unsigned i = 0; i < kChunk / 32; i++) {
        Code code = codes[text[blockIdx.x * kChunk + i * 32 + lane]];
        unsigned end = code.length;
        for (unsigned step = 1; step < 32; step *= 2) {
            unsigned below = __shfl_up_sync(~0u, end, step);
            end += lane >= step ? below : 0;
        }
        unsigned where = at + end - code.length;
        unsigned long long bits = (unsigned long long)code.bits << (64 - code.length - where % 32);
        atomicOr(&out[where / 32], unsigned(bits >> 32));
        if (unsigned(bits))
            atomicOr(&out[where / 32 + 1], unsigned(bits));
        at += __shfl_sync(~0u, end, 31);
    }
}

// By walking the tree: a node has two children; a leaf is ~symbol.
__global__ void unpack(const unsigned *in, const unsigned *starts, const int2 *tree, int root,
                       uint8_t *text, unsigned chunks)
{
    unsigned chunk = blockIdx.x * blockDim.x + threadIdx.x;
    if (chunk >= chunks)
        return;
    unsigned at = starts[chunk];
    for (unsigned i = 0; i < kChunk; i++) {
        int node = root;
        while (node >= 0) {
            unsigned pair = __funnelshift_l(in[at / 32 + 1], in[at / 32], at % 32);
            node = int(pair) < 0 ? tree[node].y : tree[node].x;
            at++;
        }
        text[chunk * kChunk + i] = uint8_t(~node);
    }
}

int main()
{
    constexpr unsigned kChunks = 300, kN = kChunks * kChunk;
    Array<uint8_t> text(kN), back(kN);
    for (unsigned i = 0; i < kN; i++)
        text[i] = uint8_t(std::min<unsigned>(
            unsigned(__builtin_clz(scramble(i) | 1)) * 3 + scramble(i) % 3, kSymbols - 1));
    text.put();
    Array<unsigned> counts(kSymbols, 0), sizes(kChunks), starts(kChunks);
    counts.put();
    count<<<8, 128>>>(text.at, kN, counts.at);
    counts.get();
    std::vector<unsigned> expected(kSymbols);
    for (uint8_t symbol : text.host)
        expected[symbol]++;
    EXPECT(counts.host == expected);

    using Entry = std::pair<unsigned, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> heap;
    for (unsigned s = 0; s < kSymbols; s++)
        if (counts[s])
            heap.push({counts[s], ~int(s)});
    Array<int2> tree(kSymbols);
    int nodes = 0;
    while (heap.size() > 1) {
        Entry a = heap.top();
        heap.pop();
        Entry b = heap.top();
        heap.pop();
        tree[size_t(nodes)] = {a.second, b.second};
        heap.push({a.first + b.first, nodes++});
    }
    Code table[kSymbols] = {};
    struct Place {
        int node;
        unsigned bits, length;
    };
    std::vector<Place> open{{nodes - 1, 0, 0}};
    while (!open.empty()) {
        Place one = open.back();
        open.pop_back();
        if (one.node < 0) {
            EXPECT(one.length <= kMostBits);
            table[~one.node] = {one.bits, one.length};
        } else {
            open.push_back({tree[size_t(one.node)].x, one.bits * 2, one.length + 1});
            open.push_back({tree[size_t(one.node)].y, one.bits * 2 + 1, one.length + 1});
        }
    }
    CUDA(cudaMemcpyToSymbol(codes, table, sizeof table));
    tree.put();
    chunk_bits<<<kChunks, 32>>>(text.at, sizes.at);
    sizes.get();
    unsigned total = 0, best = 0;
    for (size_t c = 0; c < kChunks; c++) {
        starts[c] = total;
        total += sizes[c];
    }
    for (size_t s = 0; s < kSymbols; s++)
        best += counts[s] * table[s].length;
    EXPECT(total == best && total < kN * 6);
    starts.put();
    Array<unsigned> packed(total / 32 + 2, 0);
    packed.put();
    pack<<<kChunks, 32>>>(text.at, starts.at, packed.at);
    unpack<<<blocks(kChunks, 64), 64>>>(packed.at, starts.at, tree.at, nodes - 1, back.at, kChunks);
    packed.get();
    back.get();
    EXPECT(back.host == text.host);
    passed(packed.sum());
}
