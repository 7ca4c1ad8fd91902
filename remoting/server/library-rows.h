// SPDX-License-Identifier: Apache-2.0
// What the generated tables of tabled libraries (remoting/api/library-rows.h) need on the worker.
#pragma once

#include "remoting/api/library-rows.h"
#include "remoting/server/libraries.h"

#include <utility>

namespace vgpu::server
{

void serve_tabled(LibraryRequest &call);

template<class T>
T argument(api::lib::Word word) noexcept
{
    if constexpr (std::is_same_v<T, float>)
        return std::bit_cast<float>(uint32_t(word));
    else if constexpr (std::is_same_v<T, double>)
        return std::bit_cast<double>(word);
    else
        return T(word);
}

#ifdef __clang__
#define VGPU_ANY_FUNCTION __attribute__((no_sanitize("function")))
#else
#define VGPU_ANY_FUNCTION
#endif

template<class... T, size_t... I>
VGPU_ANY_FUNCTION int invoke_with(void *function, const api::lib::Word *words,
                                  std::index_sequence<I...>)
{
    return reinterpret_cast<int (*)(T...)>(function)(argument<T>(words[I])...);
}

// Calls a function with words for all that goes into integer registers, which is where C has
// narrower integers and pointers too, their upper bits without a meaning: one instance serves all
// calls of as many parameters. A sanitizer that compares types would mind.
template<class... T>
int invoke(void *function, const api::lib::Word *words)
{
    return invoke_with<T...>(function, words, std::index_sequence_for<T...>());
}

} // namespace vgpu::server
