// SPDX-License-Identifier: Apache-2.0
#pragma once
#pragma GCC visibility push(default)
#include <cuda.h>
#pragma GCC visibility pop

#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

/// Marks an entry point of the ABI. exports.py finds the implemented functions by this word.
#define SOFT_EXPORT extern "C" __attribute__((visibility("default")))

namespace vgpu::soft::driver
{

/// How a call fails inside: the code for the caller, and a text for the log where the code alone
/// says too little.
class Failure : public std::exception
{
public:
    explicit Failure(CUresult code, std::string text = {}) : code_(code), text_(std::move(text)) {}
    CUresult code() const { return code_; }
    const char *what() const noexcept override { return text_.c_str(); }

private:
    CUresult code_;
    std::string text_;
};

inline void require(bool condition, CUresult otherwise = CUDA_ERROR_INVALID_VALUE)
{
    if (!condition)
        throw Failure(otherwise);
}

/// CUDA_SUCCESS once cuInit was called in this very process; a child of fork has no driver, and a
/// host function in a stream may not use it.
CUresult usable();

/// Logs and returns the code of the exception in flight.
CUresult caught(const char *function) noexcept;

/// The body of every entry point: no exception leaves an extern "C" function.
template<class Body>
CUresult bare_entry(const char *function, Body &&body) noexcept
{
    try {
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
            return CUDA_SUCCESS;
        } else {
            return body();
        }
    } catch (...) {
        return caught(function);
    }
}

template<class Body>
CUresult entry(const char *function, Body &&body) noexcept
{
    if (CUresult ready = usable(); ready != CUDA_SUCCESS)
        return ready;
    return bare_entry(function, std::forward<Body>(body));
}

} // namespace vgpu::soft::driver

#define ENTRY(...) return vgpu::soft::driver::entry(__func__, [&] __VA_ARGS__)
