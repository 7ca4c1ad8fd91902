// SPDX-License-Identifier: Apache-2.0
// What every kind of channel must do, run over each of them.
#include "remoting/base/clock.h"
#include "remoting/wire/address.h"
#include "remoting/wire/descriptors.h"
#include "remoting/wire/lasting-channel.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/ring.h"
#include "remoting/wire/stream-channel.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vgpu::wire
{

struct Ends {
    std::unique_ptr<Channel> client, worker;
};

static Ends make_ring()
{
    SocketPair pair;
    Fd memory = make_ring_memory(kMaxMessage); // wraps often, and large messages come in parts
    return {make_ring_channel(Side::client, std::move(pair.a), memory, kMaxMessage),
            make_ring_channel(Side::worker, std::move(pair.b), memory, kMaxMessage)};
}

static Ends make_smallest_ring()
{
    SocketPair pair;
    Fd memory = make_ring_memory(kMinRing);
    return {make_ring_channel(Side::client, std::move(pair.a), memory, kMinRing),
            make_ring_channel(Side::worker, std::move(pair.b), memory, kMinRing)};
}

static Ends make_unix()
{
    SocketPair pair;
    return {make_stream_channel(std::move(pair.a)), make_stream_channel(std::move(pair.b))};
}

static Ends make_tcp()
{
    auto [a, b] = tcp_pair();
    return {make_stream_channel(std::move(a)), make_stream_channel(std::move(b))};
}

static Ends make_lasting()
{
    auto [a, b] = tcp_pair();
    // Nobody connects them again.
    return {make_lasting_channel(StreamSocket(std::move(a)), {.patience_ms = 1}),
            make_lasting_channel(StreamSocket(std::move(b)), {.patience_ms = 1})};
}

struct Kind {
    const char *name;
    Ends (*make)();
};

class EachChannel : public testing::TestWithParam<Kind>
{
protected:
    Ends ends_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(All, EachChannel,
                         testing::Values(Kind{"shm", make_ring},
                                         Kind{"shmsmallest", make_smallest_ring},
                                         Kind{"unix", make_unix}, Kind{"tcp", make_tcp},
                                         Kind{"tcplasting", make_lasting}),
                         [](const auto &info) { return info.param.name; });

TEST_P(EachChannel, KnowsItsName)
{
    EXPECT_EQ(std::string(GetParam().name).find(ends_.client->name()), 0u);
    EXPECT_EQ(ends_.client->passes_descriptors(), ends_.client->name() == std::string("shm"));
}

TEST_P(EachChannel, CarriesMessagesOfTwoPieces)
{
    auto sent = test_message(1, 1024);
    auto whole = std::span<const std::byte>(sent);
    ends_.client->send(whole.first(24), whole.subspan(24));
    ends_.client->send(test_message(2, 16));
    ends_.client->flush();
    std::vector<std::byte> got;
    ASSERT_TRUE(ends_.worker->receive(got, 5000));
    EXPECT_EQ(got, sent);
    ASSERT_TRUE(ends_.worker->receive(got, 5000));
    EXPECT_EQ(got, test_message(2, 16));
    EXPECT_FALSE(ends_.worker->receive(got, 0));
    EXPECT_FALSE(ends_.worker->receive(got, 5));
}

TEST_P(EachChannel, RefusesToSendNonsense)
{
    auto message = test_message(1, 64);
    EXPECT_EQ(refusal([&] { ends_.client->send(std::span(message).first(56)); }).code, EINVAL);
    EXPECT_EQ(refusal([&] { ends_.client->send(test_message(1, kMaxMessage + 8)); }).code,
              EMSGSIZE);
}

// Both ends send and receive at once, sizes from the smallest to the largest.
TEST_P(EachChannel, CarriesManyBothWays)
{
    constexpr uint32_t kCount = 3000;
    auto size_of = [](uint32_t i) {
        if (i % 500 == 499)
            return kMaxMessage;
        return kHeaderSize + 8 * ((i * 2654435761u >> 20) % (i % 50 == 0 ? 20'000 : 60));
    };
    auto sender = [&](Channel &channel) {
        for (uint32_t i = 0; i < kCount; ++i) {
            auto message = test_message(i, size_of(i));
            auto whole = std::span<const std::byte>(message);
            channel.send(whole.first(16), whole.subspan(16));
            if (i % 97 == 0)
                channel.flush();
            else if (i % 3 == 0)
                channel.flush_soon();
        }
        channel.flush();
    };
    auto receiver = [&](Channel &channel) {
        std::vector<std::byte> got;
        for (uint32_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(channel.receive(got, 30'000)) << i;
            ASSERT_EQ(got, test_message(i, size_of(i))) << i;
        }
    };
    std::thread one([&] { sender(*ends_.client); });
    std::thread two([&] { sender(*ends_.worker); });
    std::thread three([&] { receiver(*ends_.client); });
    receiver(*ends_.worker);
    one.join();
    two.join();
    three.join();
}

TEST_P(EachChannel, PingPongBetweenProcesses)
{
    pid_t child = fork();
    if (child == 0) {
        ends_.client.reset();
        std::vector<std::byte> message;
        try {
            for (;;) {
                ends_.worker->receive(message, -1);
                ends_.worker->send(message);
                ends_.worker->flush();
            }
        } catch (const Error &error) {
            _exit(error.code() == ECONNRESET ? 0 : 1);
        }
    }
    ends_.worker.reset();
    std::vector<std::byte> got;
    for (uint32_t i = 0; i < 2000; ++i) {
        auto message = test_message(i, kHeaderSize + 8 * (i % 200));
        ends_.client->send(message);
        ends_.client->flush();
        ASSERT_TRUE(ends_.client->receive(got, 30'000));
        ASSERT_EQ(got, message);
    }
    ends_.client.reset(); // the child sees it and leaves
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_P(EachChannel, WhatNobodyWaitsForStartsAllTheSame)
{
    std::vector<std::byte> got;
    for (uint32_t i = 0; i < 20; ++i) { // each one alone, whatever the others are doing by then
        ends_.client->send(test_message(i, 64));
        ends_.client->flush_soon();
        ASSERT_TRUE(ends_.worker->receive(got, 30'000)) << i;
        EXPECT_EQ(got, test_message(i, 64));
    }
}

TEST_P(EachChannel, ALargeMessageMayBeWaitedForInSlices)
{
    auto message = test_message(1, kMaxMessage);
    std::thread sender([&] { ends_.client->send(message); });
    std::vector<std::byte> got;
    int tries = 0;
    while (!ends_.worker->receive(got, 1) && ++tries < 30'000)
        ;
    sender.join();
    EXPECT_EQ(got, message);
}

TEST_P(EachChannel, WhatWasSentBeforeDeathArrives)
{
    ends_.client->send(test_message(1, 64));
    ends_.client->flush();
    ends_.client.reset();
    std::vector<std::byte> got;
    ASSERT_TRUE(ends_.worker->receive(got, 5000));
    EXPECT_EQ(got, test_message(1, 64));
    EXPECT_EQ(refusal([&] { ends_.worker->receive(got, 5000); }).code, ECONNRESET);
}

TEST_P(EachChannel, DeathOfThePeerEndsAWaitingReceive)
{
    std::thread killer([&] { ends_.client.reset(); });
    std::vector<std::byte> got;
    uint64_t start = now_ns();
    Refusal why = refusal([&] { ends_.worker->receive(got, -1); });
    killer.join();
    EXPECT_TRUE(why.code == ECONNRESET || why.code == EPIPE) << why.text;
    EXPECT_EQ(why.text, "the peer closed the connection");
    EXPECT_LT(now_ns() - start, 5'000'000'000u);
}

TEST_P(EachChannel, DeathOfThePeerEndsABlockedSend)
{
    auto message = test_message(1, 256 << 10);
    std::thread killer([&] {
        // Dies once the sender has surely filled what can be filled: after the first messages.
        std::vector<std::byte> got;
        ends_.worker->receive(got, 5000);
        ends_.worker.reset();
    });
    Refusal why = refusal([&] {
        for (int i = 0; i < 1000; ++i)
            ends_.client->send(message);
    });
    killer.join();
    EXPECT_TRUE(why.code == ECONNRESET || why.code == EPIPE) << why.text;
}

// Who only ever sends, and waits for nothing, hears of it too.
TEST_P(EachChannel, DeathOfThePeerEndsSendingWithoutWaiting)
{
    ends_.worker.reset();
    Deadline deadline = Deadline::after_ms(20'000);
    Refusal why = refusal([&] {
        while (!deadline.expired()) {
            ends_.client->send(test_message(1, 64));
            ends_.client->flush_soon();
        }
    });
    EXPECT_TRUE(why.code == ECONNRESET || why.code == EPIPE) << why.text;
}

TEST_P(EachChannel, ShuttingDownEndsBothSides)
{
    std::thread closer([&] { ends_.client->shut_down(); });
    std::vector<std::byte> got;
    EXPECT_EQ(refusal([&] { ends_.client->receive(got, -1); }).code, ECONNRESET);
    EXPECT_EQ(refusal([&] { ends_.worker->receive(got, -1); }).code, ECONNRESET);
    closer.join();
}

TEST_P(EachChannel, DescriptorsTravelOnlyOverTheRing)
{
    Fd file = memfd("test", 4096);
    if (!ends_.client->passes_descriptors()) {
        EXPECT_EQ(refusal([&] { ends_.client->send_descriptor(1, file.get()); }).code, ENOTSUP);
        EXPECT_EQ(refusal([&] { ends_.client->receive_descriptor(1, 0); }).code, ENOTSUP);
        return;
    }
    Mapping here(file.get(), 4096);
    here.data()[0] = std::byte(5);
    ends_.client->send_descriptor(11, memfd("other", 8192).get());
    ends_.client->send_descriptor(7, file.get());
    Fd got = ends_.worker->receive_descriptor(7, 5000); // out of order
    check_memfd(got.get(), 4096);
    EXPECT_EQ(Mapping(got.get(), 4096).data()[0], std::byte(5));
    EXPECT_NE(fcntl(got.get(), F_GETFD) & FD_CLOEXEC, 0);
    check_memfd(ends_.worker->receive_descriptor(11, 5000).get(), 8192);
    EXPECT_EQ(refusal([&] { ends_.worker->receive_descriptor(12, 5); }).code, ETIMEDOUT);
    ends_.client.reset();
    EXPECT_EQ(refusal([&] { ends_.worker->receive_descriptor(12, 5000); }).code, ECONNRESET);
}

// ---- a stream's hostile peer --------------------------------------------------------------------

TEST(Stream, LyingSizesAreRefused)
{
    for (uint32_t size : {0u, 8u, 15u, 20u, 1048584u, UINT32_MAX}) {
        SocketPair pair;
        auto channel = make_stream_channel(std::move(pair.a));
        std::byte bytes[16];
        put_header(bytes, {size, 1, 0, 1, 0});
        write_all(pair.b.get(), bytes, Deadline::after_ms(1000));
        std::vector<std::byte> got;
        EXPECT_EQ(refusal([&] { channel->receive(got, 1000); }).code, EPROTO) << size;
    }
}

TEST(Stream, AMessageMayComeByteByByte)
{
    SocketPair pair;
    auto channel = make_stream_channel(std::move(pair.a));
    auto message = test_message(3, 200);
    std::vector<std::byte> got;
    for (size_t i = 0; i < message.size(); ++i) {
        EXPECT_FALSE(channel->receive(got, 0)) << i; // and keeps what has come so far
        write_all(pair.b.get(), std::span(message).subspan(i, 1), Deadline::after_ms(1000));
    }
    ASSERT_TRUE(channel->receive(got, 1000));
    EXPECT_EQ(got, message);
}

TEST(Stream, AMessageCutShortIsAnError)
{
    for (size_t n : {size_t(4), size_t(100), size_t(300'000)}) {
        SocketPair pair;
        auto channel = make_stream_channel(std::move(pair.a));
        auto message = test_message(3, 400'000);
        std::thread writer([&, end = std::move(pair.b)]() mutable {
            write_all(end.get(), std::span(message).first(n), Deadline::after_ms(5000));
            end.reset();
        });
        std::vector<std::byte> got;
        Refusal why = refusal([&] { channel->receive(got, 5000); });
        writer.join();
        EXPECT_EQ(why.text, "the peer closed the connection inside a message") << n;
    }
}

// ---- a ring's hostile peer ----------------------------------------------------------------------

class HostileRing : public testing::Test
{
protected:
    static constexpr size_t kCapacity = kMaxMessage;
    HostileRing()
    {
        Fd memory = make_ring_memory(kCapacity);
        map_ = Mapping(memory.get(), ring_pair_bytes(kCapacity));
        worker_ = make_ring_channel(Side::worker, std::move(pair_.a), memory, kCapacity);
    }
    Control &control(size_t i)
    {
        return *reinterpret_cast<Control *>(map_.data() + i * sizeof(Control));
    }
    // What the client would write at position 0 of its ring.
    void put(const Header &header) { put_header(map_.data() + 2 * sizeof(Control), header); }
    int receive_code()
    {
        std::vector<std::byte> got;
        return refusal([&] { worker_->receive(got, 1000); }).code;
    }

    SocketPair pair_;
    Mapping map_;
    std::unique_ptr<Channel> worker_;
};

TEST_F(HostileRing, ImpossibleTailsAreRefused)
{
    put({16, 1, 0, 1, 0}); // nothing is wrong with the message
    for (uint64_t tail : {uint64_t(kCapacity) + 8, uint64_t(12), uint64_t(8), UINT64_MAX - 7}) {
        control(0).tail.store(tail);
        EXPECT_EQ(receive_code(), EPROTO) << tail;
    }
}

TEST_F(HostileRing, TailThatGoesBackIsRefused)
{
    put({16, 1, 0, 1, 0});
    control(0).tail.store(16);
    EXPECT_EQ(receive_code(), 0);
    control(0).tail.store(0);
    EXPECT_EQ(receive_code(), EPROTO);
}

TEST_F(HostileRing, LyingSizesAreRefused)
{
    for (uint32_t size : {0u, 8u, 20u, 72u, 1048584u, UINT32_MAX - 7}) {
        put({size, 1, 0, 1, 0});
        control(0).tail.store(64);
        EXPECT_EQ(receive_code(), EPROTO) << size;
    }
    put({64, 1, 0, 1, 0});
    EXPECT_EQ(receive_code(), 0); // the same place, told honestly
}

TEST_F(HostileRing, ImpossibleHeadsAreRefused)
{
    auto message = test_message(1, kMaxMessage);
    worker_->send(message); // fills the ring: the next one must look at the head
    control(1).head.store(kCapacity + 8);
    EXPECT_EQ(refusal([&] { worker_->send(message); }).code, EPROTO);
    control(1).head.store(UINT64_MAX - 15);
    EXPECT_EQ(refusal([&] { worker_->send(message); }).code, EPROTO);
}

TEST_F(HostileRing, OnlyWhoWaitsForAnAnswerWakesANap)
{
    std::atomic<uint32_t> &word = control(1).consumer_sleeps;
    word = 2; // the client naps
    worker_->send(test_message(1, 64));
    EXPECT_EQ(word, 2u);
    worker_->flush();
    EXPECT_EQ(word, 0u);
    word = 1; // and sleeps
    worker_->send(test_message(2, 64));
    EXPECT_EQ(word, 0u);
}

TEST_F(HostileRing, WhoWaitsForAnswersUsesTheBeginningOfItsRing)
{
    std::vector<std::byte> message = test_message(1, 1000);
    const std::byte *bytes = map_.data() + 2 * sizeof(Control) + kCapacity;
    uint64_t head = 0;
    for (int i = 0; i < 3000; ++i) {
        worker_->send(message);
        worker_->flush();
        uint64_t tail = control(1).tail;
        // As a client reads: over the gap, if there is one.
        if (get_header(bytes + head % kCapacity).size == kGap)
            head += kCapacity - head % kCapacity;
        ASSERT_EQ(get_header(bytes + head % kCapacity).size, 1000u);
        ASSERT_EQ(head + 1000, tail);
        head = tail;
        control(1).head.store(head);
    }
    for (size_t i = kWarmBytes + 1000 + sizeof kGap; i < kCapacity; ++i)
        ASSERT_EQ(bytes[i], std::byte{0}) << i;
}

TEST_F(HostileRing, WhoIsNotReadKeepsHisPlace)
{
    std::vector<std::byte> message = test_message(1, 1000);
    for (uint64_t i = 0; i < 200; ++i) {
        worker_->send(message);
        worker_->flush();
        ASSERT_EQ(control(1).tail, (i + 1) * 1000);
    }
}

TEST_F(HostileRing, GapsThatEndNowhereAreRefused)
{
    put({64, 1, 0, 1, 0});
    control(0).tail.store(64);
    EXPECT_EQ(receive_code(), 0);
    put_header(map_.data() + 2 * sizeof(Control) + 64, {kGap, 0, 0, 0, 0});
    control(0).tail.store(kCapacity - 8);
    EXPECT_EQ(receive_code(), EPROTO);
    control(0).tail.store(kCapacity + 64); // the message at the beginning, once more
    EXPECT_EQ(receive_code(), 0);
}

TEST_F(HostileRing, SomethingElseThanADescriptorIsRefused)
{
    write_all(pair_.b.get(), std::as_bytes(std::span("sixteen bytes...", 16)),
              Deadline::after_ms(1000));
    EXPECT_EQ(refusal([&] { worker_->receive_descriptor(1, 1000); }).code, EPROTO);
    // Not even with a descriptor beside it.
    Fd file = memfd("test", 4096);
    int fd = file.get();
    ASSERT_EQ(send_with_descriptors(pair_.b.get(), std::as_bytes(std::span("sixteen bytes...", 16)),
                                    std::span(&fd, 1)),
              16);
    EXPECT_EQ(refusal([&] { worker_->receive_descriptor(1, 1000); }).code, EPROTO);
}

// The room that a gap takes is free again as soon as the reader has passed it, also while the
// writer waits for more than there is before it.
TEST(RingChannel, GoesBackBeforeMessagesOfAnySize)
{
    Ends ends = make_ring();
    std::thread worker([&] {
        std::vector<std::byte> got;
        for (;;) {
            ends.worker->receive(got, 60'000);
            ends.worker->send(got);
            ends.worker->flush();
            if (got.size() == 16)
                break;
        }
    });
    std::vector<std::byte> got;
    uint32_t n = 1;
    auto ask = [&](size_t size) {
        std::vector<std::byte> message = test_message(n++, size);
        ends.client->send(message);
        ends.client->flush();
        ASSERT_TRUE(ends.client->receive(got, 60'000));
        ASSERT_EQ(got, message);
    };
    for (size_t size = 24; size <= kMaxMessage; size += size / 16 / 8 * 8 + 8) {
        ask(80'000); // on to where he goes back
        ask(size);
    }
    ask(16);
    worker.join();
}

TEST(RingMemory, IsCheckedByWhoeverReceivesIt)
{
    auto open = [](const Fd &memory, size_t capacity) {
        SocketPair pair;
        return refusal(
                   [&] { make_ring_channel(Side::client, std::move(pair.a), memory, capacity); })
            .code;
    };
    Fd memory = make_ring_memory(kDefaultRing);
    EXPECT_EQ(open(memory, kDefaultRing), 0);
    EXPECT_EQ(open(memory, 2 * kDefaultRing), EPROTO);
    EXPECT_EQ(open(memory, kDefaultRing - 8), EPROTO);
    EXPECT_EQ(open(memory, size_t(1) << 40), EPROTO);
    Fd unsealed(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(unsealed.get(), off_t(ring_pair_bytes(kDefaultRing))), 0);
    EXPECT_EQ(open(unsealed, kDefaultRing), EPROTO);
    EXPECT_EQ(refusal([] { make_ring_memory(12345); }).code, EINVAL);
}

} // namespace vgpu::wire
