// SPDX-License-Identifier: Apache-2.0
// What kernels of libraries and simulations are made of: compaction, hash tables, sparse matrices,
// images, strings; each against the host's own result.
#include "cases.h"

#include <algorithm>
#include <cmath>
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <map>
#include <numeric>
#include <string>

const char *const program = "patterns";
namespace cg = cooperative_groups;

__device__ __host__ inline unsigned mixed(unsigned v)
{
    v ^= v >> 16;
    v *= 0x7feb352du;
    v ^= v >> 15;
    v *= 0x846ca68bu;
    return v ^ (v >> 16);
}

static unsigned index_bound(size_t n, unsigned block)
{
    return unsigned((n + block - 1) / block);
}

// ---- warps and groups

__global__ void sum_by_groups(const int *in, int *out)
{
    auto block = cg::this_thread_block();
    auto warp = cg::tiled_partition<32>(block);
    int sum = cg::reduce(warp, in[block.group_index().x * block.size() + block.thread_rank()],
                         cg::plus<int>());
    if (warp.thread_rank() == 0)
        atomicAdd(out, sum);
}

CASE(group_reduction)
{
    Array<int> in(4096), out(1, 0);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = int(mixed(unsigned(i)) % 100) - 50;
    in.put();
    out.put();
    sum_by_groups<<<16, 256>>>(in.at, out.at);
    out.get();
    EXPECT(out[0] == std::accumulate(in.host.begin(), in.host.end(), 0));
    return uint64_t(out[0]);
}

__global__ void scan_by_groups(const int *in, int *out)
{
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = cg::exclusive_scan(warp, in[i], cg::plus<int>());
}

CASE(group_scan)
{
    Array<int> in(1024), out(1024);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = int(mixed(unsigned(i)) % 9);
    in.put();
    scan_by_groups<<<8, 128>>>(in.at, out.at);
    out.get();
    for (size_t i = 0, sum = 0; i < in.size(); sum += size_t(in[i]), i++) {
        if (i % 32 == 0)
            sum = 0;
        EXPECT(out[i] == int(sum));
    }
    return out.sum();
}

// One atomic operation for all lanes that have something to add.
__global__ void compact(const int *in, int *out, unsigned *count, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    bool keep = i < n && in[i] % 3 == 0;
    unsigned who = __ballot_sync(~0u, keep), lane = threadIdx.x % 32, base = 0;
    if (lane == 0 && who)
        base = atomicAdd(count, __popc(who));
    base = __shfl_sync(~0u, base, 0);
    if (keep)
        out[base + __popc(who & ((1u << lane) - 1))] = in[i];
}

CASE(stream_compaction)
{
    Array<int> in(10000), out(10000, -1);
    Array<unsigned> count(1, 0);
    std::vector<int> expected;
    for (size_t i = 0; i < in.size(); i++) {
        in[i] = int(mixed(unsigned(i)) % 1000);
        if (in[i] % 3 == 0)
            expected.push_back(in[i]);
    }
    in.put();
    count.put();
    compact<<<index_bound(in.size(), 256), 256>>>(in.at, out.at, count.at, int(in.size()));
    count.get();
    out.get();
    EXPECT(count[0] == expected.size());
    out.host.resize(count[0]);
    std::sort(out.host.begin(), out.host.end());
    std::sort(expected.begin(), expected.end());
    EXPECT(out.host == expected);
    return out.sum();
}

__global__ void segmented(const int *values, const int *heads, int *out)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32;
    int value = values[i], head = heads[i] || lane == 0;
    for (unsigned step = 1; step < 32; step *= 2) {
        int other = __shfl_up_sync(~0u, value, step), begun = __shfl_up_sync(~0u, head, step);
        if (lane >= step && !head) {
            value += other;
            head |= begun;
        }
    }
    out[i] = value;
}

