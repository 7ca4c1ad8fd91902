// SPDX-License-Identifier: Apache-2.0
// What collections of examples compute, each against the host's own result.
#include "cases.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

const char *const program = "algorithms";

static bool close(double a, double b, double most = 1e-4)
{
    return std::abs(a - b) <= most * std::max(1.0, std::abs(b));
}

// ---- reductions and scans
// ------------------------------------------------------------------------

__global__ void reduce_interleaved(const int *in, int *out)
{
    extern __shared__ int mine[];
    unsigned t = threadIdx.x;
    mine[t] = in[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (unsigned s = 1; s < blockDim.x; s *= 2) {
        if (t % (2 * s) == 0)
            mine[t] += mine[t + s];
        __syncthreads();
    }
    if (t == 0)
        out[blockIdx.x] = mine[0];
}

__global__ void reduce_sequential(const int *in, int *out)
{
    extern __shared__ int mine[];
    unsigned t = threadIdx.x;
    mine[t] = in[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (unsigned s = blockDim.x / 2; s > 0; s /= 2) {
        if (t < s)
            mine[t] += mine[t + s];
        __syncthreads();
    }
    if (t == 0)
        out[blockIdx.x] = mine[0];
}

CASE(reduction)
{
    constexpr int kBlocks = 16, kThreads = 256;
    Array<int> in(kBlocks * kThreads), out(kBlocks);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = int(scramble(unsigned(i)) % 1000);
    in.put();
    int expected = std::accumulate(in.host.begin(), in.host.end(), 0);
    for (auto kernel : {reduce_interleaved, reduce_sequential}) {
        kernel<<<kBlocks, kThreads, kThreads * sizeof(int)>>>(in.at, out.at);
        out.get();
        EXPECT(std::accumulate(out.host.begin(), out.host.end(), 0) == expected);
    }
    return uint64_t(expected);
}

__global__ void scan_block(int *data)
{
    __shared__ int buffer[2][512];
    int t = threadIdx.x, from = 0;
    buffer[0][t] = data[blockIdx.x * 512 + t];
    for (int step = 1; step < 512; step *= 2, from ^= 1) {
        __syncthreads();
        buffer[from ^ 1][t] = buffer[from][t] + (t >= step ? buffer[from][t - step] : 0);
    }
    __syncthreads();
    data[blockIdx.x * 512 + t] = buffer[from][t];
}

__global__ void add_before(int *data, const int *ends)
{
    for (unsigned b = 0; b < blockIdx.x; b++)
        data[blockIdx.x * 512 + threadIdx.x] += ends[b * 512 + 511];
}

CASE(scan)
{
    Array<int> data(4 * 512), ends(4 * 512);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = int(scramble(unsigned(i)) % 10);
    std::vector<int> expected(data.size());
    std::partial_sum(data.host.begin(), data.host.end(), expected.begin());
    data.put();
    scan_block<<<4, 512>>>(data.at);
    CUDA(cudaMemcpy(ends.at, data.at, ends.size() * 4, cudaMemcpyDeviceToDevice));
    add_before<<<4, 512>>>(data.at, ends.at);
    data.get();
    EXPECT(data.host == expected);
    return data.sum();
}

// ---- sorting
// -------------------------------------------------------------------------------------

__global__ void bitonic_step(unsigned *data, unsigned j, unsigned k)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x, other = i ^ j;
    if (other <= i)
        return;
    bool up = (i & k) == 0;
    if ((data[i] > data[other]) == up) {
        unsigned keep = data[i];
        data[i] = data[other];
        data[other] = keep;
    }
}

CASE(bitonic_sort)
{
    Array<unsigned> data(1024);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = scramble(unsigned(i));
    data.put();
    for (unsigned k = 2; k <= data.size(); k *= 2)
        for (unsigned j = k / 2; j > 0; j /= 2)
            bitonic_step<<<4, 256>>>(data.at, j, k);
    auto expected = data.host;
    std::sort(expected.begin(), expected.end());
    data.get();
    EXPECT(data.host == expected);
    return data.sum();
}

// One bit of all keys at a time: those with a zero keep their order before those with a one.
__global__ void radix_sort(unsigned *keys, unsigned *other, int n)
{
    __shared__ int ones[256];
    int t = threadIdx.x, each = n / 256;
    for (int bit = 0; bit < 32; bit++) {
        int count = 0;
        for (int i = 0; i < each; i++)
            count += keys[t * each + i] >> bit & 1;
        ones[t] = count;
        __syncthreads();
        int before = 0, all = 0;
        for (int i = 0; i < 256; i++) {
            before += i < t ? ones[i] : 0;
            all += ones[i];
        }
        int zero = t * each - before, one = n - all + before;
        for (int i = 0; i < each; i++) {
            unsigned key = keys[t * each + i];
            other[key >> bit & 1 ? one++ : zero++] = key;
        }
        __syncthreads();
        for (int i = 0; i < each; i++)
            keys[t * each + i] = other[t * each + i];
        __syncthreads();
    }
}

CASE(radix_sort)
{
    Array<unsigned> keys(1024), other(1024);
    for (size_t i = 0; i < keys.size(); i++)
        keys[i] = scramble(unsigned(i) + 99);
    keys.put();
    radix_sort<<<1, 256>>>(keys.at, other.at, int(keys.size()));
    auto expected = keys.host;
    std::sort(expected.begin(), expected.end());
    keys.get();
    EXPECT(keys.host == expected);
    return keys.sum();
}

__global__ void merge_pass(const int *in, int *out, int width, int n)
{
    int begin = (blockIdx.x * blockDim.x + threadIdx.x) * 2 * width;
    if (begin >= n)
        return;
    int a = begin, b = begin + width, a_end = b, b_end = begin + 2 * width;
    for (int i = begin; i < b_end; i++)
        out[i] = b >= b_end || (a < a_end && in[a] <= in[b]) ? in[a++] : in[b++];
}

CASE(merge_sort)
{
    Array<int> data(1024), other(1024);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = int(scramble(unsigned(i) + 7));
    data.put();
    auto expected = data.host;
    std::sort(expected.begin(), expected.end());
    int *from = data.at, *to = other.at;
    for (int width = 1; width < 1024; width *= 2, std::swap(from, to))
        merge_pass<<<4, 128>>>(from, to, width, 1024);
    CUDA(cudaMemcpy(data.host.data(), from, 4096, cudaMemcpyDeviceToHost));
    EXPECT(data.host == expected);
    return data.sum();
}

// ---- linear algebra and grids
// --------------------------------------------------------------------

__global__ void transpose_tiled(const float *in, float *out, int width, int height)
{
    __shared__ float tile[16][17];
    int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
    if (x < width && y < height)
        tile[threadIdx.y][threadIdx.x] = in[y * width + x];
    __syncthreads();
    x = blockIdx.y * 16 + threadIdx.x;
    y = blockIdx.x * 16 + threadIdx.y;
    if (x < height && y < width)
        out[y * height + x] = tile[threadIdx.x][threadIdx.y];
}

CASE(transpose)
{
    constexpr int kWidth = 100, kHeight = 60;
    Array<float> in(kWidth * kHeight), out(kWidth * kHeight);
    std::iota(in.host.begin(), in.host.end(), 0.f);
    in.put();
    transpose_tiled<<<dim3(7, 4), dim3(16, 16)>>>(in.at, out.at, kWidth, kHeight);
    out.get();
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++)
            EXPECT(out[x * kHeight + y] == in[y * kWidth + x]);
    return out.sum();
}

