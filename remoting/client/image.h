// SPDX-License-Identifier: Apache-2.0
// How long a code image is. The driver API passes none: it is read from the image, which is the
// application's own memory, so that the bounds here guard against a broken image, not against an
// attacker (the server checks again).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vgpu::client
{

// What may be sent at most; a larger length is taken for a broken header.
constexpr uint64_t kMaxImage = uint64_t(1) << 30;

enum class ImageKind { unknown, fatbin, elf, ptx };

// Where the bytes of an image begin (a fatbin's wrapper points elsewhere) and how many they are.
struct Extent {
    const std::byte *data = nullptr;
    uint64_t bytes = 0;
    ImageKind kind = ImageKind::unknown;

    explicit operator bool() const noexcept { return kind != ImageKind::unknown; }
};

// `limit` bounds what is read, for images in a buffer of known length (tests, files).
Extent image_extent(const void *image, uint64_t limit = kMaxImage);

// What the application should know of an image that was not understood.
const char *image_problem(const void *image);

} // namespace vgpu::client
