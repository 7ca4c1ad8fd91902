// SPDX-License-Identifier: Apache-2.0
// Tensor maps: the arrays that describe one are recorded as they are, and the map tells what it was
// made of, so that who made it sees whether that arrived.
#include "nulldriver/null.h"

#include <algorithm>

namespace null = vgpu::null;
using null::Exact;

namespace
{

template<class T>
Exact list(const T *values, size_t count)
{
    return {values, count * sizeof(T)};
}

// What can be said of a map before anything is made of it: it is aligned, and of some memory.
bool is_good(const CUtensorMap *map, const void *address)
{
    return map && reinterpret_cast<uintptr_t>(map) % 64 == 0 && address;
}

CUresult make(CUtensorMap *map, const void *address, cuuint32_t rank, const cuuint64_t *dims,
              const cuuint64_t *strides, const cuuint32_t *steps)
{
    *map = {};
    auto out = std::begin(map->opaque);
    *out++ = reinterpret_cast<uintptr_t>(address);
    out = std::copy_n(dims, rank, out);
    out = std::copy_n(strides, rank - 1, out);
    std::copy_n(steps, rank, out);
    return CUDA_SUCCESS;
}

} // namespace

NULL_EXPORT cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                   void *address, const cuuint64_t *dims, const cuuint64_t *strides,
                                   const cuuint32_t *box, const cuuint32_t *steps,
                                   CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                   CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill)
{
    if (!is_good(map, address))
        return CUDA_ERROR_INVALID_VALUE;
    null::accept("cuTensorMapEncodeTiled",
                 "type,rank,address,dims,strides,box,steps,interleave,swizzle,promotion,fill", type,
                 rank, address, list(dims, rank), list(strides, rank - 1), list(box, rank),
                 list(steps, rank), interleave, swizzle, promotion, fill);
    return make(map, address, rank, dims, strides, steps);
}

NULL_EXPORT cuTensorMapEncodeIm2col(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                    void *address, const cuuint64_t *dims,
                                    const cuuint64_t *strides, const int *lower, const int *upper,
                                    cuuint32_t channels, cuuint32_t pixels, const cuuint32_t *steps,
                                    CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                    CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill)
{
    if (!is_good(map, address))
        return CUDA_ERROR_INVALID_VALUE;
    null::accept("cuTensorMapEncodeIm2col",
                 "type,rank,address,dims,strides,lower,upper,channels,pixels,steps,interleave,"
                 "swizzle,promotion,fill",
                 type, rank, address, list(dims, rank), list(strides, rank - 1),
                 list(lower, rank - 2), list(upper, rank - 2), channels, pixels, list(steps, rank),
                 interleave, swizzle, promotion, fill);
    return make(map, address, rank, dims, strides, steps);
}

#if CUDA_VERSION >= 12080
NULL_EXPORT cuTensorMapEncodeIm2colWide(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                        void *address, const cuuint64_t *dims,
                                        const cuuint64_t *strides, int lower, int upper,
                                        cuuint32_t channels, cuuint32_t pixels,
                                        const cuuint32_t *steps, CUtensorMapInterleave interleave,
                                        CUtensorMapIm2ColWideMode mode, CUtensorMapSwizzle swizzle,
                                        CUtensorMapL2promotion promotion,
                                        CUtensorMapFloatOOBfill fill)
{
    if (!is_good(map, address))
        return CUDA_ERROR_INVALID_VALUE;
    null::accept("cuTensorMapEncodeIm2colWide",
                 "type,rank,address,dims,strides,lower,upper,channels,pixels,steps,interleave,mode,"
                 "swizzle,promotion,fill",
                 type, rank, address, list(dims, rank), list(strides, rank - 1), lower, upper,
                 channels, pixels, list(steps, rank), interleave, mode, swizzle, promotion, fill);
    return make(map, address, rank, dims, strides, steps);
}
#endif

NULL_EXPORT cuTensorMapReplaceAddress(CUtensorMap *map, void *address)
{
    if (!is_good(map, address))
        return CUDA_ERROR_INVALID_VALUE;
    map->opaque[0] = reinterpret_cast<uintptr_t>(address);
    return null::accept("cuTensorMapReplaceAddress", "address,map", address,
                        list(map->opaque, std::size(map->opaque)));
}
