// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/clock.h"
#include "remoting/server/session-testing.h"

#include <cstring>
#include <numeric>
#include <sys/stat.h>

namespace vgpu::server
{

TEST_P(SessionTest, copies_there_and_back)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer = 0;
    auto data = pattern(3'000'001), back = std::vector<std::byte>(data.size());
    ASSERT_EQ(client.alloc(data.size(), pointer), CUDA_SUCCESS);
    EXPECT_GE(pointer, client.window);
    client.copy_in(pointer, data);
    ASSERT_EQ(client.copy_out(pointer, 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
}

TEST_P(SessionTest, copies_rows)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointer = 0;
    size_t pitch = 0;
    ASSERT_EQ(client.call(Call::cuMemAllocPitch_v2, Out<CUdeviceptr>::Client{&pointer},
                          Out<size_t>::Client{&pitch}, Val<size_t>::Client{700},
                          Val<size_t>::Client{1000}, Val<unsigned>::Client{4}),
              CUDA_SUCCESS);
    EXPECT_EQ(pitch, 1024u);
    auto data = pattern(700 * 300), back = std::vector<std::byte>(700 * 1000);
    for (uint64_t row = 0; row < 900; row += 300)
        client.post(Call::vgpuCopyIn, Pointer::Client{pointer + row * pitch},
                    Val<uint64_t>::Client{pitch}, Val<uint64_t>::Client{700},
                    Val<uint64_t>::Client{300}, Handle<CUstream>::Client{nullptr},
                    InArray<std::byte>::Client{data.data(), data.size()});
    ASSERT_EQ(client.copy_out(pointer, pitch, 700, 900, back), CUDA_SUCCESS);
    for (size_t part = 0; part < 3; ++part)
        EXPECT_EQ(memcmp(back.data() + part * data.size(), data.data(), data.size()), 0);
    EXPECT_EQ(client.copy_out(pointer, pitch, 0, 5, back), CUDA_SUCCESS);
}

TEST_P(SessionTest, launches)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUmodule module = load(client);
    CUfunction function;
    ASSERT_EQ(client.call(Call::cuModuleGetFunction,
                          New<CUfunction>::Client{&function, client.id(Kind::function)},
                          Handle<CUmodule>::Client{module}, String::Client{"fill"}),
              CUDA_SUCCESS);
    CUfunction none;
    EXPECT_EQ(client.call(Call::cuModuleGetFunction,
                          New<CUfunction>::Client{&none, client.id(Kind::function)},
                          Handle<CUmodule>::Client{module}, String::Client{"nothing"}),
              CUDA_ERROR_NOT_FOUND);

    CUdeviceptr pointer = 0;
    ASSERT_EQ(client.alloc(4096, pointer), CUDA_SUCCESS);
    struct {
        uint64_t out;
        uint32_t n, value;
    } parameters{pointer, 1000, 7};
    auto launch = [&](uint64_t id, size_t n) {
        client.post(Call::vgpuLaunch, Val<uint64_t>::Client{id}, Val<uint32_t>::Client{8},
                    Val<uint32_t>::Client{1}, Val<uint32_t>::Client{1}, Val<uint32_t>::Client{128},
                    Val<uint32_t>::Client{1}, Val<uint32_t>::Client{1}, Val<uint32_t>::Client{0},
                    Handle<CUstream>::Client{nullptr},
                    InArray<unsigned char>::Client{&parameters, n});
    };
    launch(id_of(function), sizeof(parameters));
    std::vector<uint32_t> back(1000), expected(1000);
    std::iota(expected.begin(), expected.end(), 7u);
    ASSERT_EQ(client.copy_out(pointer, 0, 4000, 1, std::as_writable_bytes(std::span(back))),
              CUDA_SUCCESS);
    EXPECT_EQ(back, expected);
    EXPECT_EQ(client.last.deferred, 0u);

