// SPDX-License-Identifier: Apache-2.0
// Names and descriptions of results, generated from cuda.h.
#pragma once

#include <cuda.h>

namespace vgpu::client
{

struct ErrorText {
    const char *name;
    const char *description;
};

// Null for a number that is no CUresult.
const ErrorText *error_text(CUresult result) noexcept;

// For log lines: "CUDA_ERROR_INVALID_VALUE", or "an unknown CUresult".
const char *error_name(CUresult result) noexcept;

} // namespace vgpu::client
