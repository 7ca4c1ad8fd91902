// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/waiters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

using vgpu::server::Waiters;

TEST(Waiters, keep_the_order_of_a_key)
{
    Waiters waiters;
    std::vector<int> seen;
    for (int i = 0; i < 1000; ++i)
        waiters.add(7, [&, i] { seen.push_back(i); });
    waiters.drain();
    EXPECT_TRUE(waiters.idle(7));
    ASSERT_EQ(seen.size(), 1000u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Waiters, one_key_does_not_hold_up_another)
{
    Waiters waiters;
    std::promise<void> gate, passed;
    uint64_t other = 2;
    waiters.add(1, [open = gate.get_future().share()] { open.wait(); });
    while (!waiters.idle(other)) // of another lane
        ++other;
    waiters.add(other, [&] { passed.set_value(); });
    passed.get_future().wait();
    EXPECT_FALSE(waiters.idle(1));
    EXPECT_FALSE(waiters.idle());
    gate.set_value();
}

TEST(Waiters, after_all_is_after_all)
{
    Waiters waiters;
    std::atomic<int> done = 0;
    for (uint64_t key = 0; key < 64; ++key)
        waiters.add(key, [&] { ++done; });
    std::promise<int> seen;
    waiters.after_all([&] { seen.set_value(done); });
    EXPECT_EQ(seen.get_future().get(), 64);
    bool at_once = false;
    waiters.drain();
    waiters.after_all([&] { at_once = true; });
    EXPECT_TRUE(at_once);
}

TEST(Waiters, finish_runs_what_is_queued)
{
    int done = 0;
    {
        Waiters waiters;
        for (int i = 0; i < 100; ++i)
            waiters.add(3, [&] { ++done; });
    }
    EXPECT_EQ(done, 100);
}
