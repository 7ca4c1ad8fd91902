// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/sample.h"
#include "softgpu/ptx/test-machine.h"

#include <bit>
#include <cmath>

// Textures against the formulas of the CUDA programming guide, written here anew in doubles; and
// the instructions that reach them.
namespace vgpu::soft
{
namespace
{

using u32 = uint32_t;

/// An image of one level whose element (x, y, z) has in channel c the value make(x, y, z, c).
template<class T, class F>
Image make_image(ImageShape shape, ChannelFormat format, unsigned channels, u32 width, u32 height,
                 u32 depth, F make)
{
    size_t pitch = width * channels * sizeof(T) + 32; // rows do not touch
    size_t slice = height * pitch + 64;
    auto memory = std::make_shared<std::vector<std::byte>>(depth * slice);
    for (u32 z = 0; z < depth; z++)
        for (u32 y = 0; y < height; y++)
            for (u32 x = 0; x < width; x++)
                for (unsigned c = 0; c < channels; c++) {
                    T value = T(make(x, y, z, c));
                    std::memcpy(memory->data() + z * slice + y * pitch +
                                    (x * channels + c) * sizeof(T),
                                &value, sizeof value);
                }
    Image image;
    image.shape = shape;
    image.format = format;
    image.channels = uint8_t(channels);
    image.levels.push_back({memory->data(), width, height, depth, pitch, slice});
    image.owner = memory;
    return image;
}

float value_of(const Texel &texel, unsigned c = 0)
{
    return std::bit_cast<float>(texel[c]);
}

/// The guide's tex(x) in one dimension.
double reference(const std::vector<double> &t, double x, bool normalized, AddressMode mode,
                 FilterMode filter, double border)
{
    auto n = double(t.size());
    auto texel = [&](double i) {
        if (mode == AddressMode::border && (i < 0 || i >= n))
            return border;
        if (mode == AddressMode::wrap && normalized)
            i = i - n * std::floor(i / n);
        else if (mode == AddressMode::mirror && normalized) {
            double period = std::floor(i / n);
            double inside = i - n * period;
            i = std::fmod(std::fabs(period), 2) == 1 ? n - 1 - inside : inside;
        }
        return t[size_t(std::min(std::max(i, 0.0), n - 1))];
    };
    double at = normalized ? x * n : x;
    if (filter == FilterMode::point)
        return texel(std::floor(at));
    double i = std::floor(at - 0.5), alpha = std::round((at - 0.5 - i) * 256) / 256;
    return (1 - alpha) * texel(i) + alpha * texel(i + 1);
}

TEST(Sample, OneDimensionInEveryMode)
{
    std::vector<double> values{3, -1, 7, 20, 5, 11, 2, 40};
    Texture texture;
    texture.image = make_image<float>(ImageShape::one, ChannelFormat::f32, 1, 8, 1, 1,
                                      [&](u32 x, u32, u32, u32) { return values[x]; });
    texture.sampler.border = {100, 0, 0, 0};
    for (bool normalized : {false, true})
        for (auto mode :
             {AddressMode::wrap, AddressMode::clamp, AddressMode::mirror, AddressMode::border})
            for (auto filter : {FilterMode::point, FilterMode::linear}) {
                texture.sampler.normalized_coordinates = normalized;
                texture.sampler.address = {mode, mode, mode};
                texture.sampler.filter = filter;
                // Sixteenths of a texel, none on the edge between two for point sampling.
                for (int step = -400; step < 400; step++) {
                    double x = (step + 0.5) / 16 / (normalized ? 8 : 1);
                    Lookup lookup;
                    lookup.at = {float(x), 0, 0};
                    EXPECT_FLOAT_EQ(value_of(sample(texture, lookup)),
                                    float(reference(values, x, normalized, mode, filter, 100)))
                        << "x " << x << " normalized " << normalized << " mode " << int(mode)
                        << " filter " << int(filter);
                }
            }
}

TEST(Sample, TheFractionHasEightBits)
{
    Texture texture;
    texture.image = make_image<float>(ImageShape::one, ChannelFormat::f32, 1, 2, 1, 1,
                                      [](u32 x, u32, u32, u32) { return x ? 256 : 0; });
    texture.sampler.address[0] = AddressMode::clamp;
    texture.sampler.filter = FilterMode::linear;
    for (float x : {0.5f + 0.4f / 256, 0.5f + 0.6f / 256, 0.5f + 100.3f / 256, 1.5f - 0.1f / 256}) {
        Lookup lookup;
        lookup.at = {x, 0, 0};
        EXPECT_EQ(value_of(sample(texture, lookup)), std::round((x - 0.5f) * 256)) << x;
    }
}

TEST(Sample, StrangeCoordinatesStayInside)
{
    Texture texture;
    texture.image = make_image<float>(ImageShape::three, ChannelFormat::f32, 4, 3, 5, 2,
                                      [](u32, u32, u32, u32) { return 1; });
    texture.sampler.border = {1, 1, 1, 1};
    for (bool normalized : {false, true})
        for (int mode = 0; mode < 4; mode++)
            for (auto filter : {FilterMode::point, FilterMode::linear})
                for (float x : {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e10f, -0.f, 0x1p-149f}) {
                    texture.sampler.normalized_coordinates = normalized;
                    texture.sampler.address.fill(AddressMode(mode));
                    texture.sampler.filter = filter;
                    Lookup lookup;
                    lookup.at = {x, x, x};
                    EXPECT_EQ(value_of(sample(texture, lookup), 3), 1) << x;
                    lookup.by_texel = true;
                    lookup.texel = {INT32_MIN, INT32_MAX, -1};
                    EXPECT_EQ(value_of(sample(texture, lookup), 3), 1);
                }
}

TEST(Sample, TwoAndThreeDimensions)
{
    auto make = [](u32 x, u32 y, u32 z, u32 c) { return x * 10.0 + y * 100 + z * 1000 + c; };
    Texture texture;
    texture.sampler.address.fill(AddressMode::clamp);
    texture.sampler.filter = FilterMode::linear;
    texture.image = make_image<float>(ImageShape::two, ChannelFormat::f32, 4, 6, 5, 1, make);
    // Linear functions are reproduced exactly away from the edges.
    for (float x : {0.75f, 2.5f, 4.125f})
        for (float y : {0.5f, 3.25f}) {
            Lookup lookup;
            lookup.at = {x, y, 0};
            Texel texel = sample(texture, lookup);
            for (unsigned c = 0; c < 4; c++)
                EXPECT_FLOAT_EQ(value_of(texel, c), float((x - 0.5) * 10 + (y - 0.5) * 100 + c));
            auto corner = [&](int dx, int dy) {
                return float(make(u32(std::floor(x - 0.5f)) + u32(dx),
                                  u32(std::floor(y - 0.5f)) + u32(dy), 0, 2));
            };
            Texel four = gather(texture, lookup, 2);
            EXPECT_EQ(value_of(four, 0), corner(0, 1));
            EXPECT_EQ(value_of(four, 1), corner(1, 1));
            EXPECT_EQ(value_of(four, 2), corner(1, 0));
            EXPECT_EQ(value_of(four, 3), corner(0, 0));
        }
    texture.image = make_image<float>(ImageShape::three, ChannelFormat::f32, 1, 6, 5, 4, make);
    texture.sampler.normalized_coordinates = true;
    Lookup lookup;
    lookup.at = {2.75f / 6, 1.5f / 5, 2.25f / 4};
    EXPECT_NEAR(value_of(sample(texture, lookup)), 22.5 + 100 + 1750, 1e-3);
}

TEST(Sample, IntegersAreReadAsNumbersOrAsFractions)
{
    Texture texture;
    texture.image = make_image<int8_t>(ImageShape::two, ChannelFormat::s8, 2, 2, 1, 1,
                                       [](u32 x, u32, u32, u32 c) { return x ? -128 : 64 + c; });
    Lookup lookup;
    Texel texel = sample(texture, lookup);
    EXPECT_FLOAT_EQ(value_of(texel, 0), 64.f / 127);
    EXPECT_FLOAT_EQ(value_of(texel, 1), 65.f / 127);
    EXPECT_EQ(value_of(texel, 2), 0);
    EXPECT_EQ(value_of(texel, 3), 1);
    lookup.at[0] = 1;
    EXPECT_EQ(value_of(sample(texture, lookup)), -1);
    texture.sampler.read_as_integer = true;
    EXPECT_EQ(sample(texture, lookup), (Texel{u32(-128), u32(-128), 0, 1}));
    texture.image = make_image<uint16_t>(ImageShape::two, ChannelFormat::u16, 1, 2, 1, 1,
                                         [](u32, u32, u32, u32) { return 0xfffe; });
    EXPECT_EQ(sample(texture, lookup)[0], 0xfffeu);
    texture.sampler.read_as_integer = false;
    EXPECT_FLOAT_EQ(value_of(sample(texture, lookup)), 65534.f / 65535);
    texture.sampler.srgb = true; // of 8-bit formats alone
    EXPECT_FLOAT_EQ(value_of(sample(texture, lookup)), 65534.f / 65535);
    texture.image = make_image<uint8_t>(ImageShape::two, ChannelFormat::u8, 4, 1, 1, 1,
                                        [](u32, u32, u32, u32) { return 128; });
    lookup.at[0] = 0;
    texel = sample(texture, lookup);
    EXPECT_NEAR(value_of(texel, 0), 0.21586, 1e-5);
    EXPECT_FLOAT_EQ(value_of(texel, 3), 128.f / 255);
    texture.image = make_image<uint16_t>(ImageShape::two, ChannelFormat::f16, 4, 1, 1, 1,
                                         [](u32, u32, u32, u32 c) {
                                             return (u32[]){0x3c00, 0xc500, 0x0001, 0x7c00}[c];
                                         });
    texel = sample(texture, lookup);
    EXPECT_EQ(value_of(texel, 0), 1);
    EXPECT_EQ(value_of(texel, 1), -5);
    EXPECT_EQ(value_of(texel, 2), 0x1p-24f);
    EXPECT_EQ(value_of(texel, 3), INFINITY);
}

TEST(Sample, LayersAndFaces)
{
    Texture texture;
    auto number = [](u32, u32, u32 z, u32) { return z; };
    texture.image =
        make_image<float>(ImageShape::two_layered, ChannelFormat::f32, 1, 4, 4, 3, number);
    for (u32 layer : {0u, 1u, 2u, 9u}) {
        Lookup lookup;
        lookup.layer = layer;
        EXPECT_EQ(value_of(sample(texture, lookup)), float(std::min(layer, 2u)));
    }
    texture.image =
        make_image<float>(ImageShape::cube_layered, ChannelFormat::f32, 1, 4, 4, 12, number);
    texture.sampler.normalized_coordinates = true;
    const std::array<float, 3> directions[] = {{1, .2f, -.3f},  {-2, .2f, .3f},   {.1f, 1, .2f},
                                               {.1f, -3, -.2f}, {-.1f, .3f, .5f}, {.1f, .3f, -.5f}};
    for (u32 layer = 0; layer < 2; layer++)
        for (u32 face = 0; face < 6; face++) {
            Lookup lookup;
            lookup.at = directions[face];
            lookup.layer = layer;
            EXPECT_EQ(value_of(sample(texture, lookup)), float(layer * 6 + face));
        }
}

TEST(Sample, CubeFacesAreTurnedAsTheGuideSays)
{
    // s grows with x, t with y: the guide's table gives them for each direction.
    Texture texture;
    texture.sampler.normalized_coordinates = true;
    texture.image = make_image<float>(ImageShape::cube, ChannelFormat::f32, 2, 64, 64, 6,
                                      [](u32 x, u32 y, u32, u32 c) { return c ? y : x; });
    struct Row {
        std::array<float, 3> direction;
        float s, t; ///< over |m|
    };
    const Row rows[] = {{{1, .25f, .5f}, -.5f, -.25f}, {{-1, .25f, .5f}, .5f, -.25f},
                        {{.25f, 1, .5f}, .25f, .5f},   {{.25f, -1, .5f}, .25f, -.5f},
                        {{.25f, .5f, 1}, .25f, -.5f},  {{.25f, .5f, -1}, -.25f, -.5f}};
    for (const Row &row : rows) {
        Lookup lookup;
        lookup.at = row.direction;
        Texel texel = sample(texture, lookup);
        EXPECT_EQ(value_of(texel, 0), std::floor((row.s + 1) / 2 * 64));
        EXPECT_EQ(value_of(texel, 1), std::floor((row.t + 1) / 2 * 64));
    }
}

TEST(Sample, SeamlessCubesBlendOverEdges)
{
    // Between +x (0) and +z (4), looking between them: half of each.
    Texture texture;
    texture.sampler.filter = FilterMode::linear;
    texture.sampler.normalized_coordinates = true;
    texture.image = make_image<float>(ImageShape::cube, ChannelFormat::f32, 1, 8, 8, 6,
                                      [](u32, u32, u32 z, u32) { return z; });
    Lookup lookup;
    lookup.at = {1, 0.05f, 0.9999f};
    EXPECT_EQ(value_of(sample(texture, lookup)), 0);
    texture.sampler.seamless_cubemap = true;
    EXPECT_NEAR(value_of(sample(texture, lookup)), 2, 0.05);
    lookup.at = {1, 0.999f, 0.9999f}; // a corner: nothing but the three faces
    float corner = value_of(sample(texture, lookup));
    EXPECT_GT(corner, 1);
    EXPECT_LT(corner, 4);
}

TEST(Sample, MipmapLevels)
{
    Texture texture;
    texture.sampler.normalized_coordinates = true;
    texture.sampler.level_max = 10;
    for (int level = 0; level < 3; level++) {
        Image one =
            make_image<float>(ImageShape::two, ChannelFormat::f32, 1, 8 >> level, 8 >> level, 1,
                              [&](u32, u32, u32, u32) { return level * 10; });
        if (level == 0)
            texture.image = one;
        else {
            texture.image.levels.push_back(one.levels[0]);
            // Each level's memory lives as long as the first's owner.
            texture.image.owner = std::make_shared<
                std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
                texture.image.owner, one.owner);
        }
    }
    auto at = [&](float level) {
        Lookup lookup;
        lookup.at = {0.5f, 0.5f, 0};
        lookup.level = level;
        return value_of(sample(texture, lookup));
    };
    EXPECT_EQ(at(-5), 0);
    EXPECT_EQ(at(0.4f), 0);
    EXPECT_EQ(at(0.6f), 10);
    EXPECT_EQ(at(99), 20);
    texture.sampler.mipmap_filter = FilterMode::linear;
    EXPECT_FLOAT_EQ(at(0.25f), 2.5f);
    EXPECT_FLOAT_EQ(at(1.5f), 15);
    texture.sampler.level_bias = 0.5f;
    EXPECT_FLOAT_EQ(at(0.25f), 7.5f);
    texture.sampler.level_min = 1;
    texture.sampler.level_max = 1.5f;
    EXPECT_FLOAT_EQ(at(0), 10);
    EXPECT_FLOAT_EQ(at(9), 15);
    EXPECT_FLOAT_EQ(level_of_gradients(texture.image, {0.5f, 0, 0}, {0, 0.125f, 0}), 2);
    EXPECT_FLOAT_EQ(level_of_gradients(texture.image, {0.125f, 0, 9}, {0, 0.25f, 0}), 1);
}

class Textures : public TestMachine
{
protected:
    std::shared_ptr<const Texture> texture(uint64_t object) override
    {
        return object == 77 ? texture_ : nullptr;
    }
    std::shared_ptr<const Image> surface(uint64_t object) override
    {
        return object == 78 ? surface_ : nullptr;
    }
    void set_texture(Texture texture) { texture_ = std::make_shared<Texture>(std::move(texture)); }
    void set_surface(Image image) { surface_ = std::make_shared<Image>(std::move(image)); }

