// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// What an image takes of a device's memory when a driver loads it, read from the image before a
// driver sees it: a quota is charged first. Every word of an image is a stranger's.
namespace vgpu::image
{

/// Bytes of the variables in global and constant memory of an image: fatbins, an ELF file (there
/// also its code), or PTX text. Of a fatbin's entries, the largest of those that a device of this
/// compute capability (80 for 8.0) can load. More than can be counted is UINT64_MAX. Throws
/// std::exception that says what cannot be read.
uint64_t variable_bytes(std::span<const std::byte> image, unsigned capability);

/// Its parts, by form.
uint64_t ptx_variable_bytes(std::string_view text);
uint64_t elf_variable_bytes(std::span<const std::byte> file);

/// `total` and `bytes` behind it, aligned; UINT64_MAX if that is no number any more.
uint64_t add_aligned(uint64_t total, uint64_t bytes, uint64_t alignment);

} // namespace vgpu::image
