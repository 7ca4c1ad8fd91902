// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/range-map.h"

#include <gtest/gtest.h>

using vgpu::client::Range;
using vgpu::client::RangeMap;

TEST(RangeMap, FindsWhatHoldsAnAddress)
{
    RangeMap map;
    ASSERT_TRUE(map.add({.base = 0x1000, .bytes = 0x100}));
    ASSERT_TRUE(map.add({.base = 0x1100, .bytes = 0x10}));
    EXPECT_EQ(map.find(0x1000)->base, 0x1000u);
    EXPECT_EQ(map.find(0x10ff)->base, 0x1000u);
    EXPECT_EQ(map.find(0x1100)->base, 0x1100u);
    EXPECT_FALSE(map.find(0xfff));
    EXPECT_FALSE(map.find(0x1110));
}

TEST(RangeMap, ABlockMustLieInOneRange)
{
    RangeMap map;
    map.add({.base = 0x1000, .bytes = 0x100});
    map.add({.base = 0x1100, .bytes = 0x100});
    EXPECT_TRUE(map.find(0x1080, 0x80));
    EXPECT_FALSE(map.find(0x1080, 0x81));
    EXPECT_FALSE(map.find(0x1001, UINT64_MAX)); // must not wrap round
}

TEST(RangeMap, RefusesWhatOverlapsOrWraps)
{
    RangeMap map;
    ASSERT_TRUE(map.add({.base = 0x1000, .bytes = 0x100}));
    EXPECT_FALSE(map.add({.base = 0x1000, .bytes = 1}));
    EXPECT_FALSE(map.add({.base = 0xfff, .bytes = 2}));
    EXPECT_FALSE(map.add({.base = 0x10ff, .bytes = 2}));
    EXPECT_FALSE(map.add({.base = 0, .bytes = 0x10000}));
    EXPECT_FALSE(map.add({.base = UINT64_MAX - 1, .bytes = 4}));
    EXPECT_FALSE(map.add({.base = 0x5000, .bytes = 0}));
    EXPECT_EQ(map.size(), 1u);
}

TEST(RangeMap, RemovesOnlyByItsBase)
{
    RangeMap map;
    map.add({.base = 0x1000, .bytes = 0x100});
    EXPECT_FALSE(map.remove(0x1001));
    EXPECT_TRUE(map.remove(0x1000));
    EXPECT_FALSE(map.remove(0x1000));
    EXPECT_TRUE(map.add({.base = 0x1000, .bytes = 0x100}));
}

TEST(RangeMap, EachRangeHasItsOwnSerial)
{
    RangeMap map;
    map.add({.base = 0x1000, .bytes = 1});
    uint64_t first = map.find(0x1000)->serial;
    map.remove(0x1000);
    map.add({.base = 0x1000, .bytes = 1});
    EXPECT_NE(map.find(0x1000)->serial, first);
}

TEST(RangeMap, AContextTakesItsDeviceMemoryAlongAndLeavesHostMemory)
{
    RangeMap map;
    map.add({.base = 0x1000, .bytes = 1, .context = 7});
    map.add({.base = 0x2000, .bytes = 1, .kind = Range::Kind::pinned, .context = 7});
    map.add({.base = 0x3000, .bytes = 1, .context = 8});
    map.add({.base = 0x4000, .bytes = 1, .kind = Range::Kind::global, .context = 8, .owner = 5});
    map.add({.base = 0x5000, .bytes = 1, .kind = Range::Kind::managed, .context = 7});
    map.set_mirror(0x2000, 0x9000, 7);
    EXPECT_EQ(map.find(0x2000)->device_address, 0x9000u);
    EXPECT_EQ(map.remove_context(7).size(), 2u);
    ASSERT_TRUE(map.find(0x2000));
    EXPECT_EQ(map.find(0x2000)->device_address, 0u); // that was the context's
    EXPECT_EQ(map.find(0x2000)->mirrored, 0u);
    EXPECT_EQ(map.remove_owner(5).size(), 1u);
    EXPECT_EQ(map.size(), 2u);
}