    // Too few parameters, a module for a function, an unmade id: all the client's fault, none
    // fatal.
    launch(id_of(function), 8);
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(client.last.deferred_call, uint32_t(Call::vgpuLaunch));
    launch(id_of(module), sizeof(parameters));
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_HANDLE));

    CUdeviceptr global = 0;
    size_t bytes = 0;
    ASSERT_EQ(client.call(Call::cuModuleGetGlobal_v2, Out<CUdeviceptr>::Client{&global},
                          Out<size_t>::Client{&bytes}, Handle<CUmodule>::Client{module},
                          String::Client{"answer"}),
              CUDA_SUCCESS);
    uint32_t answer = 0;
    ASSERT_EQ(client.copy_out(global, 0, 4, 1, std::as_writable_bytes(std::span(&answer, 1))),
              CUDA_SUCCESS);
    EXPECT_EQ(answer, 42u);

    // With its module the function is gone, and the global is out of reach.
    client.post(Call::cuModuleUnload, Handle<CUmodule>::Client{module});
    launch(id_of(function), sizeof(parameters));
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_HANDLE));
    EXPECT_EQ(client.copy_out(global, 0, 4, 1, std::as_writable_bytes(std::span(&answer, 1))),
              CUDA_ERROR_INVALID_VALUE);
}

TEST_P(SessionTest, tells_parameters_and_attributes)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUfunction function;
    ASSERT_EQ(client.call(Call::cuModuleGetFunction,
                          New<CUfunction>::Client{&function, client.id(Kind::function)},
                          Handle<CUmodule>::Client{load(client)}, String::Client{"fill"}),
              CUDA_SUCCESS);
    client.send(
        client.encode(Call::vgpuFunctionInfo, true, Val<uint64_t>::Client{id_of(function)}));
    Answer answer = client.receive();
    ASSERT_EQ(answer.result, CUDA_SUCCESS);
    wire::Decoder in = answer.body();
    uint64_t attributes = in.u64();
    EXPECT_EQ(attributes, uint64_t(CU_FUNC_ATTRIBUTE_MAX));
    in.bytes(attributes * 4);
    ASSERT_EQ(in.u64(), 3u);
    std::vector<uint64_t> layout;
    for (int i = 0; i < 6; ++i)
        layout.push_back(in.u64());
    EXPECT_EQ(layout, (std::vector<uint64_t>{0, 8, 8, 4, 12, 4}));
    EXPECT_TRUE(in.done());
}

