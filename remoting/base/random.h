// SPDX-License-Identifier: Apache-2.0
// Unpredictable bytes from the kernel: nonces, lease and session numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vgpu
{

void fill_random(std::span<std::byte> bytes);
uint64_t random_u64();

} // namespace vgpu
