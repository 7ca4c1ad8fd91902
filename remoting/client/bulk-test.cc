// SPDX-License-Identifier: Apache-2.0
// The bulk connection from the client's side, against a worker that the test plays: bytes and
// answers in either order, and a worker that breaks off.
#include "remoting/client/bulk.h"

#include "remoting/base/clock.h"
#include "remoting/client/copy-out.h"
#include "remoting/wire/codec.h"
#include "remoting/wire/memory-stream.h"
#include "remoting/wire/stream-channel.h"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace vgpu;
using namespace vgpu::client;

namespace
{

struct Ends {
    Ends()
    {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
            fail_errno("socketpair");
        here.reset(fds[0]);
        there.reset(fds[1]);
    }
    Fd here, there;
};

class BulkTest : public testing::Test
{
protected:
    ~BulkTest() override
    {
        bulk.shut_down();
        worker->shut_down();
    }

    // Asks for `copy`, as its owner would.
    bool ask(CopyOut &copy) { return connection.send(uint16_t(copy.call()), 1, head, {}, &copy); }

    void answer(uint32_t sequence, uint32_t word, uint64_t announced)
    {
        std::vector<std::byte> message(wire::kHeaderSize + 24);
        std::memcpy(message.data() + wire::kHeaderSize + 8, &announced, 8);
        wire::put_header(message.data(), {.size = uint32_t(message.size()),
                                          .call = uint16_t(api::Call::vgpuBulkOut),
                                          .flags = wire::kIsReply,
                                          .sequence = sequence,
                                          .word = word});
        worker->send(message);
        worker->flush();
    }

    void bytes(uint32_t copy, uint64_t offset, std::string_view text)
    {
        wire::BulkFrame frame{copy, uint32_t(text.size()), offset};
        iovec pieces[] = {{&frame, sizeof frame}, {const_cast<char *>(text.data()), text.size()}};
        worker_bulk->write(pieces);
    }

    Ends calls, large;
    std::vector<std::byte> head = std::vector<std::byte>(wire::kHeaderSize);
    std::vector<std::string> lost; // to be read when `told`
    std::atomic<bool> told = false;
    std::unique_ptr<wire::Channel> worker = wire::make_stream_channel(std::move(calls.there));
    std::unique_ptr<wire::BulkStream> worker_bulk =
        wire::make_bulk_stream(wire::StreamSocket(std::move(large.there)));
    Connection connection{wire::make_stream_channel(std::move(calls.here)),
                          {.deferred = [](Deferred) {},
                           .lost =
                               [this](const std::string &why) {
                                   lost.push_back(why);
                                   told = true;
                                   told.notify_all();
                               }}};
    Bulk bulk{{.stream = wire::make_bulk_stream(wire::StreamSocket(std::move(large.here)))},
              connection};
};

} // namespace

TEST_F(BulkTest, BytesMayComeBeforeOrAfterTheAnswer)
{
    for (bool before : {true, false}) {
        char to[9] = "........";
        CopyOut copy(connection, &bulk, to, 8, 8, 1);
        ASSERT_TRUE(ask(copy));
        if (before)
            bytes(copy.number(), 4, "5678");
        std::thread later([&] {
            answer(copy.sequence(), CUDA_SUCCESS, 8);
            if (!before)
                bytes(copy.number(), 4, "5678");
            bytes(copy.number(), 0, "1234");
        });
        EXPECT_TRUE(connection.wait(copy));
        later.join();
        EXPECT_STREQ(to, "12345678");
        EXPECT_EQ(copy.result, CUDA_SUCCESS);
    }
}

