// SPDX-License-Identifier: Apache-2.0
// While the device is busy, the calls that do not need it are answered.
#include "remoting/server/test-client.h"

#include <dlfcn.h>
#include <future>
#include <map>

using namespace vgpu;
using namespace vgpu::server;

namespace
{

constexpr uint64_t kMiB = 1 << 20;

// The legacy stream of device 0 does nothing until this is gone.
class Hold
{
public:
    Hold()
    {
        const Driver &driver = *test_driver();
        void *library = dlopen(driver.path.c_str(), RTLD_NOW | RTLD_NOLOAD);
        auto launch =
            reinterpret_cast<decltype(&cuLaunchHostFunc)>(dlsym(library, "cuLaunchHostFunc"));
        dlclose(library);
        CUcontext context = nullptr;
        EXPECT_EQ(driver.cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
        EXPECT_EQ(driver.cuCtxSetCurrent(context), CUDA_SUCCESS);
        EXPECT_EQ(launch(
                      nullptr,
                      [](void *hold) { static_cast<Hold *>(hold)->released_.get_future().wait(); },
                      this),
                  CUDA_SUCCESS);
    }
    ~Hold()
    {
        const Driver &driver = *test_driver();
        release();
        driver.cuStreamSynchronize(nullptr);
        driver.cuCtxSetCurrent(nullptr);
        driver.cuDevicePrimaryCtxRelease_v2(0);
    }
    void release()
    {
        if (!std::exchange(is_released_, true))
            released_.set_value();
    }

private:
    std::promise<void> released_;
    bool is_released_ = false;
};

class BusyDevice : public testing::TestWithParam<TestClient::Over>
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }

    uint64_t free(TestClient &client)
    {
        uint64_t free = 0, total = 0;
        EXPECT_EQ(client.call(Call::vgpuMemoryInfo, Val<uint32_t>::Client{0},
                              Out<uint64_t>::Client{&free}, Out<uint64_t>::Client{&total}),
                  CUDA_SUCCESS);
        return free;
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
    EXPECT_EQ(free(client), 48 * kMiB);

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
    EXPECT_EQ(free(client), 48 * kMiB);
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

INSTANTIATE_TEST_SUITE_P(Over, BusyDevice,
                         testing::Values(TestClient::Over::stream, TestClient::Over::ring),
                         [](auto &info) {
                             return info.param == TestClient::Over::ring ? "ring" : "stream";
                         });

} // namespace
