// SPDX-License-Identifier: Apache-2.0
// The connection against a scripted peer: what a real worker does in good order it does here in any
// order, and wrongly.
#include "remoting/client/connection.h"

#include "remoting/client/copy-in-window.h"
#include "remoting/client/copy-out.h"
#include "remoting/wire/codec.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <gtest/gtest.h>
#include <thread>

using namespace vgpu;
using namespace vgpu::client;

namespace
{

using Bytes = std::vector<std::byte>;

// Both ends of a channel in one object: the connection's, and the test's, which sees requests and
// puts replies.
class Script : public wire::Channel
{
public:
    void send(std::span<const std::byte> head, std::span<const std::byte> body) override
    {
        std::lock_guard lock(mutex_);
        if (closed_)
            throw Error(EPIPE, "peer closed");
        wire::check_outgoing(head, body);
        requests_.push_back(wire::get_header(head.data()));
        changed_.notify_all();
    }
    bool receive(Bytes &message, int timeout_ms) override
    {
        std::unique_lock lock(mutex_);
        if (timeout_ms == 0 && !closed_ && replies_.empty())
            return false;
        changed_.wait(lock, [&] { return closed_ || !replies_.empty(); });
        if (replies_.empty())
            throw Error(ECONNRESET, "peer closed");
        message = std::move(replies_.front());
        replies_.pop_front();
        return true;
    }
    void flush() override {}
    void flush_soon() override {}
    size_t room() const override { return 64 << 10; }
    const char *name() const override { return "script"; }
    bool passes_descriptors() const override { return false; }
    void send_descriptor(uint64_t, int) override { throw Error(ENOTSUP, "no descriptors"); }
    Fd receive_descriptor(uint64_t, int) override { throw Error(ENOTSUP, "no descriptors"); }
    int descriptor() const override { return -1; }
    void shut_down() noexcept override
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

    // ---- the test's end ----

    void wait_for_requests(size_t n)
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return requests_.size() >= n; });
    }
    wire::Header request(size_t i)
    {
        std::lock_guard lock(mutex_);
        return requests_.at(i);
    }
    void reply(uint32_t sequence, uint32_t word, const Bytes &body = {}, bool more = false,
               Deferred deferred = {})
    {
        Bytes message(wire::kHeaderSize + 8);
        message.insert(message.end(), body.begin(), body.end());
        wire::put_header(message.data(),
                         {.size = uint32_t(message.size()),
                          .flags = uint16_t(wire::kIsReply | (more ? wire::kMore : 0)),
                          .sequence = sequence,
                          .word = word});
        std::memcpy(message.data() + wire::kHeaderSize, &deferred, 8);
        raw(std::move(message));
    }
    void raw(Bytes message)
    {
        std::lock_guard lock(mutex_);
        replies_.push_back(std::move(message));
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<wire::Header> requests_;
    std::deque<Bytes> replies_;
    bool closed_ = false;
};

struct Result : Pending {
    uint32_t word = 999;
    bool arrived(const wire::Header &header, std::span<const std::byte>) override
    {
        word = header.word;
        return true;
    }
};

class ConnectionTest : public testing::Test
{
protected:
    bool send(Pending *pending) { return connection.send(300, 5, head, {}, pending); }

    Bytes head = Bytes(wire::kHeaderSize);
    Script *script = new Script;
    std::vector<Deferred> deferred;
    std::vector<std::string> lost;
    Connection connection{std::unique_ptr<wire::Channel>(script),
                          {.deferred = [this](Deferred d) { deferred.push_back(d); },
                           .lost = [this](const std::string &why) { lost.push_back(why); }}};
};

Bytes piece(uint64_t offset, std::string_view text)
{
    Bytes bytes;
    wire::Encoder out(bytes);
    out.u64(offset);
    out.u64(text.size());
    out.bytes(std::as_bytes(std::span(text)));
    return bytes;
}

} // namespace