TEST_F(BulkTest, CopiesUnderWayDoNotMix)
{
    char one[5] = "....", other[6] = ".....";
    CopyOut first(connection, &bulk, one, 4, 4, 1), second(connection, &bulk, other, 3, 2, 2);
    ASSERT_TRUE(ask(first) && ask(second));
    bytes(second.number(), 0, "ab");
    bytes(first.number(), 0, "12");
    bytes(second.number(), 2, "cd"); // rows of 2, 3 apart
    answer(second.sequence(), CUDA_SUCCESS, 4);
    EXPECT_TRUE(connection.wait(second));
    EXPECT_STREQ(other, "ab.cd");
    bytes(first.number(), 2, "34");
    answer(first.sequence(), CUDA_SUCCESS, 4);
    EXPECT_TRUE(connection.wait(first));
    EXPECT_STREQ(one, "1234");
}

// The bytes of a copy nobody waits for are there when what came after it has been waited for.
TEST_F(BulkTest, OthersLeadWhileBytesAreMissing)
{
    char to[5] = "....";
    auto copy = std::make_unique<CopyOut>(connection, &bulk, to, 4, 4, 1);
    const uint32_t number = copy->number();
    const auto call = uint16_t(copy->call());
    ASSERT_TRUE(connection.send_detached(call, 1, head, std::move(copy)));
    const auto sequence = uint32_t(connection.last_sequence());
    answer(sequence, CUDA_SUCCESS, 4);

    struct Result : Pending {
        bool arrived(const wire::Header &, std::span<const std::byte>) override { return true; }
    } result;
    ASSERT_TRUE(connection.send(300, 1, head, {}, &result));
    std::thread waiter([&] { EXPECT_TRUE(connection.complete_before(sequence)); });
    answer(result.sequence(), CUDA_SUCCESS, 0); // not behind the bytes
    EXPECT_TRUE(connection.wait(result));
    EXPECT_TRUE(connection.has_detached());
    bytes(number, 0, "1234");
    waiter.join();
    EXPECT_FALSE(connection.has_detached());
    EXPECT_STREQ(to, "1234");
}

TEST_F(BulkTest, AFailureSaysHowMuchComesAllTheSame)
{
    char to[9] = "........";
    CopyOut copy(connection, &bulk, to, 8, 8, 1);
    ASSERT_TRUE(ask(copy));
    answer(copy.sequence(), CUDA_ERROR_ILLEGAL_ADDRESS, 4);
    bytes(copy.number(), 0, "1234");
    EXPECT_TRUE(connection.wait(copy));
    EXPECT_EQ(copy.result, CUDA_ERROR_ILLEGAL_ADDRESS);
}

// A large turn holds up whoever waits for an answer meanwhile.
TEST_F(BulkTest, TurnsAreLargeWhileNobodyElseWaits)
{
    struct Turns : wire::MemoryStream {
        Turns(std::vector<std::byte> &bytes, std::vector<size_t> &all)
            : MemoryStream(bytes), turns(all)
        {
        }
        void take_turns(size_t n) noexcept override { turns.push_back(n); }
        std::vector<size_t> &turns;
    };
    std::vector<std::byte> written;
    std::vector<size_t> turns;
    Bulk watched{{.stream = std::make_unique<Turns>(written, turns)}, connection};
    const std::vector<std::byte> row(100);
    const auto send = [&] {
        EXPECT_TRUE(watched.send(1, {row.data(), row.size(), row.size(), 1, 4096, row.size(), {}}));
        return turns.back();
    };
    const auto until_large = [&] {
        size_t n = 0;
        while (send() != wire::kBulkMost && n < 1000)
            ++n;
        return n;
    };
    const auto wait = [&] {
        struct Result : Pending {
            bool arrived(const wire::Header &, std::span<const std::byte>) override { return true; }
        } result;
        ASSERT_TRUE(connection.send(300, 1, head, {}, &result));
        answer(result.sequence(), CUDA_SUCCESS, 0);
        EXPECT_TRUE(connection.wait(result));
    };
    until_large(); // other tests of this process may have waited
    wait();        // a copy waits for its own end
    EXPECT_EQ(send(), wire::kBulkMost);
    std::thread(wait).join();
    EXPECT_EQ(send(), wire::BulkStream::kShortTurn);
    EXPECT_GT(until_large(), 50u);
    EXPECT_EQ(turns.back(), wire::kBulkMost);
    EXPECT_EQ(written.size(), turns.size() * row.size());
}

