// SPDX-License-Identifier: Apache-2.0
// cuBLASLt's descriptors as each of our cuBLASLt libraries has them.
#pragma once

#include "remoting/api/cublaslt.h"

#include <string>

namespace vgpu::cublaslt
{

namespace lt = vgpu::api::lt;

enum Status { kNotInitialized = 1, kAllocFailed = 3, kInvalid = 7, kUnsupported = 15 };

inline const std::byte *data_of(const void *descriptor)
{
    return static_cast<const std::byte *>(descriptor);
}

// What was set, as `[NUMBER=VALUE,...]`, addresses in hexadecimal.
std::string text_of(lt::Kind kind, const void *descriptor);

} // namespace vgpu::cublaslt
