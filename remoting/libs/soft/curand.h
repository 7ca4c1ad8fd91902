// SPDX-License-Identifier: Apache-2.0
// cuRAND beside the software GPU: what curand.served names. The bits are the published generators';
// how they become numbers of a distribution is our own. The parameters are cuRAND's, every pointer
// one to void.
#pragma once

#include "remoting/libs/soft/work.h"

#include <cstddef>

namespace vgpu::soft::curand
{

using namespace vgpu::soft::libs;

enum Status {
    kSuccess = 0,
    kNotInitialized = 101,
    kAllocationFailed = 102,
    kTypeError = 103,
    kOutOfRange = 104,
    kNotMultiple = 105,
    kLaunchFailure = 201,
};

inline int refused(const char *name) noexcept
{
    tell_refused("cuRAND", name);
    return kTypeError;
}

int create(void *generator, int type);
int destroy(void *generator);
int set_stream(void *generator, CUstream stream);
int set_seed(void *generator, unsigned long long seed);
int set_offset(void *generator, unsigned long long offset);
int set_order(void *generator, int order);
int make_seeds(void *generator);
int bits(void *generator, void *to, size_t n);
int uniform(void *generator, void *to, size_t n);
int uniform_double(void *generator, void *to, size_t n);
int normal(void *generator, void *to, size_t n, float mean, float deviation);
int normal_double(void *generator, void *to, size_t n, double mean, double deviation);
int log_normal(void *generator, void *to, size_t n, float mean, float deviation);
int log_normal_double(void *generator, void *to, size_t n, double mean, double deviation);
int poisson(void *generator, void *to, size_t n, double lambda);
int get_version(void *version);
int get_property(int type, void *value);

} // namespace vgpu::soft::curand
