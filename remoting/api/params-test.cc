// SPDX-License-Identifier: Apache-2.0
// Each kind of parameter there and back, by both its halves; then truncated at every place, and
// wrong.
#include "remoting/api/calls.h"
#include "remoting/api/params.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string_view>

using namespace vgpu::api;

namespace
{

// The server's table, in little.
struct Table {
    std::map<uint64_t, void *> entries;
    CUresult find(Kind kind, uint64_t id, void *&handle)
    {
        auto at = kind_of(id) == kind ? entries.find(id) : entries.end();
        if (at == entries.end())
            return CUDA_ERROR_INVALID_HANDLE;
        handle = at->second;
        return CUDA_SUCCESS;
    }
    CUresult claim(Kind kind, uint64_t id)
    {
        return kind_of(id) == kind && !entries.contains(id) ? CUDA_SUCCESS
                                                            : CUDA_ERROR_INVALID_HANDLE;
    }
    void add(uint64_t id, void *handle, uint64_t owner)
    {
        entries[id] = handle;
        last_owner = owner;
    }
    void remove(uint64_t id) { entries.erase(id); }
    CUresult device(int32_t ordinal, CUdevice &device)
    {
        device = ordinal + 100;
        return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    }
    CUresult pointer(CUdeviceptr at) { return at < 4096 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
    uint64_t last_owner = 0;
};

// A call over a wire of bytes. Every request cut short must fail the decoder.
template<class... P>
struct Wire {
    std::tuple<typename P::Server...> halves;
    Table table;
    std::vector<std::byte> request, reply;
    bool fits = false;

    CUresult send(const typename P::Client &...client)
    {
        Encoder out(request);
        (client.put(out), ...);
        for (size_t n = 0; n < request.size(); n += 8) {
            std::tuple<typename P::Server...> cut;
            Decoder in(std::span<const std::byte>(request).first(n));
            std::apply([&](auto &...half) { (half.get(in, table), ...); }, cut);
            EXPECT_FALSE(in.ok()) << "cut at " << n;
        }
        Decoder in(request);
        CUresult result = CUDA_SUCCESS;
        auto first = [&](CUresult one) { result = result == CUDA_SUCCESS ? one : result; };
        std::apply([&](auto &...half) { (first(half.get(in, table)), ...); }, halves);
        fits = in.done();
        std::apply([&](auto &...half) { (first(half.bind(halves)), ...); }, halves);
        return result;
    }

    template<size_t I>
    auto arg()
    {
        return std::get<I>(halves).arg();
    }