TEST_F(ConnectionTest, CountsRequestsFromOneAndSaysWhoWaits)
{
    Result result;
    ASSERT_TRUE(send(nullptr));
    ASSERT_TRUE(send(&result));
    EXPECT_EQ(script->request(0).sequence, 1u);
    EXPECT_EQ(script->request(0).flags, 0);
    EXPECT_EQ(script->request(1).sequence, 2u);
    EXPECT_EQ(script->request(1).flags, wire::kWantsReply);
    EXPECT_EQ(script->request(1).call, 300);
    EXPECT_EQ(script->request(1).word, 5u);
    script->reply(2, 7);
    EXPECT_TRUE(connection.wait(result));
    EXPECT_EQ(result.word, 7u);
}

TEST_F(ConnectionTest, RepliesInAnyOrderFindTheirWaiters)
{
    constexpr size_t kThreads = 8;
    std::vector<Result> results(kThreads);
    std::vector<std::thread> threads;
    for (auto &result : results)
        threads.emplace_back([&] {
            Bytes own(wire::kHeaderSize);
            EXPECT_TRUE(connection.send(300, 0, own, {}, &result));
            EXPECT_TRUE(connection.wait(result));
        });
    script->wait_for_requests(kThreads);
    for (size_t i = kThreads; i > 0; --i)
        script->reply(uint32_t(i), uint32_t(1000 + i));
    for (auto &thread : threads)
        thread.join();
    for (auto &result : results)
        EXPECT_EQ(result.word, 1000 + result.sequence());
}

TEST_F(ConnectionTest, ADeadPeerWakesEveryWaiterAndIsToldOnce)
{
    constexpr size_t kThreads = 4;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i)
        threads.emplace_back([&] {
            Result result;
            Bytes own(wire::kHeaderSize);
            EXPECT_TRUE(connection.send(300, 0, own, {}, &result));
            EXPECT_FALSE(connection.wait(result));
        });
    script->wait_for_requests(kThreads);
    script->shut_down();
    for (auto &thread : threads)
        thread.join();
    EXPECT_TRUE(connection.lost());
    EXPECT_EQ(lost.size(), 1u);
    Result late;
    EXPECT_FALSE(send(&late));
    EXPECT_FALSE(connection.complete_before(connection.last_sequence()));
    EXPECT_EQ(lost.size(), 1u);
}

TEST_F(ConnectionTest, WhatBreaksTheRulesEndsIt)
{
    Result result;
    ASSERT_TRUE(send(&result));
    script->reply(77, 0); // never asked
    EXPECT_FALSE(connection.wait(result));
    EXPECT_EQ(lost.size(), 1u);
}

TEST_F(ConnectionTest, AReplyWithoutRoomForItsBeginningEndsIt)
{
    Result result;
    ASSERT_TRUE(send(&result));
    Bytes message(wire::kHeaderSize);
    wire::put_header(message.data(),
                     {.size = wire::kHeaderSize, .flags = wire::kIsReply, .sequence = 1});
    script->raw(message);
    EXPECT_FALSE(connection.wait(result));
}

TEST_F(ConnectionTest, ARequestFromThePeerEndsIt)
{
    Result result;
    ASSERT_TRUE(send(&result));
    Bytes message(wire::kHeaderSize + 8);
    wire::put_header(message.data(), {.size = wire::kHeaderSize + 8, .sequence = 1});
    script->raw(message);
    EXPECT_FALSE(connection.wait(result));
}

TEST_F(ConnectionTest, FailuresOfAsynchronousCallsAreHandedOn)
{
    Result result;
    ASSERT_TRUE(send(&result));
    script->reply(1, 0, {}, false, {.result = 700, .call = 11});
    ASSERT_TRUE(connection.wait(result));
    ASSERT_EQ(deferred.size(), 1u);
    EXPECT_EQ(deferred[0].result, 700u);
    EXPECT_EQ(deferred[0].call, 11u);
}

TEST_F(ConnectionTest, ACopyIsPutTogetherFromItsPieces)
{
    char to[12] = {};
    CopyOut copy(connection, nullptr, to, 4, 3, 3); // rows of 3, 4 apart
    ASSERT_TRUE(send(&copy));
    script->reply(1, 0, piece(0, "abcd"), true); // over a row's end
    script->reply(1, 0, piece(4, "efghi"));
    ASSERT_TRUE(connection.wait(copy));
    EXPECT_EQ(copy.result, CUDA_SUCCESS);
    EXPECT_EQ(std::memcmp(to, "abc\0def\0ghi\0", 12), 0);
}