TEST_F(BulkTest, ALostBulkConnectionEndsTheSession)
{
    char to[9] = "........";
    {
        CopyOut copy(connection, &bulk, to, 8, 8, 1);
        ASSERT_TRUE(ask(copy));
        answer(copy.sequence(), CUDA_SUCCESS, 8);
        bytes(copy.number(), 0, "12");
        worker_bulk.reset();
        EXPECT_FALSE(connection.wait(copy));
    }
    told.wait(false);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_NE(lost[0].find("bulk"), std::string::npos) << lost[0];
}

TEST_F(BulkTest, BytesOfNoCopyEndTheSession)
{
    char to[9] = "........";
    {
        CopyOut copy(connection, &bulk, to, 8, 8, 1);
        ASSERT_TRUE(ask(copy));
        bytes(copy.number(), 4, "12345");
        EXPECT_FALSE(connection.wait(copy));
    }
    told.wait(false);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_NE(lost[0].find("not asked for"), std::string::npos) << lost[0];
}

namespace
{

// What a session that can be resumed has: who calls for another connection gets `second`.
class ReplacedBulkTest : public BulkTest
{
protected:
    ~ReplacedBulkTest() override
    {
        kept.shut_down();
        connection.channel().shut_down();
    }

    wire::BulkConnection replacement(wire::BulkAgain again)
    {
        asked.push_back(again);
        if (refuse)
            fail(ECONNREFUSED, "there is no other");
        return {.stream = wire::make_bulk_stream(wire::StreamSocket(std::move(second.here)))};
    }

    bool send(std::string_view text)
    {
        auto bytes = std::as_bytes(std::span(text));
        return kept.send(
            1, {bytes.data(), bytes.size(), bytes.size(), 1, 4096, bytes.size(), nullptr});
    }

    static std::string read(const Fd &end, size_t bytes)
    {
        std::string text(bytes, '\0');
        read_exact(end.get(), std::as_writable_bytes(std::span(text)), Deadline::after_ms(20000));
        return text;
    }

    // Where the next command says that its bytes are: connection and position.
    std::pair<uint64_t, uint64_t> command()
    {
        std::vector<std::byte> message;
        connection.channel().flush();
        if (!worker->receive(message, 20000))
            return {99, 99};
        EXPECT_EQ(wire::get_header(message.data()).call, uint16_t(api::Call::vgpuBulkIn));
        wire::Decoder in(std::span<const std::byte>(message).subspan(wire::kHeaderSize));
        const uint64_t lane = in.u64();
        return {lane, in.u64()};
    }

    // A copy to the host whose bytes are sent over `end`.
    std::string copy_over(const Fd &end)
    {
        char to[5] = "....";
        CopyOut copy(connection, &kept, to, 4, 4, 1);
        EXPECT_TRUE(ask(copy));
        answer(copy.sequence(), CUDA_SUCCESS, 4);
        wire::BulkFrame frame{copy.number(), 4, 0};
        write_all(end.get(), std::as_bytes(std::span(&frame, 1)), Deadline::after_ms(20000));
        write_all(end.get(), std::as_bytes(std::span("1234", 4)), Deadline::after_ms(20000));
        EXPECT_TRUE(connection.wait(copy));
        return to;
    }

    Ends first, second;
    std::vector<wire::BulkAgain> asked;
    bool refuse = false;
    Bulk kept{{.stream = wire::make_bulk_stream(wire::StreamSocket(std::move(first.here)))},
              connection,
              {},
              [this](wire::BulkAgain again) { return replacement(again); }};
};

} // namespace