CASE(segmented_scan)
{
    Array<int> values(512), heads(512), out(512);
    for (size_t i = 0; i < 512; i++) {
        values[i] = int(mixed(unsigned(i)) % 10);
        heads[i] = mixed(unsigned(i + 999)) % 5 == 0;
    }
    values.put();
    heads.put();
    segmented<<<2, 256>>>(values.at, heads.at, out.at);
    out.get();
    for (size_t i = 0, sum = 0; i < 512; i++) {
        sum = (heads[i] || i % 32 == 0 ? 0 : sum) + size_t(values[i]);
        EXPECT(out[i] == int(sum));
    }
    return out.sum();
}

// ---- structures

constexpr unsigned kSlots = 1024, kEmpty = ~0u;

__global__ void insert(unsigned *keys, unsigned *counts, const unsigned *words, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    for (unsigned at = mixed(words[i]) % kSlots;; at = (at + 1) % kSlots) {
        unsigned was = atomicCAS(&keys[at], kEmpty, words[i]);
        if (was == kEmpty || was == words[i]) {
            atomicAdd(&counts[at], 1);
            return;
        }
    }
}

CASE(hash_table)
{
    Array<unsigned> keys(kSlots, kEmpty), counts(kSlots, 0), words(5000);
    std::map<unsigned, unsigned> expected, found;
    for (size_t i = 0; i < words.size(); i++)
        expected[words[i] = mixed(unsigned(i)) % 400]++;
    keys.put();
    counts.put();
    words.put();
    insert<<<index_bound(words.size(), 128), 128>>>(keys.at, counts.at, words.at,
                                                    int(words.size()));
    keys.get();
    counts.get();
    for (unsigned i = 0; i < kSlots; i++)
        if (keys[i] != kEmpty)
            found[keys[i]] = counts[i];
    EXPECT(found == expected);
    return found.size();
}

struct Node {
    int value, left, right;
};

__global__ void sum_trees(const Node *nodes, const int *roots, long long *sums)
{
    int stack[32], top = 0;
    long long sum = 0;
    stack[top++] = roots[threadIdx.x];
    while (top) {
        Node node = nodes[stack[--top]];
        sum += node.value;
        if (node.left >= 0)
            stack[top++] = node.left;
        if (node.right >= 0)
            stack[top++] = node.right;
    }
    sums[threadIdx.x] = sum;
}

CASE(trees_by_an_explicit_stack)
{
    constexpr int kNodes = 1023;
    Array<Node> nodes(kNodes);
    Array<int> roots(64);
    Array<long long> sums(64);
    for (int i = 0; i < kNodes; i++)
        nodes[size_t(i)] = {i, 2 * i + 2 < kNodes ? 2 * i + 1 : -1,
                            2 * i + 2 < kNodes ? 2 * i + 2 : -1};
    for (int i = 0; i < 64; i++)
        roots[size_t(i)] = i;
    nodes.put();
    roots.put();
    sum_trees<<<1, 64>>>(nodes.at, roots.at, sums.at);
    sums.get();
    EXPECT(sums[0] == (long long)kNodes * (kNodes - 1) / 2);
    EXPECT(sums[0] == sums[1] + sums[2]);
    EXPECT(sums[30] == 30 + sums[61] + sums[62]);
    return sums.sum();
}

__global__ void multiply_sparse(const int *rows, const int *columns, const float *values,
                                const float *x, float *y, int n)
{
    int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= n)
        return;
    float sum = 0;
    for (int k = rows[row] + lane; k < rows[row + 1]; k += 32)
        sum += values[k] * x[columns[k]];
    for (int step = 16; step; step /= 2)
        sum += __shfl_down_sync(~0u, sum, step);
    if (lane == 0)
        y[row] = sum;
}

