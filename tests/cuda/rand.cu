// SPDX-License-Identifier: Apache-2.0
// cuRAND: the bits of its documented generators in their documented order, distributions by their
// moments, in one order with other work and in a graph. Declared by the library's ABI; device code
// generates the same numbers where its header is.
#include "check.h"

#include <cuda_runtime.h>

#include <cmath>
#include <vector>

#if __has_include(<curand_kernel.h>)
#include <curand_kernel.h>
#define HAVE_DEVICE_CODE 1
using Generator = curandGenerator_t;
#else
#define HAVE_DEVICE_CODE 0
using Generator = struct RandomGenerator *;
extern "C" {
int curandCreateGenerator(Generator *, int);
int curandDestroyGenerator(Generator);
int curandSetStream(Generator, cudaStream_t);
int curandSetPseudoRandomGeneratorSeed(Generator, unsigned long long);
int curandSetGeneratorOffset(Generator, unsigned long long);
int curandGenerate(Generator, unsigned *, size_t);
int curandGenerateUniform(Generator, float *, size_t);
int curandGenerateUniformDouble(Generator, double *, size_t);
int curandGenerateNormal(Generator, float *, size_t, float, float);
int curandGenerateNormalDouble(Generator, double *, size_t, double, double);
int curandGenerateLogNormal(Generator, float *, size_t, float, float);
int curandGeneratePoisson(Generator, unsigned *, size_t, double);
}
#endif

const char *const program = "rand";

static const char *number(int status)
{
    static char text[16];
    std::snprintf(text, sizeof text, "%d", status);
    return text;
}
#define RAND(call) CHECK_WITH(int(call), 0, number)

enum { kXorwow = 101, kPhilox = 161 };

