// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/host-memory.h"
#include "remoting/server/quota.h"
#include "remoting/server/test-client.h"

using namespace vgpu;
using namespace vgpu::server;

TEST(Quota, is_shared_by_the_workers_of_a_slice)
{
    TestPage page;
    Quota one(page.page, 1000), other(page.page, 1000);
    EXPECT_TRUE(one.charge(600));
    EXPECT_FALSE(other.charge(401));
    EXPECT_TRUE(other.charge(400));
    EXPECT_EQ(one.left(), 0u);
    EXPECT_FALSE(one.charge(1));
    EXPECT_FALSE(one.charge(~uint64_t(0)));
    one.release(600);
    EXPECT_EQ(other.left(), 600u);
    EXPECT_EQ(page.page.peak.load(), 1000u);
}

TEST(Quota, never_over_under_many)
{
    TestPage page;
    std::atomic<bool> over = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            Quota quota(page.page, 100);
            for (int n = 0; n < 20000; ++n)
                if (quota.charge(40)) {
                    // Two may hold 40; whoever is refused adds for a moment what it takes back.
                    over = over || page.page.peak > 100;
                    quota.release(40);
                }
        });
    for (auto &thread : threads)
        thread.join();
    EXPECT_FALSE(over);
    EXPECT_EQ(page.page.used(), 0u);
}

TEST(Quota, dead_workers_are_cleared_and_slots_run_out)
{
    TestPage page;
    page.page.workers[0].pid = 4711;
    page.page.workers[0].bytes = 900;
    Quota quota(page.page, 1000);
    EXPECT_EQ(quota.left(), 100u);
    page.page.clear(4711);
    EXPECT_EQ(quota.left(), 1000u);
    std::vector<std::unique_ptr<Quota>> others;
    for (uint32_t i = 1; i < kWorkersPerSlice; ++i)
        others.push_back(std::make_unique<Quota>(page.page, 1000));
    EXPECT_THROW(Quota(page.page, 1000), Error);
    others.clear();
    EXPECT_NO_THROW(Quota(page.page, 1000));
}

TEST(Quota, other_version_of_the_page)
{
    TestPage page;
    page.page.version = kSlicePageVersion + 1;
    EXPECT_THROW(Quota(page.page, 1), Error);
}

TEST(Rows, fit_without_wrapping_round)
{
    EXPECT_TRUE(rows_fit(100, 0, 0, 100, 1));
    EXPECT_FALSE(rows_fit(100, 1, 0, 100, 1));
    EXPECT_TRUE(rows_fit(100, 0, 30, 10, 4));
    EXPECT_FALSE(rows_fit(99, 0, 30, 10, 4));
    EXPECT_FALSE(rows_fit(100, 0, 5, 10, 4)); // rows over one another
    EXPECT_FALSE(rows_fit(100, 0, ~uint64_t(0), 1, 3));
    EXPECT_FALSE(rows_fit(100, ~uint64_t(0), 0, 2, 1));
    EXPECT_FALSE(rows_fit(100, 101, 0, 0, 0));
    EXPECT_TRUE(rows_fit(100, 100, 0, 0, 0));
}
