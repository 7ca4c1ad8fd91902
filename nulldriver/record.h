// SPDX-License-Identifier: Apache-2.0
// The record of calls: one line each, `NAME parameter=value ...`, written to the file that
// VGPU_NULL_RECORD names as the calls are made.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>

namespace vgpu::null
{

extern const bool recording;

// Bytes that are recorded as their number and a sum that does not depend on how they were cut.
struct Content {
    const void *data;
    size_t bytes;
};

// Bytes that are recorded as they are.
struct Exact {
    const void *data;
    size_t bytes;
};

// Words of whoever records.
struct Said {
    std::string words;
};

std::string text(Content content);
std::string text(Exact bytes);
std::string text(const char *string);
std::string text(const void *pointer);
std::string text(double value);
inline std::string text(const Said &said)
{
    return said.words;
}

template<class T>
std::string text(const T &value)
{
    if constexpr (std::is_floating_point_v<T>)
        return text(double(value));
    else if constexpr (std::is_convertible_v<T, const void *>)
        return text(static_cast<const void *>(value));
    else if constexpr (std::is_pointer_v<T>) // to a function
        return text(reinterpret_cast<const void *>(value));
    else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>)
        return std::to_string(static_cast<long long>(value));
    else
        return text(Exact{&value, sizeof value});
}

// `names` are the parameters', with commas between.
void write_record(const char *call, const char *names, std::span<const std::string> values);
inline void write_record(const char *call, const char *names,
                         std::initializer_list<std::string> values)
{
    write_record(call, names, std::span(values.begin(), values.size()));
}

template<class... Values>
CUresult accept(const char *call, const char *names, const Values &...values)
{
    if (recording) [[unlikely]]
        write_record(call, names, {text(values)...});
    return CUDA_SUCCESS;
}

} // namespace vgpu::null
