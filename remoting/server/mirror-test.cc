// SPDX-License-Identifier: Apache-2.0
// Mirrors over the software GPU: what the client sends and fetches, and what it may not; and
// managed memory that both ends map.
#include "remoting/base/clock.h"
#include "remoting/server/calls.h"
#include "remoting/server/test-client.h"

#include <map>

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

class MirrorTest : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }

    CUresult add(TestClient &client, CUdeviceptr device, uint64_t bytes, uint32_t keep = 0)
    {
        return client.call(Call::vgpuMirrorAdd, Pointer::Client{device},
                           Val<uint64_t>::Client{bytes}, Val<uint32_t>::Client{keep});
    }

    using Pieces = std::map<CUdeviceptr, std::vector<std::byte>>;

    // Waits until they are taken; a failure is the deferred one.
    void send(TestClient &client, const Pieces &pieces)
    {
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        for (auto &[device, piece] : pieces) {
            out.u64(device);
            out.u64(piece.size());
            out.bytes(piece);
        }
        client.finish(bytes, Call::vgpuMirrorIn, true);
        client.send(bytes);
        client.last = client.receive();
    }

    CUresult sent(TestClient &client, const Pieces &pieces)
    {
        send(client, pieces);
        return CUresult(client.last.deferred);
    }

    // The device's changes; whether it was idle is 0 or 1, or -1 after a failure.
    Pieces fetch(TestClient &client, int &idle)
    {
        Pieces pieces;
        client.send(client.encode(Call::vgpuMirrorOut, true));
        for (;;) {
            client.last = client.receive();
            wire::Decoder in = client.last.body();
            if (!client.last.more) {
                idle = client.last.result == CUDA_SUCCESS ? int(in.u64()) : -1;
                return pieces;
            }
            while (in.left() != 0) {
                CUdeviceptr device = in.u64();
                auto bytes = in.bytes(in.u64());
                pieces[device].assign(bytes.begin(), bytes.end());
            }
            EXPECT_TRUE(in.done());
        }
    }

    void fill(TestClient &client, CUdeviceptr device, uint8_t value, size_t n)
    {
        client.post(Call::cuMemsetD8Async, Pointer::Client{device},
                    Val<unsigned char>::Client{value}, Val<size_t>::Client{n},
                    Handle<CUstream>::Client{nullptr});
        ASSERT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    }

    static std::vector<std::byte> bytes(size_t n, int value)
    {
        return std::vector<std::byte>(n, std::byte(value));
    }

    // All of them, until the worker has seen the device idle: where the machine is busy it looks
    // too soon at first.
    Pieces fetch_all(TestClient &client)
    {
        Pieces all;
        int idle = 0;
        for (Deadline deadline = Deadline::after_ms(20'000); idle != 1 && deadline.left_ns() != 0;)
            all.merge(fetch(client, idle));
        EXPECT_EQ(idle, 1);
        return all;
    }
};

TEST_F(MirrorTest, what_the_device_has_changed_comes_once)
{
    TestClient client;
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr device;
    int idle = -1;
    ASSERT_EQ(client.alloc(3 * kMiB, device), CUDA_SUCCESS);
    fill(client, device, 9, 3 * kMiB);
    ASSERT_EQ(add(client, device, 3 * kMiB), CUDA_SUCCESS); // the device's bytes become zero
    EXPECT_EQ(fetch(client, idle), Pieces());
    fill(client, device + 2 * kMiB - 5, 7, 10); // across a piece of the worker's
    fill(client, device + 3 * kMiB - 1, 1, 1);
    auto changes = fetch_all(client);
    std::vector<std::byte> all(3 * kMiB);
    size_t total = 0;
    for (auto &[at, piece] : changes) {
        std::copy(piece.begin(), piece.end(), all.begin() + ptrdiff_t(at - device));
        total += piece.size();
    }
    EXPECT_LE(total, 100u);
    EXPECT_EQ(std::count(all.begin(), all.end(), std::byte{7}), 10);
    EXPECT_EQ(all[2 * kMiB - 5], std::byte{7});
    EXPECT_EQ(all.back(), std::byte{1});
    EXPECT_EQ(fetch(client, idle), Pieces());
    // What the device already had counts where it is kept.
    CUdeviceptr other;
    ASSERT_EQ(client.alloc(4096, other), CUDA_SUCCESS);
    fill(client, other, 3, 4096);
    ASSERT_EQ(add(client, other, 4096, 1), CUDA_SUCCESS);
    EXPECT_EQ(fetch(client, idle), (Pieces{{other, bytes(4096, 3)}}));
}

TEST_F(MirrorTest, what_the_client_has_changed_does_not_come_back)
{
    TestClient client;
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr device;
    int idle = -1;
    ASSERT_EQ(client.alloc(kMiB, device), CUDA_SUCCESS);
    ASSERT_EQ(add(client, device, kMiB), CUDA_SUCCESS);
    EXPECT_EQ(sent(client, {{device + 3, bytes(5, 4)}, {device + 1000, bytes(1, 5)}}),
              CUDA_SUCCESS);
    EXPECT_EQ(fetch(client, idle), Pieces());
    std::vector<std::byte> back(1004);
    ASSERT_EQ(client.copy_out(device, back.size(), back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(back[2], std::byte{0});
    EXPECT_EQ(back[3], std::byte{4});
    EXPECT_EQ(back[7], std::byte{4});
    EXPECT_EQ(back[8], std::byte{0});
    EXPECT_EQ(back[1000], std::byte{5});
    // A stream that joins has the bytes before what follows in it.
    EXPECT_EQ(sent(client, {{device, bytes(256 << 10, 6)}}), CUDA_SUCCESS);
    client.post(Call::vgpuMirrorJoin, Handle<CUstream>::Client{nullptr});
    ASSERT_EQ(client.copy_out(device, back.size(), back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(back, bytes(1004, 6));
    fill(client, device, 8, 4);
    auto changes = fetch(client, idle);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes.begin()->first, device);
}

TEST_F(MirrorTest, wrong_requests_are_refused)
{
    TestClient client;
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr device;
    int idle = -1;
    ASSERT_EQ(client.alloc(kMiB, device), CUDA_SUCCESS);
    EXPECT_EQ(add(client, device, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, 4096, 10), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device, uint64_t(1) << 40), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device, UINT64_MAX), CUDA_ERROR_INVALID_VALUE);
    ASSERT_EQ(add(client, device + 4096, 4096), CUDA_SUCCESS);
    EXPECT_EQ(add(client, device + 4096, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device, 4097), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device + 8191, 10), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device, 4096), CUDA_SUCCESS); // neighbours are not one
    EXPECT_EQ(sent(client, {{device + 4000, bytes(100, 1)}}), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(sent(client, {{device + 8192, bytes(1, 1)}}), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(sent(client, {{device - 1, bytes(2, 1)}}), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(sent(client, {{device, bytes(300 << 10, 1)}}), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(client, idle), Pieces());
    client.post(Call::vgpuMirrorDrop, Pointer::Client{device});
    client.post(Call::vgpuMirrorDrop, Pointer::Client{device}); // it may have gone with its context
    EXPECT_EQ(sent(client, {{device, bytes(1, 1)}}), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(add(client, device, 4096), CUDA_SUCCESS);
    ASSERT_EQ(client.call(Call::vgpuContextReset, Val<uint32_t>::Client{0}), CUDA_SUCCESS);
    EXPECT_EQ(fetch_all(client), Pieces());
}

TEST_F(MirrorTest, a_record_that_ends_early_ends_the_session)
{
    TestClient client;
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    std::vector<std::byte> message(wire::kHeaderSize);
    wire::Encoder out(message);
    out.u64(client.window);
    out.u64(100);
    client.finish(message, Call::vgpuMirrorIn, false);
    client.send(message);
    client.join_server();
    EXPECT_NE(client.broken.find("ends inside an array"), std::string::npos) << client.broken;
}

TEST_F(MirrorTest, managed_memory_that_is_shared_is_in_the_quota)
{
    TestClient client(TestClient::Over::ring, {{.ordinal = 0, .memory = 16 * kMiB}});
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    // One process: what is at the address at first is the client's own.
    Fd fd;
    auto map = [&](uint64_t host, uint64_t mib, void *&at) {
        fd = memfd("test", mib * kMiB);
        at = mmap(nullptr, mib * kMiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(at, mib * kMiB);
        client.channel->send_descriptor(host, fd.get());
        return client.call(Call::vgpuManagedMap, Val<uint64_t>::Client{host},
                           Val<uint64_t>::Client{uint64_t(at)}, Val<uint64_t>::Client{mib * kMiB});
    };
    void *at, *none;
    uint64_t host = client.id(Kind::host);
    ASSERT_EQ(map(host, 10, at), CUDA_SUCCESS);
    const Fd shared = std::move(fd);
    EXPECT_EQ(map(client.id(Kind::host), 7, none), CUDA_ERROR_OUT_OF_MEMORY);
    CUdeviceptr device;
    EXPECT_EQ(client.alloc(7 * kMiB, device), CUDA_ERROR_OUT_OF_MEMORY);
    fill(client, CUdeviceptr(at), 3, 10 * kMiB); // the device's own copy calls know it
    // Read as the client's end of it: ThreadSanitizer does not see the order that a ring brings.
    unsigned char last = 0;
    ASSERT_EQ(pread(shared.get(), &last, 1, 10 * kMiB - 1), 1);
    EXPECT_EQ(last, 3);
    // At an address that is taken it is refused, and costs nothing.
    fd = memfd("test", kMiB);
    uint64_t other = client.id(Kind::host);
    client.channel->send_descriptor(other, fd.get());
    EXPECT_EQ(client.call(Call::vgpuManagedMap, Val<uint64_t>::Client{other},
                          Val<uint64_t>::Client{uint64_t(at)}, Val<uint64_t>::Client{kMiB}),
              CUDA_ERROR_ALREADY_MAPPED);
    client.post(Call::vgpuHostUnmap, Val<uint64_t>::Client{host});
    ASSERT_EQ(map(client.id(Kind::host), 16, at), CUDA_SUCCESS);
}

} // namespace