__global__ void matrix_vector(const double *matrix, const double *vector, double *out, int n)
{
    int row = blockIdx.x;
    double sum = 0;
    for (int i = threadIdx.x; i < n; i += 32)
        sum += matrix[row * n + i] * vector[i];
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_down_sync(~0u, sum, step);
    if (threadIdx.x == 0)
        out[row] = sum;
}

CASE(matrix_vector)
{
    constexpr int kSize = 80;
    Array<double> matrix(kSize * kSize), vector(kSize), out(kSize);
    for (int i = 0; i < kSize * kSize; i++)
        matrix[i] = i % 13 - 6;
    for (int i = 0; i < kSize; i++)
        vector[i] = i % 7;
    matrix.put();
    vector.put();
    matrix_vector<<<kSize, 32>>>(matrix.at, vector.at, out.at, kSize);
    out.get();
    for (int row = 0; row < kSize; row++)
        EXPECT(out[row] == std::inner_product(vector.host.begin(), vector.host.end(),
                                              matrix.host.begin() + row * kSize, 0.0));
    return out.sum();
}

__constant__ float filter[9];

__global__ void convolve(const float *in, float *out, int size)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= size || y >= size)
        return;
    float sum = 0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            if (x + i >= 0 && x + i < size && y + j >= 0 && y + j < size)
                sum += filter[(j + 1) * 3 + i + 1] * in[(y + j) * size + x + i];
    out[y * size + x] = sum;
}