    static constexpr const char *kGive = "mul.wide.u32 %d9, %r0, 16; add.u64 %d9, %d9, %p0; "
                                         "st.global.v4.f32 [%d9], {%f1, %f2, %f3, %f4};";
    static constexpr const char *kGiveWords = "mul.wide.u32 %d9, %r0, 16; add.u64 %d9, %d9, %p0; "
                                              "st.global.v4.u32 [%d9], {%r1, %r2, %r3, %r4};";
    std::shared_ptr<const Texture> texture_;
    std::shared_ptr<const Image> surface_;
};

TEST_F(Textures, EveryGeometry)
{
    auto make = [](u32 x, u32 y, u32 z, u32 c) { return x + 10 * y + 100 * z + 1000 * c; };
    struct Case {
        ImageShape shape;
        u32 height, depth;
        const char *text;
        u32 y, z;
    };
    const Case cases[] = {
        {ImageShape::one, 1, 1, "tex.1d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%f5}];", 0, 0},
        {ImageShape::one, 1, 1, "tex.1d.v4.f32.s32 {%f1, %f2, %f3, %f4}, [%p1, {%r0}];", 0, 0},
        {ImageShape::two, 4, 1, "tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%f5, %f6}];", 2, 0},
        {ImageShape::two, 4, 1,
         "tex.level.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}|%q1, [%p1, {%f5, %f6}], 0f3F800000;", 2, 0},
        {ImageShape::two, 4, 1,
         "tex.grad.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%f5, %f6}], {%f5, %f5}, {%f5, %f6};",
         2, 0},
        {ImageShape::three, 4, 3,
         "tex.3d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%f5, %f6, %f7, %f7}];", 2, 1},
        {ImageShape::one_layered, 1, 3,
         "tex.a1d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%r7, %f5}];", 0, 2},
        {ImageShape::two_layered, 4, 3,
         "tex.a2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%r7, %f5, %f6, %f6}];", 2, 2},
    };
    for (const Case &one : cases) {
        SCOPED_TRACE(one.text);
        Texture texture;
        texture.sampler.address.fill(AddressMode::clamp);
        texture.image =
            make_image<float>(one.shape, ChannelFormat::f32, 4, 32, one.height, one.depth, make);
        set_texture(std::move(texture));
        auto got = evaluate<float>("cvt.rn.f32.u32 %f5, %r0; add.f32 %f5, %f5, 0f3F000000;\n"
                                   "mov.f32 %f6, 0f40200000; mov.f32 %f7, 0f3FC00000; "
                                   "mov.u32 %r7, 2;\n" +
                                       std::string(one.text) + kGive,
                                   128, 32, {77});
        for (u32 lane = 0; lane < 32; lane++)
            for (u32 c = 0; c < 4; c++)
                EXPECT_EQ(got[lane * 4 + c], float(make(lane, one.y, one.z, c))) << lane;
    }
}

TEST_F(Textures, CubesAndGathers)
{
    Texture texture;
    texture.sampler.normalized_coordinates = true;
    texture.image = make_image<float>(ImageShape::cube_layered, ChannelFormat::f32, 1, 4, 4, 12,
                                      [](u32, u32, u32 z, u32) { return z; });
    set_texture(texture);
    // Lane 0 looks along -z, lane 1 along -2z ...
    auto got =
        evaluate<float>("cvt.rn.f32.u32 %f5, %r0; add.f32 %f5, %f5, 0f3F800000; neg.f32 %f5, %f5; "
                        "mov.f32 %f6, 0f3DCCCCCD; mov.u32 %r7, 1;\n"
                        "tex.acube.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%r7, %f6, %f6, %f5}];" +
                            std::string(kGive),
                        8, 2, {77});
    EXPECT_EQ(got[0], 11);
    texture.image =
        make_image<uint8_t>(ImageShape::two, ChannelFormat::u8, 4, 4, 4, 1,
                            [](u32 x, u32 y, u32, u32 c) { return c * 50 + y * 4 + x; });
    texture.sampler.read_as_integer = true;
    texture.sampler.normalized_coordinates = false;
    texture.sampler.address.fill(AddressMode::clamp);
    set_texture(texture);
    auto words = evaluate<u32>("mov.f32 %f5, 0f40000000; // 2: between texels 1 and 2\n"
                               "tld4.g.2d.v4.u32.f32 {%r1, %r2, %r3, %r4}, [%p1, {%f5, %f5}];" +
                                   std::string(kGiveWords),
                               4, 1, {77});
    EXPECT_EQ(words, (std::vector<u32>{50 + 9, 50 + 10, 50 + 6, 50 + 5}));
}

TEST_F(Textures, LinearMemoryIsReadByIndex)
{
    Texture texture;
    uint64_t memory = upload<int16_t>({-1, 200, 300});
    texture.image.shape = ImageShape::linear;
    texture.image.format = ChannelFormat::s16;
    texture.image.levels.push_back({at<std::byte>(memory), 3, 1, 1, 6, 6});
    texture.image.device_memory = true;
    texture.sampler.read_as_integer = true;
    set_texture(texture);
    std::string body = "sub.s32 %r9, %r0, 1;\n"
                       "tex.1d.v4.s32.s32 {%r1, %r2, %r3, %r4}, [%p1, {%r9}];" +
                       std::string(kGiveWords);
    auto got = evaluate<u32>(body, 32, 8, {77});
    for (u32 lane = 0; lane < 8; lane++)
        EXPECT_EQ(int32_t(got[lane * 4]), lane == 1 ? -1 : lane == 2 ? 200 : lane == 3 ? 300 : 0);
    // The object outlives its memory: a fault, not a read of what is there now.
    memory_.remove(memory);
    uint64_t out = allocate_device(512);
    Fault fault = run(kernel(body), {1}, {1}, {out, 77});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_address);
    fault = run(kernel(body), {1}, {1}, {out, 5});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_address);
    EXPECT_NE(fault.text.find("no texture object 0x5"), std::string::npos) << fault.text;
}

