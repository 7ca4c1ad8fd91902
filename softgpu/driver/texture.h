// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/entry.h"
#include "softgpu/ptx/texture.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace vgpu::soft::driver
{

/// A texture object: what kernels read, and what the application said.
struct TextureObject {
    uint64_t id = 0;
    uint64_t context = 0;
    Texture texture;
    CUDA_RESOURCE_DESC resource{};
    CUDA_TEXTURE_DESC description{};
    CUDA_RESOURCE_VIEW_DESC view{};
    bool viewed = false;
};

struct SurfaceObject {
    uint64_t id = 0;
    uint64_t context = 0;
    Image image;
    CUDA_RESOURCE_DESC resource{};
};

/// What a kernel finds under a handle, or null: also what was destroyed after its launch.
std::shared_ptr<TextureObject> texture_for_kernel(uint64_t handle);
std::shared_ptr<SurfaceObject> surface_for_kernel(uint64_t handle);

/// Lets go of what was destroyed and no kernel can ask for any more, and so of its memory.
void sweep_destroyed_objects();

} // namespace vgpu::soft::driver