TEST_F(ReplacedBulkTest, WhatIsSentNextGoesOverAnotherConnection)
{
    ASSERT_TRUE(send("before"));
    EXPECT_EQ(command(), std::pair(uint64_t(0), uint64_t(0)));
    EXPECT_EQ(read(first.there, 6), "before");
    first.there.reset();
    ASSERT_TRUE(send("behind"));
    ASSERT_TRUE(send("last"));
    EXPECT_EQ(read(second.there, 10), "behindlast");
    // It is the same connection to the worker: bytes are counted on.
    EXPECT_EQ(command(), std::pair(uint64_t(0), uint64_t(6)));
    EXPECT_EQ(command(), std::pair(uint64_t(0), uint64_t(12)));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].number, 0u);
    EXPECT_EQ(asked[0].position, 6u);
    EXPECT_FALSE(connection.lost());
}

TEST_F(ReplacedBulkTest, WhatComesNextComesOverAnotherConnection)
{
    EXPECT_EQ(copy_over(first.there), "1234");
    first.there.reset(); // its reader, which waits for more, or the next copy finds out
    EXPECT_EQ(copy_over(second.there), "1234");
    EXPECT_EQ(copy_over(second.there), "1234");
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].position, 0u);
    EXPECT_FALSE(connection.lost());
}

// Of what was written the worker has some, but no command: it forgets that.
TEST_F(ReplacedBulkTest, APieceThatWasCutIsSentAgainWhole)
{
    struct Cut : wire::MemoryStream {
        Cut(std::vector<std::byte> &bytes, int fd) : MemoryStream(bytes), fd_(fd) {}
        void write(std::span<iovec>) override { fail(ECONNRESET, "cut"); }
        int descriptor() const override { return fd_; } // of a socket that has not heard
        int fd_;
    };
    std::vector<std::byte> none;
    Ends healthy;
    Bulk cut{{.stream = std::make_unique<Cut>(none, healthy.here.get())},
             connection,
             {},
             [this](wire::BulkAgain again) { return replacement(again); }};
    std::string text = "whole";
    auto bytes = std::as_bytes(std::span(text));
    ASSERT_TRUE(cut.send(1, {bytes.data(), 5, 5, 1, 4096, 5, nullptr}));
    EXPECT_EQ(read(second.there, 5), "whole");
    EXPECT_EQ(command(), std::pair(uint64_t(0), uint64_t(0)));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].position, 0u);
    cut.shut_down();
}

TEST_F(ReplacedBulkTest, BytesThatWereOnTheirWayEndTheSession)
{
    char to[5] = "....";
    {
        CopyOut copy(connection, &kept, to, 4, 4, 1);
        ASSERT_TRUE(ask(copy));
        answer(copy.sequence(), CUDA_SUCCESS, 4);
        wire::BulkFrame frame{copy.number(), 2, 0};
        write_all(first.there.get(), std::as_bytes(std::span(&frame, 1)),
                  Deadline::after_ms(20000));
        first.there.reset();
        EXPECT_FALSE(connection.wait(copy));
    }
    told.wait(false);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_NE(lost[0].find("bytes of a large copy were lost"), std::string::npos) << lost[0];
    EXPECT_TRUE(asked.empty());
}

TEST_F(ReplacedBulkTest, WithoutAnotherTheSessionEndsAndSaysWhy)
{
    refuse = true;
    ASSERT_TRUE(send("before"));
    first.there.reset();
    EXPECT_FALSE(send("behind"));
    told.wait(false);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_NE(lost[0].find("there is no other"), std::string::npos) << lost[0];
    EXPECT_EQ(asked.size(), 1u);
}

namespace
{

// As over a long path, on which nothing but the socket's buffer limits what is on its way.
class LongPath final : public wire::BulkStream
{
public:
    explicit LongPath(Fd fd) : inner_(wire::make_bulk_stream(wire::StreamSocket(std::move(fd)))) {}
    void write(std::span<iovec> pieces) override { inner_->write(pieces); }
    size_t read(std::span<std::byte> to) override { return inner_->read(to); }
    int descriptor() const override { return inner_->descriptor(); }
    bool is_sealed() const override { return false; }
    uint64_t bytes_in() const override { return inner_->bytes_in(); }
    uint64_t bytes_out() const override { return inner_->bytes_out(); }
    wire::BulkPath path() const noexcept override
    {
        const uint64_t us = (now_ns() - start_ns_) / 1000;
        return {
            .rtt_ns = 200'000'000, .smooth_rtt_ns = 200'000'000, .busy_us = us, .limited_us = us};
    }
    void shut_down() noexcept override { inner_->shut_down(); }

private:
    const std::unique_ptr<wire::BulkStream> inner_;
    const uint64_t start_ns_ = now_ns();
};

} // namespace

