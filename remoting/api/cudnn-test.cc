// SPDX-License-Identifier: Apache-2.0
// Attributes of cuDNN's graph API there and back, and what a client could make of them.
#include "remoting/api/cudnn.h"

#include <gtest/gtest.h>

using namespace vgpu::api;

namespace
{

const void *host_value; // what no device knows

struct Names {
    CUresult object(uint32_t type, uint64_t id, void *&handle, uint32_t &)
    {
        handle = reinterpret_cast<void *>(id * 16);
        return type == dnn::kDescriptor && id < 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    }
    CUresult pointer(CUdeviceptr at) { return at < 4096 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
    void keep(uint64_t id, uint32_t slot, std::shared_ptr<void> what)
    {
        kept[{id, slot}] = std::move(what);
    }
    std::map<std::pair<uint64_t, uint32_t>, std::shared_ptr<void>> kept;
};

struct Owner {
    uint64_t id = 5;
};
struct Number {
    int64_t value = 0;
    int64_t arg() const { return value; }
};

using In = dnn::AttributeIn<2, 3>;
using Out = dnn::AttributeOut<2, 3>;

template<class Half>
struct Served {
    std::tuple<Owner, Number, Number, Number, typename Half::Server> all;
    Names names;
    bool whole = false;

    CUresult take(int type, int64_t count, const std::vector<std::byte> &bytes)
    {
        std::get<1>(all).value = 77;
        std::get<2>(all).value = type;
        std::get<3>(all).value = count;
        Decoder in(bytes);
        CUresult result = half().get(in, names, all);
        whole = in.done();
        return result;
    }
    auto &half() { return std::get<4>(all); }
};

template<class Client>
std::vector<std::byte> sent(const Client &client)
{
    std::vector<std::byte> bytes;
    Encoder out(bytes);
    client.put(out);
    return bytes;
}

constexpr int kAddress = 6, kInt64 = 3, kObject = 15;

TEST(CudnnAttributes, travel_as_bytes)
{
    const int64_t numbers[] = {3, -4, 1 << 20};
    auto bytes = sent(In::Client{kInt64, 3, numbers});
    Served<In> served;
    ASSERT_EQ(served.take(kInt64, 3, bytes), CUDA_SUCCESS);
    ASSERT_TRUE(served.whole);
    EXPECT_EQ(std::memcmp(served.half().arg(), numbers, sizeof numbers), 0);
    for (size_t n = 0; n < bytes.size(); ++n) {
        Served<In> cut;
        cut.take(kInt64, 3, {bytes.begin(), bytes.begin() + ptrdiff_t(n)});
        EXPECT_FALSE(cut.whole) << n;
    }
}

TEST(CudnnAttributes, name_objects_by_their_ids)
{
    lib::Object one, other;
    one.type = dnn::kDescriptor;
    one.id = 7;
    other.type = dnn::kHandle;
    const lib::Object *list[] = {&one, nullptr};
    Served<In> served;
    EXPECT_EQ(served.take(kObject, 2, sent(In::Client{kObject, 2, list})), CUDA_SUCCESS);
    EXPECT_EQ(static_cast<const uint64_t *>(served.half().arg())[0], 7u * 16);
    EXPECT_EQ(static_cast<const uint64_t *>(served.half().arg())[1], 0u);
    list[1] = &other;
    EXPECT_FALSE((In::Client{kObject, 2, list}.ok()));
    one.id = 1000; // which the worker does not know
    list[1] = nullptr;
    EXPECT_EQ(served.take(kObject, 2, sent(In::Client{kObject, 2, list})),
              CUDA_ERROR_INVALID_HANDLE);
}

TEST(CudnnAttributes, keep_numbers_that_an_address_on_the_host_stands_for)
{
    alignas(16) double scale[2] = {0.125, 2};
    host_value = scale;
    const void *list[] = {reinterpret_cast<void *>(0x10000), scale};
    Served<In> served;
    ASSERT_EQ(served.take(kAddress, 2, sent(In::Client{kAddress, 2, list})), CUDA_SUCCESS);
    auto *words = static_cast<const uint64_t *>(served.half().arg());
    EXPECT_EQ(words[0], 0x10000u);
    EXPECT_EQ(std::memcmp(reinterpret_cast<const void *>(words[1]), scale, sizeof scale), 0);
    served.half().bind(served.all);
    served.half().done(served.names, 0);
    EXPECT_TRUE(served.names.kept.contains({5, 77}));
    const void *nowhere[] = {reinterpret_cast<void *>(64)};
    EXPECT_EQ(served.take(kAddress, 1, sent(In::Client{kAddress, 1, nowhere})),
              CUDA_ERROR_INVALID_VALUE);
}

TEST(CudnnAttributes, of_no_known_type_or_number_are_no_message)
{
    Served<In> served;
    for (int type : {-1, 31, 1 << 30}) {
        served.take(type, 1, std::vector<std::byte>(64));
        EXPECT_FALSE(served.whole) << type;
    }
    for (int64_t count : {int64_t(-1), int64_t(1) << 40}) {
        served.take(kInt64, count, std::vector<std::byte>(64));
        EXPECT_FALSE(served.whole) << count;
    }
    Served<Out> out;
    std::vector<std::byte> bytes;
    Encoder(bytes).u64(uint64_t(1) << 40);
    out.take(kInt64, int64_t(1) << 40, bytes);
    EXPECT_FALSE(out.whole);
}

TEST(CudnnAttributes, come_back_as_many_as_there_are)
{
    int64_t numbers[4] = {-1, -1, -1, -1}, found = 2;
    Out::Client client{kInt64, 4, &found, numbers};
    Served<Out> served;
    ASSERT_EQ(served.take(kInt64, 4, sent(client)), CUDA_SUCCESS);
    const int64_t answer[] = {8, 9, 10, 11};
    std::memcpy(served.half().arg(), answer, sizeof answer);
    std::vector<std::byte> bytes;
    Encoder out(bytes);
    served.half().put(out);
    Decoder in(bytes);
    client.take(in);
    EXPECT_TRUE(in.done());
    EXPECT_EQ(numbers[1], 9);
    EXPECT_EQ(numbers[2], -1); // not the program's to find
}

} // namespace

bool vgpu::api::dnn::is_host_value(const void *pointer) noexcept
{
    return pointer == host_value;
}
