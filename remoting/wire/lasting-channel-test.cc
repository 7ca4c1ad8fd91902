// SPDX-License-Identifier: Apache-2.0
// What a channel that outlives its connection must do beyond what channel-test.cc asks of all.
#include "remoting/wire/cut-link.h"
#include "remoting/wire/lasting-channel.h"
#include "remoting/wire/send-log.h"
#include "remoting/wire/stream-channel.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <list>
#include <mutex>

namespace vgpu::wire
{

static uint32_t sequence_of(const std::vector<std::byte> &message)
{
    return get_header(message.data()).sequence;
}

// Two ends, and one who connects them again whenever the client's has lost the other: over links
// that are cut after the bytes said, then over whole ones.
class Pair
{
public:
    struct Cut {
        int64_t up = -1, down = -1;
    };

    explicit Pair(std::vector<Cut> cuts, LastingTerms terms = {}) : cuts_(std::move(cuts))
    {
        CutLink &link = next_link();
        client = make_lasting_channel(StreamSocket(link.take_client()), terms);
        worker = make_lasting_channel(StreamSocket(link.take_worker()), terms);
        mender_ = std::thread([this] { mend(); });
    }
    ~Pair()
    {
        client->shut_down();
        worker->shut_down();
        mender_.join();
    }

    std::unique_ptr<LastingChannel> client, worker;
    std::atomic<unsigned> mended{0};

private:
    CutLink &next_link()
    {
        const Cut cut = links_.size() < cuts_.size() ? cuts_[links_.size()] : Cut{};
        return links_.emplace_back(cut.up, cut.down);
    }
    void mend()
    {
        try {
            while (client->wait_for_loss()) {
                CutLink &link = next_link();
                const uint64_t here = client->leave("cut");
                const uint64_t there = worker->leave("cut");
                ASSERT_TRUE(client->keeps(there));
                ASSERT_TRUE(worker->keeps(here));
                worker->go_on(StreamSocket(link.take_worker()), here);
                client->go_on(StreamSocket(link.take_client()), there);
                ++mended;
            }
        } catch (const Error &) { // the test is over
        }
    }

