// SPDX-License-Identifier: Apache-2.0
// cuBLASLt beside the software GPU: products with what comes behind them, over OpenBLAS. There is
// one algorithm, which needs no workspace.
#pragma once

#include "remoting/libs/cublaslt-descriptors.h"
#include "remoting/libs/soft/work.h"

#include <cstring>

namespace vgpu::soft::cublaslt
{

using namespace vgpu::cublaslt;

inline int refused(const char *name) noexcept
{
    libs::tell_refused("cuBLASLt", name);
    return kUnsupported;
}

struct Operand {
    const void *data;
    const void *layout;
};

// Whether the product can be computed: a status.
int judge(const void *operation, const void *a, const void *b, const void *c, const void *d);

int multiply(const void *operation, const void *alpha, Operand a, Operand b, const void *beta,
             Operand c, Operand d, CUstream stream);

// The bytes of cublasLtMatmulHeuristicResult_t: the algorithm, workspace, status, waves, reserved.
struct Choice {
    uint64_t algorithm[8] = {1};
    uint64_t workspace = 0;
    int status = 0;
    float waves = 1;
    int reserved[4] = {};
};
static_assert(sizeof(Choice) == 96);

// ---- entry points -------------------------------------------------------------------------------

template<class I>
int create(void *handle)
{
    static char one;
    if (!handle)
        return kInvalid;
    *static_cast<void **>(handle) = &one;
    return 0;
}

template<class I>
int destroy(void *handle)
{
    return handle ? 0 : kNotInitialized;
}

template<class I>
int get_property(int type, void *value)
{
    if (type < 0 || type > 2 || !value)
        return kInvalid;
    *static_cast<int *>(value) = type == 0 ? 13 : 0;
    return 0;
}

template<class I>
int matmul(void *handle, const void *operation, const void *alpha, const void *a,
           const void *a_layout, const void *b, const void *b_layout, const void *beta,
           const void *c, const void *c_layout, void *d, const void *d_layout, const void *, void *,
           size_t, CUstream stream)
{
    if (!handle)
        return kNotInitialized;
    return multiply(operation, alpha, {a, a_layout}, {b, b_layout}, beta, {c, c_layout},
                    {d, d_layout}, stream);
}

template<class I>
int check_algo(void *handle, const void *operation, const void *a, const void *b, const void *c,
               const void *d, const void *, void *result)
{
    if (!handle || !result)
        return handle ? kInvalid : kNotInitialized;
    int status = judge(operation, a, b, c, d);
    Choice choice;
    if (status == 0)
        std::memcpy(result, &choice, sizeof choice);
    return status;
}

template<class I>
int get_heuristic(void *handle, const void *operation, const void *a, const void *b, const void *c,
                  const void *d, const void *preference, int wanted, void *results, void *found)
{
    if (!preference || wanted < 1 || !results || !found)
        return kInvalid;
    int status = check_algo<I>(handle, operation, a, b, c, d, nullptr, results);
    *static_cast<int *>(found) = status == 0;
    return status;
}

template<class I>
int get_ids(void *handle, int, int, int, int, int, int, int wanted, void *ids, void *found)
{
    if (!handle || wanted < 1 || !ids || !found)
        return kInvalid;
    *static_cast<int *>(ids) = 0;
    *static_cast<int *>(found) = 1;
    return 0;
}

template<class I>
int init_algo(void *handle, int, int, int, int, int, int, int id, void *algorithm)
{
    if (!handle || id != 0 || !algorithm)
        return kInvalid;
    std::memcpy(algorithm, Choice().algorithm, sizeof Choice::algorithm);
    return 0;
}

} // namespace vgpu::soft::cublaslt
