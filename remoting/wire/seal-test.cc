// SPDX-License-Identifier: Apache-2.0
// Records, and a channel over them; what somebody on the way can do to either.
#include "remoting/wire/seal.h"
#include "remoting/wire/stream-channel.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace vgpu::wire
{

class Sealing : public testing::Test
{
protected:
    Sealing()
    {
        auth_.method = AuthConfig::Method::key;
        auth_.key_file = scratch_ / "key";
        make_key_file(auth_.key_file);
        transcript_.fill(std::byte(7));
    }

    std::pair<SealKeys, SealKeys> keys(const Digest &seen_by_acceptor, const AuthConfig &acceptors)
    {
        const Exchange here = make_exchange();
        const Exchange there = make_exchange();
        return {agree(End::connector, here, there.open, transcript_, auth_),
                agree(End::acceptor, there, here.open, seen_by_acceptor, acceptors)};
    }

    Scratch scratch_;
    AuthConfig auth_;
    Digest transcript_;
};

TEST_F(Sealing, BothEndsAgreeOnCrossedKeys)
{
    auto [client, worker] = keys(transcript_, auth_);
    EXPECT_EQ(client.send, worker.receive);
    EXPECT_EQ(client.receive, worker.send);
    EXPECT_NE(client.send, client.receive);
    const SealKeys before = client;
    bind_keys(client, std::as_bytes(std::span("welcome")));
    EXPECT_NE(client.send, before.send);
    bind_keys(worker, std::as_bytes(std::span("welcome")));
    EXPECT_EQ(client.send, worker.receive);
}

TEST_F(Sealing, KeysDependOnTheOpeningAndOnTheSharedKey)
{
    Digest other = transcript_;
    other[0] ^= std::byte(1);
    auto [client, worker] = keys(other, auth_);
    EXPECT_NE(client.send, worker.receive);
    AuthConfig stranger = auth_;
    stranger.key_file = scratch_ / "other";
    make_key_file(stranger.key_file);
    auto [here, there] = keys(transcript_, stranger);
    EXPECT_NE(here.send, there.receive);
}

TEST_F(Sealing, RecordsComeInOrderWholeAndOnce)
{
    auto [client, worker] = keys(transcript_, auth_);
    Seal sender(client);
    auto record = [&](std::string_view text) {
        std::vector<std::byte> out;
        sender.seal(std::as_bytes(std::span(text)), out);
        return out;
    };
    auto first = record("first");
    const auto second = record("second");
    ASSERT_EQ(first.size(), kSealHeader + kSealOverhead + 5);
    ASSERT_EQ(second.size(), kSealOverhead + 6);
    auto opened = [&](Seal &receiver, std::span<const std::byte> sealed) {
        std::vector<std::byte> plain(sealed.size() - 4 - 17);
        Refusal why = refusal([&] { receiver.open(sealed.subspan(4), plain); });
        return why.code ? why.text
                        : std::string(reinterpret_cast<char *>(plain.data()), plain.size());
    };
    const auto header = std::span(std::as_const(first)).first<kSealHeader>();
    const auto body = std::span(std::as_const(first)).subspan(kSealHeader);
    {
        Seal receiver(worker);
        receiver.begin(header);
        EXPECT_EQ(opened(receiver, body), "first");
        EXPECT_EQ(opened(receiver, second), "second");
        EXPECT_NE(opened(receiver, second).find("broken"), std::string::npos); // replayed
    }
    {
        Seal receiver(worker); // one is left out
        receiver.begin(header);
        EXPECT_NE(opened(receiver, second).find("broken"), std::string::npos);
    }
    {
        Seal receiver(client); // its own bytes sent back
        receiver.begin(header);
        EXPECT_NE(opened(receiver, body).find("broken"), std::string::npos);
    }
    for (size_t i = 0; i < first.size(); ++i) {
        if (i >= kSealHeader && i < kSealHeader + 4)
            continue; // the size, which is judged before
        first[i] ^= std::byte(0x10);
        Seal receiver(worker);
        receiver.begin(header);
        EXPECT_NE(opened(receiver, body).find("broken"), std::string::npos) << i;
        first[i] ^= std::byte(0x10);
    }
}

TEST_F(Sealing, AChannelCarriesMessagesOfEverySizeBothWays)
{
    auto [near, far] = keys(transcript_, auth_);
    SocketPair sockets;
    auto client = make_stream_channel(StreamSocket(std::move(sockets.a), near));
    auto worker = make_stream_channel(StreamSocket(std::move(sockets.b), far));
    const size_t sizes[] = {16, 24, 4096, 8192, 65536, 65544, 300'000, kMaxMessage};
    std::thread echo([&] {
        std::vector<std::byte> message;
        for ([[maybe_unused]] size_t size : sizes) {
            if (!worker->receive(message, 20'000))
                return;
            worker->send(message);
            worker->flush();
        }
    });
    uint32_t sequence = 0;
    for (size_t size : sizes) {
        const auto sent = test_message(++sequence, size);
        // In two pieces, as calls with bulk data are.
        const size_t head = std::min<size_t>(size, sequence % 2 ? 16 : size);
        client->send(std::span(sent).first(head), std::span(sent).subspan(head));
        client->flush();
        std::vector<std::byte> got;
        ASSERT_TRUE(client->receive(got, 20'000)) << size;
        EXPECT_EQ(got, sent) << size;
    }
    echo.join();
}

TEST_F(Sealing, ManySmallMessagesWaitInOneRead)
{
    auto [near, far] = keys(transcript_, auth_);
    SocketPair sockets;
    auto client = make_stream_channel(StreamSocket(std::move(sockets.a), near));
    auto worker = make_stream_channel(StreamSocket(std::move(sockets.b), far));
    for (uint32_t i = 1; i <= 200; ++i)
        client->send(test_message(i, 64));
    client->flush();
    std::vector<std::byte> got;
    for (uint32_t i = 1; i <= 200; ++i) {
        ASSERT_TRUE(worker->receive(got, 5000)) << i;
        EXPECT_EQ(got, test_message(i, 64));
    }
    EXPECT_FALSE(worker->receive(got, 0));
}

TEST_F(Sealing, NothingReadableIsOnTheWire)
{
    auto [near, far] = keys(transcript_, auth_);
    SocketPair sockets;
    auto client = make_stream_channel(StreamSocket(std::move(sockets.a), near));
    client->send(test_message(1, 4096));
    client->flush();
    std::vector<std::byte> wire(4096 + kSealHeader + kSealOverhead);
    read_exact(sockets.b.get(), wire, Deadline::after_ms(5000));
    const auto plain = test_message(1, 4096);
    EXPECT_EQ(std::search(wire.begin(), wire.end(), plain.begin() + 16, plain.begin() + 32),
              wire.end());
}

// What the receiver says to bytes that somebody has changed.
TEST_F(Sealing, AChangedByteEndsTheChannel)
{
    for (size_t at : {size_t(0), kSealHeader, kSealHeader + 2, kSealHeader + 4, kSealHeader + 40}) {
        auto [near, far] = keys(transcript_, auth_);
        SocketPair sent, delivered;
        auto client = make_stream_channel(StreamSocket(std::move(sent.a), near));
        auto worker = make_stream_channel(StreamSocket(std::move(delivered.b), far));
        client->send(test_message(1, 64));
        client->flush();
        std::vector<std::byte> wire(64 + kSealHeader + kSealOverhead);
        read_exact(sent.b.get(), wire, Deadline::after_ms(5000));
        wire[at] ^= std::byte(0x80);
        write_all(delivered.a.get(), wire, Deadline::after_ms(5000));
        delivered.a.reset();
        std::vector<std::byte> got;
        Refusal why = refusal([&] { worker->receive(got, 5000); });
        EXPECT_TRUE(why.code == EPROTO || why.code == ECONNRESET) << at << ": " << why.text;
    }
}

TEST_F(Sealing, ATruncatedRecordIsNoEnd)
{
    auto [near, far] = keys(transcript_, auth_);
    SocketPair sent, delivered;
    auto client = make_stream_channel(StreamSocket(std::move(sent.a), near));
    auto worker = make_stream_channel(StreamSocket(std::move(delivered.b), far));
    client->send(test_message(1, 64));
    client->flush();
    std::vector<std::byte> wire(64 + kSealHeader + kSealOverhead - 1);
    read_exact(sent.b.get(), wire, Deadline::after_ms(5000));
    write_all(delivered.a.get(), wire, Deadline::after_ms(5000));
    delivered.a.reset();
    std::vector<std::byte> got;
    EXPECT_EQ(refusal([&] { worker->receive(got, 5000); }).text,
              "the peer closed the connection inside a sealed record");
}

TEST_F(Sealing, AFullSocketHoldsTheSenderUpAndNothingIsLost)
{
    auto [near, far] = keys(transcript_, auth_);
    SocketPair sockets;
    StreamSocket client(std::move(sockets.a), near);
    StreamSocket worker(std::move(sockets.b), far);
    std::vector<std::byte> sent(16 << 20);
    for (size_t i = 0; i < sent.size(); ++i)
        sent[i] = std::byte(i * 7 + (i >> 12));
    size_t from = 0;
    size_t to = 0;
    bool was_full = false;
    std::vector<std::byte> got(sent.size());
    while (to < got.size()) {
        while (from < sent.size()) {
            const iovec left{sent.data() + from, sent.size() - from};
            const ssize_t n = client.send(std::span(&left, 1));
            if (n < 0) {
                ASSERT_EQ(errno, EAGAIN);
                was_full = true;
                break;
            }
            from += size_t(n);
        }
        client.flush();
        const ssize_t n = worker.receive(std::span(got).subspan(to));
        ASSERT_TRUE(n > 0 || errno == EAGAIN);
        to += n > 0 ? size_t(n) : 0;
    }
    EXPECT_TRUE(was_full);
    EXPECT_EQ(got, sent);
}

} // namespace vgpu::wire