CASE(sparse_matrix_vector)
{
    constexpr int n = 300;
    Array<int> rows(n + 1), columns(n * 40);
    Array<float> values(n * 40), x(n), y(n);
    int at = 0;
    for (int row = 0; row < n; row++) {
        rows[size_t(row)] = at;
        for (unsigned k = 0; k < mixed(unsigned(row)) % 40; k++, at++) {
            columns[size_t(at)] = int(mixed(unsigned(at)) % n);
            values[size_t(at)] = float(mixed(unsigned(at)) % 8);
        }
        x[size_t(row)] = float(row % 16);
    }
    rows[n] = at;
    rows.put();
    columns.put();
    values.put();
    x.put();
    multiply_sparse<<<index_bound(n * 32, 128), 128>>>(rows.at, columns.at, values.at, x.at, y.at,
                                                       n);
    y.get();
    for (int row = 0; row < n; row++) {
        float sum = 0; // small whole numbers: exact in any order
        for (int k = rows[size_t(row)]; k < rows[size_t(row) + 1]; k++)
            sum += values[size_t(k)] * x[size_t(columns[size_t(k)])];
        EXPECT(y[size_t(row)] == sum);
    }
    return y.sum();
}

// ---- linear algebra

__global__ void eliminate(double *a, int n, int k)
{
    int row = blockIdx.x + k + 1, column = threadIdx.x;
    __shared__ double factor;
    if (column == 0)
        factor = a[row * (n + 1) + k] / a[k * (n + 1) + k];
    __syncthreads();
    if (column >= k && column <= n)
        a[row * (n + 1) + column] -= factor * a[k * (n + 1) + column];
}

CASE(gaussian_elimination)
{
    constexpr int n = 48;
    Array<double> a(n * (n + 1));
    std::vector<double> solution(n);
    for (int i = 0; i < n; i++)
        solution[size_t(i)] = i % 7 - 3;
    for (int i = 0; i < n; i++) {
        double right = 0;
        for (int j = 0; j < n; j++) {
            double value = i == j ? 100 : double(mixed(unsigned(i * n + j)) % 5);
            a[size_t(i * (n + 1) + j)] = value;
            right += value * solution[size_t(j)];
        }
        a[size_t(i * (n + 1) + n)] = right;
    }
    a.put();
    for (int k = 0; k + 1 < n; k++)
        eliminate<<<unsigned(n - k - 1), 64>>>(a.at, n, k);
    a.get();
    for (int i = n - 1; i >= 0; i--) {
        double right = a[size_t(i * (n + 1) + n)];
        for (int j = i + 1; j < n; j++)
            right -= a[size_t(i * (n + 1) + j)] * solution[size_t(j)];
        EXPECT(std::abs(right / a[size_t(i * (n + 1) + i)] - solution[size_t(i)]) < 1e-9);
    }
    return n;
}

__global__ void apply_laplace(const double *x, double *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = 2 * x[i] - (i ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0);
}
__global__ void dot(const double *a, const double *b, double *out, int n)
{
    __shared__ double part[256];
    part[threadIdx.x] = 0;
    for (int i = threadIdx.x; i < n; i += 256)
        part[threadIdx.x] += a[i] * b[i];
    for (int s = 128; s; s /= 2) {
        __syncthreads();
        if (threadIdx.x < s)
            part[threadIdx.x] += part[threadIdx.x + s];
    }
    if (threadIdx.x == 0)
        *out = part[0];
}
__global__ void axpy(double a, const double *x, double scale, double *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = a * x[i] + scale * y[i];
}

CASE(conjugate_gradients)
{
    constexpr int n = 100;
    Array<double> x(n, 0), r(n), p(n), q(n), number(1);
    for (int i = 0; i < n; i++)
        r[size_t(i)] = p[size_t(i)] = i == 0 || i == n - 1 ? 1 : 0; // the solution is 1 everywhere
    x.put();
    r.put();
    p.put();
    auto product = [&](Array<double> &a, Array<double> &b) {
        dot<<<1, 256>>>(a.at, b.at, number.at, n);
        number.get();
        return number[0];
    };
    double rest = product(r, r);
    int steps = 0;
    for (; rest > 1e-20 && steps < 2 * n; steps++) {
        apply_laplace<<<1, 128>>>(p.at, q.at, n);
        double alpha = rest / product(p, q);
        axpy<<<1, 128>>>(alpha, p.at, 1, x.at, n);
        axpy<<<1, 128>>>(-alpha, q.at, 1, r.at, n);
        double before = rest;
        rest = product(r, r);
        axpy<<<1, 128>>>(1, r.at, rest / before, p.at, n);
    }
    x.get();
    for (double value : x.host)
        EXPECT(std::abs(value - 1) < 1e-8);
    return 1;
}

