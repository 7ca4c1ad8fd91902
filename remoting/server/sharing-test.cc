// SPDX-License-Identifier: Apache-2.0
// Memory of one session in another one: who gets it, for how long it is there, and who pays for it.
#include "remoting/api/ipc-handle.h"
#include "remoting/server/session-testing.h"

#include <cstring>

namespace vgpu::server
{
namespace
{

constexpr uint64_t kLarge = 4 << 20, kSmall = 1000;

struct IpcAnswer {
    CUresult result = CUDA_ERROR_UNKNOWN;
    std::string why;
    std::vector<std::byte> rest;
};

IpcAnswer ask(TestClient &client, std::vector<std::byte> request, Call call)
{
    client.finish(request, call, true);
    client.send(request);
    client.last = client.receive();
    EXPECT_EQ(client.last.result, CUDA_SUCCESS);
    IpcAnswer answer;
    wire::Decoder in = client.last.body();
    answer.result = CUresult(in.u32());
    answer.why = in.string(kMaxString);
    auto rest = in.bytes(in.left());
    answer.rest.assign(rest.begin(), rest.end());
    EXPECT_TRUE(in.done()) << in.why();
    return answer;
}

IpcAnswer export_memory(TestClient &client, CUdeviceptr pointer, uint64_t bytes)
{
    std::vector<std::byte> request(wire::kHeaderSize);
    wire::Encoder out(request);
    for (uint64_t value : {uint64_t(IpcKind::memory), uint64_t(pointer), bytes, uint64_t(0)})
        out.u64(value);
    return ask(client, std::move(request), Call::vgpuIpcExport);
}

IpcAnswer fetch(TestClient &client, const std::vector<std::byte> &handle)
{
    std::vector<std::byte> request(wire::kHeaderSize);
    wire::Encoder(request).bytes(handle);
    return ask(client, std::move(request), Call::vgpuIpcFetch);
}

CUresult open(TestClient &client, const std::vector<std::byte> &handle, CUdeviceptr &pointer)
{
    IpcAnswer answer = fetch(client, handle);
    if (answer.result != CUDA_SUCCESS)
        return answer.result;
    uint64_t ticket = 0, address = 0, bytes = 0;
    uint32_t slice = 99;
    std::memcpy(&ticket, answer.rest.data(), sizeof(ticket));
    CUresult result = client.call(Call::vgpuIpcOpen, Val<uint64_t>::Client{ticket},
                                  Out<uint64_t>::Client{&address}, Out<uint64_t>::Client{&bytes},
                                  Out<uint32_t>::Client{&slice});
    EXPECT_EQ(slice, result == CUDA_SUCCESS ? 0u : 99u);
    pointer = address;
    // A ticket is good for once.
    EXPECT_EQ(client.call(Call::vgpuIpcOpen, Val<uint64_t>::Client{ticket},
                          Out<uint64_t>::Client{&address}, Out<uint64_t>::Client{&bytes},
                          Out<uint32_t>::Client{&slice}),
              CUDA_ERROR_INVALID_VALUE);
    return result;
}

void free_block(TestClient &client, CUdeviceptr pointer)
{
    client.post(Call::cuMemFree_v2, Pointer::Client{pointer});
}

// What the slice is charged, once the workers have come so far.
uint64_t charged(std::vector<TestClient *> clients, const SlicePage &page, uint64_t wanted)
{
    for (int i = 0; i < 2000 && page.used() != wanted; ++i) {
        for (TestClient *client : clients)
            client->free_memory();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return page.used();
}

class SharingTest : public SessionTest
{
protected:
    void SetUp() override
    {
        SessionTest::SetUp();
        if (IsSkipped())
            return;
        std::vector<Slice> slices{{.ordinal = 0, .memory = 64 << 20, .page = &page.page}};
        one = std::make_unique<TestClient>(TestClient::Over::stream, slices);
        two = std::make_unique<TestClient>(TestClient::Over::stream, slices);
        ASSERT_EQ(one->open(), CUDA_SUCCESS);
        ASSERT_EQ(two->open(), CUDA_SUCCESS);
        ASSERT_EQ(one->alloc(kLarge, large), CUDA_SUCCESS);
        ASSERT_EQ(one->alloc(kSmall, small), CUDA_SUCCESS);
        handle = export_memory(*one, large, kLarge);
        small_handle = export_memory(*one, small, kSmall);
        ASSERT_EQ(handle.result, CUDA_SUCCESS) << handle.why;
        ASSERT_EQ(small_handle.result, CUDA_SUCCESS) << small_handle.why;
        before = page.page.used();
    }

    std::vector<std::byte> read(TestClient &client, CUdeviceptr from, uint64_t bytes)
    {
        std::vector<std::byte> data(bytes);
        EXPECT_EQ(client.copy_out(from, bytes, bytes, 1, data), CUDA_SUCCESS);
        return data;
    }

    TestPage page;
    std::unique_ptr<TestClient> one, two;
    CUdeviceptr large = 0, small = 0;
    IpcAnswer handle, small_handle;
    uint64_t before = 0;
};

TEST_F(SharingTest, IsOneMemoryAndPaidForOnce)
{
    CUdeviceptr there = 0, small_there = 0;
    ASSERT_EQ(open(*two, handle.rest, there), CUDA_SUCCESS);
    ASSERT_EQ(open(*two, small_handle.rest, small_there), CUDA_SUCCESS);
    EXPECT_EQ(page.page.used(), before);
    two->copy_in(there, pattern(kLarge));
    two->copy_in(small_there, pattern(kSmall));
    two->free_memory(); // all has come
    EXPECT_EQ(read(*one, large, kLarge), pattern(kLarge));
    EXPECT_EQ(read(*one, small, kSmall), pattern(kSmall));

    // Freed here while it is there, it stays, and nothing else comes to its place.
    free_block(*one, small);
    free_block(*one, large);
    one->free_memory(); // all has come
    EXPECT_EQ(fetch(*two, handle.rest).result, CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr next = 0;
    ASSERT_EQ(one->alloc(kSmall, next), CUDA_SUCCESS);
    EXPECT_NE(next, small);
    one->copy_in(next, std::vector<std::byte>(kSmall));
    EXPECT_EQ(page.page.used(), before);
    EXPECT_EQ(read(*two, small_there, kSmall), pattern(kSmall));
    free_block(*two, there);
    EXPECT_EQ(charged({one.get(), two.get()}, page.page, before - kLarge), before - kLarge);
    free_block(*two, small_there);
    free_block(*one, next);
    two->free_memory();
    one->free_memory();
}

TEST_F(SharingTest, IsPaidForByWhoHasItStill)
{
    CUdeviceptr there = 0;
    ASSERT_EQ(open(*two, handle.rest, there), CUDA_SUCCESS);
    two->copy_in(there, pattern(kLarge));
    one->join();
    EXPECT_EQ(charged({two.get()}, page.page, kLarge), kLarge);
    EXPECT_EQ(read(*two, there, kLarge), pattern(kLarge));
    free_block(*two, there);
    EXPECT_EQ(charged({two.get()}, page.page, 0), 0u);
    EXPECT_EQ(fetch(*two, handle.rest).result, CUDA_ERROR_INVALID_VALUE);
}

TEST_F(SharingTest, RefusesWhatIsNoHandle)
{
    EXPECT_EQ(fetch(*one, handle.rest).result, CUDA_ERROR_INVALID_CONTEXT);
    for (size_t i = 0; i < handle.rest.size(); ++i) {
        auto changed = handle.rest;
        changed[i] ^= std::byte(0x10);
        auto answer = fetch(*two, changed);
        EXPECT_NE(answer.result, CUDA_SUCCESS) << i;
        EXPECT_NE(answer.why, "");
    }
    EXPECT_EQ(export_memory(*one, large + 512, kLarge).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(export_memory(*one, large, kLarge + 1).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(export_memory(*one, large, 0).result, CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr there = 0;
    ASSERT_EQ(open(*two, handle.rest, there), CUDA_SUCCESS);
    EXPECT_EQ(export_memory(*two, there, kLarge).result, CUDA_ERROR_INVALID_VALUE);
}

// Physical memory that the clients map themselves: `n` is what each calls it.
class SharedAllocationTest : public SharingTest
{
protected:
    static constexpr uint64_t kBytes = 4 << 20;
    // Below where programs lie, in what the sanitizers leave to them.
    static constexpr uint64_t kPlace = uint64_t(0x55) << 40;

    static uint64_t number(uint64_t n) { return make_id(Kind::allocation, 0, n); }

    template<class... T>
    static CUresult call(TestClient &client, Call call, T... numbers)
    {
        return client.call(call, typename Val<T>::Client{numbers}...);
    }

    static CUresult create(TestClient &client, uint64_t n, uint32_t shareable = 1)
    {
        return call(client, Call::vgpuAllocationCreate, number(n), uint32_t(0), kBytes, uint32_t(0),
                    uint32_t(0), uint32_t(0), shareable);
    }

    static IpcAnswer offer(TestClient &client, uint64_t id)
    {
        std::vector<std::byte> request(wire::kHeaderSize);
        wire::Encoder out(request);
        for (uint64_t value : {uint64_t(IpcKind::allocation), id, uint64_t(0), uint64_t(0)})
            out.u64(value);
        return ask(client, std::move(request), Call::vgpuIpcExport);
    }

    static uint64_t ticket_for(TestClient &client, const IpcAnswer &name)
    {
        IpcAnswer answer = fetch(client, name.rest);
        EXPECT_EQ(answer.result, CUDA_SUCCESS) << answer.why;
        uint64_t ticket = 0;
        std::memcpy(&ticket, answer.rest.data(), sizeof(ticket));
        return ticket;
    }

    static CUresult import_as(TestClient &client, uint64_t ticket, uint64_t id)
    {
        uint64_t bytes = 0;
        uint32_t ordinal = 99;
        CUresult result = client.call(Call::vgpuAllocationImport, Val<uint64_t>::Client{ticket},
                                      Val<uint64_t>::Client{id}, Out<uint64_t>::Client{&bytes},
                                      Out<uint32_t>::Client{&ordinal});
        EXPECT_EQ(bytes, result == CUDA_SUCCESS ? kBytes : 0);
        EXPECT_EQ(ordinal, result == CUDA_SUCCESS ? 0u : 99u);
        return result;
    }

    static void map(TestClient &client, uint64_t base, uint64_t n)
    {
        ASSERT_EQ(call(client, Call::vgpuAddressReserve, base, kBytes, uint64_t(0)), CUDA_SUCCESS);
        ASSERT_EQ(call(client, Call::vgpuAllocationMap, base, kBytes, uint64_t(0), number(n)),
                  CUDA_SUCCESS);
        ASSERT_EQ(call(client, Call::vgpuAllocationAccess, base, kBytes, uint32_t(0),
                       uint32_t(CU_MEM_ACCESS_FLAGS_PROT_READWRITE)),
                  CUDA_SUCCESS);
    }

    static void unmap(TestClient &client, uint64_t base)
    {
        EXPECT_EQ(call(client, Call::vgpuAllocationUnmap, base, kBytes), CUDA_SUCCESS);
        EXPECT_EQ(call(client, Call::vgpuAddressFree, base, kBytes), CUDA_SUCCESS);
    }

    static void release(TestClient &client, uint64_t n)
    {
        EXPECT_EQ(call(client, Call::vgpuAllocationRelease, number(n)), CUDA_SUCCESS);
    }
};

TEST_F(SharedAllocationTest, IsOneMemoryAndPaidForOnce)
{
    ASSERT_EQ(create(*one, 1), CUDA_SUCCESS);
    EXPECT_EQ(page.page.used(), before + kBytes);
    IpcAnswer name = offer(*one, number(1));
    ASSERT_EQ(name.result, CUDA_SUCCESS) << name.why;
    EXPECT_EQ(offer(*one, number(1)).rest, name.rest);
    ASSERT_EQ(import_as(*two, ticket_for(*two, name), number(7)), CUDA_SUCCESS);
    EXPECT_EQ(page.page.used(), before + kBytes);
    map(*one, kPlace, 1);
    map(*two, kPlace + kBytes, 7);
    two->copy_in(kPlace + kBytes, pattern(kBytes));
    two->free_memory(); // all has come
    EXPECT_EQ(read(*one, kPlace, kBytes), pattern(kBytes));

    // Given back here while it is there, it stays, and is paid for by who made it, but nobody else
    // gets it.
    uint64_t ones = page.page.workers[0].bytes;
    release(*one, 1);
    unmap(*one, kPlace);
    EXPECT_EQ(call(*one, Call::vgpuAllocationRelease, number(1)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(*two, name.rest).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(offer(*one, number(1)).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(page.page.workers[0].bytes, ones);
    EXPECT_EQ(page.page.used(), before + kBytes);
    EXPECT_EQ(read(*two, kPlace + kBytes, kBytes), pattern(kBytes));
    release(*two, 7);
    EXPECT_EQ(read(*two, kPlace + kBytes, kBytes), pattern(kBytes)); // as long as it is mapped
    unmap(*two, kPlace + kBytes);
    EXPECT_EQ(charged({one.get(), two.get()}, page.page, before), before);
}

TEST_F(SharedAllocationTest, IsPaidForByWhoHasItStill)
{
    ASSERT_EQ(create(*one, 1), CUDA_SUCCESS);
    IpcAnswer name = offer(*one, number(1));
    ASSERT_EQ(import_as(*two, ticket_for(*two, name), number(1)), CUDA_SUCCESS);
    one->join();
    EXPECT_EQ(charged({two.get()}, page.page, kBytes), kBytes);
    map(*two, kPlace, 1);
    two->copy_in(kPlace, pattern(kBytes));
    EXPECT_EQ(read(*two, kPlace, kBytes), pattern(kBytes));
    unmap(*two, kPlace);
    release(*two, 1);
    EXPECT_EQ(charged({two.get()}, page.page, 0), 0u);
}

TEST_F(SharedAllocationTest, IsNotHadWithoutAName)
{
    ASSERT_EQ(create(*one, 1), CUDA_SUCCESS);
    ASSERT_EQ(create(*one, 2, 0), CUDA_SUCCESS);
    EXPECT_EQ(offer(*one, number(2)).result, CUDA_ERROR_INVALID_VALUE); // it was not asked for
    EXPECT_EQ(offer(*one, number(9)).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(offer(*one, large).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(export_memory(*one, number(1), kBytes).result, CUDA_ERROR_INVALID_VALUE);
    IpcAnswer name = offer(*one, number(1));
    EXPECT_EQ(import_as(*two, 12345, number(1)), CUDA_ERROR_INVALID_VALUE);
    uint64_t used = ticket_for(*two, name);
    ASSERT_EQ(import_as(*two, used, number(1)), CUDA_SUCCESS);
    EXPECT_EQ(import_as(*two, used, number(2)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(import_as(*two, ticket_for(*two, name), number(1)), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(import_as(*two, ticket_for(*two, name), make_id(Kind::stream, 0, 3)),
              CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(offer(*two, number(1)).result, CUDA_ERROR_INVALID_VALUE); // it is another's
    // Neither way leads to the other's memory.
    EXPECT_EQ(import_as(*two, ticket_for(*two, handle), number(3)), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr there = 0;
    EXPECT_EQ(open(*two, name.rest, there), CUDA_ERROR_INVALID_VALUE);
    // Who has too much gets no more.
    auto &third = page.page.workers[100].bytes;
    third = 64 << 20;
    EXPECT_EQ(import_as(*two, ticket_for(*two, name), number(4)), CUDA_ERROR_OUT_OF_MEMORY);
    third = 0;
}

IpcAnswer share(TestClient &client, IpcKind kind, uint64_t name, uint64_t bytes = 0,
                uint64_t pool = 0)
{
    std::vector<std::byte> request(wire::kHeaderSize);
    wire::Encoder out(request);
    for (uint64_t value : {uint64_t(kind), name, bytes, pool})
        out.u64(value);
    return ask(client, std::move(request), Call::vgpuIpcExport);
}

uint64_t ticket_of(TestClient &client, const IpcAnswer &name)
{
    IpcAnswer answer = fetch(client, name.rest);
    EXPECT_EQ(answer.result, CUDA_SUCCESS) << answer.why;
    uint64_t ticket = 0;
    std::memcpy(&ticket, answer.rest.data(), sizeof(ticket));
    return ticket;
}

TEST_F(SharingTest, AnEventIsWhatTheDriverSays)
{
    auto import = [&](uint64_t ticket) {
        CUevent opened = nullptr;
        return two->call(Call::vgpuEventImport, Val<uint64_t>::Client{ticket},
                         New<CUevent>::Client{&opened, two->id(Kind::event)});
    };
    CUevent event = nullptr, plain = nullptr;
    one->post(Call::cuEventCreate, New<CUevent>::Client{&event, one->id(Kind::event)},
              Val<unsigned>::Client{CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING});
    one->post(Call::cuEventCreate, New<CUevent>::Client{&plain, one->id(Kind::event)},
              Val<unsigned>::Client{CU_EVENT_DISABLE_TIMING});
    IpcAnswer name = share(*one, IpcKind::event, id_of(event));
    ASSERT_EQ(name.result, CUDA_SUCCESS) << name.why;
    EXPECT_EQ(share(*one, IpcKind::event, id_of(event)).rest, name.rest);
    EXPECT_EQ(share(*one, IpcKind::event, id_of(plain)).result, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(share(*one, IpcKind::event, large).result, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(share(*two, IpcKind::event, id_of(event)).result, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(fetch(*one, name.rest).result, CUDA_ERROR_INVALID_CONTEXT);
    // The software GPU knows that both sessions are in one process here.
    EXPECT_EQ(import(ticket_of(*two, name)), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(import(ticket_of(*two, handle)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(import(12345), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr there = 0;
    EXPECT_EQ(open(*two, name.rest, there), CUDA_ERROR_INVALID_VALUE);
    one->post(Call::cuEventDestroy_v2, Handle<CUevent>::Client{event});
    EXPECT_EQ(share(*one, IpcKind::event, id_of(event)).result, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(fetch(*two, name.rest).result, CUDA_ERROR_INVALID_VALUE);
}

TEST_F(SharingTest, MemoryOfAPoolIsOpenedAsThatPoolsAlone)
{
    const uint64_t pool = make_id(Kind::pool, 0, 3), second = make_id(Kind::pool, 0, 4);
    CUdeviceptr block = 0;
    ASSERT_EQ(one->alloc(kSmall, block), CUDA_SUCCESS);
    IpcAnswer name = share(*one, IpcKind::pool, pool),
              data = share(*one, IpcKind::pooled, block, kSmall, pool);
    ASSERT_EQ(name.result, CUDA_SUCCESS) << name.why;
    ASSERT_EQ(data.result, CUDA_SUCCESS) << data.why;
    EXPECT_EQ(share(*one, IpcKind::pool, pool, 9).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(share(*one, IpcKind::pool, block).result, CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(share(*one, IpcKind::pooled, block, kLarge, pool).result, CUDA_ERROR_INVALID_VALUE);

    uint64_t theirs = 0, address = 0, bytes = 0;
    uint32_t ordinal = 99, slice = 99;
    auto import = [&](uint64_t ticket) {
        return two->call(Call::vgpuPoolImport, Val<uint64_t>::Client{ticket},
                         Out<uint64_t>::Client{&theirs}, Out<uint32_t>::Client{&ordinal});
    };
    auto open_of = [&](uint64_t ticket, uint64_t of) {
        return two->call(Call::vgpuPoolOpen, Val<uint64_t>::Client{ticket},
                         Val<uint64_t>::Client{of}, Out<uint64_t>::Client{&address},
                         Out<uint64_t>::Client{&bytes}, Out<uint32_t>::Client{&slice});
    };
    ASSERT_EQ(import(ticket_of(*two, name)), CUDA_SUCCESS);
    EXPECT_EQ(theirs, pool);
    EXPECT_EQ(ordinal, 0u);
    EXPECT_EQ(import(ticket_of(*two, data)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(open_of(ticket_of(*two, name), pool), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(open_of(ticket_of(*two, data), second), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(open_of(ticket_of(*two, handle), 0), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr there = 0;
    EXPECT_EQ(open(*two, data.rest, there), CUDA_ERROR_INVALID_VALUE);
    ASSERT_EQ(open_of(ticket_of(*two, data), pool), CUDA_SUCCESS);
    EXPECT_EQ(bytes, kSmall);
    EXPECT_EQ(slice, 0u);
    two->copy_in(address, pattern(kSmall));
    two->free_memory(); // all has come
    EXPECT_EQ(read(*one, block, kSmall), pattern(kSmall));
    free_block(*two, address);

    EXPECT_EQ(one->call(Call::vgpuPoolWithdraw, Val<uint64_t>::Client{block}),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(one->call(Call::vgpuPoolWithdraw, Val<uint64_t>::Client{pool}), CUDA_SUCCESS);
    EXPECT_EQ(fetch(*two, name.rest).result, CUDA_ERROR_INVALID_VALUE);
}

// Such a driver gives other memory, which is nobody else's.
TEST(Sharing, AsksForNothingThatTheDriverRefuses)
{
    if (!test_driver())
        GTEST_SKIP();
    static const auto create = test_driver()->cuMemCreate;
    auto &entry = const_cast<std::remove_const_t<decltype(create)> &>(test_driver()->cuMemCreate);
    entry = [](CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
               unsigned long long flags) -> CUresult {
        return prop->requestedHandleTypes == CU_MEM_HANDLE_TYPE_NONE
                   ? create(handle, bytes, prop, flags)
                   : CUDA_ERROR_NOT_PERMITTED;
    };
    {
        TestClient client(TestClient::Over::ring);
        EXPECT_EQ(client.open(), CUDA_SUCCESS);
        CUdeviceptr pointer = 0;
        EXPECT_EQ(client.alloc(kLarge, pointer), CUDA_SUCCESS);
        EXPECT_EQ(export_memory(client, pointer, kLarge).result, CUDA_ERROR_INVALID_VALUE);
    }
    entry = create;
}

TEST(Sharing, IsForOneJobOrLease)
{
    Sharing one, same_job, same_lease, other, elsewhere;
    for (Sharing *each : {&one, &same_job, &same_lease, &other, &elsewhere})
        each->take_over = [](size_t, uint64_t) {};
    one.introduce({"gpu1", "aa", "7"});
    same_job.introduce({"gpu1", "bb", "7"});
    same_lease.introduce({"gpu1", "aa", ""});
    other.introduce({"gpu1", "cc", "8"});
    elsewhere.introduce({"gpu2", "aa", "7"});
    IpcHandle handle = one.offer(1 << 21, 1 << 21, {.mapping_bytes = 1 << 21, .bytes = 4});
    auto bytes = std::as_bytes(std::span(&handle, 1));
    uint64_t ticket = 0;
    EXPECT_EQ(same_job.fetch(bytes, ticket)->code, CUDA_ERROR_INVALID_VALUE); // no descriptor yet
    ASSERT_TRUE(one.complete(handle, memfd("memory", 4096)));
    EXPECT_FALSE(same_job.fetch(bytes, ticket));
    EXPECT_TRUE(one.lent_out(1 << 21));
    EXPECT_EQ(same_job.take(ticket)->offer.bytes, 4u);
    EXPECT_FALSE(one.lent_out(1 << 21)); // what was taken is gone again
    EXPECT_FALSE(same_lease.fetch(bytes, ticket));
    EXPECT_EQ(other.fetch(bytes, ticket)->code, CUDA_ERROR_NOT_PERMITTED);
    EXPECT_EQ(elsewhere.fetch(bytes, ticket)->code, CUDA_ERROR_MAP_FAILED);
    one.withdraw(1 << 21);
    EXPECT_EQ(same_job.fetch(bytes, ticket)->code, CUDA_ERROR_INVALID_VALUE);
}

} // namespace
} // namespace vgpu::server
