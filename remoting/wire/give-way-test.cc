// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/give-way.h"

#include <gtest/gtest.h>

namespace vgpu::wire
{
namespace
{

// How many calls pass without a yield after one that took so long.
unsigned skipped(GiveWay &give_way, uint64_t ns)
{
    give_way.took(ns);
    return give_way.skips();
}

TEST(GiveWay, SmallCallsAreLetGoFirstEachTime)
{
    GiveWay give_way;
    for (uint64_t ns : {200u, 20'000u, 900'000u})
        EXPECT_EQ(skipped(give_way, ns), 0u);
}

TEST(GiveWay, WhoComputesForLongIsNotGivenAllOfTheCore)
{
    GiveWay give_way;
    unsigned last = 0;
    for (int i = 0; i < 20; i++) {
        unsigned now = skipped(give_way, 3'000'000);
        EXPECT_GE(now, last);
        last = now;
    }
    EXPECT_EQ(last, 255u);
    // Calls that pass are not yields.
    for (unsigned left = last; left > 0; left--) {
        EXPECT_EQ(give_way.skips(), left);
        give_way();
    }
    EXPECT_EQ(give_way.skips(), 0u);
    EXPECT_EQ(skipped(give_way, 20'000), 0u) << "when he is gone, it is as before";
}

} // namespace
} // namespace vgpu::wire