// The worker takes all bytes and answers each command; copies go on until both connections have
// had some, and the window has grown.
TEST_F(BulkTest, AnotherConnectionIsOpenedWhereBuffersHoldCopiesUp)
{
    Ends calls, first, second;
    auto far = wire::make_stream_channel(std::move(calls.there));
    auto connection = std::make_unique<Connection>(
        wire::make_stream_channel(std::move(calls.here)),
        Connection::Hooks{.deferred = [](Deferred) {}, .lost = [](const std::string &) {}});
    auto path = [](Fd fd, unsigned number) {
        return wire::BulkConnection{.stream = std::make_unique<LongPath>(std::move(fd)),
                                    .number = number,
                                    .most = 2,
                                    .window = uint64_t(64) << 20};
    };
    Bulk bulk(path(std::move(first.here), 0), *connection,
              [&] { return path(std::move(second.here), 1); });

    std::atomic<uint64_t> got[2] = {0, 0};
    auto drain = [](Fd &end, std::atomic<uint64_t> &count) {
        std::vector<std::byte> buffer(1 << 20);
        for (ssize_t n; (n = read(end.get(), buffer.data(), buffer.size())) > 0;)
            count += uint64_t(n);
    };
    std::thread one([&] { drain(first.there, got[0]); });
    std::thread other([&] { drain(second.there, got[1]); });
    uint64_t ends[2] = {0, 0};
    std::atomic<uint64_t> in_window = 0;
    std::thread commands([&] {
        std::vector<std::byte> message;
        try {
            while (far->receive(message, -1)) {
                const wire::Header header = wire::get_header(message.data());
                const std::span<const std::byte> all(message);
                wire::Decoder in(all.subspan(wire::kHeaderSize));
                if (header.call == uint16_t(api::Call::vgpuBulkTune)) {
                    in_window = in.u64();
                    continue;
                }
                if (header.call == uint16_t(api::Call::vgpuBulkIn)) {
                    const uint64_t lane = in.u64();
                    ASSERT_LT(lane, 2u);
                    ASSERT_EQ(in.u64(), ends[lane]);
                    ends[lane] += uint64_t(1) << 20;
                }
                if (!(header.flags & wire::kWantsReply))
                    continue;
                std::vector<std::byte> reply(wire::kHeaderSize + 8);
                wire::put_header(reply.data(), {.size = uint32_t(reply.size()),
                                                .call = header.call,
                                                .flags = wire::kIsReply,
                                                .sequence = header.sequence,
                                                .word = 0});
                far->send(reply);
                far->flush();
            }
        } catch (const Error &) { // the end
        }
    });
    std::vector<std::byte> data(1 << 20);
    const uint64_t deadline = now_ns() + 40'000'000'000;
    while ((got[1] == 0 || in_window <= wire::kBulkWindow) && now_ns() < deadline)
        ASSERT_TRUE(bulk.send(1, {data.data(), 0, data.size(), 1, 4096, 0, nullptr}));
    EXPECT_GT(got[1], 0u);
    struct Last : Pending {
        bool arrived(const wire::Header &, std::span<const std::byte>) override { return true; }
    } last;
    ASSERT_TRUE(connection->send(300, 1, head, {}, &last));
    EXPECT_TRUE(connection->wait(last)); // so are all the others answered
    connection->channel().shut_down();
    far->shut_down();
    bulk.shut_down();
    second.here.reset(); // if nobody has taken it
    for (std::thread *thread : {&one, &other, &commands})
        thread->join();
    EXPECT_GT(in_window, wire::kBulkWindow); // and it was told
}
