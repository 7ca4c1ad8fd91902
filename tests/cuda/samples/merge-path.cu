// SPDX-License-Identifier: Apache-2.0
// Sorting pairs by merging: each thread finds by bisection where its diagonal crosses the path of
// the merge, and merges as many elements as all others, however unlike the two runs are. It is
// stable.
#include "array.h"

const char *const program = "merge-path";

constexpr int kPerThread = 8, kRun = 256;

struct Pair {
    unsigned key, value;
};

// How many of the first `diagonal` elements of the merged run come from `a`.
__device__ int cross(const Pair *a, int na, const Pair *b, int nb, int diagonal)
{
    int low = max(0, diagonal - nb), high = min(diagonal, na);
    while (low < high) {
        int middle = (low + high) / 2;
        if (a[middle].key <= b[diagonal - 1 - middle].key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

__global__ void merge_runs(const Pair *in, Pair *out, int n, int run)
{
    int at = (blockIdx.x * blockDim.x + threadIdx.x) * kPerThread;
    if (at >= n)
        return;
    int first = at / (2 * run) * (2 * run), middle = min(first + run, n);
    int end = min(first + 2 * run, n), na = middle - first, nb = end - middle;
    const Pair *a = in + first, *b = in + middle;
    int i = cross(a, na, b, nb, at - first), j = at - first - i;
    for (int k = at; k < min(at + kPerThread, end); k++) {
        bool left = j >= nb || (i < na && a[i].key <= b[j].key);
        out[k] = left ? a[i++] : b[j++];
    }
}

// Short runs, each by a thread, by insertion.
__global__ void sort_runs(Pair *data, int n)
{
    __shared__ Pair mine[kRun];
    int base = blockIdx.x * kRun, count = min(kRun, n - base);
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        mine[i] = data[base + i];
    __syncthreads();
    for (int begin = threadIdx.x * 8; begin < count; begin += blockDim.x * 8)
        for (int i = begin + 1; i < min(begin + 8, count); i++)
            for (int j = i; j > begin && mine[j - 1].key > mine[j].key; j--) {
                Pair keep = mine[j];
                mine[j] = mine[j - 1];
                mine[j - 1] = keep;
            }
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        data[base + i] = mine[i];
}

int main()
{
    uint64_t sum = 0;
    for (int n : {1, 1000, 30011}) {
        Array<Pair> data(static_cast<size_t>(n)), other(static_cast<size_t>(n));
        for (int i = 0; i < n; i++)
            data[size_t(i)] = {scramble(unsigned(i)) % 5000, unsigned(i)};
        data.put();
        std::vector<Pair> expected = data.host;
        std::stable_sort(expected.begin(), expected.end(),
                         [](const Pair &a, const Pair &b) { return a.key < b.key; });
        sort_runs<<<blocks(size_t(n), kRun), 32>>>(data.at, n);
        for (int run = 8; run < n; run *= 2) {
            merge_runs<<<blocks(size_t(n), 128 * kPerThread), 128>>>(data.at, other.at, n, run);
            std::swap(data.at, other.at);
        }
        data.get();
        for (int i = 0; i < n; i++) {
            EXPECT(data[size_t(i)].key == expected[size_t(i)].key);
            EXPECT(data[size_t(i)].value == expected[size_t(i)].value);
        }
        sum ^= data.sum();
    }
    passed(sum);
}