TEST_P(SessionTest, keeps_the_quota_on_every_path)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    auto info = [&](uint64_t &free) {
        uint64_t total = 0;
        EXPECT_EQ(client.call(Call::vgpuMemoryInfo, Val<uint32_t>::Client{0},
                              Out<uint64_t>::Client{&free}, Out<uint64_t>::Client{&total}),
                  CUDA_SUCCESS);
        EXPECT_EQ(total, uint64_t(64) << 20);
    };
    uint64_t free = 0;
    info(free);
    EXPECT_EQ(free, uint64_t(64) << 20);
    CUdeviceptr large = 0, more = 0;
    EXPECT_EQ(client.alloc(65 << 20, large), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(client.alloc(~uint64_t(0), large), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(client.alloc(0, large), CUDA_ERROR_INVALID_VALUE);
    ASSERT_EQ(client.alloc(60 << 20, large), CUDA_SUCCESS);
    EXPECT_EQ(client.call(Call::cuMemAllocAsync, Out<CUdeviceptr>::Client{&more},
                          Val<size_t>::Client{8 << 20}, Handle<CUstream>::Client{nullptr}),
              CUDA_ERROR_OUT_OF_MEMORY);
    size_t pitch;
    EXPECT_EQ(client.call(Call::cuMemAllocPitch_v2, Out<CUdeviceptr>::Client{&more},
                          Out<size_t>::Client{&pitch}, Val<size_t>::Client{1 << 20},
                          Val<size_t>::Client{8}, Val<unsigned>::Client{16}),
              CUDA_ERROR_OUT_OF_MEMORY);
    // Small blocks too, until nothing is left.
    CUresult result = CUDA_SUCCESS;
    size_t n = 0;
    while ((result = client.alloc(1 << 20, more)) == CUDA_SUCCESS)
        ++n;
    EXPECT_EQ(result, CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(n, 4u);
    // What was freed is there for the next, at once.
    client.post(Call::cuMemFree_v2, Pointer::Client{large});
    EXPECT_EQ(client.alloc(60 << 20, large), CUDA_SUCCESS);
    client.post(Call::cuMemFreeAsync, Pointer::Client{large}, Handle<CUstream>::Client{nullptr});
    info(free);
    EXPECT_EQ(free, uint64_t(60) << 20);
    client.post(Call::cuMemFree_v2, Pointer::Client{large}); // twice
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(client.last.deferred_call, uint32_t(Call::cuMemFree_v2));
}

TEST_P(SessionTest, two_workers_share_a_slice)
{
    TestPage page;
    Slice slice{.ordinal = 0, .memory = 32 << 20, .page = &page.page};
    TestClient one(GetParam(), {slice}), other(GetParam(), {slice});
    ASSERT_EQ(one.open(), CUDA_SUCCESS);
    ASSERT_EQ(other.open(), CUDA_SUCCESS);
    CUdeviceptr pointer;
    ASSERT_EQ(one.alloc(20 << 20, pointer), CUDA_SUCCESS);
    EXPECT_EQ(other.alloc(20 << 20, pointer), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(page.page.used(), uint64_t(20) << 20);
    one.join(); // its end gives all of it back
    EXPECT_EQ(page.page.used(), 0u);
    EXPECT_EQ(other.alloc(20 << 20, pointer), CUDA_SUCCESS);
    EXPECT_EQ(page.page.peak.load(), uint64_t(20) << 20);
}

TEST_P(SessionTest, the_first_failure_is_deferred)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    client.post(Call::cuStreamDestroy_v2,
                Handle<CUstream>::Client{handle_of<CUstream>(client.id(Kind::stream))});
    post_failure(client);
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_HANDLE));
    EXPECT_EQ(client.last.deferred_call, uint32_t(Call::cuStreamDestroy_v2));
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, 0u); // told once
}

TEST_P(SessionTest, streams_and_events)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUstream stream, blocked;
    CUevent event, later;
    client.post(Call::cuStreamCreateWithPriority,
                New<CUstream>::Client{&stream, client.id(Kind::stream)},
                Val<unsigned>::Client{CU_STREAM_NON_BLOCKING}, Val<int>::Client{0});
    client.post(Call::cuStreamCreateWithPriority,
                New<CUstream>::Client{&blocked, client.id(Kind::stream)},
                Val<unsigned>::Client{CU_STREAM_DEFAULT}, Val<int>::Client{0});
    for (CUevent *one : {&event, &later})
        client.post(Call::cuEventCreate, New<CUevent>::Client{one, client.id(Kind::event)},
                    Val<unsigned>::Client{0});
    client.post(Call::cuEventRecord, Handle<CUevent>::Client{event},
                Handle<CUstream>::Client{stream});
    client.post(Call::cuStreamWaitEvent, Handle<CUstream>::Client{blocked},
                Handle<CUevent>::Client{event}, Val<unsigned>::Client{0});
    client.post(Call::cuEventRecord, Handle<CUevent>::Client{later},
                Handle<CUstream>::Client{blocked});
    EXPECT_EQ(client.call(Call::cuEventSynchronize, Handle<CUevent>::Client{later}), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, 0u);
    float ms = -1;
    EXPECT_EQ(client.call(Call::cuEventElapsedTime_v2, Out<float>::Client{&ms},
                          Handle<CUevent>::Client{event}, Handle<CUevent>::Client{later}),
              CUDA_SUCCESS);
    EXPECT_GE(ms, 0);
    EXPECT_EQ(client.call(Call::cuStreamSynchronize, Handle<CUstream>::Client{blocked}),
              CUDA_SUCCESS);
    EXPECT_EQ(client.call(Call::cuStreamQuery, Handle<CUstream>::Client{stream}), CUDA_SUCCESS);
    client.post(Call::cuStreamDestroy_v2, Handle<CUstream>::Client{stream});
    client.post(Call::cuEventDestroy_v2, Handle<CUevent>::Client{event});
    EXPECT_EQ(client.call(Call::cuStreamQuery, Handle<CUstream>::Client{stream}),
              CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(client.call(Call::cuEventQuery, Handle<CUevent>::Client{event}),
              CUDA_ERROR_INVALID_HANDLE);
    // An event's id is no stream's.
    EXPECT_EQ(client.call(Call::cuStreamQuery,
                          Handle<CUstream>::Client{handle_of<CUstream>(id_of(later))}),
              CUDA_ERROR_INVALID_HANDLE);
}