TEST_F(ConnectionTest, ACopyThatWouldWriteOutsideEndsIt)
{
    for (uint64_t offset : {uint64_t(7), UINT64_MAX, uint64_t(9)}) {
        auto other = new Script;
        bool gone = false;
        Connection own(
            std::unique_ptr<wire::Channel>(other),
            {.deferred = [](Deferred) {}, .lost = [&](const std::string &) { gone = true; }});
        char to[9] = "12345678";
        CopyOut copy(own, nullptr, to, 8, 8, 1);
        Bytes message(wire::kHeaderSize);
        ASSERT_TRUE(own.send(5, 0, message, {}, &copy));
        other->reply(1, 0, piece(offset, "ab"));
        own.wait(copy);
        EXPECT_TRUE(gone) << offset;
        EXPECT_STREQ(to, "12345678");
    }
}

TEST_F(ConnectionTest, ACopyThatEndsEarlyEndsIt)
{
    char to[8];
    CopyOut copy(connection, nullptr, to, 8, 8, 1);
    ASSERT_TRUE(send(&copy));
    script->reply(1, 0, piece(0, "ab"));
    connection.wait(copy);
    EXPECT_TRUE(connection.lost());
}

TEST_F(ConnectionTest, CopiesNobodyWaitsForArriveWhenSomebodyDoes)
{
    char to[4] = {};
    auto copy = std::make_unique<CopyOut>(connection, nullptr, to, 3, 3, 1);
    copy->defer_failure();
    ASSERT_TRUE(connection.send_detached(5, 0, head, std::move(copy)));
    EXPECT_TRUE(connection.has_detached());
    uint64_t at = reinterpret_cast<uint64_t>(to);
    EXPECT_TRUE(copy_out_overlaps(at + 2, at + 3));
    EXPECT_FALSE(copy_out_overlaps(at + 3, at + 9));
    EXPECT_FALSE(copy_out_overlaps(at - 9, at));

    uint64_t before = connection.last_sequence();
    Result result;
    ASSERT_TRUE(send(&result));
    script->reply(2, 0);
    script->reply(1, 0, piece(0, "xyz"));
    ASSERT_TRUE(connection.wait(result));
    ASSERT_TRUE(connection.complete_before(before));
    EXPECT_STREQ(to, "xyz");
    EXPECT_FALSE(connection.has_detached());
    EXPECT_FALSE(copy_out_overlaps(at, at + 3));
}

TEST_F(ConnectionTest, AFailedCopyNobodyWaitsForIsAFailureOfAnAsynchronousCall)
{
    char to[4] = {};
    auto copy = std::make_unique<CopyOut>(connection, nullptr, to, 3, 3, 1);
    copy->defer_failure();
    ASSERT_TRUE(connection.send_detached(5, 0, head, std::move(copy)));
    script->reply(1, 719);
    ASSERT_TRUE(connection.complete_before(1));
    ASSERT_EQ(deferred.size(), 1u);
    EXPECT_EQ(deferred[0].result, 719u);
}

TEST_F(ConnectionTest, ACasualAnswerIsTakenWhenItIsThereAndHoldsUpNobody)
{
    struct Casual : Pending {
        explicit Casual(uint32_t &to) : word(to) {}
        bool arrived(const wire::Header &header, std::span<const std::byte>) override
        {
            word = header.word;
            return true;
        }
        uint32_t &word;
    };
    uint32_t word = 999;
    ASSERT_TRUE(connection.send_casual(300, 5, head, std::make_unique<Casual>(word)));
    EXPECT_FALSE(connection.has_detached());
    EXPECT_TRUE(connection.complete_before(connection.last_sequence())); // without an answer
    connection.take_what_is_there();
    EXPECT_EQ(word, 999u);
    script->reply(1, 600);
    connection.take_what_is_there();
    EXPECT_EQ(word, 600u);
    EXPECT_EQ(connection.round_trips(), 0u);
}

