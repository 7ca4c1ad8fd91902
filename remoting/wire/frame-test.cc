// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/fields.h"
#include "remoting/wire/frame.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

namespace vgpu::wire
{

static const Deadline soon()
{
    return Deadline::after_ms(5000);
}

static msgpack::object_handle reread(const Map &map)
{
    auto packed = map.pack();
    return parse_frame(std::as_bytes(std::span(packed.data(), packed.size())));
}

static Map sample()
{
    const char bin[] = {0, 1, 2};
    return Map()
        .set("text", "hello")
        .set("number", 7u)
        .set("negative", -7)
        .set("large", UINT64_MAX)
        .set("real", 0.5)
        .set("yes", true)
        .set("bin", std::as_bytes(std::span(bin)))
        .set("map", Map().set("inner", 1))
        .set("array", Array().add(Map().set("a", 1)).add("b").add(3));
}

TEST(Fields, RoundTrip)
{
    auto handle = reread(sample());
    const auto &map = handle.get();
    EXPECT_EQ(get_string(map, "text"), "hello");
    EXPECT_EQ(get_u64(map, "number"), 7u);
    EXPECT_EQ(get_i64(map, "number"), 7);
    EXPECT_EQ(get_i64(map, "negative"), -7);
    EXPECT_EQ(get_u64(map, "large"), UINT64_MAX);
    EXPECT_EQ(get_f64(map, "real"), 0.5);
    EXPECT_EQ(get_f64(map, "number"), 7.0);
    EXPECT_TRUE(get_bool(map, "yes"));
    EXPECT_EQ(get_bytes(map, "bin").size(), 3u);
    EXPECT_EQ(get_u64(get_map(map, "map"), "inner"), 1u);
    auto array = get_array(map, "array");
    ASSERT_EQ(array.size(), 3u);
    EXPECT_EQ(get_u64(array[0], "a"), 1u);
    EXPECT_EQ(get_u64(map, "absent", 5), 5u);
    EXPECT_EQ(get_string(map, "absent", "x"), "x");
    EXPECT_TRUE(get_array_or_empty(map, "absent").empty());
    auto copy = reread(Map().set("copied", map));
    EXPECT_EQ(get_string(get_map(copy.get(), "copied"), "text"), "hello");
}

TEST(Fields, WrongTypesNameTheKey)
{
    auto handle = reread(sample());
    const auto &map = handle.get();
    EXPECT_EQ(refusal([&] { get_string(map, "absent"); }).text,
              "the control message has no 'absent'");
    EXPECT_EQ(refusal([&] { get_string(map, "number"); }).text,
              "'number' of the control message is not a text");
    EXPECT_EQ(refusal([&] { get_u64(map, "negative"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_i64(map, "large"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_u64(map, "text", 5); }).code, EPROTO); // present, and wrong
    EXPECT_EQ(refusal([&] { get_bool(map, "number"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_f64(map, "text"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_bytes(map, "text"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_map(map, "array"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_array(map, "map"); }).code, EPROTO);
    EXPECT_EQ(refusal([&] { get_u64(get_array(map, "array")[1], "a"); }).code, EPROTO);
    auto nul = reread(Map().set("text", std::string_view("a\0b", 3)));
    EXPECT_EQ(refusal([&] { get_string(nul.get(), "text"); }).code, EPROTO);
}

TEST(Frame, TravelsWithDescriptors)
{
    SocketPair pair;
    Fd file = memfd("test", 4096);
    int fd = file.get();
    send_frame(pair.a.get(), sample().pack(), soon(), std::span(&fd, 1));
    send_frame(pair.a.get(), Map().set("second", 2).pack(), soon());
    std::vector<Fd> fds;
    auto first = receive_frame(pair.b.get(), kMaxFrame, soon(), &fds);
    EXPECT_EQ(get_string(first.get(), "text"), "hello");
    ASSERT_EQ(fds.size(), 1u);
    check_memfd(fds[0].get(), 4096);
    auto second = receive_frame(pair.b.get(), kMaxFrame, soon(), &fds);
    EXPECT_EQ(get_u64(second.get(), "second"), 2u);
    EXPECT_EQ(fds.size(), 1u);
}

TEST(Frame, LargeOnesPassThroughASmallSocket)
{
    SocketPair pair;
    std::string large(900'000, 'x');
    std::thread writer([&] { send_frame(pair.a.get(), Map().set("x", large).pack(), soon()); });
    auto frame = receive_frame(pair.b.get(), kMaxFrame, soon());
    writer.join();
    EXPECT_EQ(get_string(frame.get(), "x"), large);
    EXPECT_EQ(refusal([&] { frame_bytes(Map().set("x", std::string(1 << 20, 'x')).pack()); }).code,
              EMSGSIZE);
}

static Refusal receive_raw(std::string_view bytes, size_t max = kMaxFrame)
{
    SocketPair pair;
    write_all(pair.a.get(), std::as_bytes(std::span(bytes)), soon());
    pair.a.reset();
    return refusal([&] { receive_frame(pair.b.get(), max, soon()); });
}

TEST(Frame, HostileOnesAreRefused)
{
    using namespace std::string_view_literals;
    EXPECT_EQ(receive_raw("\x01\0\0\0\x80"sv).code, 0); // an empty map: the honest one
    EXPECT_EQ(receive_raw(""sv).code, ECONNRESET);
    EXPECT_EQ(receive_raw("\x01\0"sv).code, ECONNRESET);
    EXPECT_EQ(receive_raw("\x09\0\0\0\x80"sv).code, ECONNRESET); // truncated
    EXPECT_EQ(receive_raw("\0\0\0\0"sv).code, EPROTO);
    EXPECT_EQ(receive_raw("\xff\xff\xff\xff\x80"sv).code, EPROTO);
    EXPECT_EQ(receive_raw("\x01\0\x01\0"sv, kMaxOpeningFrame).code, EPROTO);
    EXPECT_EQ(receive_raw("\x01\0\0\0\x90"sv).code, EPROTO);                 // an array
    EXPECT_EQ(receive_raw("\x02\0\0\0\x80\x80"sv).code, EPROTO);             // two maps
    EXPECT_EQ(receive_raw("\x01\0\0\0\xc1"sv).code, EPROTO);                 // no msgpack
    EXPECT_EQ(receive_raw("\x05\0\0\0\xdf\xff\xff\xff\xff"sv).code, EPROTO); // 4 G of pairs
    EXPECT_EQ(receive_raw("\x07\0\0\0\x81\xa1k\xdc\xff\xff\xc0"sv).code, EPROTO);
    std::string deep = "\x81\xa1k";
    deep += std::string(100, '\x91') + "\xc0";
    EXPECT_EQ(receive_raw(std::string("\x68\0\0\0", 4) + deep).code, EPROTO);
}

TEST(Frame, DeadlineHolds)
{
    SocketPair pair;
    EXPECT_EQ(refusal([&] { receive_frame(pair.b.get(), kMaxFrame, Deadline::after_ms(5)); }).code,
              ETIMEDOUT);
}

TEST(FrameReader, PutsFramesTogetherFromAnyPieces)
{
    std::string bytes;
    for (uint32_t i = 0; i < 50; ++i)
        bytes += frame_bytes(Map().set("i", i).set("pad", std::string(i * 11, 'p')).pack());
    for (size_t piece : {size_t(1), size_t(3), size_t(1000), bytes.size()}) {
        FrameReader reader;
        uint32_t seen = 0;
        for (size_t at = 0; at < bytes.size(); at += piece) {
            auto part = std::string_view(bytes).substr(at, piece);
            reader.feed(std::as_bytes(std::span(part)));
            while (auto frame = reader.next())
                EXPECT_EQ(get_u64(frame->get(), "i"), seen++);
        }
        EXPECT_EQ(seen, 50u);
        EXPECT_EQ(reader.pending(), 0u);
    }
}

TEST(FrameReader, RefusesTooLargeAFrameBeforeItHasCome)
{
    FrameReader reader(kMaxOpeningFrame);
    uint32_t count = kMaxOpeningFrame + 1;
    reader.feed(std::as_bytes(std::span(&count, 1)));
    EXPECT_EQ(refusal([&] { reader.next(); }).code, EPROTO);
    reader.set_max(kMaxFrame);
    EXPECT_FALSE(reader.next());
}

} // namespace vgpu::wire