template<class T>
std::vector<T> host(const T *from, size_t n)
{
    std::vector<T> to(n);
    CUDA(cudaMemcpy(to.data(), from, n * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
}

Generator make(int type, unsigned long long seed)
{
    Generator made;
#if HAVE_DEVICE_CODE
    RAND(curandCreateGenerator(&made, curandRngType_t(type)));
#else
    RAND(curandCreateGenerator(&made, type));
#endif
    RAND(curandSetPseudoRandomGeneratorSeed(made, seed));
    return made;
}

#if HAVE_DEVICE_CODE
// Number i of each of some subsequences; the order in memory is the library's documented one.
__global__ void by_device_code(unsigned *to, unsigned long long seed)
{
    curandState_t state;
    curand_init(seed, threadIdx.x, 0, &state);
    for (int i = 0; i < 3; i++)
        to[threadIdx.x * 3 + i] = curand(&state);
}

__global__ void philox_by_device_code(unsigned *to, unsigned long long seed, int n)
{
    curandStatePhilox4_32_10_t state;
    curand_init(seed, 0, 0, &state);
    for (int i = 0; i < n; i++)
        to[i] = curand(&state);
}
#endif

void bits()
{
    const int n = 3 * 4096, threads = 5;
    const unsigned long long seed = 0x123456789abcdef;
    unsigned *from, *to;
    CUDA(cudaMalloc(&from, n * sizeof *from));
    CUDA(cudaMalloc(&to, n * sizeof *to));
    for (int type : {kXorwow, kPhilox}) {
        Generator one = make(type, seed);
        RAND(curandGenerate(one, from, n));
        auto all = host(from, n);
        // In pieces, and from the middle, it is the same sequence.
        RAND(curandSetPseudoRandomGeneratorSeed(one, seed));
        RAND(curandGenerate(one, to, 1000));
        RAND(curandGenerate(one, to + 1000, n - 1000));
        EXPECT(host(to, n) == all);
        RAND(curandSetGeneratorOffset(one, 5001));
        RAND(curandGenerate(one, to, 100));
        auto middle = host(to, 100);
        for (int i = 0; i < 100; i++)
            EXPECT(middle[size_t(i)] == all[size_t(5001 + i)]);
        RAND(curandSetPseudoRandomGeneratorSeed(one, seed + 1));
        RAND(curandGenerate(one, to, n));
        EXPECT(host(to, n) != all);
        RAND(curandDestroyGenerator(one));
#if HAVE_DEVICE_CODE
        if (type == kXorwow) {
            by_device_code<<<1, threads>>>(to, seed);
            auto device = host(to, threads * 3);
            for (int t = 0; t < threads; t++)
                for (int i = 0; i < 3; i++)
                    EXPECT(device[size_t(t * 3 + i)] == all[size_t(i * 4096 + t)]);
        } else {
            philox_by_device_code<<<1, 1>>>(to, seed, 100);
            auto device = host(to, 100);
            for (int i = 0; i < 100; i++)
                EXPECT(device[size_t(i)] == all[size_t(i)]);
        }
#endif
    }
    CUDA(cudaFree(from));
    CUDA(cudaFree(to));
}

// Mean and variance within five deviations of what they are.
template<class T>
void expect_moments(const std::vector<T> &numbers, double mean, double variance)
{
    double sum = 0, squares = 0;
    for (T x : numbers)
        sum += double(x);
    double got = sum / double(numbers.size());
    for (T x : numbers)
        squares += (double(x) - got) * (double(x) - got);
    EXPECT(std::abs(got - mean) < 5 * std::sqrt(variance / double(numbers.size())));
    EXPECT(std::abs(squares / double(numbers.size()) / variance - 1) < 0.1);
}

void distributions()
{
    const size_t n = 20000;
    void *at;
    CUDA(cudaMalloc(&at, n * sizeof(double)));
    auto *floats = static_cast<float *>(at);
    auto *doubles = static_cast<double *>(at);
    auto *whole = static_cast<unsigned *>(at);
    for (int type : {kXorwow, kPhilox}) {
        Generator one = make(type, 42);
        RAND(curandGenerateUniform(one, floats, n));
        for (float x : host(floats, n))
            EXPECT(x > 0 && x <= 1);
        expect_moments(host(floats, n), 0.5, 1.0 / 12);
        RAND(curandGenerateUniformDouble(one, doubles, n));
        for (double x : host(doubles, n))
            EXPECT(x > 0 && x <= 1);
        expect_moments(host(doubles, n), 0.5, 1.0 / 12);
        RAND(curandGenerateNormal(one, floats, n, 3, 2));
        expect_moments(host(floats, n), 3, 4);
        RAND(curandGenerateNormalDouble(one, doubles, n, -1, 0.5));
        expect_moments(host(doubles, n), -1, 0.25);
        RAND(curandGenerateLogNormal(one, floats, n, 0, 0.25f));
        double s = 0.0625;
        expect_moments(host(floats, n), std::exp(s / 2), (std::exp(s) - 1) * std::exp(s));
        for (double lambda : {0.7, 30.0, 5000.0}) {
            RAND(curandGeneratePoisson(one, whole, n, lambda));
            expect_moments(host(whole, n), lambda, lambda);
        }
        RAND(curandDestroyGenerator(one));
    }
    CUDA(cudaFree(at));
}

__global__ void add(unsigned *sum, const unsigned *from, int n)
{
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        sum[i] += from[i];
}

// Behind and before a stream's other work. A graph goes on in the sequence each time.
void order()
{
    const int n = 4096;
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    unsigned *numbers, *sum;
    CUDA(cudaMalloc(&numbers, 4 * n * sizeof *numbers));
    CUDA(cudaMalloc(&sum, n * sizeof *sum));
    CUDA(cudaMemset(sum, 0, n * sizeof *sum));
    CUDA(cudaDeviceSynchronize());
    Generator one = make(kPhilox, 7);
    RAND(curandGenerate(one, numbers, 4 * n));
    auto all = host(numbers, 4 * n);
    RAND(curandSetPseudoRandomGeneratorSeed(one, 7));
    RAND(curandSetStream(one, stream));
    auto round = [&] {
        RAND(curandGenerate(one, numbers, n));
        add<<<1, 128, 0, stream>>>(sum, numbers, n);
    };
    round();
    round();
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    round();
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&executable, graph, 0));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaGraphLaunch(executable, stream));
    CUDA(cudaGraphLaunch(executable, stream));
    CUDA(cudaStreamSynchronize(stream));
    auto got = host(sum, n);
    for (size_t i = 0; i < n; i++)
        EXPECT(got[i] == all[i] + all[n + i] + all[2 * n + i] + all[3 * n + i]);
    RAND(curandDestroyGenerator(one));
    CUDA(cudaGraphExecDestroy(executable));
    CUDA(cudaStreamDestroy(stream));
    CUDA(cudaFree(numbers));
    CUDA(cudaFree(sum));
}

int main()
{
    CUDA(cudaSetDevice(0));
    bits();
    distributions();
    order();
    CUDA(cudaDeviceSynchronize());
    passed(3);
}
