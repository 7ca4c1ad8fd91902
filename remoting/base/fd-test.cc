// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/error.h"
#include "remoting/base/fd.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vgpu
{

struct Pair {
    Fd a, b;
    Pair()
    {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
            a.reset(fds[0]);
            b.reset(fds[1]);
        }
    }
};

template<typename F>
static int code_of(F function)
{
    try {
        function();
    } catch (const Error &error) {
        return error.code();
    }
    return 0;
}

TEST(Fd, OwnsAndCloses)
{
    Pair pair;
    int number = pair.a.get();
    Fd moved = std::move(pair.a);
    EXPECT_FALSE(pair.a);
    EXPECT_EQ(moved.get(), number);
    moved.reset();
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(Fd, Flags)
{
    Pair pair;
    set_cloexec(pair.a.get(), false);
    EXPECT_EQ(fcntl(pair.a.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(fcntl(duplicate(pair.a.get()).get(), F_GETFD), FD_CLOEXEC);
    set_nonblocking(pair.a.get());
    EXPECT_NE(fcntl(pair.a.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(code_of([] { set_cloexec(-1); }), EBADF);
}

TEST(Fd, WholeTransfers)
{
    Pair pair;
    std::vector<std::byte> sent(3 << 20), got(sent.size());
    for (size_t i = 0; i < sent.size(); ++i)
        sent[i] = std::byte(i * 7);
    std::thread writer([&] { write_all(pair.a.get(), sent, Deadline::after_ms(20'000)); });
    read_exact(pair.b.get(), got, Deadline::after_ms(20'000));
    writer.join();
    EXPECT_EQ(sent, got);
}

TEST(Fd, DeadlinesAndDeathsAreErrors)
{
    Pair pair;
    std::vector<std::byte> bytes(8 << 20);
    EXPECT_EQ(code_of([&] { read_exact(pair.a.get(), bytes, Deadline::after_ms(10)); }), ETIMEDOUT);
    EXPECT_EQ(code_of([&] { write_all(pair.a.get(), bytes, Deadline::after_ms(10)); }), ETIMEDOUT);
    pair.b.reset();
    EXPECT_EQ(code_of([&] { read_exact(pair.a.get(), bytes, Deadline::after_ms(1000)); }),
              ECONNRESET);
    EXPECT_EQ(code_of([&] { write_all(pair.a.get(), bytes, Deadline::after_ms(1000)); }), EPIPE);
}

TEST(Fd, ReadAllIsBounded)
{
    Pair pair;
    std::vector<std::byte> bytes(100, std::byte('x'));
    write_all(pair.a.get(), bytes, Deadline::after_ms(1000));
    pair.a.reset();
    EXPECT_EQ(code_of([&] { read_all(pair.b.get(), 99, "it"); }), EFBIG);
}

TEST(Memory, IsSealedAndShared)
{
    Fd fd = memfd("test", 8192);
    check_memfd(fd.get(), 8192);
    EXPECT_NE(ftruncate(fd.get(), 4096), 0);
    EXPECT_NE(ftruncate(fd.get(), 16384), 0);
    Mapping one(fd.get(), 8192), two(fd.get(), 8192);
    one.data()[8191] = std::byte(42);
    EXPECT_EQ(two.data()[8191], std::byte(42));
}

TEST(Memory, ThatIsNotSealedOrOfAnotherSizeIsRefused)
{
    Fd fd = memfd("test", 8192);
    EXPECT_EQ(code_of([&] { check_memfd(fd.get(), 4096); }), EPROTO);
    Fd open(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(open.get(), 8192), 0);
    EXPECT_EQ(code_of([&] { check_memfd(open.get(), 8192); }), EPROTO);
    ASSERT_EQ(fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    EXPECT_EQ(code_of([&] { check_memfd(open.get(), 8192); }), EPROTO);
    Pair pair;
    EXPECT_EQ(code_of([&] { check_memfd(pair.a.get(), 8192); }), EPROTO);
}

TEST(Deadline, CountsDown)
{
    EXPECT_EQ(Deadline::never().poll_ms(), -1);
    EXPECT_EQ(Deadline::after_ms(-5).poll_ms(), -1);
    EXPECT_TRUE(Deadline::after_ms(0).expired());
    EXPECT_FALSE(Deadline::after_ms(60'000).expired());
    EXPECT_LE(Deadline::after_ms(50).poll_ms(), 50);
    EXPECT_GT(Deadline::after_ms(60'000).poll_ms(), 1000);
}

} // namespace vgpu