CASE(convolution)
{
    constexpr int kSize = 48;
    const float weights[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};
    Array<float> in(kSize * kSize), out(kSize * kSize);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = float(scramble(unsigned(i)) % 256);
    in.put();
    CUDA(cudaMemcpyToSymbol(filter, weights, sizeof weights));
    convolve<<<dim3(3, 3), dim3(16, 16)>>>(in.at, out.at, kSize);
    out.get();
    float middle = 0;
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            middle += weights[j * 3 + i] * in[(19 + j) * kSize + 29 + i];
    EXPECT(out[20 * kSize + 30] == middle);
    return out.sum();
}

__global__ void heat(const float *in, float *out, int size)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x > 0 && y > 0 && x < size - 1 && y < size - 1) {
        int i = y * size + x;
        out[i] = 0.25f * (in[i - 1] + in[i + 1] + in[i - size] + in[i + size]);
    }
}

CASE(heat_equation)
{
    constexpr int kSize = 32;
    Array<float> a(kSize * kSize), b(kSize * kSize);
    for (int i = 0; i < kSize; i++)
        a[i] = b[i] = 100;
    a.put();
    b.put();
    for (int step = 0; step < 200; step++)
        heat<<<dim3(2, 2), dim3(16, 16)>>>(step % 2 ? b.at : a.at, step % 2 ? a.at : b.at, kSize);
    a.get();
    EXPECT(a[kSize + 16] > 80 && a[kSize + 16] < 100 && a[(kSize - 2) * kSize + 16] < 10);
    return a.sum();
}

__global__ void life(const unsigned char *in, unsigned char *out, int size)
{
    int x = threadIdx.x, y = blockIdx.x, near = 0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
            if (i || j)
                near += in[(y + j + size) % size * size + (x + i + size) % size];
    out[y * size + x] = near == 3 || (near == 2 && in[y * size + x]);
}

CASE(game_of_life)
{
    constexpr int kSize = 32;
    Array<unsigned char> a(kSize * kSize), b(kSize * kSize);
    // A glider moves by one cell down and right in four steps.
    for (int cell : {1, 32 + 2, 64 + 0, 64 + 1, 64 + 2})
        a[cell] = 1;
    a.put();
    auto expected = a.host;
    for (int step = 0; step < 4 * kSize; step++) // once around
        life<<<kSize, kSize>>>(step % 2 ? b.at : a.at, step % 2 ? a.at : b.at, kSize);
    a.get();
    EXPECT(a.host == expected);
    return a.sum();
}

// ---- numbers
// -------------------------------------------------------------------------------------

__global__ void fft_pass(float2 *data, int half)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int at = i / half * 2 * half + i % half;
    float s, c;
    sincospif(-float(i % half) / half, &s, &c);
    float2 a = data[at], b = data[at + half];
    float2 turned = make_float2(b.x * c - b.y * s, b.x * s + b.y * c);
    data[at] = make_float2(a.x + turned.x, a.y + turned.y);
    data[at + half] = make_float2(a.x - turned.x, a.y - turned.y);
}

