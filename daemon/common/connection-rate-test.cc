// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/connection-rate.h"

#include <gtest/gtest.h>

namespace vgpu::control
{

namespace
{

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 5'000 * kMs;

TEST(ConnectionRate, LimitsABurstAndTheAverage)
{
    ConnectionRate rate(10);
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(rate.take("a", kStart)) << i;
    EXPECT_FALSE(rate.take("a", kStart));
    EXPECT_FALSE(rate.take("a", kStart + 99 * kMs));
    EXPECT_TRUE(rate.take("a", kStart + 100 * kMs));
    EXPECT_FALSE(rate.take("a", kStart + 100 * kMs));
    // A long rest earns no more than one second's.
    int taken = 0;
    while (rate.take("a", kStart + 60'000 * kMs))
        ++taken;
    EXPECT_EQ(taken, 10);
}

TEST(ConnectionRate, OneOriginDoesNotHoldUpAnother)
{
    ConnectionRate rate(1);
    EXPECT_TRUE(rate.take("a", kStart));
    EXPECT_FALSE(rate.take("a", kStart));
    EXPECT_TRUE(rate.take("b", kStart));
}

TEST(ConnectionRate, ZeroIsNoLimit)
{
    ConnectionRate rate(0);
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(rate.take("a", kStart));
}

TEST(ConnectionRate, ManyOriginsShareWhatIsLeft)
{
    ConnectionRate rate(1);
    for (int i = 0; i < 4096; ++i)
        EXPECT_TRUE(rate.take(std::to_string(i), kStart));
    EXPECT_TRUE(rate.take("one more", kStart));
    EXPECT_FALSE(rate.take("and another", kStart));
    EXPECT_TRUE(rate.take("and another", kStart + 2'000 * kMs)); // the table has been cleared
}

} // namespace

} // namespace vgpu::control