// ---- images and strings

__constant__ float taps[9];

__global__ void blur_rows(const float *in, float *out, int width)
{
    extern __shared__ float line[];
    int x = threadIdx.x;
    const float *row = in + blockIdx.x * width;
    for (int i = x; i < width + 8; i += blockDim.x)
        line[i] = i >= 4 && i < width + 4 ? row[i - 4] : 0;
    __syncthreads();
    float sum = 0;
    for (int k = 0; k < 9; k++)
        sum += taps[k] * line[x + k];
    out[blockIdx.x * width + x] = sum;
}

CASE(separable_filter)
{
    constexpr int kWidth = 128, kHeight = 16;
    Array<float> in(kWidth * kHeight), out(kWidth * kHeight);
    float weights[9] = {1, 2, 3, 4, 5, 4, 3, 2, 1};
    for (size_t i = 0; i < in.size(); i++)
        in[i] = float(mixed(unsigned(i)) % 64);
    in.put();
    CUDA(cudaMemcpyToSymbol(taps, weights, sizeof weights));
    blur_rows<<<kHeight, kWidth, (kWidth + 8) * sizeof(float)>>>(in.at, out.at, kWidth);
    out.get();
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++) {
            float sum = 0;
            for (int k = -4; k <= 4; k++)
                if (x + k >= 0 && x + k < kWidth)
                    sum += weights[k + 4] * in[size_t(y * kWidth + x + k)];
            EXPECT(out[size_t(y * kWidth + x)] == sum);
        }
    return out.sum();
}

__global__ void edges(cudaTextureObject_t image, int *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    auto at = [&](int dx, int dy) {
        return int(tex2D<unsigned char>(image, float(x + dx) + .5f, float(y + dy) + .5f));
    };
    int gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
    int gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
    out[y * width + x] = abs(gx) + abs(gy);
}

CASE(edges_of_an_image)
{
    constexpr int kWidth = 70, kHeight = 30;
    std::vector<unsigned char> image(kWidth * kHeight);
    for (size_t i = 0; i < image.size(); i++)
        image[i] = static_cast<unsigned char>(mixed(unsigned(i)));
    cudaArray_t array;
    auto format = cudaCreateChannelDesc<unsigned char>();
    CUDA(cudaMallocArray(&array, &format, kWidth, kHeight));
    CUDA(cudaMemcpy2DToArray(array, 0, 0, image.data(), kWidth, kWidth, kHeight,
                             cudaMemcpyHostToDevice));
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc how{};
    how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
    Array<int> out(kWidth * kHeight);
    edges<<<dim3(5, 4), dim3(16, 8)>>>(texture, out.at, kWidth, kHeight);
    out.get();
    auto at = [&](int x, int y) {
        return int(
            image[size_t(std::clamp(y, 0, kHeight - 1) * kWidth + std::clamp(x, 0, kWidth - 1))]);
    };
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++) {
            int gx = at(x + 1, y - 1) + 2 * at(x + 1, y) + at(x + 1, y + 1) - at(x - 1, y - 1) -
                     2 * at(x - 1, y) - at(x - 1, y + 1);
            int gy = at(x - 1, y + 1) + 2 * at(x, y + 1) + at(x + 1, y + 1) - at(x - 1, y - 1) -
                     2 * at(x, y - 1) - at(x + 1, y - 1);
            EXPECT(out[size_t(y * kWidth + x)] == std::abs(gx) + std::abs(gy));
        }
    CUDA(cudaDestroyTextureObject(texture));
    CUDA(cudaFreeArray(array));
    return out.sum();
}

