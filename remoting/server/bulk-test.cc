// SPDX-License-Identifier: Apache-2.0
// The bulk connection from the worker's side: copies that are what they should be, whichever way
// comes first, and clients that do not keep to the rules.
#include "remoting/server/session-testing.h"

#include <chrono>

namespace vgpu::server
{

using wire::kBulkLeast;
using wire::kBulkRing;

class BulkTest : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
        client.emplace(TestClient::Over::stream, std::vector<Slice>(), true);
        ASSERT_EQ(client->open(), CUDA_SUCCESS);
    }

    void write(std::span<const std::byte> bytes)
    {
        iovec piece{const_cast<std::byte *>(bytes.data()), bytes.size()};
        client->bulk->write(std::span(&piece, 1));
    }

    void command(uint64_t position, CUdeviceptr to, uint64_t bytes, bool wants_reply = false)
    {
        client->send(client->encode(Call::vgpuBulkIn, wants_reply, Val<uint64_t>::Client{position},
                                    Pointer::Client{to}, Val<uint64_t>::Client{bytes},
                                    Val<uint64_t>::Client{bytes}, Val<uint64_t>::Client{1},
                                    Handle<CUstream>::Client{nullptr}));
    }

    // Until the worker says that it has room again.
    void settle()
    {
        client->last = client->receive();
        EXPECT_EQ(client->last.result, CUDA_SUCCESS);
    }

    // The session ends for this reason, though nothing is asked of it.
    void expect_end(const char *why)
    {
        EXPECT_THROW(client->receive(), Error);
        client->join_server();
        EXPECT_NE(client->broken.find(why), std::string::npos) << client->broken;
    }

    std::optional<TestClient> client;
};

TEST_F(BulkTest, carries_more_than_the_ring_holds)
{
    constexpr uint64_t kPiece = 200'000; // does not divide the ring
    constexpr uint64_t kTotal = 130 * kPiece;
    auto data = pattern(kTotal), back = std::vector<std::byte>(kTotal);
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kTotal, pointer), CUDA_SUCCESS);
    for (uint64_t at = 0, position = 0; at < kTotal; at += kPiece) {
        if (uint64_t left = kBulkRing - position % kBulkRing; left < kPiece) {
            write(std::vector<std::byte>(left));
            position += left;
        }
        write(std::span(data).subspan(at, kPiece));
        const bool marks = at / kPiece % 10 == 9;
        command(position, pointer + at, kPiece, marks);
        position += kPiece;
        if (marks)
            settle();
    }
    // Half of it back by the other connection.
    ASSERT_EQ(client->copy_out(pointer, 0, kTotal / 2, 1, std::span(back).first(kTotal / 2)),
              CUDA_SUCCESS);
    client->send(client->encode(Call::vgpuBulkOut, true, Val<uint32_t>::Client{77},
                                Pointer::Client{pointer + kTotal / 2}, Val<uint64_t>::Client{0},
                                Val<uint64_t>::Client{kTotal / 2}, Val<uint64_t>::Client{1},
                                Handle<CUstream>::Client{nullptr}));
    for (uint64_t got = 0; got < kTotal / 2;) {
        wire::BulkFrame frame;
        ASSERT_TRUE(client->bulk->read_exactly(std::as_writable_bytes(std::span(&frame, 1))));
        ASSERT_EQ(frame.copy, 77u);
        ASSERT_EQ(frame.offset, got);
        ASSERT_TRUE(client->bulk->read_exactly(
            std::span(back).subspan(kTotal / 2 + frame.offset, frame.bytes)));
        got += frame.bytes;
    }
    client->last = client->receive();
    EXPECT_EQ(client->last.result, CUDA_SUCCESS);
    EXPECT_EQ(client->last.body().u64(), kTotal / 2);
    EXPECT_EQ(data, back);
}

