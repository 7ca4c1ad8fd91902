// SPDX-License-Identifier: Apache-2.0
// The division of a link, over a link of arithmetic: senders that want so much, workers that keep
// to their pace, and a network that treats every connection alike.
#include "daemon/vgpud/qos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace vgpu::control
{
namespace
{

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr uint64_t kStepNs = 50'000'000;

class Network
{
public:
    struct Sender {
        Flow flow;
        double wants = kInfinite; // bytes a second
        uint64_t bytes = 0, waited_ns = 0;
        double recent = 0; // of the last run()
    };

    Network(double real, double told) : real_(real), link_(told) {}

    Sender &add(const std::string &lease, double weight, double cap = 0)
    {
        auto one = std::make_unique<Sender>();
        one->flow.lease = lease;
        one->flow.weight = weight;
        one->flow.cap = cap;
        senders_.push_back(std::move(one));
        return *senders_.back();
    }

    // Bytes a second of each come out in `recent`, taken over the last half.
    void run(double seconds)
    {
        const int steps = int(seconds * 1e9 / kStepNs);
        for (auto &one : senders_)
            one->recent = 0;
        for (int i = 0; i < steps; ++i)
            step(i >= steps / 2);
        for (auto &one : senders_)
            one->recent /= double(steps - steps / 2) * kStepNs * 1e-9;
    }

private:
    void step(bool counts)
    {
        std::vector<Claim> fair;
        for (auto &one : senders_)
            fair.push_back(
                {1, std::min(one->wants, one->flow.pace ? double(one->flow.pace) : kInfinite)});
        double all = 0;
        for (const Claim &claim : fair)
            all += claim.demand;
        std::vector<double> got(fair.size());
        if (all <= real_)
            std::transform(fair.begin(), fair.end(), got.begin(),
                           [](const Claim &claim) { return claim.demand; });
        else
            got = divide(real_, fair);
        std::vector<Flow *> flows;
        for (size_t i = 0; i < senders_.size(); ++i) {
            Sender &one = *senders_[i];
            const double bytes = got[i] * kStepNs * 1e-9;
            one.bytes += uint64_t(bytes);
            one.recent += counts ? bytes : 0;
            if (one.flow.pace && got[i] >= double(one.flow.pace) * 0.999 && one.wants > got[i])
                one.waited_ns += 1'000'000;
            one.flow.look(one.bytes, one.waited_ns, kStepNs);
            flows.push_back(&one.flow);
        }
        link_.share_out(flows, kStepNs);
    }

    const double real_;
    Link link_;
    std::vector<std::unique_ptr<Sender>> senders_;
};

TEST(Divide, GivesNobodyMoreThanHeWantsWhileAnotherWantsMore)
{
    const Claim claims[] = {{3, kInfinite}, {1, kInfinite}, {4, 8}};
    const std::vector<double> parts = divide(48, claims);
    EXPECT_DOUBLE_EQ(parts[0], 30);
    EXPECT_DOUBLE_EQ(parts[1], 10);
    EXPECT_DOUBLE_EQ(parts[2], 8);
}

TEST(Divide, WhatNobodyWantsIsEverybodys)
{
    const Claim claims[] = {{3, 10}, {1, 10}};
    const std::vector<double> parts = divide(100, claims);
    EXPECT_DOUBLE_EQ(parts[0], 70);
    EXPECT_DOUBLE_EQ(parts[1], 30);
    EXPECT_TRUE(divide(5, {}).empty());
}

TEST(Link, TwoLeasesOfUnlikeWeightHaveTheirParts)
{
    // Whether it is told its rate or finds it out.
    for (double told : {100e6, 0.0}) {
        Network network(100e6, told);
        auto &three = network.add("a", 3), &one = network.add("b", 1);
        network.run(20);
        EXPECT_NEAR(three.recent / one.recent, 3, 0.3) << told;
        EXPECT_GT(three.recent + one.recent, 95e6) << told;
    }
}

TEST(Link, WhoIsAloneHasAllOfIt)
{
    for (double told : {100e6, 0.0}) {
        Network network(100e6, told);
        auto &lone = network.add("a", 1);
        network.add("b", 16).wants = 0;
        network.run(4);
        EXPECT_GT(lone.recent, 99e6) << told;
    }
}

TEST(Link, WhatOneDoesNotUseTheOthersHave)
{
    for (double told : {100e6, 0.0}) {
        Network network(100e6, told);
        auto &modest = network.add("a", 4), &greedy = network.add("b", 1);
        modest.wants = 20e6;
        network.run(20);
        EXPECT_NEAR(modest.recent, 20e6, 1e6) << told;
        EXPECT_GT(greedy.recent, 73e6) << told; // a quarter of his is kept free for the modest one
        modest.wants = kInfinite;
        network.run(10);
        EXPECT_NEAR(modest.recent / greedy.recent, 4, 0.4) << told;
    }
}

TEST(Link, ACapHolds)
{
    for (double told : {100e6, 0.0}) {
        Network network(100e6, told);
        auto &capped = network.add("a", 4, 30e6), &second = network.add("a", 4, 30e6);
        network.run(4);
        // Of the lease, not of each of its processes.
        EXPECT_NEAR(capped.recent + second.recent, 30e6, 1e6) << told;
        auto &other = network.add("b", 1);
        network.run(20);
        EXPECT_LE(capped.recent + second.recent, 31e6) << told;
        EXPECT_GT(other.recent, 65e6) << told;
    }
}

TEST(Link, ALeaseHasItsPartHoweverManyProcessesItRuns)
{
    Network network(100e6, 100e6);
    auto &single = network.add("a", 1);
    std::vector<Network::Sender *> crowd;
    for (int i = 0; i < 8; ++i)
        crowd.push_back(&network.add("b", 1));
    network.run(10);
    EXPECT_NEAR(single.recent, 50e6, 2e6);
    for (auto *one : crowd)
        EXPECT_NEAR(one->recent, 6.25e6, 0.5e6);
}

TEST(Link, OfUnknownRateSlowsNobodyDownWhereAllWeighTheSame)
{
    Network network(100e6, 0);
    auto &one = network.add("a", 4), &other = network.add("b", 4);
    network.run(10);
    EXPECT_EQ(one.flow.pace, 0u);
    EXPECT_EQ(other.flow.pace, 0u);
}

} // namespace
} // namespace vgpu::control
