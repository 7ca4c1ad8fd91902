// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/spin.h"

#include "remoting/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <sched.h>

namespace vgpu::wire
{

TEST(Spin, PollsNotAtAllForAWhileWhereOthersWantTheCore)
{
    Spin spin;
    const uint64_t before = spin.limit_ns();
    if (before == 0)
        GTEST_SKIP() << "one core: never polls";
    spin.was_crowded_out();
    EXPECT_TRUE(spin.is_crowded());
    unsigned waits = 0;
    while (waits < 1000 && spin.begin_wait(now_ns()) == 0)
        waits++;
    EXPECT_GT(waits, 1u);
    EXPECT_LT(waits, 1000u); // it tries again
    EXPECT_EQ(spin.begin_wait(now_ns()), before);
    EXPECT_FALSE(spin.is_crowded());
}

// How many waits go by without polling.
unsigned waits_asleep(Spin &spin)
{
    unsigned waits = 0;
    while (waits < 10'000 && spin.begin_wait(now_ns()) == 0)
        waits++;
    return waits;
}

TEST(Spin, TriesLessAndLessOftenWhereOthersStay)
{
    Spin spin;
    if (spin.limit_ns() == 0)
        GTEST_SKIP() << "one core: never polls";
    spin.was_crowded_out();
    const unsigned first = waits_asleep(spin);
    unsigned last = 0;
    for (int i = 0; i < 20; ++i) {
        spin.was_crowded_out();
        last = waits_asleep(spin);
    }
    EXPECT_GT(last, 10 * first);
    EXPECT_LT(last, 1000u);
    // One time that it pays off, and they have gone.
    EXPECT_EQ(spin.poll(now_ns(), UINT64_MAX, 1, [] { return true; }), Spin::Polled::ready);
    spin.was_crowded_out();
    EXPECT_EQ(waits_asleep(spin), first);
}

// A job of one core is served by a worker that has another.
TEST(Spin, PollsOnTheOneCoreThatItMayUse)
{
    cpu_set_t before, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) == 1)
        GTEST_SKIP() << "one core: never polls";
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    Spin spin;
    sched_setaffinity(0, sizeof before, &before);
    EXPECT_GT(spin.limit_ns(), 0u);
}

TEST(Spin, PollsUntilItIsReadyOrTheTimeIsUp)
{
    Spin spin;
    if (spin.limit_ns() == 0)
        GTEST_SKIP() << "one core: never polls";
    int looks = 0;
    EXPECT_EQ(spin.poll(now_ns(), UINT64_MAX, 1, [&] { return ++looks == 3; }),
              Spin::Polled::ready);
    EXPECT_EQ(looks, 3);
    const uint64_t start = now_ns();
    const auto polled = spin.poll(start, UINT64_MAX, 1, [] { return false; });
    EXPECT_TRUE(polled == Spin::Polled::in_vain || polled == Spin::Polled::crowded);
    EXPECT_EQ(spin.poll(now_ns(), 0, 1, [] { return true; }),
              spin.is_crowded() ? Spin::Polled::crowded : Spin::Polled::not_at_all);
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

// Two that wake each other in turn must not both conclude that polling is in vain.
TEST(Spin, PollsMoreWhereASleepWasShort)
{
    Spin spin;
    const uint64_t most = spin.limit_ns();
    if (most == 0)
        GTEST_SKIP() << "one core: never polls";
    for (int i = 0; i < 20; ++i)
        spin.slept(10'000'000);
    EXPECT_LT(spin.limit_ns(), most);
    for (int i = 0; i < 20; ++i)
        spin.slept(most + 20'000);
    EXPECT_EQ(spin.limit_ns(), most);
}

TEST(Spin, NapsLongerWhereManyRun)
{
    const uint64_t few = Spin::most_nap_ns(3, 2);
    EXPECT_EQ(Spin::most_nap_ns(0, 64), few);
    EXPECT_GT(Spin::most_nap_ns(32, 2), few);
    EXPECT_EQ(Spin::most_nap_ns(32, 16), few);
    // Nothing that nobody waits for is put off for long.
    EXPECT_LE(few, 500'000u);
    EXPECT_LE(Spin::most_nap_ns(100'000, 1), 5'000'000u);
}

TEST(Spin, NapsLongerWhileMuchComesAtOnce)
{
    Spin spin;
    const uint64_t least = spin.nap_ns();
    for (int i = 0; i < 20; ++i)
        spin.came(100'000);
    const uint64_t most = spin.nap_ns();
    EXPECT_GT(most, least);
    EXPECT_LT(most, 1'000'000u); // nothing that nobody waits for is put off for long
    for (int i = 0; i < 20; ++i)
        spin.came(64);
    EXPECT_EQ(spin.nap_ns(), least);
    EXPECT_LE(least, most / 4); // where few run, what comes alone is not put off for long
}

// A thread that others keep from its core for most of the time.
TEST(Spin, MeasuresThatOthersWantTheCore)
{
    cpu_set_t before, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) == 1)
        GTEST_SKIP() << "one core: never polls";
    Spin spin(true);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i)
        others.emplace_back([&] {
            while (!stop.load())
                relax();
        });
    bool crowded = false;
    for (Deadline deadline = Deadline::after_ms(20'000); !crowded && deadline.left_ns() != 0;)
        crowded = spin.begin_wait(now_ns()) == 0 && spin.is_crowded();
    stop = true;
    for (std::thread &other : others)
        other.join();
    sched_setaffinity(0, sizeof before, &before);
    EXPECT_TRUE(crowded);
}

} // namespace vgpu::wire
