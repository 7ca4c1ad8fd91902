// SPDX-License-Identifier: Apache-2.0
// Older versions of a call, whose work a newer one does: forward<&::cuMemAlloc_v2>(dptr, bytes).
// Those of before CUDA 3.2 have 32 bits for addresses and sizes: what they are given is widened,
// what comes back and has no room is an error.
#pragma once

#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL // declares the old structures
#endif
#include <cuda.h>

#include <cstdint>
#include <tuple>
#include <type_traits>

namespace vgpu::client
{

// `from` in the other width; false, and `to` as it was, if it does not fit.
template<class From, class To>
bool convert(const From &from, To &to)
{
    To fitted = To(from);
    if (From(fitted) != from)
        return false;
    to = fitted;
    return true;
}

inline bool convert(const CUDA_MEMCPY2D_v1 &from, CUDA_MEMCPY2D &to)
{
    to = {};
    to.srcXInBytes = from.srcXInBytes;
    to.srcY = from.srcY;
    to.srcMemoryType = from.srcMemoryType;
    to.srcHost = from.srcHost;
    to.srcDevice = from.srcDevice;
    to.srcArray = from.srcArray;
    to.srcPitch = from.srcPitch;
    to.dstXInBytes = from.dstXInBytes;
    to.dstY = from.dstY;
    to.dstMemoryType = from.dstMemoryType;
    to.dstHost = from.dstHost;
    to.dstDevice = from.dstDevice;
    to.dstArray = from.dstArray;
    to.dstPitch = from.dstPitch;
    to.WidthInBytes = from.WidthInBytes;
    to.Height = from.Height;
    return true;
}

inline bool convert(const CUDA_MEMCPY3D_v1 &from, CUDA_MEMCPY3D &to)
{
    to = {};
    to.srcXInBytes = from.srcXInBytes;
    to.srcY = from.srcY;
    to.srcZ = from.srcZ;
    to.srcLOD = from.srcLOD;
    to.srcMemoryType = from.srcMemoryType;
    to.srcHost = from.srcHost;
    to.srcDevice = from.srcDevice;
    to.srcArray = from.srcArray;
    to.srcPitch = from.srcPitch;
    to.srcHeight = from.srcHeight;
    to.dstXInBytes = from.dstXInBytes;
    to.dstY = from.dstY;
    to.dstZ = from.dstZ;
    to.dstLOD = from.dstLOD;
    to.dstMemoryType = from.dstMemoryType;
    to.dstHost = from.dstHost;
    to.dstDevice = from.dstDevice;
    to.dstArray = from.dstArray;
    to.dstPitch = from.dstPitch;
    to.dstHeight = from.dstHeight;
    to.WidthInBytes = from.WidthInBytes;
    to.Height = from.Height;
    to.Depth = from.Depth;
    return true;
}

template<class T>
concept ArrayDescriptor = requires(T &array)
{
    array.NumChannels;
};

template<ArrayDescriptor From, ArrayDescriptor To>
bool convert(const From &from, To &to)
{
    to = {};
    bool fits = convert(from.Width, to.Width);
    fits = convert(from.Height, to.Height) && fits;
    if constexpr (requires { from.Depth; }) {
        fits = convert(from.Depth, to.Depth) && fits;
        to.Flags = from.Flags;
    }
    to.Format = from.Format;
    to.NumChannels = from.NumChannels;
    return fits;
}

// One parameter: as it is given, and as the newer call wants it.
template<class Wanted, class Given>
struct Forwarded {
    explicit Forwarded(Given g) : given(g) {}
    Wanted arg() { return Wanted(given); }
    bool done() { return true; }
    Given given;
};

// An address or a size that the call writes.
template<class Wanted, class Given>
requires(!std::is_same_v<Wanted, Given> &&
         !std::is_const_v<Given>) struct Forwarded<Wanted *, Given *> {
    explicit Forwarded(Given *g) : given(g) {}
    Wanted *arg() { return given ? &value : nullptr; }
    bool done() { return !given || convert(value, *given); }
    Given *given;
    Wanted value{};
};

template<class Wanted, class Given>
requires(!std::is_same_v<Wanted, Given>) struct Forwarded<const Wanted *, const Given *> {
    explicit Forwarded(const Given *g) : given(g)
    {
        if (given)
            convert(*given, value);
    }
    const Wanted *arg() { return given ? &value : nullptr; }
    bool done() { return true; }
    const Given *given;
    Wanted value{};
};

// An allocation whose address cannot be told goes back. False for other calls of the same form.
inline bool take_back(CUresult (*made)(CUdeviceptr *, size_t), CUdeviceptr address)
{
    return made == &::cuMemAlloc_v2 && ::cuMemFree_v2(address) == CUDA_SUCCESS;
}

inline bool take_back(CUresult (*made)(CUdeviceptr *, size_t *, size_t, size_t, unsigned),
                      CUdeviceptr address)
{
    return made == &::cuMemAllocPitch_v2 && ::cuMemFree_v2(address) == CUDA_SUCCESS;
}

template<auto Target, class... Given, class... Wanted>
CUresult forward_as(CUresult (*)(Wanted...), Given... given)
{
    std::tuple<Forwarded<Wanted, Given>...> all{given...};
    CUresult result = std::apply([](auto &...one) { return Target(one.arg()...); }, all);
    if (result != CUDA_SUCCESS)
        return result;
    bool fits = std::apply([](auto &...one) { return (int(one.done()) & ...) != 0; }, all);
    if (fits)
        return CUDA_SUCCESS;
    if constexpr (requires { take_back(Target, std::get<0>(all).value); }) {
        if (take_back(Target, std::get<0>(all).value))
            return CUDA_ERROR_OUT_OF_MEMORY; // there is none below 4 GiB
    }
    return CUDA_ERROR_INVALID_VALUE;
}

template<auto Target, class... Given>
CUresult forward(Given... given)
{
    return forward_as<Target>(Target, given...);
}

} // namespace vgpu::client
