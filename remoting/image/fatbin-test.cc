// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/test-fatbin.h"

#include <gtest/gtest.h>
#include <stdexcept>

namespace
{

using namespace vgpu::image;

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
