// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/sample.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace vgpu::soft
{
namespace
{

constexpr int64_t kOutside = -1;

/// The channels of an element as a kernel sees them: of normalised reads, the floats' bits.
class Reader
{
public:
    explicit Reader(const Texture &texture)
        : image_(texture.image), sampler_(texture.sampler),
          words_(channel_bytes(texture.image.format) == 4)
    {
        switch (image_.format) {
        case ChannelFormat::u8:
        case ChannelFormat::u16:
        case ChannelFormat::s8:
        case ChannelFormat::s16:
            integer_ = sampler_.read_as_integer;
            break;
        case ChannelFormat::u32:
        case ChannelFormat::s32:
            integer_ = true;
            break;
        default:
            integer_ = false;
        }
    }

    bool integer() const { return integer_; }

    /// The element (x, y, z), or the border's colour if one of them is kOutside.
    Texel read(const ImageLevel &level, int64_t x, int64_t y, int64_t z) const
    {
        if (x == kOutside || y == kOutside || z == kOutside)
            return border();
        const std::byte *at = level.data + uint64_t(z) * level.slice + uint64_t(y) * level.pitch +
                              uint64_t(x) * image_.element_bytes();
        // Channels that are not there read as 0, the last as 1.
        Texel texel{0, 0, 0, integer_ ? 1u : std::bit_cast<uint32_t>(1.f)};
        if (words_) {
            std::memcpy(texel.data(), at, 4 * image_.channels);
            return texel;
        }
        for (unsigned c = 0; c < image_.channels; c++)
            texel[c] = channel(at + c * channel_bytes(image_.format), c);
        return texel;
    }

    Texel border() const
    {
        Texel texel;
        for (unsigned c = 0; c < 4; c++)
            texel[c] = std::bit_cast<uint32_t>(sampler_.border[c]);
        return texel;
    }

private:
    template<class T>
    static T load(const std::byte *at)
    {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }

    template<class T>
    uint32_t whole(const std::byte *at, float largest, unsigned c, bool always) const
    {
        T value = load<T>(at);
        if (integer_ && !always)
            return uint32_t(int32_t(value));
        float out = std::max(float(value) / largest, -1.f);
        if (sampler_.srgb && sizeof(T) == 1 && c < 3)
            out = out <= 0.04045f ? out / 12.92f : std::pow((out + 0.055f) / 1.055f, 2.4f);
        return std::bit_cast<uint32_t>(out);
    }

    static uint32_t half(uint32_t bits)
    {
        uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
        if (magnitude >= 0x7c00u) // infinities and NaN
            return sign | 0x7f800000u | (magnitude & 0x3ffu) << 13;
        float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
        return sign | std::bit_cast<uint32_t>(value);
    }

    uint32_t channel(const std::byte *at, unsigned c) const
    {
        switch (image_.format) {
        case ChannelFormat::u8:
        case ChannelFormat::unorm8:
            return whole<uint8_t>(at, 255, c, image_.format == ChannelFormat::unorm8);
        case ChannelFormat::u16:
        case ChannelFormat::unorm16:
            return whole<uint16_t>(at, 65535, c, image_.format == ChannelFormat::unorm16);
        case ChannelFormat::s8:
        case ChannelFormat::snorm8:
            return whole<int8_t>(at, 127, c, image_.format == ChannelFormat::snorm8);
        case ChannelFormat::s16:
        case ChannelFormat::snorm16:
            return whole<int16_t>(at, 32767, c, image_.format == ChannelFormat::snorm16);
        case ChannelFormat::f16:
            return half(load<uint16_t>(at));
        default:
            return load<uint32_t>(at);
        }
    }

    const Image &image_;
    const Sampler &sampler_;
    bool words_; ///< channels are in memory what they are in registers
    bool integer_ = false;
};

/// The texel that addressing makes of one that may lie outside of [0, size).
int64_t place(int64_t index, int64_t size, AddressMode mode)
{
    if (index >= 0 && index < size)
        return index;
    switch (mode) {
    case AddressMode::wrap:
        index %= size;
        return index < 0 ? index + size : index;
    case AddressMode::mirror:
        index %= 2 * size;
        index = index < 0 ? index + 2 * size : index;
        return index < size ? index : 2 * size - 1 - index;
    case AddressMode::border:
        return kOutside;
    default:
        return std::clamp<int64_t>(index, 0, size - 1);
    }
}

/// One coordinate in texels. Wrapping and mirroring happen before the multiplication, so that far
/// repetitions lose no precision; they need normalised coordinates, and clamp without them.
float to_texels(float x, int64_t size, bool normalized, AddressMode &mode)
{
    if (!normalized) {
        if (mode == AddressMode::wrap || mode == AddressMode::mirror)
            mode = AddressMode::clamp;
    } else {
        float whole = std::floor(x);
        if (mode == AddressMode::wrap)
            x -= whole;
        else if (mode == AddressMode::mirror)
            x = std::fmod(whole, 2.f) != 0 ? 1 - (x - whole) : x - whole;
        x *= float(size);
    }
    return x == x ? std::clamp(x, -0x1p30f, 0x1p30f) : 0.f;
}

/// Along one dimension: two neighbours and the weight of the second. Without filtering, one.
struct Neighbours {
    int64_t index[2] = {0, 0};
    float weight = 0;
};

Neighbours neighbours(float x, int64_t size, bool normalized, AddressMode mode, bool linear)
{
    x = to_texels(x, size, normalized, mode);
    Neighbours result;
    if (!linear) {
        result.index[0] = result.index[1] = place(int64_t(std::floor(x)), size, mode);
        return result;
    }
    x -= 0.5f;
    float first = std::floor(x);
    result.weight = std::rint((x - first) * 256) / 256;
    result.index[0] = place(int64_t(first), size, mode);
    result.index[1] = place(int64_t(first) + 1, size, mode);
    return result;
}

struct FacePoint {
    unsigned face;
    float s, t; ///< in [0, 1]
};

FacePoint face_of(float x, float y, float z)
{
    float ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z);
    unsigned face;
    float m, s, t;
    if (ax >= ay && ax >= az) {
        face = x >= 0 ? 0 : 1, m = ax, s = x >= 0 ? -z : z, t = -y;
    } else if (ay >= az) {
        face = y >= 0 ? 2 : 3, m = ay, s = x, t = y >= 0 ? z : -z;
    } else {
        face = z >= 0 ? 4 : 5, m = az, s = z >= 0 ? x : -x, t = -y;
    }
    return m > 0 ? FacePoint{face, (s / m + 1) / 2, (t / m + 1) / 2} : FacePoint{face, 0.5f, 0.5f};
}

/// The direction of a point of a face, the inverse of face_of; s and t may lie outside of [0, 1].
std::array<float, 3> direction_of(FacePoint point)
{
    float s = 2 * point.s - 1, t = 2 * point.t - 1;
    switch (point.face) {
    case 0:
        return {1, -t, -s};
    case 1:
        return {-1, -t, s};
    case 2:
        return {s, 1, t};
    case 3:
        return {s, -1, -t};
    case 4:
        return {s, -t, 1};
    default:
        return {-s, -t, -1};
    }
}

/// Reads one level at one place.
class LevelSampler
{
public:
    LevelSampler(const Texture &texture, const Lookup &lookup, const ImageLevel &level)
        : image_(texture.image), sampler_(texture.sampler), level_(level), reader_(texture)
    {
        normalized_ = sampler_.normalized_coordinates;
        at_ = lookup.at;
        auto mode = sampler_.address;
        unsigned dimensions = 2;
        switch (image_.shape) {
        case ImageShape::linear:
        case ImageShape::one:
        case ImageShape::one_layered:
            dimensions = 1;
            break;
        case ImageShape::three:
            dimensions = 3;
            break;
        case ImageShape::cube:
        case ImageShape::cube_layered: {
            auto [face, s, t] = face_of(at_[0], at_[1], at_[2]);
            at_ = {s, t, 0};
            face_ = int(face);
            normalized_ = true;
            mode = {AddressMode::clamp, AddressMode::clamp, AddressMode::clamp};
            break;
        }
        default:
            break;
        }
        uint32_t per_layer = slices_of_layer(image_.shape);
        if (per_layer) {
            uint32_t layers = std::max(level_.depth / per_layer, 1u);
            slice_ = std::min(lookup.layer, layers - 1) * per_layer + unsigned(std::max(face_, 0));
        }
        linear_ = sampler_.filter == FilterMode::linear && !reader_.integer() && !lookup.by_texel &&
                  image_.shape != ImageShape::linear;
        mode_ = mode;
        dimensions_ = dimensions;
        by_texel_ = lookup.by_texel;
        texel_ = lookup.texel;
    }

    Texel sample()
    {
        if (linear_)
            return filtered();
        int64_t index[3] = {0, 0, int64_t(slice_)};
        for (unsigned i = 0; i < dimensions_; i++)
            index[i] = by_texel_ ? place_texel(i) : along(i, false).index[0];
        // Linear memory has no addressing mode: what lies outside is zero.
        if (index[0] == kOutside && image_.shape == ImageShape::linear)
            return {};
        return reader_.read(level_, index[0], index[1], index[2]);
    }

    /// In the order of tld4: (0,1), (1,1), (1,0), (0,0) as offsets in x and y.
    Texel gather(unsigned component)
    {
        Neighbours x = along(0, true), y = along(1, true);
        auto one = [&](unsigned i, unsigned j) {
            return read(x.index[i], y.index[j], int64_t(slice_))[component];
        };
        return {one(0, 1), one(1, 1), one(1, 0), one(0, 0)};
    }

private:
    int64_t size(unsigned dimension) const
    {
        return dimension == 0 ? level_.width : dimension == 1 ? level_.height : level_.depth;
    }

    int64_t place_texel(unsigned i) const
    {
        int64_t index = texel_[i];
        if (image_.shape == ImageShape::linear)
            return index >= 0 && index < size(i) ? index : kOutside;
        AddressMode mode = mode_[i] == AddressMode::border ? mode_[i] : AddressMode::clamp;
        return place(index, size(i), mode);
    }

    Neighbours along(unsigned i, bool linear)
    {
        bool over_edges = face_ >= 0 && sampler_.seamless_cubemap && linear;
        if (!over_edges)
            return neighbours(at_[i], size(i), normalized_, mode_[i], linear);
        // Indices outside of the face stay; read() goes to the neighbouring face.
        float x = at_[i] * float(size(i)) - 0.5f, first = std::floor(x);
        return {{int64_t(first), int64_t(first) + 1}, std::rint((x - first) * 256) / 256};
    }

    Texel read(int64_t x, int64_t y, int64_t z)
    {
        bool inside = x >= 0 && x < size(0) && y >= 0 && y < size(1);
        if (face_ < 0 || !sampler_.seamless_cubemap || inside)
            return reader_.read(level_, x, y, z);
        auto n = float(size(0));
        auto [dx, dy, dz] =
            direction_of({unsigned(face_), (float(x) + 0.5f) / n, (float(y) + 0.5f) / n});
        FacePoint other = face_of(dx, dy, dz);
        auto index = [&](float s) {
            return std::clamp<int64_t>(int64_t(std::floor(s * n)), 0, size(0) - 1);
        };
        return reader_.read(level_, index(other.s), index(other.t), z - face_ + other.face);
    }

    Texel filtered()
    {
        Neighbours n[3];
        for (unsigned i = 0; i < dimensions_; i++)
            n[i] = along(i, true);
        if (dimensions_ < 3)
            n[2].index[0] = slice_;
        std::array<float, 4> sum{};
        for (unsigned corner = 0; corner < 1u << dimensions_; corner++) {
            float weight = 1;
            int64_t index[3];
            for (unsigned i = 0; i < 3; i++) {
                unsigned which = corner >> i & 1;
                index[i] = n[i].index[which];
                if (i < dimensions_)
                    weight *= which ? n[i].weight : 1 - n[i].weight;
            }
            if (weight == 0) // what has no weight may be an infinity
                continue;
            Texel texel = read(index[0], index[1], index[2]);
            for (unsigned c = 0; c < 4; c++)
                sum[c] += weight * std::bit_cast<float>(texel[c]);
        }
        Texel result;
        for (unsigned c = 0; c < 4; c++)
            result[c] = std::bit_cast<uint32_t>(sum[c]);
        return result;
    }

    const Image &image_;
    const Sampler &sampler_;
    const ImageLevel &level_;
    Reader reader_;
    std::array<float, 3> at_{};
    std::array<int32_t, 3> texel_{};
    std::array<AddressMode, 3> mode_{};
    unsigned dimensions_ = 2;
    int face_ = -1;
    uint32_t slice_ = 0;
    bool normalized_ = false, linear_ = false, by_texel_ = false;
};

} // namespace

