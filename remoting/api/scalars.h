// SPDX-License-Identifier: Apache-2.0
// One value on the wire: a number, an enumerator, or a structure field by field.
#pragma once

#include "remoting/wire/codec.h"

#include <cuda.h>

#include <type_traits>

namespace vgpu::api
{

// Lists a structure's fields, in declaration order, once for both directions:
//   template<> struct Fields<CUfoo> {
//       static void visit(auto &s, auto &&field) { field(s.x); field(s.y); }
//   };
template<class T>
struct Fields;

template<class T>
concept Described = requires(T &s)
{
    Fields<T>::visit(s, [](auto &) {});
};

template<class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template<>
struct Fields<CUmemLocation> {
    static void visit(auto &s, auto &&field)
    {
        field(s.type);
        field(s.id);
    }
};

template<>
struct Fields<CUDA_ARRAY3D_DESCRIPTOR> {
    static void visit(auto &s, auto &&field)
    {
        field(s.Width);
        field(s.Height);
        field(s.Depth);
        field(s.Format);
        field(s.NumChannels);
        field(s.Flags);
    }
};

template<>
struct Fields<CUDA_ARRAY_DESCRIPTOR> {
    static void visit(auto &s, auto &&field)
    {
        field(s.Width);
        field(s.Height);
        field(s.Format);
        field(s.NumChannels);
    }
};

template<>
struct Fields<CUDA_ARRAY_SPARSE_PROPERTIES> {
    static void visit(auto &s, auto &&field)
    {
        field(s.tileExtent.width);
        field(s.tileExtent.height);
        field(s.tileExtent.depth);
        field(s.miptailFirstLevel);
        field(s.miptailSize);
        field(s.flags);
    }
};

template<>
struct Fields<CUDA_ARRAY_MEMORY_REQUIREMENTS> {
    static void visit(auto &s, auto &&field)
    {
        field(s.size);
        field(s.alignment);
    }
};

template<>
struct Fields<CUDA_TEXTURE_DESC> {
    static void visit(auto &s, auto &&field)
    {
        for (auto &mode : s.addressMode)
            field(mode);
        field(s.filterMode);
        field(s.flags);
        field(s.maxAnisotropy);
        field(s.mipmapFilterMode);
        field(s.mipmapLevelBias);
        field(s.minMipmapLevelClamp);
        field(s.maxMipmapLevelClamp);
        for (auto &channel : s.borderColor)
            field(channel);
    }
};

template<>
struct Fields<CUDA_RESOURCE_VIEW_DESC> {
    static void visit(auto &s, auto &&field)
    {
        field(s.format);
        field(s.width);
        field(s.height);
        field(s.depth);
        field(s.firstMipmapLevel);
        field(s.lastMipmapLevel);
        field(s.firstLayer);
        field(s.lastLayer);
    }
};

template<class T>
void put_value(wire::Encoder &out, const T &value)
{
    if constexpr (Described<T>)
        Fields<T>::visit(value, [&](auto &field) { put_value(out, field); });
    else if constexpr (std::is_enum_v<T>)
        put_value(out, std::underlying_type_t<T>(value));
    else if constexpr (std::is_same_v<T, float>)
        out.f32(value);
    else if constexpr (std::is_same_v<T, double>)
        out.f64(value);
    else if constexpr (std::is_signed_v<T>)
        out.i64(value);
    else {
        static_assert(std::is_unsigned_v<T>, "describe the structure by Fields<T>");
        out.u64(value);
    }
}

// The counterpart. A number that does not fit its type fails the decoder: the peer sent nonsense.
template<class T>
void get_value(wire::Decoder &in, T &value)
{
    if constexpr (Described<T>) {
        Fields<T>::visit(value, [&](auto &field) { get_value(in, field); });
    } else if constexpr (std::is_enum_v<T>) {
        // An enumeration of the C header may hold any value of its underlying type.
        std::underlying_type_t<T> number{};
        get_value(in, number);
        value = T(number);
    } else if constexpr (std::is_same_v<T, float>) {
        value = in.f32();
    } else if constexpr (std::is_same_v<T, double>) {
        value = in.f64();
    } else {
        static_assert(std::is_integral_v<T>, "describe the structure by Fields<T>");
        uint64_t raw = in.u64();
        value = T(raw);
        bool fits = std::is_signed_v<T> ? int64_t(value) == int64_t(raw) : uint64_t(value) == raw;
        if (!fits)
            in.fail("a number does not fit its parameter");
    }
}

template<class T>
T get_value(wire::Decoder &in)
{
    T value{};
    get_value(in, value);
    return value;
}

} // namespace vgpu::api
