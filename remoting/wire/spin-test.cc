// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/spin.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace vgpu::wire
{

TEST(Spin, PollsNotAtAllForAWhileWhereOthersWantTheCore)
{
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    if (CPU_COUNT(&set) == 1)
        GTEST_SKIP() << "one core: never polls";
    Spin spin;
    const uint64_t before = spin.limit_ns();
    ASSERT_GT(before, 0u);
    spin.was_crowded_out();
    unsigned waits = 0;
    while (waits < 1000 && spin.limit_ns() == 0)
        waits++;
    EXPECT_GT(waits, 1u);
    EXPECT_LT(waits, 1000u); // it tries again
    EXPECT_EQ(spin.limit_ns(), before);
}

TEST(Spin, PollsLessWhereThatWasInVainAndMoreWhereItPaidOff)
{
    Spin spin;
    const uint64_t most = spin.limit_ns();
    if (most == 0)
        GTEST_SKIP() << "one core: never polls";
    for (int i = 0; i < 20; ++i)
        spin.was_in_vain();
    const uint64_t least = spin.limit_ns();
    EXPECT_GT(least, 0u);
    EXPECT_LT(least, most);
    for (int i = 0; i < 20; ++i)
        spin.paid_off();
    EXPECT_EQ(spin.limit_ns(), most);
}

} // namespace vgpu::wire