TEST_F(BulkTest, calls_go_by_while_bytes_are_missing)
{
    auto data = pattern(kBulkLeast), back = std::vector<std::byte>(kBulkLeast);
    CUdeviceptr pointer, other;
    ASSERT_EQ(client->alloc(kBulkLeast, pointer), CUDA_SUCCESS);
    command(0, pointer, kBulkLeast, true);
    write(std::span(data).first(100));
    EXPECT_EQ(client->alloc(4096, other), CUDA_SUCCESS); // answered, and before the copy is
    write(std::span(data).subspan(100));
    settle();
    ASSERT_EQ(client->copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
}

TEST_F(BulkTest, a_copy_that_fails_takes_its_bytes_all_the_same)
{
    auto data = pattern(kBulkLeast), back = std::vector<std::byte>(kBulkLeast);
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kBulkLeast, pointer), CUDA_SUCCESS);
    uint64_t position = 0;
    // To nowhere, and in a context that there is not, more than there is room for in all.
    for (int i = 0; position < kBulkRing + (kBulkRing >> 2); ++i) {
        client->word = i % 2 ? 4711 : 1;
        write(data);
        command(position, i % 2 ? pointer : 16, kBulkLeast, true);
        position += kBulkLeast;
        settle();
        EXPECT_NE(client->last.deferred, 0u);
    }
    client->word = 1;
    write(data);
    command(position, pointer, kBulkLeast, true);
    settle();
    EXPECT_EQ(client->last.deferred, 0u);
    ASSERT_EQ(client->copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
}

TEST_F(BulkTest, bytes_beyond_the_window_end_the_session)
{
    std::vector<std::byte> much(1 << 20);
    EXPECT_THROW(for (uint64_t at = 0; at <= 4 * kBulkRing; at += much.size()) write(much), Error);
    expect_end("that no copy has taken");
}

TEST_F(BulkTest, commands_beyond_the_window_end_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    for (uint64_t at = 0; at <= kBulkRing; at += kMaxPiece) // and not a byte of it
        command(at, pointer, kMaxPiece);
    expect_end("at once");
}

TEST_F(BulkTest, commands_out_of_order_end_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    command(kBulkLeast, pointer, kBulkLeast);
    expect_end("where 0 is next");
}

TEST_F(BulkTest, a_copy_too_small_or_too_large_for_it_ends_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    command(0, pointer, 8);
    expect_end("a bulk copy of 8 bytes");
    client.emplace(TestClient::Over::stream, std::vector<Slice>(), true);
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    command(0, pointer, wire::kBulkMost + 8);
    expect_end("a bulk copy of");
    client.emplace(TestClient::Over::stream, std::vector<Slice>(), true);
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    command(0, pointer, ~uint64_t(0));
    expect_end("a bulk copy of");
}

TEST_F(BulkTest, a_copy_across_the_ring_s_end_ends_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    std::vector<std::byte> piece(200'000);
    uint64_t position = 0;
    for (; kBulkRing - position >= piece.size(); position += piece.size()) {
        write(piece);
        command(position, pointer, piece.size(), true);
        settle();
    }
    command(position, pointer, piece.size());
    expect_end("is next");
}

TEST_F(BulkTest, a_connection_closed_inside_a_copy_ends_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    command(0, pointer, kMaxPiece);
    ASSERT_EQ(client->alloc(4096, pointer), CUDA_SUCCESS); // the command was seen
    client->bulk.reset();
    expect_end("closed its bulk connection inside a copy");
}

TEST_F(BulkTest, a_client_may_close_it_between_copies)
{
    auto data = pattern(kBulkLeast), back = std::vector<std::byte>(kBulkLeast);
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kBulkLeast, pointer), CUDA_SUCCESS);
    write(data);
    command(0, pointer, kBulkLeast, true);
    settle();
    client->bulk.reset();
    ASSERT_EQ(client->copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
}

TEST_F(BulkTest, without_the_connection_there_are_no_such_copies)
{
    client.emplace();
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    command(0, client->window, kBulkLeast);
    expect_end("no bulk connection");
}

} // namespace vgpu::server