TEST_P(SessionTest, an_id_is_of_its_kind_and_new)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    uint64_t id = client.id(Kind::event);
    auto create = [&](uint64_t as) {
        return client.call(Call::cuEventCreate, New<CUevent>::Client{as}, Val<unsigned>::Client{0});
    };
    EXPECT_EQ(create(id), CUDA_SUCCESS);
    EXPECT_EQ(create(id), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(create(client.id(Kind::stream)), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(create(0), CUDA_ERROR_INVALID_HANDLE);
}

TEST_P(SessionTest, contexts_come_and_go_with_what_is_theirs)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUcontext context;
    ASSERT_EQ(client.call(Call::cuCtxCreate_v2,
                          New<CUcontext>::Client{&context, make_id(Kind::context, 1, 1000)},
                          Val<unsigned>::Client{0}, Device::Client{0}),
              CUDA_SUCCESS);
    client.word = 1000;
    CUdeviceptr pointer;
    CUstream stream;
    ASSERT_EQ(client.alloc(40 << 20, pointer), CUDA_SUCCESS);
    client.post(Call::cuStreamCreateWithPriority,
                New<CUstream>::Client{&stream, client.id(Kind::stream)}, Val<unsigned>::Client{0},
                Val<int>::Client{0});
    client.word = 1;
    EXPECT_EQ(client.call(Call::cuCtxDestroy_v2, Handle<CUcontext>::Client{context}), CUDA_SUCCESS);
    EXPECT_EQ(client.call(Call::cuStreamQuery, Handle<CUstream>::Client{stream}),
              CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(client.alloc(40 << 20, pointer), CUDA_SUCCESS);
    EXPECT_EQ(client.call(Call::cuCtxDestroy_v2, Handle<CUcontext>::Client{context}),
              CUDA_ERROR_INVALID_CONTEXT);
    client.word = 1000;
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_ERROR_INVALID_CONTEXT);
    client.word = 0;
    EXPECT_EQ(client.alloc(4096, pointer), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(client.call(Call::vgpuContextReset, Val<uint32_t>::Client{0}), CUDA_SUCCESS);
    client.word = 1;
    EXPECT_EQ(client.alloc(60 << 20, pointer), CUDA_SUCCESS);
}

TEST_P(SessionTest, pointers_stay_within_the_session)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    static int of_the_worker = 7;
    auto outside = reinterpret_cast<CUdeviceptr>(&of_the_worker);
    int got = 0;
    EXPECT_EQ(client.copy_out(outside, 0, 4, 1, std::as_writable_bytes(std::span(&got, 1))),
              CUDA_ERROR_INVALID_VALUE);
    client.copy_in(outside, std::as_bytes(std::span(&got, 1)));
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(of_the_worker, 7);
}

TEST_P(SessionTest, two_slices_of_one_device_and_one_of_another)
{
    TestPage pages[3];
    TestClient client(GetParam(), {{.ordinal = 0, .memory = 8 << 20, .page = &pages[0].page},
                                   {.ordinal = 0, .memory = 16 << 20, .page = &pages[1].page},
                                   {.ordinal = 1, .memory = 32 << 20, .page = &pages[2].page}});
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUdeviceptr pointers[3];
    for (uint32_t slice : {0u, 1u, 2u}) {
        client.word = slice + 1;
        EXPECT_EQ(client.alloc((9 << 20) << slice, pointers[slice]), CUDA_ERROR_OUT_OF_MEMORY);
        EXPECT_EQ(client.alloc((8 << 20) << slice, pointers[slice]), CUDA_SUCCESS);
    }
    auto data = pattern(10000), back = std::vector<std::byte>(data.size());
    client.word = 1;
    client.copy_in(pointers[0], data);
    EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
    client.word = 3;
    client.post(Call::vgpuCopyOnDevice, Pointer::Client{pointers[2]}, Val<uint64_t>::Client{0},
                Pointer::Client{pointers[0]}, Val<uint64_t>::Client{0},
                Val<uint64_t>::Client{data.size()}, Val<uint64_t>::Client{1},
                Handle<CUstream>::Client{nullptr});
    ASSERT_EQ(client.copy_out(pointers[2], 0, back.size(), 1, back), CUDA_SUCCESS);
    EXPECT_EQ(data, back);
}

