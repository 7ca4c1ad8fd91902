// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

// What a texture or surface object is to a kernel: fully resolved by the driver (softgpu/driver),
// which hands it out through Host::texture and Host::surface; the executor only reads it.
namespace vgpu::soft
{

/// How one channel of an element lies in memory. Element = `channels` of these, 1, 2 or 4.
enum class ChannelFormat : uint8_t {
    u8,
    u16,
    u32,
    s8,
    s16,
    s32,
    f16,
    f32,
    unorm8, ///< CU_AD_FORMAT_UNORM_*: always read as a float in [0, 1] ...
    unorm16,
    snorm8, ///< ... or [-1, 1]
    snorm16,
};

inline constexpr size_t channel_bytes(ChannelFormat format)
{
    constexpr uint8_t bytes[] = {1, 2, 4, 1, 2, 4, 2, 4, 1, 2, 1, 2};
    return bytes[size_t(format)];
}

enum class ImageShape : uint8_t {
    linear, ///< cuMemAlloc'ed elements in a row (CU_RESOURCE_TYPE_LINEAR): read by index only
    one,
    two, ///< arrays, and CU_RESOURCE_TYPE_PITCH2D
    three,
    one_layered,
    two_layered,
    cube,
    cube_layered,
};

/// One level of detail: element (x, y, z) is at data + z * slice + y * pitch + x * element_bytes.
/// z is the depth of a 3-D image, the layer of a layered one, the face of a cube (in CUDA's order
/// +x -x +y -y +z -z), and layer * 6 + face of a layered cube.
struct ImageLevel {
    std::byte *data = nullptr;
    uint32_t width = 1, height = 1; ///< elements
    uint32_t depth = 1;             ///< slices: depth, layers, 6, or layers * 6
    size_t pitch = 0;               ///< bytes from row to row
    size_t slice = 0;               ///< bytes from slice to slice
};

struct Image {
    ImageShape shape = ImageShape::two;
    ChannelFormat format = ChannelFormat::u8;
    uint8_t channels = 1;
    /// [0] is the base; more only of mipmapped arrays. The bytes of each lie wholly inside memory
    /// that lives as long as `owner`, which keeps an array's memory while a launch still uses it.
    std::vector<ImageLevel> levels;
    std::shared_ptr<const void> owner;
    /// The memory is the application's (cuMemAlloc: linear and pitched textures): `owner` is null,
    /// and each launch checks the range against the MemoryMap before it reads.
    bool device_memory = false;

    size_t element_bytes() const { return channel_bytes(format) * channels; }
};

/// In the order of CUaddress_mode.
enum class AddressMode : uint8_t { wrap, clamp, mirror, border };

/// In the order of CUfilter_mode.
enum class FilterMode : uint8_t { point, linear };

/// CUDA_TEXTURE_DESC, checked.
struct Sampler {
    std::array<AddressMode, 3> address{};
    FilterMode filter = FilterMode::point;
    FilterMode mipmap_filter = FilterMode::point;
    bool normalized_coordinates = false; ///< CU_TRSF_NORMALIZED_COORDINATES
    bool read_as_integer = false; ///< CU_TRSF_READ_AS_INTEGER; without it 8- and 16-bit integer
                                  ///< formats are read as normalised floats
    bool srgb = false;            ///< CU_TRSF_SRGB: of 8-bit formats, to float
    bool seamless_cubemap = false;
    float level_bias = 0, level_min = 0, level_max = 0;
    std::array<float, 4> border{};
};

struct Texture {
    Image image;
    Sampler sampler;
};

} // namespace vgpu::soft
