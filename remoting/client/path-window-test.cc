// SPDX-License-Identifier: Apache-2.0
// The window of a path that is played: so many bytes in each round trip as the window and the rate
// allow.
#include "remoting/client/path-window.h"

#include <algorithm>
#include <gtest/gtest.h>

using vgpu::client::PathWindow;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

struct Path {
    double rate; // bytes a second
    uint64_t rtt_ns;
    uint64_t now = 1;

    // Bytes that are waited for, a megabyte at a time.
    void carry(PathWindow &window, int round_trips)
    {
        const uint64_t end = now + uint64_t(round_trips) * rtt_ns;
        while (now < end) {
            const double most = std::min(rate, double(window.bytes()) * 1e9 /
                                                   double(std::max<uint64_t>(rtt_ns, 1)));
            now += uint64_t(double(kMiB) / most * 1e9);
            window.passed(kMiB, true, rtt_ns, now);
        }
    }
};

} // namespace

TEST(PathWindow, GrowsUntilThePathIsFull)
{
    PathWindow window(12 * kMiB, 256 * kMiB);
    Path path{1.25e9, 30'000'000};
    path.carry(window, 20);
    // 10 Gb/s for 30 ms are 37.5 MB: twice that.
    EXPECT_GE(window.bytes(), 60 * kMiB);
    EXPECT_LE(window.bytes(), 80 * kMiB);
    EXPECT_NEAR(double(window.on_the_way()), 37.5e6, 4e6);
}

TEST(PathWindow, KeepsToWhatTheWorkerAllows)
{
    PathWindow window(12 * kMiB, 40 * kMiB);
    Path path{12.5e9, 30'000'000};
    path.carry(window, 20);
    EXPECT_EQ(window.bytes(), 40 * kMiB);
}

TEST(PathWindow, StaysSmallOnAShortPath)
{
    PathWindow window(12 * kMiB, 64 * kMiB);
    Path path{12.5e9, 100'000};
    path.carry(window, 2000);
    EXPECT_EQ(window.bytes(), 12 * kMiB);
}

TEST(PathWindow, ShrinksWithThePath)
{
    PathWindow window(12 * kMiB, 64 * kMiB);
    Path path{1.25e9, 30'000'000};
    path.carry(window, 20);
    EXPECT_EQ(window.bytes(), 64 * kMiB);
    path.rate = 0.25e9;
    path.carry(window, 40);
    EXPECT_LE(window.bytes(), 16 * kMiB);
}

// What has come while nobody asked does not make the path look faster than it is.
TEST(PathWindow, IsNotTakenInByAPause)
{
    PathWindow window(12 * kMiB, 256 * kMiB);
    Path path{0.2e9, 30'000'000};
    for (int i = 0; i < 50; ++i) {
        path.carry(window, 2);
        path.now += 500'000'000;
        for (int there = 0; there < 12; ++there)
            window.passed(kMiB, false, path.rtt_ns, path.now += 1000);
    }
    EXPECT_LE(window.bytes(), 30 * kMiB);
}
