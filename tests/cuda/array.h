// SPDX-License-Identifier: Apache-2.0
// What programs that compute share: an array of the device's with its copy here, numbers to begin
// with, and what counts as equal.
#pragma once

#include "check.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <vector>

template<class T>
struct Array {
    explicit Array(size_t n, T value = T()) : host(n, value)
    {
        CUDA(cudaMalloc(&at, n * sizeof(T)));
    }
    Array(const Array &) = delete;
    ~Array() { cudaFree(at); }
    size_t size() const { return host.size(); }
    void put() { CUDA(cudaMemcpy(at, host.data(), size() * sizeof(T), cudaMemcpyHostToDevice)); }
    void get() { CUDA(cudaMemcpy(host.data(), at, size() * sizeof(T), cudaMemcpyDeviceToHost)); }
    T &operator[](size_t i) { return host[i]; }
    uint64_t sum() const { return checksum(host.data(), size() * sizeof(T)); }
    std::vector<T> host;
    T *at = nullptr;
};

// From 0 to 1, without 1.
inline float unit(uint32_t i)
{
    return float(scramble(i) >> 8) / float(1 << 24);
}

inline unsigned blocks(size_t n, unsigned threads)
{
    return unsigned((n + threads - 1) / threads);
}

inline bool near(double a, double b, double most = 1e-4)
{
    return std::abs(a - b) <= most * std::max(1.0, std::abs(b));
}
