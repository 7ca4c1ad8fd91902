// SPDX-License-Identifier: Apache-2.0
// What an array takes of the device's memory, before it is made.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <optional>

namespace vgpu::server
{

// Of so many levels; 0 for arrays that get their memory later (sparse and deferred ones); nothing
// for sizes that no device has.
std::optional<uint64_t> array_bytes(const CUDA_ARRAY3D_DESCRIPTOR &description, unsigned levels);

} // namespace vgpu::server
