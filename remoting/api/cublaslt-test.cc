// SPDX-License-Identifier: Apache-2.0
// Descriptors of cuBLASLt on the wire: what the worker makes of them, and what it does not.
#include "remoting/api/cublaslt.h"

#include <gtest/gtest.h>

#include <map>
#include <string_view>

using namespace vgpu::api;

namespace
{

int made, destroyed;
std::map<int, int64_t> given;

int create(void **handle, int compute, int scale)
{
    *handle = &made;
    ++made;
    given[-1] = compute * 1000 + scale;
    return 0;
}

int set(void *, int attribute, const void *from, size_t bytes)
{
    int64_t value = 0;
    std::memcpy(&value, from, bytes);
    given[attribute] = value;
    return attribute == 34 ? 7 : 0;
}

int destroy(void *)
{
    ++destroyed;
    return 0;
}

struct Names {
    CUresult pointer(CUdeviceptr at) { return at < 4096 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
    void *function(std::string_view name)
    {
        return name == "cublasLtMatmulDescCreate"         ? reinterpret_cast<void *>(create)
               : name == "cublasLtMatmulDescSetAttribute" ? reinterpret_cast<void *>(set)
               : name == "cublasLtMatmulDescDestroy"      ? reinterpret_cast<void *>(destroy)
                                                          : nullptr;
    }
    CUresult result_of(int status) { return status ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
};

using Matmul = lt::Descriptor<lt::Kind::matmul>;
using Alpha = lt::FactorParam<0, lt::Kind::matmul, false>;

class Descriptors : public testing::Test
{
protected:
    void SetUp() override
    {
        made = destroyed = 0;
        given.clear();
        put(0, 68, false); // compute type
    }
    void put(unsigned number, int64_t value, bool as_set = true)
    {
        const lt::Attribute &one = *lt::find(lt::Kind::matmul, number);
        std::memcpy(data.data() + one.at, &value, one.bytes);
        if (as_set)
            data[size_t(&one - lt::kMatmul.data()) / 8] |=
                std::byte(1 << ((&one - lt::kMatmul.data()) % 8));
    }
    CUresult take(size_t cut = ~size_t(0))
    {
        std::vector<std::byte> bytes;
        Encoder out(bytes);
        Matmul::Client{data.data()}.put(out);
        bytes.resize(std::min(cut, bytes.size()));
        Decoder in(bytes);
        Matmul::Server server;
        Names names;
        CUresult result = server.get(in, names);
        whole = in.done();
        return result;
    }

    std::array<std::byte, lt::bytes_of(lt::Kind::matmul)> data{};
    bool whole = false;
};

TEST_F(Descriptors, are_made_of_what_was_set_and_destroyed)
{
    put(3, 1);
    put(8, 0x10000);
    put(25, 1);
    EXPECT_EQ(take(), CUDA_SUCCESS);
    EXPECT_EQ(given, (std::map<int, int64_t>{{-1, 68000}, {3, 1}, {8, 0x10000}, {25, 1}}));
    EXPECT_EQ(made, 1);
    EXPECT_EQ(destroyed, 1);
}

TEST_F(Descriptors, are_destroyed_when_the_library_refuses_a_value)
{
    put(34, 3);
    EXPECT_EQ(take(), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(destroyed, 1);
}

TEST_F(Descriptors, have_no_address_outside_of_device_memory_nor_of_the_host)
{
    put(11, 64);
    EXPECT_EQ(take(), CUDA_ERROR_INVALID_VALUE);
    put(11, 0x10000, false); // even one that nobody set
    put(38, 0x7fff0000);     // a descriptor's address
    EXPECT_EQ(take(), CUDA_ERROR_NOT_SUPPORTED);
    EXPECT_EQ(made, 0);
}

TEST_F(Descriptors, cut_short_or_of_another_length_are_no_message)
{
    for (size_t cut = 0; cut < data.size() + 8; ++cut) {
        take(cut);
        EXPECT_FALSE(whole) << cut;
    }
    EXPECT_EQ(made, 0);
}

TEST_F(Descriptors, say_where_a_factor_lies)
{
    float one = 1;
    auto factor = [&](int64_t mode, bool beta) {
        put(2, mode);
        return lt::Factor(lt::Kind::matmul, data.data(), beta);
    };
    EXPECT_TRUE(factor(0, false).on_host);
    EXPECT_EQ(factor(0, false).bytes, 4u);
    EXPECT_FALSE(factor(1, true).on_host);
    EXPECT_TRUE(factor(3, true).unused);
    EXPECT_FALSE(factor(4, false).on_host);
    EXPECT_TRUE(factor(4, true).on_host);
    put(2, 0);
    EXPECT_TRUE((Alpha::Client{data.data(), &one}.ok()));
    EXPECT_FALSE((Alpha::Client{data.data(), nullptr}.ok()));
    EXPECT_FALSE((Alpha::Client{nullptr, &one}.ok()));
}

} // namespace
