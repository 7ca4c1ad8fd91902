// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/compressed-stream.h"

#include "remoting/base/error.h"
#include "remoting/wire/memory-stream.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

namespace vgpu::wire
{
namespace
{

constexpr size_t kMiB = size_t(1) << 20;

std::vector<std::byte> text(size_t n)
{
    std::vector<std::byte> bytes(n);
    for (size_t i = 0; i < n; ++i)
        bytes[i] = std::byte("a data set that repeats itself "[i % 31]);
    return bytes;
}

std::vector<std::byte> noise(size_t n)
{
    std::vector<std::byte> bytes(n);
    std::mt19937_64 random(1);
    for (size_t i = 0; i + 8 <= n; i += 8) {
        const uint64_t word = random();
        std::memcpy(&bytes[i], &word, 8);
    }
    return bytes;
}

void write(BulkStream &stream, std::span<const std::byte> bytes)
{
    iovec piece{const_cast<std::byte *>(bytes.data()), bytes.size()};
    stream.write(std::span(&piece, 1));
}

// What arrives, read in pieces of so many bytes.
std::vector<std::byte> arrived(std::vector<std::byte> &wire, size_t total, size_t piece)
{
    auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire));
    std::vector<std::byte> out(total);
    for (size_t at = 0, n; at < total; at += n) {
        n = stream->read(std::span(out).subspan(at, std::min(piece, total - at)));
        if (n == 0)
            break;
    }
    EXPECT_EQ(stream->read(std::span(out).first(1)), 0u); // nothing more
    return out;
}

// A path on which each byte takes 100 ns, which is slower than any LZ4.
void slowly(size_t bytes)
{
    std::this_thread::sleep_for(std::chrono::nanoseconds(100 * bytes));
}

TEST(CompressedStream, TakesFewerBytesOnASlowPath)
{
    std::vector<std::byte> wire;
    const auto bytes = text(8 * kMiB);
    auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire, slowly));
    for (size_t at = 0; at < bytes.size(); at += 256 << 10)
        write(*stream, std::span(bytes).subspan(at, 256 << 10));
    EXPECT_LT(wire.size(), bytes.size() * 3 / 4); // how much is the machine's load's business
    for (size_t piece : {size_t(1000), size_t(16) << 10, kMiB})
        EXPECT_EQ(arrived(wire, bytes.size(), piece), bytes) << piece;
}

TEST(CompressedStream, LeavesWhatDoesNotGiveWayAsItIs)
{
    std::vector<std::byte> wire;
    const auto bytes = noise(4 * kMiB);
    auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire, slowly));
    write(*stream, bytes);
    EXPECT_EQ(wire.size(), bytes.size() + bytes.size() / kMaxBlock * sizeof(BlockHeader));
    EXPECT_EQ(arrived(wire, bytes.size(), 100'000), bytes);
}

TEST(CompressedStream, CarriesPiecesOfAnySizeTogether)
{
    std::vector<std::byte> wire;
    const auto bytes = text(300'001);
    auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire));
    iovec pieces[] = {{const_cast<std::byte *>(bytes.data()), 16},
                      {nullptr, 0},
                      {const_cast<std::byte *>(bytes.data()) + 16, bytes.size() - 16}};
    stream->write(pieces);
    EXPECT_EQ(arrived(wire, bytes.size(), 77), bytes);
}

TEST(CompressionChoice, CompressesOnlyWhereItIsFaster)
{
    struct Case {
        double wire_ns, lz4_ns, ratio; // a byte
        bool compresses;
    };
    for (const Case &one : {Case{80, 2, 0.5, true},    // 100 Mb/s
                            Case{0.8, 2, 0.1, false},  // 10 Gb/s: sending is faster
                            Case{80, 2, 0.95, false},  // hardly smaller
                            Case{80, 2, 1.0, false},   // not at all
                            Case{8, 2, 0.5, true},     // 1 Gb/s
                            Case{8, 2, 0.8, false}}) { // and what that gains is lost
        CompressionChoice choice;
        size_t tried = 0, total = 0;
        for (; total < 64 * kMiB; total += kMaxBlock) {
            size_t stored = kMaxBlock;
            if (choice.tries(kMaxBlock)) {
                stored = size_t(one.ratio * kMaxBlock);
                choice.compressed(kMaxBlock, stored, uint64_t(one.lz4_ns * kMaxBlock));
                tried += kMaxBlock;
            }
            choice.written(stored, uint64_t(one.wire_ns * double(stored)));
        }
        if (one.compresses)
            EXPECT_GT(tried, total * 9 / 10) << one.wire_ns << " " << one.ratio;
        else
            EXPECT_LE(tried, total / 16) << one.wire_ns << " " << one.ratio; // samples
    }
}

TEST(CompressedStream, RefusesWhatIsNoBlock)
{
    const auto good = text(kMaxBlock);
    for (BlockHeader header : {BlockHeader{0, 0}, BlockHeader{1, 0}, BlockHeader{0, 1},
                               BlockHeader{10, 11}, BlockHeader{uint32_t(kMaxBlock) + 1, 10},
                               BlockHeader{~0u, ~0u}, BlockHeader{uint32_t(kMaxBlock), 100}}) {
        std::vector<std::byte> wire(sizeof header), to(2 * kMaxBlock);
        std::memcpy(wire.data(), &header, sizeof header);
        wire.insert(wire.end(), good.begin(), good.end());
        auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire));
        try {
            stream->read(to);
            ADD_FAILURE() << header.plain << " in " << header.stored << " was read";
        } catch (const Error &error) {
            EXPECT_EQ(error.code(), EPROTO);
        }
    }
}

TEST(CompressedStream, SaysThatABlockIsCutOff)
{
    for (uint32_t stored : {100u, 50u}) {
        const BlockHeader header{100, stored};
        std::vector<std::byte> wire(sizeof header + 10), to(100);
        std::memcpy(wire.data(), &header, sizeof header);
        auto stream = make_compressed_stream(std::make_unique<MemoryStream>(wire));
        EXPECT_THROW(while (stream->read(to)){}, Error);
    }
}

} // namespace
} // namespace vgpu::wire
