// SPDX-License-Identifier: Apache-2.0
// The bulk connection from the worker's side: copies that are what they should be, whichever way
// comes first, and clients that do not keep to the rules.
#include "remoting/server/session-testing.h"

#include <chrono>

namespace vgpu::server
{

using wire::kBulkLeast;
using wire::kBulkWindow;

// What a worker has room for where one connection may come.
constexpr uint64_t kRoom = uint64_t(16) << 20;

class BulkTest : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
        client.emplace(TestClient::Over::stream, std::vector<Slice>(), 1);
        ASSERT_EQ(client->open(), CUDA_SUCCESS);
    }

    void write(std::span<const std::byte> bytes, bool second = false)
    {
        iovec piece{const_cast<std::byte *>(bytes.data()), bytes.size()};
        (second ? client->second_bulk : client->bulk)->write(std::span(&piece, 1));
    }

    void command(uint64_t position, CUdeviceptr to, uint64_t bytes, bool wants_reply = false,
                 uint64_t connection = 0)
    {
        client->send(client->encode(Call::vgpuBulkIn, wants_reply,
                                    Val<uint64_t>::Client{connection},
                                    Val<uint64_t>::Client{position}, Pointer::Client{to},
                                    Val<uint64_t>::Client{bytes}, Val<uint64_t>::Client{bytes},
                                    Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr}));
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

TEST_F(BulkTest, carries_more_than_is_under_way_at_once)
{
    constexpr uint64_t kPiece = 200'000; // does not divide a slot
    constexpr uint64_t kTotal = 130 * kPiece;
    auto data = pattern(kTotal), back = std::vector<std::byte>(kTotal);
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kTotal, pointer), CUDA_SUCCESS);
    for (uint64_t at = 0, position = 0; at < kTotal; at += kPiece) {
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
    auto body = client->last.body();
    EXPECT_EQ(body.u64(), kTotal / 2);
    EXPECT_LE(body.u64(), 1u);
    EXPECT_TRUE(body.done());
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
    for (int i = 0; position < kRoom + (kRoom >> 2); ++i) {
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
    EXPECT_THROW(for (uint64_t at = 0; at <= 4 * kRoom; at += much.size()) write(much), Error);
    expect_end("at once");
}

TEST_F(BulkTest, commands_beyond_the_window_end_the_session)
{
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(kMaxPiece, pointer), CUDA_SUCCESS);
    for (uint64_t at = 0; at <= kRoom; at += kMaxPiece) // and not a byte of it
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
    client.emplace(TestClient::Over::stream, std::vector<Slice>(), 1);
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    command(0, pointer, wire::kBulkMost + 8);
    expect_end("a bulk copy of");
    client.emplace(TestClient::Over::stream, std::vector<Slice>(), 1);
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    command(0, pointer, ~uint64_t(0));
    expect_end("a bulk copy of");
}

// In two slots of the worker's memory: rows on either side, and one in both.
TEST_F(BulkTest, rows_may_lie_across_a_slot_s_end)
{
    constexpr uint64_t kWidth = 1000, kRows = 300, kPitch = 1024, kPieces = 8;
    auto data = pattern(kWidth * kRows * kPieces);
    auto back = std::vector<std::byte>(kPitch * kRows * kPieces);
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(back.size(), pointer), CUDA_SUCCESS);
    for (uint64_t i = 0; i < kPieces; ++i) {
        const uint64_t position = i * kWidth * kRows;
        write(std::span(data).subspan(position, kWidth * kRows));
        client->send(client->encode(
            Call::vgpuBulkIn, true, Val<uint64_t>::Client{0}, Val<uint64_t>::Client{position},
            Pointer::Client{pointer + i * kPitch * kRows}, Val<uint64_t>::Client{kPitch},
            Val<uint64_t>::Client{kWidth}, Val<uint64_t>::Client{kRows},
            Handle<CUstream>::Client{nullptr}));
        settle();
        EXPECT_EQ(client->last.deferred, 0u);
    }
    ASSERT_EQ(client->copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    for (uint64_t row = 0; row < kRows * kPieces; ++row)
        ASSERT_TRUE(std::equal(data.begin() + ptrdiff_t(row * kWidth),
                               data.begin() + ptrdiff_t((row + 1) * kWidth),
                               back.begin() + ptrdiff_t(row * kPitch)))
            << row;
}

TEST_F(BulkTest, a_second_connection_has_its_own_order)
{
    client.emplace(TestClient::Over::stream, std::vector<Slice>(), 2);
    ASSERT_EQ(client->open(), CUDA_SUCCESS);
    constexpr uint64_t kPieces = 200;
    auto data = pattern(kPieces * kBulkLeast), back = std::vector<std::byte>(data.size());
    CUdeviceptr pointer;
    ASSERT_EQ(client->alloc(data.size(), pointer), CUDA_SUCCESS);
    uint64_t positions[2] = {0, 0};
    for (uint64_t i = 0; i < kPieces; ++i) {
        const bool second = i % 3 == 1;
        if (i % 2) // the command may be there before its bytes
            write(std::span(data).subspan(i * kBulkLeast, kBulkLeast), second);
        command(positions[second], pointer + i * kBulkLeast, kBulkLeast, i % 16 == 15, second);
        if (i % 2 == 0)
            write(std::span(data).subspan(i * kBulkLeast, kBulkLeast), second);
        positions[second] += kBulkLeast;
        if (i % 16 == 15)
            settle();
    }
    ASSERT_EQ(client->copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
    command(positions[0], pointer, kBulkLeast, false, 2);
    expect_end("connection 2, which there is not");
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