TEST_F(Textures, Queries)
{
    Texture texture;
    texture.image = make_image<float>(ImageShape::two_layered, ChannelFormat::f32, 1, 20, 10, 3,
                                      [](u32, u32, u32, u32) { return 0; });
    set_surface(texture.image);
    set_texture(texture);
    auto got =
        evaluate<u32>("txq.width.b32 %r1, [%p1]; txq.height.b32 %r2, [%p1];\n"
                      "txq.array_size.b32 %r3, [%p1]; txq.num_mipmap_levels.b32 %r4, [%p1];" +
                          std::string(kGiveWords),
                      4, 1, {77});
    EXPECT_EQ(got, (std::vector<u32>{20, 10, 3, 1}));
    got = evaluate<u32>("suq.width.b32 %r1, [%p1]; suq.height.b32 %r2, [%p1];\n"
                        "suq.array_size.b32 %r3, [%p1]; suq.depth.b32 %r4, [%p1];" +
                            std::string(kGiveWords),
                        4, 1, {78});
    EXPECT_EQ(got, (std::vector<u32>{20, 10, 3, 1}));
}

TEST_F(Textures, SurfacesAreWrittenAndRead)
{
    Image image = make_image<u32>(ImageShape::two, ChannelFormat::u32, 1, 8, 4, 1,
                                  [](u32 x, u32 y, u32, u32) { return 100 * y + x; });
    set_surface(image);
    // Column 1 of lane 0 to 3: doubled; then two neighbours are read at once.
    auto got = evaluate<u32>(
        "mov.u32 %r9, 4; suld.b.2d.b32.trap {%r1}, [%p1, {%r9, %r0}]; shl.b32 %r1, %r1, 1;\n"
        "sust.b.2d.b32.trap [%p1, {%r9, %r0}], {%r1}; mov.u32 %r9, 0;\n"
        "suld.b.2d.v2.b32.trap {%r1, %r2}, [%p1, {%r9, %r0}]; mov.u32 %r3, 0; mov.u32 %r4, 0;" +
            std::string(kGiveWords),
        16, 4, {78});
    for (u32 y = 0; y < 4; y++) {
        EXPECT_EQ(got[y * 4], 100 * y);
        EXPECT_EQ(got[y * 4 + 1], 2 * (100 * y + 1));
    }
    // Bytes of an element, three dimensions, layers; all lanes add to one place.
    image = make_image<u32>(ImageShape::three, ChannelFormat::u32, 1, 4, 4, 4,
                            [](u32 x, u32 y, u32 z, u32) { return 0x01020304 + x + y + z; });
    set_surface(image);
    got = evaluate<u32>(
        "mov.u32 %r9, 1; suld.b.3d.b8.trap {%h1}, [%p1, {%r9, %r9, %r9, %r9}]; "
        "cvt.u32.u16 %r1, %h1;\n"
        "mov.u32 %r9, 8; mov.u32 %r8, 3; sured.b.add.3d.u32.trap [%p1, {%r9, %r8, %r8, %r8}], %r0;"
        "bar.sync 0; suld.b.3d.b32.trap {%r2}, [%p1, {%r9, %r8, %r8, %r8}];\n"
        "suld.b.a2d.b32.trap {%r3}, [%p1, {%r8, %r9, %r8, %r8}]; mov.u32 %r4, 0;" +
            std::string(kGiveWords),
        256, 64, {78});
    EXPECT_EQ(got[0], 3u);
    EXPECT_EQ(got[1], 0x01020304u + 2 + 3 + 3 + 63 * 32);
    EXPECT_EQ(got[2], got[1]);
}

