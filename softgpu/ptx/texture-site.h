// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/texture.h"

// Instructions on textures and surfaces.
namespace vgpu::soft
{

enum class TextureKind : uint8_t { base, level, gradients, gather, query };
enum class TextureQuery : uint8_t { width, height, depth, layers, levels };
enum class OutOfBounds : uint8_t { trap, clamp, zero };
enum class SurfaceKind : uint8_t { load, store, add, min, max, logic_and, logic_or };

/// What such an instruction needs beyond Inst, which names it by its place in Code::textures.
struct TextureSite {
    TextureKind kind = TextureKind::base;
    TextureQuery query = TextureQuery::width;
    SurfaceKind surface = SurfaceKind::load;
    OutOfBounds outside = OutOfBounds::trap;
    Type type = Type::none; ///< surfaces: of one element
    bool of_surface = false;
    bool by_texel = false; ///< coordinates are whole numbers
    bool layered = false;
    uint8_t dimensions = 1;
    uint8_t component = 0; ///< of a gather
    uint8_t count = 4;     ///< registers in `values`
    Slot object = kNoSlot, layer = kNoSlot, predicate = kNoSlot, level = kNoSlot;
    std::array<Slot, 3> at{kNoSlot, kNoSlot, kNoSlot};
    std::array<Slot, 3> dx{kNoSlot, kNoSlot, kNoSlot}, dy{kNoSlot, kNoSlot, kNoSlot};
    std::array<Slot, 4> values{kNoSlot, kNoSlot, kNoSlot, kNoSlot};
};

const Inst *run_texture(Warp &, const Inst *);       ///< tex, tld4
const Inst *run_texture_query(Warp &, const Inst *); ///< txq, suq
const Inst *run_surface(Warp &, const Inst *);       ///< suld, sust, sured

} // namespace vgpu::soft
