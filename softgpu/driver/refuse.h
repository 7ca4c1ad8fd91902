// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

namespace vgpu::soft::driver
{

/// Says once that a function is not there, and why, and answers CUDA_ERROR_NOT_SUPPORTED.
int refuse(const char *name, const char *why, std::atomic<bool> &said) noexcept;

} // namespace vgpu::soft::driver

// cuda.h is not included where this is used: the functions are declared without their parameters.
#define SOFT_REFUSE(name, why)                                                                     \
    extern "C" __attribute__((visibility("default"))) int name()                                   \
    {                                                                                              \
        static std::atomic<bool> said{false};                                                      \
        return vgpu::soft::driver::refuse(#name, why, said);                                       \
    }