__global__ void spread(cudaSurfaceObject_t from, cudaSurfaceObject_t to, int size)
{
    int x = threadIdx.x, y = blockIdx.x, sum = 0;
    for (int d = -1; d <= 1; d += 2)
        sum += surf2Dread<int>(from, ((x + d + size) % size) * 4, y) +
               surf2Dread<int>(from, x * 4, (y + d + size) % size);
    surf2Dwrite(sum % 1000, to, x * 4, y);
}

CASE(surfaces_in_turns)
{
    constexpr int kSize = 32;
    std::vector<int> model(kSize * kSize), next(model.size()), out(model.size());
    for (size_t i = 0; i < model.size(); i++)
        model[i] = int(mixed(unsigned(i)) % 10);
    cudaArray_t arrays[2];
    cudaSurfaceObject_t surfaces[2];
    auto format = cudaCreateChannelDesc<int>();
    for (int i = 0; i < 2; i++) {
        CUDA(cudaMallocArray(&arrays[i], &format, kSize, kSize, cudaArraySurfaceLoadStore));
        cudaResourceDesc resource{};
        resource.resType = cudaResourceTypeArray;
        resource.res.array.array = arrays[i];
        CUDA(cudaCreateSurfaceObject(&surfaces[i], &resource));
    }
    CUDA(cudaMemcpy2DToArray(arrays[0], 0, 0, model.data(), kSize * 4, kSize * 4, kSize,
                             cudaMemcpyHostToDevice));
    for (int step = 0; step < 6; step++) {
        spread<<<kSize, kSize>>>(surfaces[step % 2], surfaces[(step + 1) % 2], kSize);
        for (int y = 0; y < kSize; y++)
            for (int x = 0; x < kSize; x++)
                next[size_t(y * kSize + x)] = (model[size_t(y * kSize + (x + 1) % kSize)] +
                                               model[size_t(y * kSize + (x + kSize - 1) % kSize)] +
                                               model[size_t((y + 1) % kSize * kSize + x)] +
                                               model[size_t((y + kSize - 1) % kSize * kSize + x)]) %
                                              1000;
        std::swap(model, next);
    }
    CUDA(cudaMemcpy2DFromArray(out.data(), kSize * 4, arrays[0], 0, 0, kSize * 4, kSize,
                               cudaMemcpyDeviceToHost));
    EXPECT(out == model);
    for (int i = 0; i < 2; i++) {
        CUDA(cudaDestroySurfaceObject(surfaces[i]));
        CUDA(cudaFreeArray(arrays[i]));
    }
    return checksum(out.data(), out.size() * 4);
}

__global__ void find(const char *text, int length, const char *word, int size, unsigned *places)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i + size > length)
        return;
    for (int k = 0; k < size; k++)
        if (text[i + k] != word[k])
            return;
    atomicOr(&places[i / 32], 1u << (i % 32));
}

CASE(string_search)
{
    std::string text;
    for (unsigned i = 0; text.size() < 4000; i++)
        text += mixed(i) % 3 ? "ab" : "aab";
    Array<char> data(text.size()), word(5);
    Array<unsigned> places(text.size() / 32 + 1, 0);
    std::copy(text.begin(), text.end(), data.host.begin());
    std::memcpy(word.host.data(), "baaba", 5);
    data.put();
    word.put();
    places.put();
    find<<<index_bound(text.size(), 256), 256>>>(data.at, int(text.size()), word.at, 5, places.at);
    places.get();
    unsigned count = 0;
    for (size_t i = 0; i + 5 <= text.size(); i++, count += text.compare(i - 1, 5, "baaba") == 0)
        EXPECT(((places[i / 32] >> (i % 32)) & 1) == unsigned(text.compare(i, 5, "baaba") == 0));
    EXPECT(count > 100);
    return count;
}