TEST_F(ConnectionTest, AWaitForWhatIsThereIsNoRoundTrip)
{
    struct Result : Pending {
        bool arrived(const wire::Header &, std::span<const std::byte>) override { return true; }
    } result;
    ASSERT_TRUE(connection.send(300, 1, head, {}, &result));
    script->reply(1, 0);
    connection.take_what_is_there();
    EXPECT_TRUE(connection.wait(result));
    EXPECT_EQ(connection.round_trips(), 0u);
    ASSERT_TRUE(connection.send(300, 1, head, {}, &result));
    script->reply(2, 0);
    EXPECT_TRUE(connection.wait(result));
    EXPECT_EQ(connection.round_trips(), 1u);
}

TEST_F(ConnectionTest, CasualQuestionsAreFew)
{
    struct Casual : Pending {
        bool arrived(const wire::Header &, std::span<const std::byte>) override { return true; }
    };
    for (unsigned i = 0; i < Connection::kMostCasual; ++i) {
        ASSERT_TRUE(connection.has_room_for_casual());
        ASSERT_TRUE(connection.send_casual(300, 5, head, std::make_unique<Casual>()));
    }
    EXPECT_FALSE(connection.has_room_for_casual());
    script->reply(1, 0);
    connection.take_what_is_there();
    EXPECT_TRUE(connection.has_room_for_casual());
}

TEST_F(ConnectionTest, BytesOnTheirWayToTheDeviceAreBounded)
{
    constexpr size_t kPiece = size_t(256) << 10;
    CopyInWindow window; // its markers outlive the connection that knows them
    auto other = new Script;
    Connection own(std::unique_ptr<wire::Channel>(other),
                   {.deferred = [](Deferred) {}, .lost = [](const std::string &) {}});
    Pending *marker = nullptr;
    size_t markers = 0;
    for (size_t sent = 0; sent < CopyInWindow::kMost; sent += kPiece) {
        ASSERT_TRUE(window.enter(own, kPiece, marker)); // nobody has answered yet
        Bytes message(wire::kHeaderSize);
        ASSERT_TRUE(own.send(4, 0, message, {}, marker));
        window.sent(marker, true);
        markers += marker != nullptr;
    }
    EXPECT_EQ(markers, CopyInWindow::kMost / CopyInWindow::kMarked);
    EXPECT_TRUE(window.enter(own, 4, marker)); // a small one need not wait
    std::atomic<bool> entered{false};
    std::thread large([&] {
        Pending *mine;
        EXPECT_TRUE(window.enter(own, kPiece, mine));
        EXPECT_TRUE(entered); // not before the answer
    });
    entered = true;
    other->reply(CopyInWindow::kMarked / kPiece, 0); // to the first request that wanted one
    large.join();
    EXPECT_TRUE(window.enter(own, kPiece, marker));
    EXPECT_TRUE(window.enter(own, kPiece, marker));
    other->shut_down();
    EXPECT_FALSE(window.enter(own, 2 * kPiece, marker));
}

TEST_F(ConnectionTest, PartsOfCopiesAreBounded)
{
    EXPECT_TRUE(copy_out_enter(kMaxWaitedBytes + 1, true)); // whatever its size if it is alone
    EXPECT_FALSE(copy_out_enter(1, false));
    std::thread other([] { copy_out_leave(kMaxWaitedBytes + 1); });
    EXPECT_TRUE(copy_out_enter(kMaxWaitedBytes, true)); // when the other thread's is done
    other.join();
    EXPECT_FALSE(copy_out_enter(1, false));
    copy_out_leave(kMaxWaitedBytes);
}

TEST_F(ConnectionTest, UnreadCopiesAreBounded)
{
    EXPECT_TRUE(copy_out_has_room(kMaxUnreadBytes));
    EXPECT_FALSE(copy_out_has_room(kMaxUnreadBytes + 1));
    std::vector<std::unique_ptr<CopyOut>> copies;
    char to;
    for (unsigned i = 0; i < kMaxUnread; ++i)
        copies.push_back(std::make_unique<CopyOut>(connection, nullptr, &to, 1, 1, 1));
    EXPECT_FALSE(copy_out_has_room(1));
    copies.pop_back();
    EXPECT_TRUE(copy_out_has_room(1));
}