CASE(fft)
{
    constexpr int kSize = 256;
    Array<float2> data(kSize);
    std::vector<std::complex<double>> in(kSize);
    for (int i = 0; i < kSize; i++) {
        in[i] = {std::cos(0.1 * i) + (i % 5), std::sin(0.3 * i)};
        int reversed = 0;
        for (int bit = 0; bit < 8; bit++)
            reversed |= (i >> bit & 1) << (7 - bit);
        data[reversed] = make_float2(float(in[i].real()), float(in[i].imag()));
    }
    data.put();
    for (int half = 1; half < kSize; half *= 2)
        fft_pass<<<1, kSize / 2>>>(data.at, half);
    data.get();
    for (int k = 0; k < kSize; k += 17) {
        std::complex<double> sum = 0;
        for (int i = 0; i < kSize; i++)
            sum += in[i] * std::polar(1.0, -2 * 3.14159265358979 * i * k / kSize);
        EXPECT(std::abs(sum.real() - data[k].x) < 0.01 && std::abs(sum.imag() - data[k].y) < 0.01);
    }
    return data.sum();
}

__global__ void black_scholes(const float *price, float *call, float *put, int n)
{
    const float strike = 100, years = 0.5f, rate = 0.02f, volatility = 0.3f;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    float root = volatility * sqrtf(years);
    float d1 = (logf(price[i] / strike) + (rate + 0.5f * volatility * volatility) * years) / root;
    float later = strike * expf(-rate * years);
    call[i] = price[i] * normcdff(d1) - later * normcdff(d1 - root);
    put[i] = later * normcdff(root - d1) - price[i] * normcdff(-d1);
}

CASE(black_scholes)
{
    Array<float> price(500), call(500), put(500);
    for (size_t i = 0; i < price.size(); i++)
        price[i] = 50 + 0.2f * float(i);
    price.put();
    black_scholes<<<4, 128>>>(price.at, call.at, put.at, 500);
    call.get();
    put.get();
    // A call less a put is the price less what is paid later, whatever they are worth.
    for (size_t i = 0; i < price.size(); i++)
        EXPECT(close(call[i] - put[i], price[i] - 100 * std::exp(-0.01), 1e-3));
    return call.sum() ^ put.sum();
}

__global__ void mandelbrot(unsigned char *out, int size)
{
    int x = threadIdx.x, y = blockIdx.x, n = 0;
    float cr = -2 + 3.f * x / size, ci = -1.5f + 3.f * y / size, r = 0, i = 0;
    for (; n < 100 && r * r + i * i < 4; n++) {
        float next = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = next;
    }
    out[y * size + x] = (unsigned char)n;
}

CASE(mandelbrot)
{
    constexpr int kSize = 64;
    Array<unsigned char> out(kSize * kSize);
    mandelbrot<<<kSize, kSize>>>(out.at, kSize);
    out.get();
    EXPECT(out[32 * kSize + 42] == 100 && out[0] < 5); // inside, and far from it
    return out.sum();
}

__global__ void attract(const float4 *bodies, float4 *speeds, int n, float dt)
{
    __shared__ float4 tile[64];
    int i = blockIdx.x * 64 + threadIdx.x;
    float4 me = bodies[i];
    float ax = 0, ay = 0, az = 0;
    for (int from = 0; from < n; from += 64) {
        tile[threadIdx.x] = bodies[from + threadIdx.x];
        __syncthreads();
        for (int j = 0; j < 64; j++) {
            float dx = tile[j].x - me.x, dy = tile[j].y - me.y, dz = tile[j].z - me.z;
            float near = rsqrtf(dx * dx + dy * dy + dz * dz + 0.01f);
            float pull = tile[j].w * near * near * near;
            ax += dx * pull;
            ay += dy * pull;
            az += dz * pull;
        }
        __syncthreads();
    }
    speeds[i].x += ax * dt;
    speeds[i].y += ay * dt;
    speeds[i].z += az * dt;
}

CASE(n_body)
{
    Array<float4> bodies(128), speeds(128);
    for (size_t i = 0; i < bodies.size(); i++) {
        auto number = [&](unsigned k) {
            return float(scramble(unsigned(i) * 4 + k) % 1000) / 500 - 1;
        };
        bodies[i] = make_float4(number(0), number(1), number(2), 1.f / 128);
    }
    bodies.put();
    speeds.put();
    attract<<<2, 64>>>(bodies.at, speeds.at, 128, 0.1f);
    speeds.get();
    double x = 0, y = 0; // all masses are alike: what they give each other cancels
    for (auto &speed : speeds.host) {
        x += speed.x;
        y += speed.y;
    }
    EXPECT(std::abs(x) < 1e-4 && std::abs(y) < 1e-4);
    return speeds.sum();
}

