// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/stream-channel.h"
#include "remoting/wire/test-link.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace vgpu::wire
{
namespace
{

using Clock = std::chrono::steady_clock;

TEST(TestLink, ReadsTimesAndRates)
{
    TestLink link = parse_test_link("rtt=2.5ms,rate=10G");
    EXPECT_EQ(link.rtt_ns, 2'500'000u);
    EXPECT_EQ(link.bits_per_s, 10'000'000'000u);
    EXPECT_EQ(parse_test_link("rtt=30us").rtt_ns, 30'000u);
    EXPECT_EQ(parse_test_link("rate=500M").bits_per_s, 500'000'000u);
    EXPECT_EQ(parse_test_link("rtt=0").rtt_ns, 0u);
    EXPECT_EQ(parse_test_link("window=3M,rtt=1ms").window, 3'000'000u);
    for (const char *bad : {"rtt=fast", "rtt=-1ms", "rtt=5h", "speed=1", "rate=10G,,", "rate="})
        EXPECT_EQ(refusal([&] { parse_test_link(bad); }).code, EINVAL) << bad;
}

struct Linked {
    explicit Linked(TestLink link)
    {
        SocketPair pair;
        client = make_test_link(make_stream_channel(std::move(pair.a)), link);
        worker = make_stream_channel(std::move(pair.b));
    }
    std::unique_ptr<Channel> client, worker;
};

// Not faster than it says; how much slower is the machine's affair.
TEST(TestLink, ARoundTripTakesItsTime)
{
    Linked ends({.rtt_ns = 40'000'000});
    std::thread echo([&] {
        std::vector<std::byte> got;
        ends.worker->receive(got, -1);
        ends.worker->send(got);
        ends.worker->flush();
    });
    auto start = Clock::now();
    ends.client->send(test_message(1, 64));
    ends.client->flush();
    std::vector<std::byte> got;
    ASSERT_TRUE(ends.client->receive(got, -1));
    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(40));
    EXPECT_EQ(got, test_message(1, 64));
    echo.join();
}

// A rate holds back what follows, delays do not add up, and the order stays.
TEST(TestLink, MessagesFollowOneAnotherAtTheRate)
{
    constexpr uint32_t kCount = 100;
    Linked ends({.rtt_ns = 20'000'000, .bits_per_s = 100'000'000});
    auto start = Clock::now();
    for (uint32_t i = 0; i < kCount; i++)
        ends.client->send(test_message(i, 8192)); // 0.655 ms each
    std::vector<std::byte> got;
    for (uint32_t i = 0; i < kCount; i++) {
        ASSERT_TRUE(ends.worker->receive(got, -1));
        EXPECT_EQ(got, test_message(i, 8192));
    }
    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(65 + 10));
    EXPECT_FALSE(ends.worker->receive(got, 0));
}

TEST(TestLink, DeathOfThePeerIsSeenBehindIt)
{
    Linked ends({.rtt_ns = 1'000'000});
    ends.worker->send(test_message(5, 64));
    ends.worker->flush();
    ends.worker.reset();
    std::vector<std::byte> got;
    ASSERT_TRUE(ends.client->receive(got, -1));
    EXPECT_EQ(got, test_message(5, 64));
    EXPECT_EQ(refusal([&] { ends.client->receive(got, -1); }).code, ECONNRESET);
}

TEST(TestLink, ShuttingDownEndsAWaitingReceive)
{
    Linked ends({.rtt_ns = 1'000'000});
    std::thread waiter([&] {
        std::vector<std::byte> got;
        EXPECT_EQ(refusal([&] { ends.client->receive(got, -1); }).code, ECONNRESET);
    });
    ends.client->shut_down();
    waiter.join();
}

} // namespace
} // namespace vgpu::wire
