// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/difference.h"

#include <gtest/gtest.h>
#include <random>
#include <utility>
#include <vector>

namespace vgpu
{
namespace
{

using Runs = std::vector<std::pair<size_t, size_t>>;
using Bytes = std::vector<std::byte>;

Runs runs(const Bytes &now, const Bytes &before, size_t gap)
{
    Runs found;
    each_difference(now.data(), before.data(), now.size(), gap,
                    [&](size_t at, size_t n) { found.emplace_back(at, n); });
    return found;
}

Bytes changed(Bytes bytes, std::initializer_list<size_t> places)
{
    for (size_t at : places)
        bytes[at] ^= std::byte{1};
    return bytes;
}

TEST(Difference, NothingAndEverything)
{
    Bytes zeros(10000), ones(10000, std::byte{1});
    EXPECT_EQ(runs(zeros, zeros, 0), Runs());
    EXPECT_EQ(runs(ones, zeros, 0), (Runs{{0, 10000}}));
    EXPECT_EQ(runs({}, {}, 0), Runs());
}

TEST(Difference, ExactRunsAreWhatDiffersAndNoMore)
{
    Bytes zeros(9001);
    EXPECT_EQ(runs(changed(zeros, {0, 3, 4, 8, 4095, 4096, 9000}), zeros, 0),
              (Runs{{0, 1}, {3, 2}, {8, 1}, {4095, 2}, {9000, 1}}));
}

TEST(Difference, RunsAreJoinedOverSmallGaps)
{
    Bytes zeros(9001);
    auto found = runs(changed(zeros, {16, 70, 5000}), zeros, 64);
    EXPECT_EQ(found, (Runs{{16, 56}, {5000, 8}}));
}

// Whatever the gap, what is copied by the runs is what was there.
TEST(Difference, RunsCarryEveryChange)
{
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        Bytes before(random() % 20000);
        for (auto &byte : before)
            byte = std::byte(random());
        Bytes now = before;
        for (size_t i = random() % 50; i-- > 0 && !now.empty();)
            now[random() % now.size()] = std::byte(random());
        size_t gap = random() % 3 * 30, last = 0;
        Bytes copy = before;
        for (auto [at, n] : runs(now, before, gap)) {
            ASSERT_GE(at, last);
            ASSERT_LE(at + n, now.size());
            last = at + n;
            std::copy_n(now.begin() + at, n, copy.begin() + at);
        }
        ASSERT_EQ(copy, now);
    }
}

} // namespace
} // namespace vgpu
