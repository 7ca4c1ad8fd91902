// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/random.h"

#include <gtest/gtest.h>

using namespace vgpu::soft::curand;

namespace
{

using Four = std::array<uint32_t, 4>;

// The answers that its authors publish with Random123.
TEST(Philox, KnownAnswers)
{
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    uint32_t all = 0xffffffff;
    EXPECT_EQ(philox({all, all, all, all}, {all, all}),
              (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SkipsLikeItCounts)
{
    Philox one, other;
    one.seed(77);
    other.seed(77);
    for (int i = 0; i < 1001; ++i)
        one.next();
    other.skip(1001);
    EXPECT_EQ(one.next(), other.next());
    other.seed(78);
    EXPECT_NE(one.next(), other.next());
}

// Steps of the paper's own lines, written out once more.
TEST(Xorwow, KnownAnswers)
{
    uint32_t x = 123456789, y = 362436069, z = 521288629, w = 88675123, v = 5783321, d = 6615241;
    Xorwow one;
    for (int i = 0; i < 1000; ++i) {
        uint32_t t = x ^ (x >> 2);
        x = y;
        y = z;
        z = w;
        w = v;
        v = (v ^ (v << 4)) ^ (t ^ (t << 1));
        ASSERT_EQ(one.next(), (d += 362437) + v);
    }
}

TEST(Xorwow, JumpsWhereStepsLead)
{
    Xorwow stepped;
    for (int i = 0; i < 12345; ++i)
        stepped.next();
    Xorwow jumped = xorwow_after(Xorwow(), 12345);
    EXPECT_EQ(stepped.v, jumped.v);
    EXPECT_EQ(stepped.d, jumped.d);
    // 2^67 is 8 times 2^64, which is one more than fits.
    Xorwow far = Xorwow();
    for (int i = 0; i < 8; ++i)
        far = xorwow_after(xorwow_after(far, ~uint64_t(0)), 1);
    EXPECT_EQ(far.v, xorwow_far(Xorwow()).v);
    EXPECT_EQ(far.d, xorwow_far(Xorwow()).d);
}

TEST(Xorwow, LanesTakeTurns)
{
    ManyXorwow one, other;
    std::vector<uint32_t> numbers;
    for (int i = 0; i < 3 * 4096; ++i)
        numbers.push_back(one.next());
    other.skip(4096 + 10);
    EXPECT_EQ(other.next(), numbers[4096 + 10]);
    other.skip(4096 - 1);
    EXPECT_EQ(other.next(), numbers[2 * 4096 + 10]);
    other.seed(5);
    EXPECT_NE(other.next(), numbers[0]);
}

// Each bit is set as often as not, and neighbours have nothing to do with one another.
template<class T>
void balanced()
{
    T source;
    source.seed(2026);
    constexpr int n = 1 << 16;
    std::array<int, 32> set{}, same{};
    uint32_t last = source.next();
    for (int i = 0; i < n; ++i) {
        uint32_t number = source.next();
        for (unsigned bit = 0; bit < 32; ++bit) {
            set[bit] += number >> bit & 1;
            same[bit] += ~(number ^ last) >> bit & 1;
        }
        last = number;
    }
    for (unsigned bit = 0; bit < 32; ++bit) { // five deviations of 128
        EXPECT_NEAR(set[bit], n / 2, 640) << bit;
        EXPECT_NEAR(same[bit], n / 2, 640) << bit;
    }
}

TEST(Philox, IsBalanced)
{
    balanced<Philox>();
}

TEST(Xorwow, IsBalanced)
{
    balanced<ManyXorwow>();
}

} // namespace
