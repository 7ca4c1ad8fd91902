// SPDX-License-Identifier: Apache-2.0
#include "softgpu/fatbin/fatbin.h"

#include <cstring>
#include <gtest/gtest.h>
#include <lz4.h>
#include <stdexcept>
#include <zstd.h>

namespace
{

using namespace vgpu::soft::fatbin;
using Bytes = std::vector<std::byte>;

template<class T>
void put(Bytes &bytes, size_t at, T value)
{
    memcpy(bytes.data() + at, &value, sizeof value);
}

enum class Pack { none, lz4, zstd };

Bytes entry(uint16_t kind, unsigned arch, const std::string &text, Pack pack)
{
    std::string packed = text;
    if (pack == Pack::lz4) {
        packed.resize(static_cast<size_t>(LZ4_compressBound(static_cast<int>(text.size()))));
        packed.resize(static_cast<size_t>(LZ4_compress_default(text.data(), packed.data(),
                                                               static_cast<int>(text.size()),
                                                               static_cast<int>(packed.size()))));
    } else if (pack == Pack::zstd) {
        packed.resize(ZSTD_compressBound(text.size()));
        packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    }
    size_t padded = (packed.size() + 7) / 8 * 8;
    Bytes bytes(64 + padded);
    put<uint16_t>(bytes, 0, kind);
    put<uint32_t>(bytes, 4, 64);
    put<uint64_t>(bytes, 8, padded);
    put<uint32_t>(bytes, 0x10, pack == Pack::none ? 0 : static_cast<uint32_t>(packed.size()));
    put<uint16_t>(bytes, 0x18, 7);
    put<uint16_t>(bytes, 0x1a, 8);
    put<uint32_t>(bytes, 0x1c, arch);
    put<uint64_t>(bytes, 0x28, pack == Pack::lz4 ? 0x2000 : pack == Pack::zstd ? 0x8000 : 0);
    put<uint64_t>(bytes, 0x38, text.size());
    memcpy(bytes.data() + 64, packed.data(), packed.size());
    return bytes;
}

Bytes container(std::initializer_list<Bytes> list)
{
    Bytes bytes(16);
    for (auto &one : list)
        bytes.insert(bytes.end(), one.begin(), one.end());
    put<uint32_t>(bytes, 0, kHeaderMagic);
    put<uint16_t>(bytes, 4, 1);
    put<uint16_t>(bytes, 6, 16);
    put<uint64_t>(bytes, 8, bytes.size() - 16);
    return bytes;
}

std::string sample(int seed)
{
    std::string text = ".version 8.7\n.target sm_75\n";
    for (int i = 0; i < 200; i++)
        text += "add.s32 %r" + std::to_string(i * seed) + ", %r1, %r2;\n";
    return text;
}

TEST(Fatbin, ReadsEveryPacking)
{
    for (Pack pack : {Pack::none, Pack::lz4, Pack::zstd}) {
        auto bytes = container({entry(1, 75, sample(3), pack)});
        EXPECT_EQ(bytes.size(), container_bytes(bytes.data()));
        auto list = entries(bytes);
        ASSERT_EQ(1u, list.size());
        EXPECT_TRUE(list[0].ptx);
        EXPECT_EQ(75u, list[0].arch);
        EXPECT_EQ(8u, list[0].major);
        EXPECT_EQ(7u, list[0].minor);
        EXPECT_EQ(sample(3), text(list[0]));
    }
}

TEST(Fatbin, PicksTheBestPtx)
{
    auto bytes =
        container({entry(2, 80, "cubin", Pack::none), entry(1, 75, sample(1), Pack::zstd),
                   entry(1, 80, sample(2), Pack::lz4), entry(1, 90, sample(3), Pack::none)});
    auto best = best_ptx(entries(bytes), 80);
    ASSERT_TRUE(best);
    EXPECT_EQ(sample(2), text(*best));
    EXPECT_FALSE(best_ptx(entries(bytes), 70));
    EXPECT_FALSE(best_ptx(entries(container({entry(2, 75, "cubin", Pack::none)})), 80));
}

TEST(Fatbin, ReadsSeveralContainers)
{
    auto bytes = container({entry(1, 75, sample(1), Pack::none)});
    auto more = container({entry(1, 80, sample(2), Pack::none)});
    bytes.insert(bytes.end(), more.begin(), more.end());
    EXPECT_EQ(2u, entries(bytes).size());
}

TEST(Fatbin, RefusesWhatIsCutShort)
{
    auto bytes = container({entry(1, 75, sample(1), Pack::zstd)});
    for (size_t size = 1; size < bytes.size(); size++)
        EXPECT_THROW(entries({bytes.data(), size}), std::runtime_error) << size;
    // The same with a header that tells the truth about the shorter body.
    for (size_t size = 17; size < bytes.size(); size += 5) {
        Bytes cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
        put<uint64_t>(cut, 8, size - 16);
        EXPECT_THROW(entries(cut), std::runtime_error) << size;
    }
    EXPECT_EQ(0u, container_bytes("no fatbin at all, but a text"));
}

TEST(Fatbin, RefusesSizesThatLie)
{
    auto good = container({entry(1, 75, sample(1), Pack::zstd)});
    auto with = [&](size_t at, auto value) {
        auto bytes = good;
        put(bytes, 16 + at, value);
        return bytes;
    };
    EXPECT_THROW(entries(with(4, uint32_t(8))), std::runtime_error); // header
    EXPECT_THROW(entries(with(4, UINT32_MAX)), std::runtime_error);
    EXPECT_THROW(entries(with(8, UINT64_MAX)), std::runtime_error); // payload
    EXPECT_THROW(entries(with(8, UINT64_MAX - 60)), std::runtime_error);
    EXPECT_THROW(entries(with(0x10, UINT32_MAX)), std::runtime_error); // compressed size
    for (uint64_t raw :
         {uint64_t(0), uint64_t(10), sample(1).size() - 1, sample(1).size() + 1, UINT64_MAX}) {
        auto bytes = with(0x38, raw);
        auto list = entries(bytes);
        EXPECT_THROW(text(list.at(0)), std::runtime_error) << raw;
    }
}

TEST(Fatbin, RefusesBrokenData)
{
    for (Pack pack : {Pack::lz4, Pack::zstd}) {
        auto bytes = container({entry(1, 75, sample(1), pack)});
        for (size_t i = 16 + 64; i < 16 + 64 + 24; i++)
            bytes[i] = std::byte(0xa5);
        auto list = entries(bytes);
        EXPECT_THROW(text(list.at(0)), std::runtime_error);
    }
}

} // namespace
