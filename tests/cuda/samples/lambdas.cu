// SPDX-License-Identifier: Apache-2.0
// Kernels that take functions: lambdas of the host with what they caught, chosen at run time,
// composed and kept in structures; a for_each, a reduction and a sort that know nothing of what
// they do.
#include "array.h"

#include <numeric>
#include <utility>

const char *const program = "lambdas";

template<class F>
__global__ void for_each_index(int n, F f)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        f(i);
}

template<class F>
static void parallel_for(int n, F f)
{
    for_each_index<<<std::min(8u, blocks(size_t(n), 128)), 128>>>(n, f);
    CUDA(cudaGetLastError());
}

// Any number of ranges at once, by a function of one element of each.
template<class F, class... Ts>
__global__ void for_each_of(int n, F f, Ts *...ranges)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        f(ranges[i]...);
}
template<class F, class... Ts>
static void transform(int n, F f, Ts *...ranges)
{
    for_each_of<<<blocks(size_t(n), 128), 128>>>(n, f, ranges...);
    CUDA(cudaGetLastError());
}

template<class T, class F>
__global__ void reduce_block(const T *in, int n, T start, F f, T *out)
{
    __shared__ alignas(T) unsigned char room[256 * sizeof(T)];
    T *mine = reinterpret_cast<T *>(room), sum = start;
    for (int i = threadIdx.x; i < n; i += 256)
        sum = f(sum, in[i]);
    mine[threadIdx.x] = sum;
    for (int half = 128; half; half /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < half)
            mine[threadIdx.x] = f(mine[threadIdx.x], mine[threadIdx.x + half]);
    }
    if (threadIdx.x == 0)
        *out = mine[0];
}

template<class F, class G>
struct Composed {
    F f;
    G g;
    template<class T>
    __host__ __device__ auto operator()(T x) const
    {
        return f(g(x));
    }
};
template<class F, class G>
static Composed<F, G> compose(F f, G g)
{
    return {f, g};
}

struct Best {
    float value;
    int where;
};

template<int... kPowers>
__host__ __device__ float polynomial(float x, std::integer_sequence<int, kPowers...>)
{
    auto power = [x](int n) {
        float result = 1;
        for (int i = 0; i < n; i++)
            result *= x;
        return result;
    };
    return (... + (power(kPowers) / float(1 + kPowers)));
}

int main()
{
    constexpr int kN = 5000;
    Array<float> x(kN), y(kN);
    Array<Best> marked(kN), best(1);
    for (unsigned i = 0; i < kN; i++)
        x[i] = unit(i) * 2 - 1;
    x.put();

    // What was caught by value is a parameter of the kernel.
    float slope = 3, offsets[3] = {0.5f, -1, 2};
    auto line = [=] __host__ __device__(float v) { return v * slope + offsets[int(v > 0)]; };
    auto squared = [] __host__ __device__(float v) { return v * v; };
    auto both = compose(squared, line);
    transform(
        kN, [=] __device__(float in, float &out) { out = both(in); }, x.at, y.at);
    y.get();
    for (size_t i = 0; i < kN; i++)
        EXPECT(near(y[i], both(x[i]), 1e-6));
    uint64_t sum = y.sum();

    // The greatest and where it is, by any order.
    Best *to = marked.at;
    const float *from = y.at;
    parallel_for(kN, [=] __device__(int i) { to[i] = {from[i], i}; });
    auto better = [] __device__(Best a, Best b) {
        return a.value > b.value || (a.value == b.value && a.where < b.where) ? a : b;
    };
    reduce_block<<<1, 256>>>(marked.at, kN, Best{-1, kN}, better, best.at);
    best.get();
    auto most = std::max_element(y.host.begin(), y.host.end());
    EXPECT(best[0].where == int(most - y.host.begin()) && best[0].value == *most);

    // A sort by a key that the caller gives: odd-even steps, each a launch of the same lambda.
    constexpr int kFew = 200;
    Array<int> order(kFew);
    std::iota(order.host.begin(), order.host.end(), 0);
    order.put();
    int *places = order.at;
    for (int step = 0; step < kFew; step++)
        parallel_for(kFew / 2, [=] __device__(int i) {
            int a = 2 * i + step % 2, b = a + 1;
            if (b < kFew && from[places[a]] > from[places[b]]) {
                int keep = places[a];
                places[a] = places[b];
                places[b] = keep;
            }
        });
    order.get();
    for (size_t i = 1; i < kFew; i++)
        EXPECT(y[size_t(order[i - 1])] <= y[size_t(order[i])]);

    // Folded at compile time.
    using Powers = std::integer_sequence<int, 0, 1, 3, 4>;
    transform(
        kN, [] __device__(float in, float &out) { out = polynomial(in, Powers()); }, x.at, y.at);
    y.get();
    for (size_t i = 0; i < kN; i++)
        EXPECT(near(y[i], polynomial(x[i], Powers()), 1e-5));
    passed(sum ^ order.sum());
}
