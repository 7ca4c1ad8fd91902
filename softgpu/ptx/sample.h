// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/texture.h"

#include <array>

// What a texture gives at a place: addressing, conversion, filtering. Knows nothing of warps. The
// arithmetic is the CUDA programming guide's: weights of 8 fractional bits.
namespace vgpu::soft
{

/// Where a texture is read.
struct Lookup {
    std::array<float, 3> at{};      ///< coordinates; of a cube, a direction
    std::array<int32_t, 3> texel{}; ///< if `by_texel`
    bool by_texel = false;          ///< whole coordinates, never normalised or filtered
    uint32_t layer = 0;
    float level = 0; ///< of detail, before bias and clamping
};

/// Register contents of the four channels: floats' bits, or integers extended.
using Texel = std::array<uint32_t, 4>;

Texel sample(const Texture &texture, const Lookup &lookup);

/// tld4: one component of the four texels that linear filtering would use.
Texel gather(const Texture &texture, const Lookup &lookup, unsigned component);

/// The level of detail for gradients given along two directions of the screen.
float level_of_gradients(const Image &image, const std::array<float, 3> &dx,
                         const std::array<float, 3> &dy);

/// How many of an image's slices make a layer, and how many layers there are.
uint32_t slices_of_layer(ImageShape shape);

} // namespace vgpu::soft