    const std::vector<Cut> cuts_;
    std::list<CutLink> links_;
    std::thread mender_;
};

static size_t size_of(uint32_t i)
{
    return kHeaderSize + 8 * ((i * 2654435761u >> 20) % (i % 40 == 7 ? 4000 : 60));
}

// Requests, every fifth of which is waited for, as a program makes them; answers come in parts of
// another size. Each arrives once, in order, whole.
static void talk(Pair &pair, uint32_t count)
{
    std::thread worker([&] {
        std::vector<std::byte> got;
        for (uint32_t i = 1; i <= count; ++i) {
            ASSERT_TRUE(pair.worker->receive(got, 20'000)) << i;
            ASSERT_EQ(got, test_message(i, size_of(i)));
            if (i % 5 == 0) {
                pair.worker->send(test_message(i, size_of(i + 1)));
                pair.worker->flush();
            }
        }
    });
    std::vector<std::byte> got;
    for (uint32_t i = 1; i <= count; ++i) {
        pair.client->send(test_message(i, size_of(i)));
        if (i % 5 != 0) {
            pair.client->flush_soon();
            continue;
        }
        pair.client->flush();
        if (!pair.client->receive(got, 20'000)) {
            ADD_FAILURE() << "no answer to " << i;
            break;
        }
        EXPECT_EQ(got, test_message(i, size_of(i + 1)));
    }
    worker.join();
}

// Wherever it is cut, in a message or between two, on the way there or back; and the connection
// after it again, soon after its start.
TEST(Lasting, GoesOnWhereverTheLinkIsCut)
{
    uint64_t cut = 0;
    for (int64_t at = 0; at < 4000; at += at < 160 ? 8 : 487) {
        Pair up({{.up = at}, {.down = at / 3}});
        talk(up, 40);
        Pair down({{.down = at}, {.up = 8}, {.up = at + 4}});
        talk(down, 40);
        cut += up.mended + down.mended;
    }
    EXPECT_GT(cut, 80u);
}

TEST(Lasting, GoesOnAfterManyCutsAndManyBytes)
{
    std::vector<Pair::Cut> cuts;
    for (int i = 1; i <= 20; ++i)
        cuts.push_back(i % 2 ? Pair::Cut{.up = 30'011 * i} : Pair::Cut{.down = 1999 * i});
    Pair pair(cuts);
    talk(pair, 6000);
    EXPECT_GE(pair.mended, 15u);
}

// While there is no connection, what is sent is kept, and nobody waits.
TEST(Lasting, KeepsWhatIsSentMeanwhile)
{
    auto [a, b] = tcp_pair();
    auto client = make_lasting_channel(StreamSocket(std::move(a)), {});
    auto worker = make_lasting_channel(StreamSocket(std::move(b)), {});
    const uint64_t here = client->leave("test"), there = worker->leave("test");
    EXPECT_EQ(client->why_lost(), "test");
    for (uint32_t i = 1; i <= 100; ++i) {
        client->send(test_message(i, 4096));
        client->flush();
    }
    std::vector<std::byte> got;
    EXPECT_FALSE(worker->receive(got, 0));
    EXPECT_FALSE(worker->receive(got, 5));
    auto [c, d] = tcp_pair();
    worker->go_on(StreamSocket(std::move(d)), here);
    client->go_on(StreamSocket(std::move(c)), there);
    for (uint32_t i = 1; i <= 100; ++i) {
        ASSERT_TRUE(worker->receive(got, 20'000));
        EXPECT_EQ(sequence_of(got), i);
    }
}

// What has gone into the old connection after it was left is not heard, though it was on its way.
TEST(Lasting, DoesNotHearTheOldConnection)
{
    auto [a, b] = tcp_pair();
    Fd thief = duplicate(a.get());
    auto client = make_lasting_channel(StreamSocket(std::move(a)), {});
    auto worker = make_lasting_channel(StreamSocket(std::move(b)), {});
    auto lie = test_message(99, 64);
    ASSERT_EQ(::send(thief.get(), lie.data(), lie.size(), MSG_NOSIGNAL), ssize_t(lie.size()));
    const uint64_t there = worker->leave("test");
    EXPECT_EQ(there, 0u);
    ::send(thief.get(), lie.data(), lie.size(), MSG_NOSIGNAL);
    auto [c, d] = tcp_pair();
    const uint64_t here = client->leave("test");
    worker->go_on(StreamSocket(std::move(d)), here);
    client->go_on(StreamSocket(std::move(c)), there);
    client->send(test_message(1, 64));
    client->flush();
    std::vector<std::byte> got;
    ASSERT_TRUE(worker->receive(got, 20'000));
    EXPECT_EQ(sequence_of(got), 1u);
}

// A process that has ended closes in order: nobody waits for it.
TEST(Lasting, EndsAtAnOrderlyEnd)
{
    auto [a, b] = tcp_pair();
    unsigned losses = 0;
    auto worker =
        make_lasting_channel(StreamSocket(std::move(b)),
                             {.patience_ms = -1, .lost = [&](const std::string &) { ++losses; }});
    {
        auto client = make_stream_channel(std::move(a));
        client->send(test_message(1, 64));
        client->flush();
    }
    std::vector<std::byte> got;
    ASSERT_TRUE(worker->receive(got, -1));
    // As an answer that comes too late is met by a reset.
    for (int i = 0; i < 3; ++i)
        refusal([&] {
            worker->send(test_message(1, 64));
            worker->flush();
        });
    EXPECT_EQ(refusal([&] { worker->receive(got, -1); }).code, ECONNRESET);
    EXPECT_FALSE(worker->wait_for_loss());
    EXPECT_EQ(refusal([&] { worker->leave("late"); }).code, ECONNRESET);
    EXPECT_EQ(refusal([&] { worker->flush(); }).code, ECONNRESET);
    EXPECT_EQ(losses, 0u);
}

// What the peer said last arrives though a reset came behind it, whoever sees that first.
TEST(Lasting, HearsWhatCameBeforeTheReset)
{
    auto [a, b] = tcp_pair();
    auto worker = make_lasting_channel(StreamSocket(std::move(b)), {});
    for (uint32_t i = 1; i <= 3; ++i) {
        auto message = test_message(i, 64);
        ASSERT_EQ(::send(a.get(), message.data(), message.size(), MSG_NOSIGNAL), 64);
    }
    linger hard{1, 0};
    setsockopt(a.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    a.reset();
    EXPECT_TRUE(worker->wait_for_loss());
    std::vector<std::byte> got;
    for (uint32_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(worker->receive(got, 20'000));
        EXPECT_EQ(sequence_of(got), i);
    }
    EXPECT_FALSE(worker->receive(got, 0));
    EXPECT_EQ(worker->leave("test"), 192u);
}

TEST(Lasting, WaitsForNoLongerThanItWasTold)
{
    auto [a, b] = tcp_pair();
    auto worker = make_lasting_channel(StreamSocket(std::move(b)), {.patience_ms = 30});
    linger hard{1, 0};
    setsockopt(a.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    a.reset();
    std::vector<std::byte> got;
    const Refusal why = refusal([&] { worker->receive(got, -1); });
    EXPECT_EQ(why.code, ECONNRESET);
    EXPECT_NE(why.text.find("has not come back"), std::string::npos) << why.text;
}

// Whoever sees the reset first, it is one.
TEST(Lasting, ASenderMayLearnOfTheLoss)
{
    auto [a, b] = tcp_pair();
    std::atomic<unsigned> losses{0};
    auto worker =
        make_lasting_channel(StreamSocket(std::move(b)),
                             {.patience_ms = -1, .lost = [&](const std::string &) { ++losses; }});
    linger hard{1, 0};
    setsockopt(a.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    a.reset();
    for (int i = 0; i < 3; ++i) {
        worker->send(test_message(1, 64));
        worker->flush();
    }
    std::vector<std::byte> got;
    EXPECT_FALSE(worker->receive(got, 0));
    EXPECT_EQ(losses, 1u);
    EXPECT_TRUE(worker->wait_for_loss());
    worker->end("enough");
    EXPECT_EQ(refusal([&] { worker->receive(got, -1); }).text, "enough");
}

TEST(Lasting, GoesOnOnlyWhereItWas)
{
    auto [a, b] = tcp_pair();
    auto client = make_lasting_channel(StreamSocket(std::move(a)), {});
    client->send(test_message(1, 64));
    client->flush();
    client->leave("test");
    EXPECT_TRUE(client->keeps(0));
    EXPECT_TRUE(client->keeps(64));
    EXPECT_FALSE(client->keeps(72));
    auto [c, d] = tcp_pair();
    EXPECT_EQ(refusal([&] { client->go_on(StreamSocket(std::move(c)), 72); }).code, EPROTO);
}

// A peer that has received more than was sent has not.
TEST(Lasting, BelievesNoWordOfWhatWasNotSent)
{
    for (Header lie : {Header{16, 0, kAcknowledges, 65, 0}, Header{16, 0, kAcknowledges, 0, 1},
                       Header{16, 7, kAcknowledges, 64, 0}, Header{16, 0, 0xffff, 64, 0}}) {
        auto [a, b] = tcp_pair();
        auto client = make_lasting_channel(StreamSocket(std::move(a)), {});
        client->send(test_message(1, 64));
        client->flush();
        ASSERT_EQ(::send(b.get(), &lie, sizeof lie, MSG_NOSIGNAL), ssize_t(sizeof lie));
        std::vector<std::byte> got;
        const Refusal why = refusal([&] { client->receive(got, 20'000); });
        EXPECT_NE(why.text.find("never sent"), std::string::npos) << why.text;
    }
}

// A program that only launches: the worker's word is read by who sends.
TEST(Lasting, ForgetsWhatHasArrivedThoughNobodyReceives)
{
    constexpr uint32_t kCount = 20'000;
    auto [a, b] = tcp_pair();
    auto client = make_lasting_channel(StreamSocket(std::move(a)), {});
    auto worker = make_lasting_channel(StreamSocket(std::move(b)), {});
    std::thread reader([&] {
        std::vector<std::byte> got;
        for (uint32_t i = 1; i <= kCount; ++i) {
            ASSERT_TRUE(worker->receive(got, 20'000));
            ASSERT_EQ(sequence_of(got), i);
            if (i % 1000 == 0) { // which nobody waits for
                worker->send(test_message(i, 256));
                worker->flush();
            }
        }
    });
    for (uint32_t i = 1; i <= kCount; ++i)
        client->send(test_message(i, 512));
    client->flush();
    reader.join();
    EXPECT_FALSE(client->keeps(0));
    std::vector<std::byte> got;
    for (uint32_t i = 1000; i <= kCount; i += 1000) {
        ASSERT_TRUE(client->receive(got, 20'000));
        EXPECT_EQ(got, test_message(i, 256));
    }
}

// A peer that says nothing costs so much memory and no more; while the connection holds nobody
// waits for its word.
TEST(Lasting, KeepsNoMoreThanItMay)
{
    auto [a, b] = tcp_pair();
    auto client = make_lasting_channel(
        StreamSocket(std::move(a)),
        {.patience_ms = 30, .lost = [](const std::string &) {}, .most_kept = size_t(256) << 10});
    auto worker = make_stream_channel(std::move(b));
    std::vector<std::byte> got;
    for (uint32_t i = 1; i <= 1000; ++i) {
        client->send(test_message(i, 4096));
        client->flush();
        ASSERT_TRUE(worker->receive(got, 20'000));
    }
    EXPECT_FALSE(client->keeps(0));
    EXPECT_TRUE(client->keeps(1000 * 4096));
    // And without a connection it waits, for as long as it bears.
    client->leave("test");
    const Refusal why = refusal([&] {
        for (uint32_t i = 1; i <= 1000; ++i)
            client->send(test_message(i, 4096));
    });
    EXPECT_EQ(why.code, ECONNRESET);
}

TEST(SendLog, KeepsWhatWasNotDropped)
{
    SendLog log;
    for (uint32_t i = 0; i < 100; ++i) {
        auto message = test_message(i, size_of(i) + (i == 50 ? 100'000 : 0));
        log.append(std::span(message).first(16), std::span(message).subspan(16));
    }
    const uint64_t all = log.end();
    std::vector<std::byte> whole;
    auto read = [&](uint64_t from) {
        std::vector<std::byte> out;
        for (iovec piece; out.size() < all - from;) {
            if (log.look(from + out.size(), std::span(&piece, 1)) != 1)
                break;
            auto *bytes = static_cast<std::byte *>(piece.iov_base);
            out.insert(out.end(), bytes, bytes + piece.iov_len);
        }
        return out;
    };
    whole = read(0);
    ASSERT_EQ(whole.size(), all);
    log.drop(all / 2);
    EXPECT_GT(log.begin(), 0u);
    EXPECT_LE(log.begin(), all / 2);
    EXPECT_EQ(read(all / 2), std::vector(whole.begin() + ptrdiff_t(all / 2), whole.end()));
    log.drop(all);
    EXPECT_EQ(log.begin(), all);
    iovec piece;
    EXPECT_EQ(log.look(all, std::span(&piece, 1)), 0u);
}

} // namespace vgpu::wire
