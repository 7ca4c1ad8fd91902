// SPDX-License-Identifier: Apache-2.0
// What no client of ours sends, and clients that die.
#include "remoting/base/log.h"
#include "remoting/server/session-testing.h"

#include <atomic>
#include <cstring>

namespace vgpu::server
{

// Each of these ends the session, and nothing else.
TEST_P(SessionTest, malformed_messages_end_the_session)
{
    auto ends = [&](auto &&make, const char *why) {
        TestClient client(GetParam());
        ASSERT_EQ(client.open(), CUDA_SUCCESS);
        std::vector<std::byte> bytes = make(client);
        client.send(bytes);
        EXPECT_THROW(client.receive(), Error);
        client.join_server();
        EXPECT_NE(client.broken.find(why), std::string::npos) << client.broken;
    };
    ends([](TestClient &c) { return c.encode(Call::cuMemAlloc_v2, true); },
         "cuMemAlloc_v2: the message ends");
    ends(
        [](TestClient &c) {
            return c.encode(Call::cuMemAlloc_v2, true, Val<uint64_t>::Client{1},
                            Val<uint64_t>::Client{1});
        },
        "cuMemAlloc_v2: the message is too long");
    ends([](TestClient &c) { return c.encode(Call::cuEventQuery, true); }, "cuEventQuery");
    ends([](TestClient &c) { return c.encode(Call(4711), true); }, "4711");
    ends(
        [](TestClient &c) {
            auto bytes = c.encode(Call::cuCtxSynchronize, true);
            bytes[6] = std::byte{0xfe};
            return bytes;
        },
        "flags");
    ends(
        [](TestClient &c) { // an array that claims more than the message has
            return c.encode(Call::vgpuImageData, true, Val<uint64_t>::Client{1},
                            Val<uint64_t>::Client{1}, Val<uint64_t>::Client{0},
                            Val<uint64_t>::Client{1000});
        },
        "vgpuImageData");
    ends(
        [](TestClient &c) {
            return c.encode(Call::vgpuImageData, true, Val<uint64_t>::Client{1},
                            Val<uint64_t>::Client{1}, Val<uint64_t>::Client{0},
                            Val<uint64_t>::Client{~uint64_t(0)});
        },
        "longer than a message");
    ends(
        [](TestClient &c) {
            return c.encode(Call::cuMemsetD8Async, true, Pointer::Client{c.window},
                            Val<uint64_t>::Client{256}, Val<size_t>::Client{1},
                            Handle<CUstream>::Client{nullptr});
        },
        "does not fit");
}

TEST_P(SessionTest, a_limit_that_is_reached_is_said_once)
{
    static std::atomic<int> said;
    said = 0;
    set_log_listener([](Level, std::string_view text) {
        said += text.find("1024 link states") != std::string_view::npos;
    });
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    auto create = [&] {
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        for (uint64_t value : {client.id(Kind::link), uint64_t(0), uint64_t(0), uint64_t(0)})
            out.u64(value);
        client.finish(bytes, Call::vgpuLinkCreate, true);
        client.send(bytes);
        return client.receive().result;
    };
    for (int i = 0; i < 1024; ++i)
        ASSERT_EQ(create(), CUDA_SUCCESS) << i;
    // Once in a process, which tests have many sessions in.
    static bool first = true;
    EXPECT_EQ(create(), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(create(), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(said, first ? 1 : 0);
    first = false;
    set_log_listener(nullptr);
}

TEST_P(SessionTest, what_the_driver_has_not_is_said_once)
{
    static std::atomic<int> said;
    said = 0;
    set_log_listener([](Level, std::string_view text) {
        said += text.find("vgpuTensorMap is not supported as it was called: ") == 0;
    });
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer = 0;
    ASSERT_EQ(client.alloc(4096, pointer), CUDA_SUCCESS);
    auto replace = [&] { // the address in a map
        uint64_t map[16] = {}, made[16] = {};
        return client.call(Call::vgpuTensorMap, Val<uint32_t>::Client{3}, Pointer::Client{pointer},
                           InArray<uint64_t>::Client{map, 16}, InArray<uint64_t>::Client{map, 0},
                           OutArray<uint64_t, 7>::Client{made, 16}, Val<uint64_t>::Client{16});
    };
    // Once in a process, which tests have many sessions in.
    static bool first = true;
    EXPECT_EQ(replace(), CUDA_ERROR_NOT_SUPPORTED);
    EXPECT_EQ(replace(), CUDA_ERROR_NOT_SUPPORTED);
    EXPECT_EQ(said, first ? 1 : 0);
    first = false;
    set_log_listener(nullptr);
}

TEST_P(SessionTest, images_are_bounded_and_checked)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    uint64_t image = client.id(Kind::image);
    unsigned char byte = 0;
    auto data = [&](uint64_t total, uint64_t offset) {
        return client.call(Call::vgpuImageData, Val<uint64_t>::Client{image},
                           Val<uint64_t>::Client{total}, Val<uint64_t>::Client{offset},
                           InArray<unsigned char>::Client{&byte, 1});
    };
    EXPECT_EQ(data(uint64_t(1) << 40, 0), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(data(8, 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(data(2, 0), CUDA_SUCCESS);
    EXPECT_EQ(data(2, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(data(3, 1), CUDA_ERROR_INVALID_VALUE);
    auto load = [&] {
        client.send(client.encode(Call::vgpuLibraryLoad, true, Val<uint64_t>::Client{image},
                                  Val<uint64_t>::Client{client.id(Kind::library)},
                                  Val<uint64_t>::Client{0}, Val<uint64_t>::Client{64},
                                  Val<uint64_t>::Client{0}));
        return client.receive().result;
    };
    EXPECT_EQ(load(), CUDA_ERROR_INVALID_VALUE); // half of it is missing
    byte = 'x';
    EXPECT_EQ(data(2, 1), CUDA_SUCCESS);
    EXPECT_EQ(load(), CUDA_ERROR_INVALID_IMAGE); // and nothing like an image
}

// Nothing is allocated for a count that the message itself belies.
TEST_P(SessionTest, a_split_into_more_groups_than_its_answer_holds_is_refused)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    const std::vector<unsigned char> resource(sizeof(CUdevResource));
    client.send(client.encode(Call::vgpuResourceSplit, true,
                              InArray<unsigned char>::Client{resource.data(), resource.size()},
                              Val<uint32_t>::Client{0}, Val<uint32_t>::Client{1},
                              Val<uint32_t>::Client{~uint32_t(0)}, Val<uint64_t>::Client{0}));
    EXPECT_EQ(client.receive().result, CUDA_ERROR_INVALID_VALUE);
}

TEST_P(SessionTest, no_window_no_session)
{
    TestClient client(GetParam());
    client.send(client.encode(Call::vgpuSnapshot, true, Val<uint64_t>::Client{1 << 30},
                              Val<uint64_t>::Client{0}, Val<uint64_t>::Client{0}));
    EXPECT_EQ(client.receive().result, CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_P(SessionTest, a_client_that_dies_ends_it_in_mid_call)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer;
    ASSERT_EQ(client.alloc(40 << 20, pointer), CUDA_SUCCESS);
    // More than any channel holds is on its way back when this end closes.
    client.send(client.encode(Call::vgpuCopyOut, true, Pointer::Client{pointer},
                              Val<uint64_t>::Client{0}, Val<uint64_t>::Client{40 << 20},
                              Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr}));
    client.receive();
    client.join();
    EXPECT_EQ(client.broken, "");
}

} // namespace vgpu::server
