// SPDX-License-Identifier: Apache-2.0
// Each fuzz-*.cc defines one target; built with VGPU_FUZZER it is a libFuzzer program, without it a
// function that the unit tests feed with a few random inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#ifdef VGPU_FUZZER
#define FUZZ_TARGET(name)                                                                          \
    static void name(std::span<const std::byte> input);                                            \
    extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                        \
    {                                                                                              \
        name(std::as_bytes(std::span(data, size)));                                                \
        return 0;                                                                                  \
    }                                                                                              \
    static void name
#else
#define FUZZ_TARGET(name) void name
#endif

#ifndef VGPU_FUZZER
void fuzz_blocks(std::span<const std::byte> input);
void fuzz_codec(std::span<const std::byte> input);
void fuzz_frame(std::span<const std::byte> input);
void fuzz_lease(std::span<const std::byte> input);
void fuzz_options(std::span<const std::byte> input);
#endif
