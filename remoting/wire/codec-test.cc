// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/codec.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace vgpu::wire
{

TEST(Codec, RoundTrip)
{
    std::vector<std::byte> out;
    Encoder encoder(out);
    encoder.u64(UINT64_MAX);
    encoder.i64(-3);
    encoder.f64(0.1);
    encoder.f32(-2.5f);
    encoder.u64(UINT32_MAX);
    encoder.i64(INT32_MIN);
    encoder.u64(1);
    const char five[5] = {1, 2, 3, 4, 5};
    encoder.bytes(std::as_bytes(std::span(five)));
    encoder.string("hello");
    encoder.string("");
    encoder.space(3)[2] = std::byte(9);
    EXPECT_EQ(out.size() % 8, 0u);

    Decoder decoder(out);
    EXPECT_EQ(decoder.u64(), UINT64_MAX);
    EXPECT_EQ(decoder.i64(), -3);
    EXPECT_EQ(decoder.f64(), 0.1);
    EXPECT_EQ(decoder.f32(), -2.5f);
    EXPECT_EQ(decoder.u32(), UINT32_MAX);
    EXPECT_EQ(decoder.i32(), INT32_MIN);
    EXPECT_TRUE(decoder.boolean());
    EXPECT_EQ(decoder.bytes(5)[4], std::byte(5));
    EXPECT_EQ(decoder.string(5), "hello");
    EXPECT_EQ(decoder.string(5), "");
    EXPECT_FALSE(decoder.done());
    EXPECT_EQ(decoder.bytes(3)[2], std::byte(9));
    EXPECT_TRUE(decoder.done());
}

TEST(Codec, LayoutIsAsDocumented)
{
    std::vector<std::byte> out;
    Encoder encoder(out);
    encoder.u64(0x0102030405060708);
    encoder.string("ab");
    const unsigned char expected[] = {8, 7, 6, 5, 4,   3,   2, 1, 2, 0, 0, 0,
                                      0, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 0, 0};
    ASSERT_EQ(out.size(), sizeof expected);
    EXPECT_EQ(std::memcmp(out.data(), expected, sizeof expected), 0);
}

TEST(Codec, FailureSticks)
{
    std::vector<std::byte> out;
    Encoder encoder(out);
    encoder.u64(2);
    encoder.u64(77);
    Decoder decoder(out);
    EXPECT_FALSE(decoder.boolean());
    EXPECT_STREQ(decoder.why(), "a truth value is neither 0 nor 1");
    EXPECT_EQ(decoder.u64(), 0u); // though there would be one
    EXPECT_STREQ(decoder.why(), "a truth value is neither 0 nor 1");
    EXPECT_FALSE(decoder.ok());
    EXPECT_FALSE(decoder.done());
    EXPECT_TRUE(decoder.bytes(0).empty());
    EXPECT_TRUE(decoder.string(10).empty());
}

TEST(Codec, TruncationIsRefusedEverywhere)
{
    std::vector<std::byte> out;
    Encoder encoder(out);
    encoder.u64(1);
    encoder.string("hello, world");
    for (size_t n = 0; n < out.size(); ++n) {
        Decoder decoder(std::span<const std::byte>(out.data(), n));
        decoder.u64();
        decoder.string(100);
        EXPECT_FALSE(decoder.ok()) << n;
    }
}

TEST(Codec, LyingLengthsAreRefused)
{
    for (uint64_t length : {uint64_t(9), uint64_t(1) << 32, UINT64_MAX, UINT64_MAX - 6}) {
        std::vector<std::byte> out;
        Encoder encoder(out);
        encoder.u64(length);
        encoder.u64(0);
        Decoder as_string(out);
        EXPECT_TRUE(as_string.string(SIZE_MAX).empty());
        EXPECT_FALSE(as_string.ok());
        Decoder as_bytes(std::span<const std::byte>(out.data() + 8, 8));
        EXPECT_TRUE(as_bytes.bytes(length).empty());
        EXPECT_FALSE(as_bytes.ok());
    }
    std::vector<std::byte> out;
    Encoder(out).string("too long");
    Decoder decoder(out);
    EXPECT_TRUE(decoder.string(7).empty());
    EXPECT_STREQ(decoder.why(), "a string is longer than allowed");
}

TEST(Codec, NarrowValuesMustFit)
{
    std::vector<std::byte> out;
    Encoder(out).u64(uint64_t(1) << 32);
    EXPECT_EQ(Decoder(out).u32(), 0u);
    Decoder unsigned32(out), signed32(out), real(out);
    unsigned32.u32();
    signed32.i32();
    real.f32();
    EXPECT_FALSE(unsigned32.ok());
    EXPECT_FALSE(signed32.ok());
    EXPECT_FALSE(real.ok());
}

TEST(Message, HeaderLayoutIsAsDocumented)
{
    std::byte bytes[16];
    put_header(bytes, {0x11223344, 0x5566, kWantsReply | kMore, 0x778899aa, 0xbbccddee});
    const unsigned char expected[] = {0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 5,    0,
                                      0xaa, 0x99, 0x88, 0x77, 0xee, 0xdd, 0xcc, 0xbb};
    EXPECT_EQ(std::memcmp(bytes, expected, 16), 0);
    EXPECT_EQ(get_header(bytes).sequence, 0x778899aau);
}

TEST(Message, SizesAreChecked)
{
    for (uint64_t bad : {0ull, 8ull, 15ull, 17ull, 20ull, 1048584ull, 4294967288ull})
        EXPECT_FALSE(valid_size(bad)) << bad;
    EXPECT_TRUE(valid_size(16));
    EXPECT_TRUE(valid_size(kMaxMessage));

    auto message = test_message(1, 64);
    EXPECT_EQ(checked_header(message).sequence, 1u);
    EXPECT_EQ(refusal([&] { checked_header(std::span(message).first(56)); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { checked_header(std::span(message).first(8)); }).code, EPROTO);

    auto whole = std::span<const std::byte>(message);
    check_outgoing(whole.first(16), whole.subspan(16));
    EXPECT_EQ(refusal([&] { check_outgoing(whole.first(16), {}); }).code, EINVAL);
    EXPECT_EQ(refusal([&] { check_outgoing(whole.first(8), {}); }).code, EINVAL);
    auto large = test_message(1, kMaxMessage + 8);
    EXPECT_EQ(refusal([&] { check_outgoing(large, {}); }).code, EMSGSIZE);
}

} // namespace vgpu::wire
