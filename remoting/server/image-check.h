// SPDX-License-Identifier: Apache-2.0
// The driver takes an image without its length and reads as far as the image says. It comes from
// the client, so what it says is compared with what is there first.
#pragma once

#include <cstddef>
#include <span>

namespace vgpu::server
{

// Null if the image (fatbins, an ELF file, or PTX text that ends with a NUL) lies within its bytes;
// else what is wrong.
const char *image_fault(std::span<const std::byte> image) noexcept;

} // namespace vgpu::server
