// SPDX-License-Identifier: Apache-2.0
// Calls with one wrong argument each: null for a pointer, what is no handle for a handle, sizes and
// flags that cannot be. Each call's code is printed, and whether a call that failed has written
// anything; the rest of the arguments is good, and the call is made with all of them good first.
#pragma once

#include "check.h"

#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace wrong
{

template<class T, class = void>
struct IsHandle : std::is_class<T> {
};
template<class T>
struct IsHandle<T, std::enable_if_t<(sizeof(T) > 0)>> : std::false_type {
};

// One of its kind that was destroyed, and something of a kind that nobody asks for here.
template<class T>
inline T dead{};
inline void *other_kind = nullptr;

struct Code {
    const char *name;
    bool success;
};

// What the API's codes are called, and what is made right again behind each call.
template<class Result>
Code code_of(Result result);
inline void (*after)() = [] {};

// Calls `with` for each wrong value of a parameter of type T: what it is, and the value.
template<class T, class With>
void each(With &&with)
{
    if constexpr (std::is_pointer_v<T>) {
        using Of = std::remove_cv_t<std::remove_pointer_t<T>>;
        with("null", T(nullptr));
        if constexpr (std::is_void_v<Of> || std::is_function_v<Of>)
            return;
        else if constexpr (IsHandle<Of>::value) {
            with("a number", reinterpret_cast<T>(uintptr_t(12345)));
            with("of another kind", static_cast<T>(other_kind));
            if (dead<T>)
                with("a destroyed one", dead<T>);
        } else if constexpr (std::is_same_v<T, const char *>) {
            with("empty", "");
            with("no name", "no such name");
        }
    } else if constexpr (std::is_enum_v<T>) {
        with("9999", T(9999));
    } else if constexpr (std::is_same_v<T, int>) {
        with("-1", -1);
        with("9999", 9999);
    } else if constexpr (std::is_same_v<T, unsigned int>) {
        with("2^31", 1u << 31);
    } else if constexpr (std::is_same_v<T, unsigned long>) {
        with("0", T(0));
        with("2^60", T(1) << 60);
        with("all ones", ~T(0));
    } else if constexpr (std::is_same_v<T, unsigned long long>) {
        with("0", T(0));
        with("no address", T(0x1234500000));
    }
}

// The bytes behind a pointer by which a call answers.
template<class T>
void keep(std::vector<char> &bytes, T argument)
{
    if constexpr (std::is_pointer_v<T>) {
        using Of = std::remove_pointer_t<T>;
        if constexpr (std::is_void_v<Of> || std::is_function_v<Of> || std::is_const_v<Of>)
            return;
        else if constexpr (!IsHandle<Of>::value)
            if (argument)
                bytes.insert(bytes.end(), reinterpret_cast<char *>(argument),
                             reinterpret_cast<char *>(argument) + sizeof(Of));
    }
}

template<class Arguments>
std::vector<char> kept(const Arguments &arguments)
{
    std::vector<char> bytes;
    std::apply([&](auto... one) { (keep(bytes, one), ...); }, arguments);
    return bytes;
}

template<size_t I, class F, class Arguments>
void vary(const char *name, F function, const Arguments &good)
{
    using T = std::tuple_element_t<I, Arguments>;
    each<T>([&](const char *what, T value) {
        Arguments arguments = good;
        std::get<I>(arguments) = value;
        auto before = kept(arguments);
        Code code = code_of(std::apply(function, arguments));
        bool written = !code.success && kept(arguments) != before;
        std::printf("%s: %s: argument %zu is %s: %s%s\n", program, name, I + 1, what, code.name,
                    written ? ", but something was written" : "");
        after();
    });
}

// Bit i of `but`: no wrong values for argument i, counted from 0.
template<class Result, class... P, class... Given, size_t... I>
void walk(const char *name, unsigned but, Result (*function)(P...), std::index_sequence<I...>,
          Given &&...given)
{
    std::tuple<P...> good{P(given)...};
    Code code = code_of(std::apply(function, good));
    std::printf("%s: %s: %s\n", program, name, code.name);
    after();
    ((but >> I & 1 ? void() : vary<I>(name, function, good)), ...);
}

template<class Result, class... P, class... Given>
void walk(const char *name, unsigned but, Result (*function)(P...), Given &&...given)
{
    static_assert(sizeof...(P) == sizeof...(Given));
    walk(name, but, function, std::index_sequence_for<P...>(), std::forward<Given>(given)...);
}

// For calls that end something: only with what there is not.
template<class Result, class T>
void refuse(const char *name, Result (*function)(T))
{
    each<T>([&](const char *what, T value) {
        std::printf("%s: %s with %s: %s\n", program, name, what, code_of(function(value)).name);
        after();
    });
}

} // namespace wrong

#define WALK(function, ...) wrong::walk(#function, 0, function, __VA_ARGS__)
#define WALK_BUT(but, function, ...) wrong::walk(#function, but, function, __VA_ARGS__)
#define REFUSE(function) wrong::refuse(#function, function)