__global__ void mark_runs(const char *in, int *heads, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        heads[i] = i == 0 || in[i] != in[i - 1];
}
__global__ void scan_serially(int *data, int n)
{
    for (int i = 1; i < n; i++)
        data[i] += data[i - 1];
}
__global__ void write_runs(const char *in, const int *number, char *what, int *begin, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && (i == 0 || number[i] != number[i - 1])) {
        what[number[i] - 1] = in[i];
        begin[number[i] - 1] = i;
    }
}

CASE(run_lengths)
{
    constexpr int n = 3000;
    Array<char> in(n), what(n);
    Array<int> number(n), begin(n);
    for (int i = 0; i < n; i++)
        in[size_t(i)] = char('a' + mixed(unsigned(i / 7)) % 4);
    in.put();
    mark_runs<<<index_bound(n, 128), 128>>>(in.at, number.at, n);
    scan_serially<<<1, 1>>>(number.at, n);
    write_runs<<<index_bound(n, 128), 128>>>(in.at, number.at, what.at, begin.at, n);
    number.get();
    what.get();
    begin.get();
    std::string again;
    int runs = number[n - 1];
    for (int i = 0; i < runs; i++)
        again.append(size_t((i + 1 < runs ? begin[size_t(i) + 1] : n) - begin[size_t(i)]),
                     what[size_t(i)]);
    EXPECT(again == std::string(in.host.begin(), in.host.end()));
    return uint64_t(runs);
}

// ---- numbers

__global__ void products_of_bytes(const int *a, const int *b, int *out)
{
    out[threadIdx.x] = __dp4a(a[threadIdx.x], b[threadIdx.x], int(threadIdx.x));
}

CASE(bytes_in_fours)
{
    Array<int> a(64), b(64), out(64);
    for (unsigned i = 0; i < 64; i++) {
        a[i] = int(mixed(i));
        b[i] = int(mixed(i + 64));
    }
    a.put();
    b.put();
    products_of_bytes<<<1, 64>>>(a.at, b.at, out.at);
    out.get();
    for (int i = 0; i < 64; i++) {
        int sum = i;
        for (int k = 0; k < 32; k += 8)
            sum += int(int8_t(a[size_t(i)] >> k)) * int8_t(b[size_t(i)] >> k);
        EXPECT(out[size_t(i)] == sum);
    }
    return out.sum();
}

__global__ void half_pairs(const float *in, float *out)
{
    __half2 x = __floats2half2_rn(in[2 * threadIdx.x], in[2 * threadIdx.x + 1]);
    __half2 y = __hfma2(x, __float2half2_rn(2), __float2half2_rn(1));
    out[2 * threadIdx.x] = __low2float(y);
    out[2 * threadIdx.x + 1] = __high2float(y);
}
__global__ void short_floats(const float *in, float *out)
{
    __nv_bfloat16 x = __float2bfloat16(in[threadIdx.x]);
    out[threadIdx.x] = __bfloat162float(x) + 1;
}

CASE(short_numbers)
{
    Array<float> in(64), out(64);
    for (size_t i = 0; i < 64; i++)
        in[i] = float(int(i) - 32) * 0.25f; // exact in both
    in.put();
    half_pairs<<<1, 32>>>(in.at, out.at);
    out.get();
    for (size_t i = 0; i < 64; i++)
        EXPECT(out[i] == 2 * in[i] + 1);
    short_floats<<<1, 64>>>(in.at, out.at);
    out.get();
    for (size_t i = 0; i < 64; i++)
        EXPECT(out[i] == in[i] + 1);
    return out.sum();
}

