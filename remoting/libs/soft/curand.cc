// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/curand.h"

#include "remoting/libs/soft/random.h"

#include <cmath>
#include <random>

namespace vgpu::soft::curand
{
namespace
{

// curandRngType_t and curandOrdering_t
enum Type { kDefault = 100, kXorwow = 101, kPhilox = 161 };
enum Order { kBest = 100, kDefaultOrder = 101, kLegacy = 103 };

// Its source goes on as the work does. Whoever sets a seed gets a source of his own: work that was
// given before has the old one.
struct Generator {
    int type;
    CUstream stream = nullptr;
    uint64_t seed = 0;
    std::shared_ptr<Source> source;
};

Generator *of(void *generator)
{
    return static_cast<Generator *>(generator);
}

std::shared_ptr<Source> begin(int type, uint64_t seed, uint64_t offset)
{
    std::shared_ptr<Source> source;
    if (type == kPhilox)
        source = std::make_shared<Philox>();
    else
        source = std::make_shared<ManyXorwow>();
    source->seed(seed);
    source->skip(offset);
    return source;
}

// (0, 1], as cuRAND documents it.
template<class T>
T one_of(Source &source);
template<>
float one_of<float>(Source &source)
{
    return float((source.next() >> 8) + 1) * 0x1p-24f;
}
template<>
double one_of<double>(Source &source)
{
    uint64_t high = source.next();
    return double((high << 21 ^ source.next() >> 11) + 1) * 0x1p-53;
}

// Box and Muller's.
template<class T>
void two_normals(Source &source, T *to, T mean, T deviation)
{
    T radius = std::sqrt(T(-2) * std::log(one_of<T>(source)));
    T angle = T(2 * M_PI) * one_of<T>(source);
    to[0] = mean + deviation * radius * std::sin(angle);
    to[1] = mean + deviation * radius * std::cos(angle);
}

// What the standard library's distributions ask.
struct Bits {
    using result_type = uint32_t;
    static constexpr uint32_t min() { return 0; }
    static constexpr uint32_t max() { return 0xffffffff; }
    uint32_t operator()() { return source.next(); }
    Source &source;
};

// `fill(source)`, when the generator's stream has come so far.
template<class F>
int work(void *generator, const void *to, size_t n, F &&fill)
{
    if (!generator)
        return kNotInitialized;
    if (n == 0)
        return kSuccess;
    if (!to)
        return kOutOfRange;
    CUresult result =
        give(of(generator)->stream, [source = of(generator)->source, fill] { fill(*source); });
    return result == CUDA_SUCCESS ? kSuccess : kLaunchFailure;
}

template<class T>
int uniforms(void *generator, void *to, size_t n)
{
    return work(generator, to, n, [=](Source &source) {
        for (size_t i = 0; i < n; ++i)
            static_cast<T *>(to)[i] = one_of<T>(source);
    });
}

template<class T>
int normals(void *generator, void *to, size_t n, T mean, T deviation, bool logarithms)
{
    if (n % 2)
        return kNotMultiple;
    return work(generator, to, n, [=](Source &source) {
        T *at = static_cast<T *>(to);
        for (size_t i = 0; i < n; i += 2)
            two_normals(source, at + i, mean, deviation);
        for (size_t i = 0; logarithms && i < n; ++i)
            at[i] = std::exp(at[i]);
    });
}

} // namespace

int create(void *generator, int type)
{
    if (!generator)
        return kOutOfRange;
    if (type != kDefault && type != kXorwow && type != kPhilox)
        return refused("generator of this type: XORWOW and Philox it has");
    *static_cast<Generator **>(generator) = new Generator{type, nullptr, 0, begin(type, 0, 0)};
    return kSuccess;
}

int destroy(void *generator)
{
    if (!generator)
        return kNotInitialized;
    delete of(generator);
    return kSuccess;
}

int set_stream(void *generator, CUstream stream)
{
    if (!generator)
        return kNotInitialized;
    of(generator)->stream = stream;
    return kSuccess;
}

int set_seed(void *generator, unsigned long long seed)
{
    if (!generator)
        return kNotInitialized;
    of(generator)->seed = seed;
    of(generator)->source = begin(of(generator)->type, seed, 0);
    return kSuccess;
}

int set_offset(void *generator, unsigned long long offset)
{
    if (!generator)
        return kNotInitialized;
    of(generator)->source = begin(of(generator)->type, of(generator)->seed, offset);
    return kSuccess;
}

int set_order(void *generator, int order)
{
    if (!generator)
        return kNotInitialized;
    return order == kBest || order == kDefaultOrder || order == kLegacy ? kSuccess : kOutOfRange;
}

int make_seeds(void *generator)
{
    return generator ? kSuccess : kNotInitialized;
}

int bits(void *generator, void *to, size_t n)
{
    return work(generator, to, n, [=](Source &source) {
        for (size_t i = 0; i < n; ++i)
            static_cast<uint32_t *>(to)[i] = source.next();
    });
}

int uniform(void *generator, void *to, size_t n)
{
    return uniforms<float>(generator, to, n);
}

int uniform_double(void *generator, void *to, size_t n)
{
    return uniforms<double>(generator, to, n);
}

int normal(void *generator, void *to, size_t n, float mean, float deviation)
{
    return normals(generator, to, n, mean, deviation, false);
}

int normal_double(void *generator, void *to, size_t n, double mean, double deviation)
{
    return normals(generator, to, n, mean, deviation, false);
}

int log_normal(void *generator, void *to, size_t n, float mean, float deviation)
{
    return normals(generator, to, n, mean, deviation, true);
}

int log_normal_double(void *generator, void *to, size_t n, double mean, double deviation)
{
    return normals(generator, to, n, mean, deviation, true);
}

int poisson(void *generator, void *to, size_t n, double lambda)
{
    if (!(lambda > 0) || lambda > 1e9)
        return kOutOfRange;
    return work(generator, to, n, [=](Source &source) {
        std::poisson_distribution<uint32_t> distribution(lambda);
        Bits from{source};
        for (size_t i = 0; i < n; ++i)
            static_cast<uint32_t *>(to)[i] = distribution(from);
    });
}

int get_version(void *version)
{
    if (!version)
        return kOutOfRange;
    *static_cast<int *>(version) = 10000 + (CUDA_VERSION / 1000 - 9) * 100;
    return kSuccess;
}

int get_property(int type, void *value)
{
    if (!value || type < 0 || type > 2)
        return kOutOfRange;
    *static_cast<int *>(value) = type == 0 ? 10 : type == 1 ? CUDA_VERSION / 1000 - 9 : 0;
    return kSuccess;
}

} // namespace vgpu::soft::curand
