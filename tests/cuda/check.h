// SPDX-License-Identifier: Apache-2.0
// What the test programs share. Each prints one line, `NAME: ok ...` and exits 0, or `NAME: FAILED
// why` and exits 1. Nothing on stdout may differ between two runs: outputs are compared byte for
// byte.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

extern const char *const program;

// Ends the program. exit() is for one thread: who fails too meanwhile waits for the end.
[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char *format, ...)
{
    static std::recursive_mutex ending;
    ending.lock();
    std::printf("%s: FAILED ", program);
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("\n");
    std::exit(1);
}

// Each call of the API is checked; `name()` is the API's way to print its code.
#define CHECK_WITH(call, success, name)                                                            \
    do {                                                                                           \
        auto code_ = (call);                                                                       \
        if (code_ != (success))                                                                    \
            fail("%s: %s (line %d)", #call, name(code_), __LINE__);                                \
    } while (0)

#define CUDA(call) CHECK_WITH(call, cudaSuccess, cudaGetErrorName)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail("not so: %s (line %d)", #condition, __LINE__);                                    \
    } while (0)

// FNV-1a of the result's bytes.
inline uint64_t checksum(const void *data, size_t size)
{
    const unsigned char *bytes = static_cast<const unsigned char *>(data);
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

// The same numbers everywhere, unlike rand().
inline uint32_t scramble(uint32_t value)
{
    value ^= value >> 16;
    value *= 0x7feb352du;
    value ^= value >> 15;
    value *= 0x846ca68bu;
    return value ^ (value >> 16);
}

inline void passed(uint64_t sum)
{
    std::printf("%s: ok %016llx\n", program, static_cast<unsigned long long>(sum));
}