TEST_F(Textures, SurfacesHaveEdges)
{
    Image image = make_image<uint16_t>(ImageShape::two, ChannelFormat::u16, 1, 8, 4, 1,
                                       [](u32 x, u32 y, u32, u32) { return 100 * y + x + 1; });
    set_surface(image);
    // x = -2, 14 (the last), 16 bytes, and y = 3, 3, 9.
    std::string place = "mad.lo.s32 %r9, %r0, 16, -2; setp.eq.u32 %q1, %r0, 2; selp.s32 %r8, 9, 3, "
                        "%q1; @%q1 mov.u32 %r9, 16;\n";
    auto read = [&](const std::string &mode) {
        return evaluate<u32>(place + "suld.b.2d.b16." + mode +
                                 " {%h1}, [%p1, {%r9, %r8}]; cvt.u32.u16 %r1, %h1; "
                                 "mov.u32 %r2, 0; mov.u32 %r3, 0; mov.u32 %r4, 0;" +
                                 kGiveWords,
                             12, 3, {78});
    };
    auto clamp = read("clamp"), zero = read("zero");
    EXPECT_EQ(clamp[0], 301u);
    EXPECT_EQ(clamp[4], 308u);
    EXPECT_EQ(clamp[8], 308u);
    EXPECT_EQ(zero[0], 0u);
    EXPECT_EQ(zero[4], 308u);
    EXPECT_EQ(zero[8], 0u);
    auto fault = [&](const std::string &text, uint64_t object = 78) {
        return run(kernel(place + text), {1}, {3}, {0, object}).kind;
    };
    EXPECT_EQ(fault("suld.b.2d.b16.trap {%h1}, [%p1, {%r9, %r8}];"), Fault::Kind::trap);
    EXPECT_EQ(fault("mov.u32 %r9, 1; suld.b.2d.b16.trap {%h1}, [%p1, {%r9, %r9}];"),
              Fault::Kind::misaligned_address);
    EXPECT_EQ(fault("suld.b.2d.b16.zero {%h1}, [%p1, {%r9, %r8}];", 77),
              Fault::Kind::illegal_address);
    // A dropped store touches nothing.
    EXPECT_EQ(fault("mov.u16 %h1, 7; sust.b.2d.b16.zero [%p1, {%r9, %r8}], {%h1};"),
              Fault::Kind::none);
    EXPECT_EQ(read("clamp")[0], 301u);
    EXPECT_EQ(read("clamp")[4], 7u);
}

TEST_F(Textures, RefusesWhatItDoesNotKnow)
{
    auto refusal = [](const std::string &text) {
        try {
            Program::compile(kernel(text));
            return std::string();
        } catch (const std::exception &error) {
            return std::string(error.what());
        }
    };
    for (std::string text : {"tex.2dms.v4.f32.s32", "tex.2d.v2.f16x2.f32", "tld4.r.3d.v4.f32.f32",
                             "sust.p.2d.v4.b32.trap", "suld.b.2d.v4.b64.trap",
                             "txq.channel_order.b32", "sured.b.add.2d.b16.trap"})
        EXPECT_NE(refusal(text + " {%f1, %f2, %f3, %f4}, [%p1, {%f5, %f6}];")
                      .find(text + " is not supported"),
                  std::string::npos)
            << text;
    EXPECT_NE(refusal("tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%p1, {%f5}];")
                  .find("wrong number of coordinates"),
              std::string::npos);
    EXPECT_NE(refusal("tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [image, {%f5, %f5}];")
                  .find("only objects"),
              std::string::npos);
}

} // namespace
} // namespace vgpu::soft
