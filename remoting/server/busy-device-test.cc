// SPDX-License-Identifier: Apache-2.0
// While the device is busy, the calls that do not need it are answered.
#include "remoting/server/busy-device.h"
#include "remoting/server/test-client.h"

#include <map>

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

class BusyDevice : public testing::TestWithParam<TestClient::Over>
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }
};

TEST_P(BusyDevice, holds_up_no_call_that_does_not_need_it)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer, other, small;
    ASSERT_EQ(client.alloc(16 * kMiB, pointer), CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(16 * kMiB, other), CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(1000, small), CUDA_SUCCESS);
    std::vector<std::byte> data(12 * kMiB), back(data.size());
    for (size_t i = 0; i < data.size(); ++i)
        data[i] = std::byte(i * 131 >> 7);

    Hold hold;
    // As much as a client may have on its way to the device, with one answer for all of it, ...
    client.copy_in(pointer, std::span(data).first(data.size() - kMaxPiece));
    auto last = std::span(data).last(kMaxPiece);
    client.send(client.encode(Call::vgpuCopyIn, true,
                              Pointer::Client{pointer + data.size() - kMaxPiece},
                              Val<uint64_t>::Client{kMaxPiece}, Val<uint64_t>::Client{kMaxPiece},
                              Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr},
                              InArray<std::byte>::Client{last.data(), last.size()}));
    const uint32_t marker = client.sequence;
    // ... and from it. The answers of these and of the copies come later.
    std::map<uint32_t, size_t> parts;
    for (size_t at = 0; at < data.size(); at += 4 * kMiB) {
        client.send(client.encode(Call::vgpuCopyOut, true, Pointer::Client{pointer + at},
                                  Val<uint64_t>::Client{0}, Val<uint64_t>::Client{4 * kMiB},
                                  Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr}));
        parts[client.sequence] = at;
    }
    // What is being freed counts as free, though it is not yet.
    client.post(Call::cuMemFree_v2, Pointer::Client{other});
    client.post(Call::cuMemFree_v2, Pointer::Client{small});
    EXPECT_EQ(client.free_memory(), 48 * kMiB);

    hold.release();
    bool marked = false;
    while (!marked || !parts.empty()) {
        Answer answer = client.receive();
        ASSERT_EQ(answer.result, CUDA_SUCCESS);
        if (answer.sequence == marker) {
            marked = true;
            continue;
        }
        ASSERT_TRUE(parts.contains(answer.sequence));
        wire::Decoder in = answer.body();
        uint64_t offset = in.u64(), n = in.u64();
        auto bytes = in.bytes(n);
        ASSERT_TRUE(in.done());
        std::copy(bytes.begin(), bytes.end(),
                  back.begin() + ptrdiff_t(parts[answer.sequence] + offset));
        if (!answer.more)
            parts.erase(answer.sequence);
    }
    EXPECT_EQ(data, back);
    EXPECT_EQ(client.free_memory(), 48 * kMiB);
}

TEST_P(BusyDevice, defers_the_failure_of_a_copy_that_is_answered)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    uint64_t word = 5;
    EXPECT_EQ(client.call(Call::vgpuCopyIn, Pointer::Client{client.window + 4096},
                          Val<uint64_t>::Client{8}, Val<uint64_t>::Client{8},
                          Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr},
                          InArray<std::byte>::Client{&word, 8}),
              CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(client.last.deferred_call, uint32_t(Call::vgpuCopyIn));
}

// A stream that stands at a function of the client's from the time this is made until answer().
class Asked
{
public:
    explicit Asked(TestClient &client) : client_(client)
    {
        client.send(client.encode(Call::vgpuHostService, true));
        const uint32_t service = client.sequence;
        client.post(Call::vgpuHostCall, Val<uint64_t>::Client{1}, Val<uint32_t>::Client{0},
                    Handle<CUstream>::Client{nullptr});
        Answer answer = client.receive(); // the question
        EXPECT_EQ(answer.sequence, service);
        wire::Decoder in = answer.body();
        EXPECT_EQ(in.u64(), 0u);
        token_ = in.u64();
    }
    void answer() { client_.post(Call::vgpuHostDone, Val<uint64_t>::Client{token_}); }

private:
    TestClient &client_;
    uint64_t token_ = 0;
};

// The driver waits for the device when host memory is unregistered and device memory unmapped, and
// the device for the client, whose answer comes by the thread that called the driver.
TEST_P(BusyDevice, is_not_waited_for_while_it_asks_the_client)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    Fd memory = memfd("host", kMiB);
    auto map = [&](uint64_t id) {
        CUdeviceptr device;
        client.channel->send_descriptor(id, memory.get());
        client.post(Call::vgpuHostMap, Val<uint64_t>::Client{id}, Val<uint64_t>::Client{0},
                    Val<uint64_t>::Client{kMiB}, Out<CUdeviceptr>::Client{&device});
    };
    auto unmap = [&](uint64_t id) { client.post(Call::vgpuHostUnmap, Val<uint64_t>::Client{id}); };
    const bool shares = client.channel->passes_descriptors();
    const uint64_t one = client.id(Kind::host), two = client.id(Kind::host);
    if (shares) {
        map(one);
        map(two);
        unmap(one); // let go when the next one is
    }
    CUdeviceptr first, second;
    ASSERT_EQ(client.alloc(16 * kMiB, first), CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(16 * kMiB, second), CUDA_SUCCESS);
    {
        Hold hold; // so that it is not freed at once
        client.post(Call::cuMemFree_v2, Pointer::Client{first});
        EXPECT_EQ(client.free_memory(), 48 * kMiB);
    }

    // What could go before the question, and what may only go behind it.
    Asked asked(client);
    if (shares)
        unmap(two);
    client.post(Call::cuMemFree_v2, Pointer::Client{second});
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
    asked.answer();
    ASSERT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.free_memory(), 64 * kMiB);
}

// What needs the room that is being freed waits for the device, and takes the client's answers in
// meanwhile, with what a function begins and ends with.
TEST_P(BusyDevice, is_waited_for_with_ears_open)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr first, second, mirrored;
    ASSERT_EQ(client.alloc(kMiB, mirrored), CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(40 * kMiB, first), CUDA_SUCCESS);
    ASSERT_EQ(client.call(Call::vgpuMirrorAdd, Pointer::Client{mirrored},
                          Val<uint64_t>::Client{kMiB}, Val<uint32_t>::Client{0}),
              CUDA_SUCCESS);
    Asked asked(client);
    client.post(Call::cuMemFree_v2, Pointer::Client{first});
    Out<CUdeviceptr>::Client out{&second};
    client.send(client.encode(Call::cuMemAlloc_v2, true, out, Val<size_t>::Client{40 * kMiB}));
    const uint32_t waiting = client.sequence;
    // The function fetches what the device has changed, before it ends.
    client.send(client.encode(Call::vgpuMirrorOut, true));
    const uint32_t fetched = client.sequence;
    Answer answer = client.receive();
    EXPECT_EQ(answer.sequence, fetched);
    EXPECT_EQ(answer.result, CUDA_SUCCESS);
    EXPECT_EQ(answer.body().u64(), 0u); // the device has more to do
    asked.answer();
    answer = client.receive();
    EXPECT_EQ(answer.sequence, waiting);
    EXPECT_EQ(answer.result, CUDA_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P(Over, BusyDevice,
                         testing::Values(TestClient::Over::stream, TestClient::Over::ring),
                         [](auto &info) {
                             return info.param == TestClient::Over::ring ? "ring" : "stream";
                         });

} // namespace
