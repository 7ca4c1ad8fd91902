// SPDX-License-Identifier: Apache-2.0
// A kernel and the same in plain C, in turns, each round checked: the group softgpu's programs.
#pragma once

#include "bench/measure.h"
#include "bench/plain.h"

#include <cstdlib>
#include <cuda_runtime.h>
#include <vector>

namespace vgpu::bench
{

inline void check(cudaError_t error, const char *what)
{
    if (error == cudaSuccess)
        return;
    std::fprintf(stderr, "bench: %s: %s\n", what, cudaGetErrorName(error));
    std::exit(1);
}

#define RT(call) vgpu::bench::check((call), #call)

template<class T>
T *on_device(const std::vector<T> &from)
{
    T *to;
    RT(cudaMalloc(&to, from.size() * sizeof(T)));
    RT(cudaMemcpy(to, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
    return to;
}

template<class T>
T *on_device(size_t n)
{
    return on_device(std::vector<T>(n));
}

template<class T>
void back(std::vector<T> &to, const T *from)
{
    RT(cudaMemcpy(to.data(), from, to.size() * sizeof(T), cudaMemcpyDeviceToHost));
}

// `kernel` launches; `plain` computes the same here; `right` compares. What is compared is the time
// of the processor: both have one core, which other programs may use too.
template<class Kernel, class Plain, class Right>
void compare(const char *name, int rounds, Kernel &&kernel, Plain &&plain, Right &&right)
{
    Samples ours, theirs;
    for (int round = -1; round < rounds; round++) { // the first is for the caches
        double floor = timed(plain, CLOCK_PROCESS_CPUTIME_ID);
        double value = timed(
            [&] {
                kernel();
                RT(cudaGetLastError());
                RT(cudaDeviceSynchronize());
            },
            CLOCK_PROCESS_CPUTIME_ID);
        if (round >= 0 || rounds == 0) {
            ours.add(value);
            theirs.add(floor);
        }
    }
    if (!right()) {
        std::fprintf(stderr, "bench: %s: the kernel's result is wrong\n", name);
        std::exit(1);
    }
    report(name, ours.median() * 1e3, "ms", theirs.median() * 1e3);
}

} // namespace vgpu::bench