uint32_t slices_of_layer(ImageShape shape)
{
    switch (shape) {
    case ImageShape::one_layered:
    case ImageShape::two_layered:
        return 1;
    case ImageShape::cube:
    case ImageShape::cube_layered:
        return 6;
    default:
        return 0;
    }
}

Texel sample(const Texture &texture, const Lookup &lookup)
{
    const auto &levels = texture.image.levels;
    const Sampler &sampler = texture.sampler;
    auto at_level = [&](size_t index) {
        return LevelSampler(texture, lookup, levels[index]).sample();
    };
    if (levels.size() == 1 || lookup.by_texel)
        return at_level(0);
    float wanted = lookup.level + sampler.level_bias;
    wanted = std::min(std::max(wanted, sampler.level_min), sampler.level_max);
    auto last = float(levels.size() - 1);
    wanted = wanted == wanted ? std::clamp(wanted, 0.f, last) : 0.f;
    bool blend = sampler.mipmap_filter == FilterMode::linear && !Reader(texture).integer();
    if (!blend)
        return at_level(size_t(std::floor(wanted + 0.5f)));
    float first = std::floor(wanted), weight = std::rint((wanted - first) * 256) / 256;
    if (weight == 0)
        return at_level(size_t(first));
    Texel low = at_level(size_t(first)), high = at_level(std::min(size_t(first) + 1, size_t(last)));
    for (unsigned c = 0; c < 4; c++)
        low[c] = std::bit_cast<uint32_t>((1 - weight) * std::bit_cast<float>(low[c]) +
                                         weight * std::bit_cast<float>(high[c]));
    return low;
}

Texel gather(const Texture &texture, const Lookup &lookup, unsigned component)
{
    return LevelSampler(texture, lookup, texture.image.levels[0]).gather(component);
}

float level_of_gradients(const Image &image, const std::array<float, 3> &dx,
                         const std::array<float, 3> &dy)
{
    const ImageLevel &base = image.levels[0];
    bool deep = image.shape == ImageShape::three;
    float size[3] = {float(base.width), float(base.height), deep ? float(base.depth) : 0.f};
    auto length = [&](const std::array<float, 3> &d) {
        float sum = 0;
        for (unsigned i = 0; i < 3; i++)
            sum += d[i] * size[i] * d[i] * size[i];
        return std::sqrt(sum);
    };
    return std::log2(std::max(length(dx), length(dy)));
}

} // namespace vgpu::soft