TEST_P(SessionTest, a_compute_share_slows_launches)
{
    TestPage page;
    TestClient client(GetParam(),
                      {{.ordinal = 0, .memory = 8 << 20, .cores = 10, .page = &page.page}});
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    CUfunction function;
    ASSERT_EQ(client.call(Call::cuModuleGetFunction,
                          New<CUfunction>::Client{&function, client.id(Kind::function)},
                          Handle<CUmodule>::Client{load(client)}, String::Client{"fill"}),
              CUDA_SUCCESS);
    CUdeviceptr pointer;
    ASSERT_EQ(client.alloc(1 << 20, pointer), CUDA_SUCCESS);
    struct {
        uint64_t out;
        uint32_t n, value;
    } parameters{pointer, 100'000, 7};
    // How many launches use up what may be saved depends on how fast the device is.
    for (Deadline deadline = Deadline::after_ms(20'000);
         page.page.throttled_ns == 0 && deadline.left_ns() != 0;) {
        client.post(Call::vgpuLaunch, Val<uint64_t>::Client{id_of(function)},
                    Val<uint32_t>::Client{800}, Val<uint32_t>::Client{1}, Val<uint32_t>::Client{1},
                    Val<uint32_t>::Client{128}, Val<uint32_t>::Client{1}, Val<uint32_t>::Client{1},
                    Val<uint32_t>::Client{0}, Handle<CUstream>::Client{nullptr},
                    InArray<unsigned char>::Client{&parameters, sizeof(parameters)});
        ASSERT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
        ASSERT_EQ(client.last.deferred, 0u);
    }
    EXPECT_GT(page.page.device_ns.load(), 0u);
    EXPECT_GT(page.page.throttled_ns.load(), 0u);
    EXPECT_GT(page.page.launches.load(), 0u);
}

TEST_P(SessionTest, shares_host_memory)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    constexpr size_t kBytes = 1 << 16;
    uint64_t id = client.id(Kind::host);
    CUdeviceptr device = 0, pointer = 0;
    auto map = [&](uint64_t bytes) {
        return client.call(Call::vgpuHostMap, Val<uint64_t>::Client{id}, Val<uint64_t>::Client{0},
                           Val<uint64_t>::Client{bytes}, Out<CUdeviceptr>::Client{&device});
    };
    if (!client.channel->passes_descriptors()) {
        EXPECT_EQ(map(kBytes), CUDA_ERROR_NOT_SUPPORTED);
        return;
    }
    Fd memory = memfd("host", kBytes);
    Mapping mapping(memory.get(), kBytes);
    client.channel->send_descriptor(id, memory.get());
    ASSERT_EQ(map(kBytes), CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(kBytes, pointer), CUDA_SUCCESS);
    auto data = pattern(kBytes / 2);
    memcpy(mapping.data(), data.data(), data.size());
    auto copy = [&](Call call, uint64_t offset) {
        if (call == Call::vgpuCopyFromHost)
            client.post(call, Pointer::Client{pointer}, Val<uint64_t>::Client{0},
                        Val<uint64_t>::Client{id}, Val<uint64_t>::Client{offset},
                        Val<uint64_t>::Client{0}, Val<uint64_t>::Client{data.size()},
                        Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr});
        else
            client.post(call, Val<uint64_t>::Client{id}, Val<uint64_t>::Client{offset},
                        Val<uint64_t>::Client{0}, Pointer::Client{pointer},
                        Val<uint64_t>::Client{0}, Val<uint64_t>::Client{data.size()},
                        Val<uint64_t>::Client{1}, Handle<CUstream>::Client{nullptr});
        EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
        return CUresult(client.last.deferred);
    };
    EXPECT_EQ(copy(Call::vgpuCopyFromHost, 0), CUDA_SUCCESS);
    EXPECT_EQ(copy(Call::vgpuCopyToHost, kBytes / 2), CUDA_SUCCESS);
    EXPECT_EQ(memcmp(mapping.data() + kBytes / 2, data.data(), data.size()), 0);
    EXPECT_EQ(copy(Call::vgpuCopyToHost, kBytes / 2 + 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(copy(Call::vgpuCopyToHost, ~uint64_t(0)), CUDA_ERROR_INVALID_VALUE);
    client.post(Call::vgpuHostUnmap, Val<uint64_t>::Client{id});
    EXPECT_EQ(copy(Call::vgpuCopyFromHost, 0), CUDA_ERROR_INVALID_VALUE);

    // A size that is not the memory's would be a hole to fall into: the session ends.
    id = client.id(Kind::host);
    client.channel->send_descriptor(id, memory.get());
    EXPECT_THROW(map(kBytes * 2), Error);
    client.join_server();
    EXPECT_NE(client.broken.find("bytes instead of"), std::string::npos) << client.broken;
}

TEST_P(SessionTest, copies_from_the_clients_staging_memory)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    if (!client.channel->passes_descriptors())
        return;
    constexpr size_t kBytes = 1 << 16, kRow = 1000, kRows = 7, kPitch = 1024;
    Fd memory = memfd("staging", kBytes);
    Mapping mapping(memory.get(), kBytes);
    const uint64_t id = client.id(Kind::host);
    CUdeviceptr device = 0, pointer = 0;
    client.channel->send_descriptor(id, memory.get());
    ASSERT_EQ(client.call(Call::vgpuHostMap, Val<uint64_t>::Client{id}, Val<uint64_t>::Client{0},
                          Val<uint64_t>::Client{kBytes}, Out<CUdeviceptr>::Client{&device}),
              CUDA_SUCCESS);
    ASSERT_EQ(client.alloc(kBytes, pointer), CUDA_SUCCESS);
    auto data = pattern(kRow * kRows);
    memcpy(mapping.data() + 16, data.data(), data.size());
    auto copy = [&](bool answered, uint64_t host, uint64_t offset, uint64_t rows = 7) {
        client.send(client.encode(Call::vgpuStagedIn, answered, Pointer::Client{pointer},
                                  Val<uint64_t>::Client{kPitch}, Val<uint64_t>::Client{host},
                                  Val<uint64_t>::Client{offset}, Val<uint64_t>::Client{kRow},
                                  Val<uint64_t>::Client{rows}, Handle<CUstream>::Client{nullptr}));
        if (answered)
            client.last = client.receive();
    };
    // The failures so far, and that only.
    auto deferred = [&] {
        EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS);
        return CUresult(client.last.deferred);
    };
    copy(true, id, 16);
    EXPECT_EQ(client.last.deferred, 0u);
    std::vector<std::byte> got(data.size());
    ASSERT_EQ(client.copy_out(pointer, kPitch, kRow, kRows, got), CUDA_SUCCESS);
    EXPECT_EQ(memcmp(got.data(), data.data(), data.size()), 0);
    copy(false, id + 1, 16);
    EXPECT_EQ(deferred(), CUDA_ERROR_INVALID_VALUE);
    copy(false, id, kBytes - kRow * kRows + 1);
    EXPECT_EQ(deferred(), CUDA_ERROR_INVALID_VALUE);
    copy(false, id, ~uint64_t(0));
    EXPECT_EQ(deferred(), CUDA_ERROR_INVALID_VALUE);
    copy(false, id, 0, ~uint64_t(0) / kRow);
    EXPECT_EQ(deferred(), CUDA_ERROR_INVALID_VALUE);
    // Who asks for no answer is let go on for so long.
    for (size_t i = 0; i < SharedStaging::kMost; ++i)
        copy(false, id, 0);
    EXPECT_EQ(deferred(), CUDA_SUCCESS);
    copy(true, id, 0);
    EXPECT_EQ(client.last.deferred, uint32_t(CUDA_ERROR_INVALID_VALUE));
    copy(true, id, 0);
    EXPECT_EQ(client.last.deferred, 0u);
}