__global__ void throw_darts(unsigned *hits, int each)
{
    unsigned state = blockIdx.x * blockDim.x + threadIdx.x + 1, in = 0;
    auto next = [&] {
        state = state * 1664525u + 1013904223u;
        return float(state >> 8) / (1 << 24);
    };
    for (int i = 0; i < each; i++) {
        float x = next(), y = next();
        in += x * x + y * y < 1;
    }
    atomicAdd(hits, in);
}

CASE(monte_carlo_pi)
{
    Array<unsigned> hits(1);
    hits.put();
    throw_darts<<<8, 128>>>(hits.at, 64);
    hits.get();
    EXPECT(close(4.0 * hits[0] / (8 * 128 * 64), 3.14159, 0.02));
    return hits[0];
}

__global__ void sieve(unsigned char *composite, int n)
{
    for (int i = 2 + threadIdx.x; i * i < n; i += blockDim.x)
        for (int j = i * i; j < n; j += i)
            composite[j] = 1;
}

CASE(primes)
{
    Array<unsigned char> composite(5000);
    composite.put();
    sieve<<<1, 64>>>(composite.at, 5000);
    composite.get();
    auto count = std::count(composite.host.begin() + 2, composite.host.end(), 0);
    EXPECT(count == 669);
    return uint64_t(count);
}

__global__ void relax(const int *first, const int *edges, int *level, int n, int depth, int *more)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || level[i] != depth)
        return;
    for (int e = first[i]; e < first[i + 1]; e++)
        if (atomicCAS(&level[edges[e]], -1, depth + 1) == -1)
            *more = 1;
}

CASE(breadth_first_search)
{
    constexpr int kNodes = 500; // node i leads to 2i + 1 and 2i + 2: a tree
    Array<int> first(kNodes + 1), edges(kNodes), level(kNodes, -1), more(1);
    int next = 0;
    for (int i = 0; i < kNodes; i++) {
        first[i] = next;
        for (int child : {2 * i + 1, 2 * i + 2})
            if (child < kNodes)
                edges[next++] = child;
    }
    first[kNodes] = next;
    level[0] = 0;
    first.put();
    edges.put();
    level.put();
    int depth = 0;
    do {
        more[0] = 0;
        more.put();
        relax<<<2, 256>>>(first.at, edges.at, level.at, kNodes, depth++, more.at);
        more.get();
    } while (more[0]);
    level.get();
    for (int i = 0; i < kNodes; i++)
        EXPECT(level[i] == int(std::log2(i + 1)));
    return level.sum();
}

__global__ void edit_row(const char *a, const char *b, const int *before, const int *last, int *row,
                         int diagonal, int n)
{
    int i = threadIdx.x + 1, j = diagonal - i;
    if (i > n || j < 1 || j > n)
        return;
    int change = before[i - 1] + (a[i - 1] != b[j - 1]);
    row[i] = min(change, min(last[i - 1], last[i]) + 1);
}

// By diagonals, each of which depends on the two before it.
CASE(edit_distance)
{
    const char *words[2] = {"interception", "introduction"};
    constexpr int kLength = 12;
    Array<char> a(kLength), b(kLength);
    std::copy_n(words[0], kLength, a.host.begin());
    std::copy_n(words[1], kLength, b.host.begin());
    a.put();
    b.put();
    Array<int> device[3]{Array<int>(kLength + 1), Array<int>(kLength + 1), Array<int>(kLength + 1)};
    int result = 0;
    for (int d = 0; d <= 2 * kLength; d++) {
        Array<int> &row = device[d % 3];
        if (d >= 2)
            edit_row<<<1, kLength>>>(a.at, b.at, device[(d + 1) % 3].at, device[(d + 2) % 3].at,
                                     row.at, d, kLength);
        row.get();
        if (d <= kLength)
            row[0] = row[d] = d;
        row.put();
        result = row[kLength];
    }
    EXPECT(result == 5);
    return uint64_t(result);
}

int main()
{
    return run_cases();
}