__global__ void nearest(const float2 *points, const float2 *centres, int k, float2 *sums,
                        int *counts, int n)
{
    extern __shared__ float2 near[];
    if (int(threadIdx.x) < k)
        near[threadIdx.x] = centres[threadIdx.x];
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x, best = 0;
    if (i >= n)
        return;
    float least = 1e30f;
    for (int c = 0; c < k; c++) {
        float dx = points[i].x - near[c].x, dy = points[i].y - near[c].y, d = dx * dx + dy * dy;
        if (d < least) {
            least = d;
            best = c;
        }
    }
    atomicAdd(&sums[best].x, points[i].x);
    atomicAdd(&sums[best].y, points[i].y);
    atomicAdd(&counts[best], 1);
}

CASE(k_means)
{
    constexpr int n = 1200, k = 4;
    Array<float2> points(n), centres(k), sums(k);
    Array<int> counts(k);
    for (int i = 0; i < n; i++) { // four clouds of whole numbers
        int cloud = i % k;
        points[size_t(i)] = {float(cloud % 2 * 1000 + int(mixed(unsigned(i)) % 64)),
                             float(cloud / 2 * 1000 + int(mixed(unsigned(i + n)) % 64))};
    }
    for (int c = 0; c < k; c++)
        centres[size_t(c)] = points[size_t(c)];
    points.put();
    for (int step = 0; step < 4; step++) {
        centres.put();
        CUDA(cudaMemset(sums.at, 0, k * sizeof(float2)));
        CUDA(cudaMemset(counts.at, 0, k * sizeof(int)));
        nearest<<<index_bound(n, 128), 128, k * sizeof(float2)>>>(points.at, centres.at, k, sums.at,
                                                                  counts.at, n);
        sums.get();
        counts.get();
        for (size_t c = 0; c < k; c++)
            centres[c] = {sums[c].x / float(counts[c]), sums[c].y / float(counts[c])};
    }
    for (size_t c = 0; c < k; c++)
        EXPECT(counts[c] == n / k && std::abs(centres[c].x - float(c % 2 * 1000 + 32)) < 8);
    return centres.sum();
}

__global__ void pass(int *ring, int rounds)
{
    // Each thread waits for its neighbour in shared memory, across warps.
    __shared__ volatile int token;
    if (threadIdx.x == 0)
        token = 0;
    __syncthreads();
    for (int round = 0; round < rounds; round++)
        for (int turn = 0; turn < int(blockDim.x); turn++) {
            if (int(threadIdx.x) == turn)
                token = token + int(threadIdx.x);
            __syncthreads();
        }
    if (threadIdx.x == 0)
        *ring = token;
}

CASE(tokens_through_shared_memory)
{
    Array<int> ring(1, 0);
    pass<<<1, 96>>>(ring.at, 3);
    ring.get();
    EXPECT(ring[0] == 3 * 95 * 96 / 2);
    return uint64_t(ring[0]);
}

__global__ void knapsack_row(const int *before, int *after, int weight, int value, int most)
{
    int w = blockIdx.x * blockDim.x + threadIdx.x;
    if (w <= most)
        after[w] = w >= weight ? max(before[w], before[w - weight] + value) : before[w];
}

CASE(dynamic_programming)
{
    constexpr int kMost = 500, kItems = 30;
    Array<int> rows[2] = {Array<int>(kMost + 1, 0), Array<int>(kMost + 1, 0)};
    rows[0].put();
    std::vector<int> model(kMost + 1);
    for (int item = 0; item < kItems; item++) {
        int weight = 5 + int(mixed(unsigned(item)) % 60),
            value = int(mixed(unsigned(item + 100)) % 90);
        knapsack_row<<<2, 256>>>(rows[item % 2].at, rows[(item + 1) % 2].at, weight, value, kMost);
        for (int w = kMost; w >= weight; w--)
            model[size_t(w)] = std::max(model[size_t(w)], model[size_t(w - weight)] + value);
    }
    rows[0].get();
    EXPECT(rows[0].host == model);
    return rows[0].sum();
}

int main()
{
    return run_cases();
}