    bool answer(const typename P::Client &...client)
    {
        Encoder out(reply);
        std::apply([&](auto &...half) { (half.put(out), ...); }, halves);
        for (size_t n = 0; n < reply.size(); n += 8) {
            Decoder in(std::span<const std::byte>(reply).first(n));
            (client.take(in), ...);
            EXPECT_FALSE(in.ok()) << "cut at " << n;
        }
        Decoder in(reply);
        (client.take(in), ...);
        return in.done();
    }
};

} // namespace

TEST(Params, values_keep_their_sign_and_size)
{
    Wire<Val<int>, Val<unsigned char>, Val<float>, Val<CUfunc_cache>, Val<size_t>, Val<double>>
        wire;
    EXPECT_EQ(wire.send(Val<int>::Client{-5}, Val<unsigned char>::Client{255},
                        Val<float>::Client{1.5f},
                        Val<CUfunc_cache>::Client{CU_FUNC_CACHE_PREFER_L1},
                        Val<size_t>::Client{~size_t(0)}, Val<double>::Client{-0.0}),
              CUDA_SUCCESS);
    EXPECT_TRUE(wire.fits);
    EXPECT_EQ(wire.request.size(), 48u);
    EXPECT_EQ(wire.arg<0>(), -5);
    EXPECT_EQ(wire.arg<1>(), 255);
    EXPECT_EQ(wire.arg<2>(), 1.5f);
    EXPECT_EQ(wire.arg<3>(), CU_FUNC_CACHE_PREFER_L1);
    EXPECT_EQ(wire.arg<4>(), ~size_t(0));
    EXPECT_TRUE(std::signbit(wire.arg<5>()));
}

TEST(Params, a_number_too_large_is_malformed)
{
    auto malformed = [](uint64_t value, auto half) {
        std::vector<std::byte> bytes;
        Encoder(bytes).u64(value);
        Decoder in(bytes);
        Table table;
        half.get(in, table);
        return !in.ok();
    };
    EXPECT_TRUE(malformed(256, Val<unsigned char>::Server{}));
    EXPECT_FALSE(malformed(255, Val<unsigned char>::Server{}));
    EXPECT_TRUE(malformed(uint64_t(1) << 31, Val<int>::Server{}));
    EXPECT_FALSE(malformed(uint64_t(-1), Val<int>::Server{}));
    EXPECT_TRUE(malformed(uint64_t(1) << 32, Val<CUfunc_cache>::Server{}));
    EXPECT_TRUE(malformed(uint64_t(1) << 32, Device::Server{}));
    EXPECT_TRUE(malformed(uint64_t(1) << 40, InArray<int>::Server{}));
    EXPECT_TRUE(malformed(~uint64_t(0), InHandles<CUevent>::Server{}));
    EXPECT_TRUE(malformed(kMaxString + 1, String::Server{}));
    EXPECT_TRUE(malformed(2, Maybe<In<int>>::Server{}));
}

TEST(Params, handles_are_looked_up_by_kind)
{
    uint64_t event = make_id(Kind::event, 3, 17);
    EXPECT_EQ(kind_of(event), Kind::event);
    EXPECT_EQ(counter_of(event), 17u);
    int object;
    auto look = [&]<class P>(P, uint64_t id) {
        Wire<P> wire;
        wire.table.entries[event] = &object;
        CUresult result =
            wire.send(typename P::Client{handle_of<decltype(wire.template arg<0>())>(id)});
        EXPECT_TRUE(wire.fits);
        return std::pair(result, (void *)wire.template arg<0>());
    };
    EXPECT_EQ(look(Handle<CUevent>{}, event), std::pair(CUDA_SUCCESS, (void *)&object));
    EXPECT_EQ(look(Handle<CUevent>{}, event + 1).first, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(look(Handle<CUstream>{}, event).first, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(look(Handle<CUevent>{}, 0).first, CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(look(Handle<CUevent, true>{}, 0), std::pair(CUDA_SUCCESS, (void *)nullptr));
    EXPECT_EQ(look(Handle<CUstream>{}, 0), std::pair(CUDA_SUCCESS, (void *)nullptr));
    EXPECT_EQ(look(Handle<CUstream>{}, 2), std::pair(CUDA_SUCCESS, (void *)2));
    EXPECT_EQ(look(Gone<CUstream>{}, 2).first, CUDA_ERROR_INVALID_HANDLE);
}

TEST(Params, creating_and_destroying)
{
    uint64_t id = make_id(Kind::function, 0, 1), owner = make_id(Kind::module, 0, 2);
    int object, module;
    CUfunction out = nullptr;
    Wire<New<CUfunction>, Handle<CUmodule>> wire;
    wire.table.entries[owner] = &module;
    New<CUfunction>::Client client{&out, id};
    EXPECT_EQ(wire.send(client, Handle<CUmodule>::Client{handle_of<CUmodule>(owner)}),
              CUDA_SUCCESS);
    EXPECT_EQ(out, nullptr); // the call may fail
    client.made();
    EXPECT_EQ(id_of(out), id);
    *wire.arg<0>() = CUfunction(&object);
    std::get<0>(wire.halves).done(wire.table, std::get<1>(wire.halves).owner());
    EXPECT_EQ(wire.table.entries[id], &object);
    EXPECT_EQ(wire.table.last_owner, owner);
    EXPECT_FALSE((New<CUfunction>::Client{nullptr, id}.ok()));
    EXPECT_TRUE(New<CUfunction>::Client{id}.ok());

    Wire<Gone<CUmodule>> gone;
    gone.table.entries[owner] = &module;
    EXPECT_EQ(gone.send(Gone<CUmodule>::Client{handle_of<CUmodule>(owner)}), CUDA_SUCCESS);
    std::get<0>(gone.halves).done(gone.table, 0);
    EXPECT_TRUE(gone.table.entries.empty());
}

TEST(Params, devices_and_pointers)
{
    Wire<Device, Pointer> wire;
    EXPECT_EQ(wire.send(Device::Client{0}, Pointer::Client{8192}), CUDA_SUCCESS);
    EXPECT_EQ(wire.arg<0>(), 100);
    EXPECT_EQ(wire.arg<1>(), 8192u);
    EXPECT_EQ((Wire<Device>{}.send(Device::Client{-1})), CUDA_ERROR_INVALID_DEVICE);
    EXPECT_EQ((Wire<Pointer>{}.send(Pointer::Client{8})), CUDA_ERROR_INVALID_VALUE);
}

TEST(Params, scalars_and_structures_through_pointers)
{
    CUmemLocation location{CU_MEM_LOCATION_TYPE_DEVICE, 7}, back{};
    float f = 0;
    int both = 1;
    using Call = Wire<In<CUmemLocation>, Out<float>, InOut<int>, Out<CUmemLocation>>;
    Call wire;
    In<CUmemLocation>::Client in{&location};
    Out<float>::Client out{&f};
    InOut<int>::Client inout{&both};
    Out<CUmemLocation>::Client whole{&back};
    EXPECT_EQ(wire.send(in, out, inout, whole), CUDA_SUCCESS);
    EXPECT_EQ(wire.request.size(), 24u); // field by field; nothing for what only comes out
    EXPECT_EQ(wire.arg<0>()->id, 7);
    *wire.arg<1>() = 2.5f;
    *wire.arg<2>() += 1;
    *wire.arg<3>() = *wire.arg<0>();
    EXPECT_TRUE(wire.answer(in, out, inout, whole));
    EXPECT_EQ(f, 2.5f);
    EXPECT_EQ(both, 2);
    EXPECT_EQ(back.type, CU_MEM_LOCATION_TYPE_DEVICE);
    EXPECT_EQ(back.id, 7);
    EXPECT_FALSE(In<int>::Client{nullptr}.ok());
    EXPECT_FALSE(Out<int>::Client{nullptr}.ok());
}

TEST(Params, arrays_carry_their_count)
{
    int numbers[3] = {1, 2, 3};
    Wire<InArray<int>, Len<size_t, 0>> wire;
    EXPECT_EQ(wire.send(InArray<int>::Client{numbers, 3}, Len<size_t, 0>::Client{99}),
              CUDA_SUCCESS);
    EXPECT_EQ(wire.request.size(), 8u + 16u);
    EXPECT_EQ(wire.arg<1>(), 3u); // not what the client says beside
    EXPECT_EQ(wire.arg<0>()[2], 3);

    Wire<OutArray<int, 1>, Val<unsigned>> out;
    int got[4] = {0, 0, 0, -1};
    OutArray<int, 1>::Client client{got, 3};
    EXPECT_EQ(out.send(client, Val<unsigned>::Client{3}), CUDA_SUCCESS);
    std::copy(numbers, numbers + 3, out.arg<0>());
    EXPECT_TRUE(out.answer(client, Val<unsigned>::Client{3}));
    EXPECT_EQ(got[2], 3);
    EXPECT_EQ(got[3], -1);
    Decoder reply(out.reply);
    OutArray<int, 1>::Client{got, 2}.take(reply); // more than was asked for
    EXPECT_FALSE(reply.ok());
    EXPECT_EQ((Wire<OutArray<int, 1>, Val<size_t>>{}.send(client, Val<size_t>::Client{~size_t(0)})),
              CUDA_ERROR_INVALID_VALUE);
}

TEST(Params, arrays_of_handles)
{
    uint64_t id = make_id(Kind::event, 0, 1);
    int object;
    CUevent events[2] = {handle_of<CUevent>(id), handle_of<CUevent>(id)};
    Wire<InHandles<CUevent>, Len<unsigned, 0>> wire;
    wire.table.entries[id] = &object;
    EXPECT_EQ(wire.send(InHandles<CUevent>::Client{events, 2}, Len<unsigned, 0>::Client{2}),
              CUDA_SUCCESS);
    EXPECT_EQ(wire.arg<1>(), 2u);
    EXPECT_EQ((void *)wire.arg<0>()[1], (void *)&object);
    Wire<InHandles<CUevent>> none;
    EXPECT_EQ(none.send(InHandles<CUevent>::Client{events, 2}), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_TRUE(none.fits);
}

TEST(Params, strings)
{
    Wire<String> wire;
    EXPECT_EQ(wire.send(String::Client{"a kernel"}), CUDA_SUCCESS);
    EXPECT_STREQ(wire.arg<0>(), "a kernel");
    EXPECT_FALSE(String::Client{nullptr}.ok());
    std::string longest(kMaxString, 'x');
    EXPECT_TRUE(String::Client{longest.c_str()}.ok());
    longest += 'x';
    EXPECT_FALSE(String::Client{longest.c_str()}.ok());

    std::vector<std::byte> bytes;
    Encoder(bytes).string(std::string_view("a\0b", 3));
    Decoder in(bytes);
    Table table;
    String::Server half;
    half.get(in, table);
    EXPECT_FALSE(in.ok());

    Wire<OutString<1>, Val<int>> out;
    char name[8] = "unused";
    OutString<1>::Client client{name, 4};
    EXPECT_EQ(out.send(client, Val<int>::Client{4}), CUDA_SUCCESS);
    std::strcpy(out.arg<0>(), "abc");
    EXPECT_TRUE(out.answer(client, Val<int>::Client{4}));
    EXPECT_STREQ(name, "abc");
    EXPECT_EQ((Wire<OutString<1>, Val<int>>{}.send(client, Val<int>::Client{-1})),
              CUDA_ERROR_INVALID_VALUE);
}

TEST(Params, pointers_that_may_be_null)
{
    int value = 5, got = 0;
    using Pair = Wire<Maybe<In<int>>, Maybe<Out<int>>>;
    Pair wire, nulls;
    Maybe<Out<int>>::Client out{&got}, no_out{(int *)nullptr};
    EXPECT_EQ(wire.send(Maybe<In<int>>::Client{&value}, out), CUDA_SUCCESS);
    EXPECT_EQ(*wire.arg<0>(), 5);
    *wire.arg<1>() = 6;
    EXPECT_TRUE(wire.answer(Maybe<In<int>>::Client{&value}, out));
    EXPECT_EQ(got, 6);
    EXPECT_EQ(nulls.send(Maybe<In<int>>::Client{(const int *)nullptr}, no_out), CUDA_SUCCESS);
    EXPECT_EQ(nulls.arg<0>(), nullptr);
    EXPECT_EQ(nulls.arg<1>(), nullptr);
    EXPECT_TRUE(no_out.ok());
}

TEST(Calls, have_names)
{
    EXPECT_STREQ(call_name(Call::vgpuSnapshot), "vgpuSnapshot");
    EXPECT_EQ(call_name(Call(60000)), nullptr);
    EXPECT_NE(kTableHash, 0u);
}
