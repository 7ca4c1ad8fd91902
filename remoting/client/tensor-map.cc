// SPDX-License-Identifier: Apache-2.0
// Tensor maps are bytes that only the driver can make: what they are to describe travels, and the
// bytes come back. The address in them is the device's, which is the same here.
#include "remoting/client/call.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <span>
#include <vector>

using namespace vgpu::client;

namespace
{

enum Which : uint32_t { kTiled, kIm2col, kIm2colWide, kReplace };
constexpr unsigned kMostRank = 5;

// What a map is to describe, number after number.
struct Numbers {
    std::vector<uint64_t> all;
    bool good = true;

    void add(std::initializer_list<uint64_t> values) { all.insert(all.end(), values); }
    template<class T>
    void add(const T *values, size_t count)
    {
        if (!values && count)
            good = false;
        else
            all.insert(all.end(), values, values + count);
    }
};

CUresult encode(Which which, CUtensorMap *map, const void *address, const Numbers &numbers)
{
    // The worker's driver is given a map of the worker's.
    constexpr uintptr_t kAligned = 64;
    if (!map || reinterpret_cast<uintptr_t>(map) % kAligned != 0 || !numbers.good)
        return CUDA_ERROR_INVALID_VALUE;
    constexpr size_t kWords = std::size(CUtensorMap{}.opaque);
    // Numbers of either name of 64 bits.
    uint64_t given[kWords], made[kWords];
    std::copy_n(map->opaque, kWords, given);
    CUresult result = remote::vgpuTensorMap(which, CUdeviceptr(address), given, kWords,
                                            numbers.all.data(), numbers.all.size(), made, kWords);
    if (result == CUDA_SUCCESS)
        std::copy_n(made, kWords, map->opaque);
    return result;
}

// The beginning, which all have in common.
Numbers begin(CUtensorMapDataType type, cuuint32_t rank, const cuuint64_t *dims,
              const cuuint64_t *strides)
{
    Numbers numbers;
    numbers.good = rank >= 1 && rank <= kMostRank;
    numbers.add({uint64_t(type), rank});
    if (numbers.good) {
        numbers.add(dims, rank);
        numbers.add(strides, rank - 1);
    }
    return numbers;
}

} // namespace

VGPU_ENTRY cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                  void *address, const cuuint64_t *dims, const cuuint64_t *strides,
                                  const cuuint32_t *box, const cuuint32_t *steps,
                                  CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                  CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill)
{
    Numbers numbers = begin(type, rank, dims, strides);
    if (numbers.good) {
        numbers.add(box, rank);
        numbers.add(steps, rank);
    }
    numbers.add({uint64_t(interleave), uint64_t(swizzle), uint64_t(promotion), uint64_t(fill)});
    return encode(kTiled, map, address, numbers);
}

VGPU_ENTRY cuTensorMapEncodeIm2col(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                   void *address, const cuuint64_t *dims, const cuuint64_t *strides,
                                   const int *lower, const int *upper, cuuint32_t channels,
                                   cuuint32_t column, const cuuint32_t *steps,
                                   CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                   CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill)
{
    Numbers numbers = begin(type, rank, dims, strides);
    size_t pixels = rank > 2 ? rank - 2 : 0;
    if (numbers.good) {
        numbers.add(lower, pixels);
        numbers.add(upper, pixels);
        numbers.add({channels, column});
        numbers.add(steps, rank);
    }
    numbers.add({uint64_t(interleave), uint64_t(swizzle), uint64_t(promotion), uint64_t(fill)});
    return encode(kIm2col, map, address, numbers);
}

#if CUDA_VERSION >= 12080
VGPU_ENTRY cuTensorMapEncodeIm2colWide(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                       void *address, const cuuint64_t *dims,
                                       const cuuint64_t *strides, int lower, int upper,
                                       cuuint32_t channels, cuuint32_t column,
                                       const cuuint32_t *steps, CUtensorMapInterleave interleave,
                                       CUtensorMapIm2ColWideMode mode, CUtensorMapSwizzle swizzle,
                                       CUtensorMapL2promotion promotion,
                                       CUtensorMapFloatOOBfill fill)
{
    Numbers numbers = begin(type, rank, dims, strides);
    if (numbers.good) {
        numbers.add({uint64_t(lower), uint64_t(upper), channels, column});
        numbers.add(steps, rank);
    }
    numbers.add({uint64_t(interleave), uint64_t(mode), uint64_t(swizzle), uint64_t(promotion),
                 uint64_t(fill)});
    return encode(kIm2colWide, map, address, numbers);
}
#endif

VGPU_ENTRY cuTensorMapReplaceAddress(CUtensorMap *map, void *address)
{
    return encode(kReplace, map, address, {});
}