TEST_P(SessionTest, what_is_printed_comes_before_the_reply)
{
    fflush(stdout);
    Fd before = duplicate(STDOUT_FILENO);
    std::string printed;
    {
        TestClient client(GetParam());
        ASSERT_EQ(client.open(), CUDA_SUCCESS);
        client.send(client.encode(Call::vgpuOutput, true));
        uint32_t asked = client.sequence;
        ASSERT_EQ(client.copy_out(client.window, 0, 0, 1, {}),
                  CUDA_SUCCESS); // the request has been served
        std::string much(100'000, 'x');
        printf("%s", much.c_str());
        client.send(client.encode(Call::cuCtxSynchronize, true));
        for (;;) {
            Answer answer = client.receive();
            if (answer.sequence != asked)
                break;
            ASSERT_TRUE(answer.more);
            wire::Decoder in = answer.body();
            auto bytes = in.bytes(in.u64());
            ASSERT_TRUE(in.done());
            printed.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        }
        EXPECT_EQ(printed, much);
        EXPECT_EQ(client.call(Call::cuCtxSynchronize), CUDA_SUCCESS); // told once
    }
    struct stat ours, now;
    fstat(before.get(), &ours);
    fstat(STDOUT_FILENO, &now);
    EXPECT_EQ(ours.st_ino, now.st_ino); // given back
}

TEST_P(SessionTest, has_the_slices_that_the_client_sees)
{
    const std::vector<Slice> slices = {{.memory = 64 << 20}, {.memory = 32 << 20}};
    for (const auto &[visible, memory] : {std::pair{"1", 32}, {"1,0", 32}, {"0,1", 64}}) {
        TestClient client(GetParam(), slices);
        ASSERT_EQ(client.open(visible), CUDA_SUCCESS);
        EXPECT_EQ(client.free_memory(), uint64_t(memory) << 20) << visible;
        CUdeviceptr pointer;
        EXPECT_EQ(client.alloc(40 << 20, pointer) == CUDA_SUCCESS, memory == 64) << visible;
        EXPECT_EQ(client.call(Call::vgpuContextOpen, Val<uint32_t>::Client{1},
                              Val<uint32_t>::Client{0}) == CUDA_SUCCESS,
                  visible[1] == ',')
            << visible;
    }
    TestClient blind(GetParam(), slices);
    EXPECT_EQ(blind.open("-1"), CUDA_ERROR_NO_DEVICE);
}

TEST_P(SessionTest, what_it_has_is_said_once)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open("0"), CUDA_SUCCESS);
    client.send(client.encode(Call::vgpuSnapshot, true, Val<uint64_t>::Client{1 << 30},
                              Val<uint64_t>::Client{0}, Val<uint64_t>::Client{0}));
    client.join_server();
    EXPECT_NE(client.broken.find("vgpuSnapshot"), std::string::npos) << client.broken;
}

TEST_P(SessionTest, detaching_ends_it)
{
    TestClient client(GetParam());
    ASSERT_EQ(client.open(), CUDA_SUCCESS);
    client.post(Call::vgpuDetach);
    client.join_server();
    EXPECT_EQ(client.broken, "");
}

INSTANTIATE_TEST_SUITE_P(Over, SessionTest,
                         testing::Values(TestClient::Over::stream, TestClient::Over::ring),
                         [](auto &info) {
                             return info.param == TestClient::Over::ring ? "ring" : "stream";
                         });

TEST(Driver, refuses_what_is_none)
{
    EXPECT_THROW(open_driver("/nonexistent/libcuda.so.1"), Error);
    EXPECT_THROW(open_driver("libc.so.6"), Error);
}

} // namespace vgpu::server
