// SPDX-License-Identifier: Apache-2.0
// Parameters of libraries' calls there and back; truncated at every place; and with the lies that a
// client could tell.
#include "remoting/api/library-params.h"

#include <gtest/gtest.h>

#include <map>

using namespace vgpu::api;

namespace
{

// The server's look-ups, in little.
struct Names {
    struct Row {
        uint32_t type;
        void *handle;
        uint32_t mode;
    };
    std::map<uint64_t, Row> objects{{7, {1, this, 0}}, {8, {1, this, 1}}, {9, {2, this, 0}}};

    CUresult object(uint32_t type, uint64_t id, void *&handle, uint32_t &mode)
    {
        auto at = objects.find(id);
        if (at == objects.end() || at->second.type != type)
            return CUDA_ERROR_INVALID_HANDLE;
        handle = at->second.handle;
        mode = at->second.mode;
        return CUDA_SUCCESS;
    }
    CUresult claim_object(uint64_t id)
    {
        return objects.contains(id) ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
    }
    void add_object(uint32_t type, uint64_t id, void *handle) { objects[id] = {type, handle, 0}; }
    CUresult pointer(CUdeviceptr at) { return at < 4096 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
};

template<class... P>
struct Served {
    std::tuple<typename P::Server...> halves;
    Names names;
    bool fits = false;

    CUresult take(const std::vector<std::byte> &bytes)
    {
        halves = {};
        Decoder in(bytes);
        CUresult result = CUDA_SUCCESS;
        auto keep = [&](CUresult one) { result = result == CUDA_SUCCESS ? one : result; };
        std::apply([&](auto &...half) { (keep(half.get(in, names)), ...); }, halves);
        fits = in.done();
        if (fits)
            std::apply([&](auto &...half) { (keep(half.bind(halves)), ...); }, halves);
        return result;
    }
    template<size_t I>
    auto arg()
    {
        return std::get<I>(halves).arg();
    }
};

template<class... Client>
std::vector<std::byte> sent(const Client &...client)
{
    std::vector<std::byte> bytes;
    Encoder out(bytes);
    (client.put(out), ...);
    return bytes;
}

template<class S>
void refuses_all_cut_short(S &served, const std::vector<std::byte> &whole)
{
    for (size_t n = 0; n < whole.size(); ++n) {
        served.take({whole.begin(), whole.begin() + ptrdiff_t(n)});
        EXPECT_FALSE(served.fits) << n;
    }
}

struct TwoFloats {
    static uint64_t of(const auto &all) { return lib::count(std::get<0>(all).arg()) * 4; }
};

using Of = lib::Handle<1>;
using In = lib::Scalar<0, lib::Way::in>;
using Out = lib::Scalar<0, lib::Way::out>;

lib::Object object(uint64_t id, uint32_t mode)
{
    lib::Object made;
    made.type = 1;
    made.id = id;
    made.mode = mode;
    return made;
}

TEST(LibraryParams, objects_are_looked_up_by_type)
{
    Served<Of> served;
    lib::Object own = object(7, 0), other = object(9, 0), unknown = object(70, 0);
    EXPECT_EQ(served.take(sent(Of::Client(&own))), CUDA_SUCCESS);
    EXPECT_EQ(served.take(sent(Of::Client(&other))), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(served.take(sent(Of::Client(&unknown))), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_FALSE(Of::Client(nullptr).ok());
    own.type = 0;
    EXPECT_FALSE(Of::Client(&own).ok()); // destroyed
    Served<lib::NewHandle<1>> made;
    EXPECT_EQ(made.take(sent(lib::NewHandle<1>::Client(&other))), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(made.take(sent(lib::NewHandle<1>::Client(&unknown))), CUDA_SUCCESS);
}

TEST(LibraryParams, a_scalar_lies_where_its_object_says)
{
    Served<Of, In> served;
    lib::Object host = object(7, 0), device = object(8, 1);
    const double value = 2.5;
    auto by_value = sent(Of::Client(&host), In::Client(&host, &value, 8));
    EXPECT_EQ(served.take(by_value), CUDA_SUCCESS);
    EXPECT_EQ(*static_cast<double *>(served.arg<1>()), 2.5);
    refuses_all_cut_short(served, by_value);
    auto there = reinterpret_cast<const void *>(uintptr_t(0x10000));
    EXPECT_EQ(served.take(sent(Of::Client(&device), In::Client(&device, there, 8))), CUDA_SUCCESS);
    EXPECT_EQ(served.arg<1>(), there);

    // What the server knows of the mode counts, and of memory.
    lib::Object liar = object(7, 1), other_liar = object(8, 0);
    EXPECT_EQ(served.take(sent(Of::Client(&liar), In::Client(&liar, there, 8))),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(served.take(sent(Of::Client(&other_liar), In::Client(&other_liar, &value, 8))),
              CUDA_ERROR_INVALID_VALUE);
    auto nowhere = reinterpret_cast<const void *>(uintptr_t(16));
    EXPECT_EQ(served.take(sent(Of::Client(&device), In::Client(&device, nowhere, 8))),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_FALSE(In::Client(&host, nullptr, 8).ok());
}

TEST(LibraryParams, a_scalar_of_another_size_is_within_its_buffer)
{
    Served<Of, In> served;
    lib::Object host = object(7, 0);
    const unsigned char byte = 9;
    EXPECT_EQ(served.take(sent(Of::Client(&host), In::Client(&host, &byte, 1))), CUDA_SUCCESS);
    EXPECT_EQ(*static_cast<uint64_t *>(served.arg<1>()), 9u); // zeros behind
    std::vector<std::byte> bytes;
    Encoder out(bytes);
    for (uint64_t word : {uint64_t(7), uint64_t(0), uint64_t(lib::kMostScalar + 1)})
        out.u64(word);
    bytes.resize(bytes.size() + 256);
    served.take(bytes);
    EXPECT_FALSE(served.fits);
    // Only results are ever turned over.
    served.take(sent(Of::Client(&host), In::Client(lib::Where::scratch, 0x10000)));
    EXPECT_FALSE(served.fits);
    Served<Of, Out> result;
    EXPECT_EQ(result.take(sent(Of::Client(&host), Out::Client(lib::Where::scratch, 0x10000))),
              CUDA_SUCCESS);
    EXPECT_TRUE(std::get<1>(result.halves).turned());
}

TEST(LibraryParams, arrays_have_the_size_that_the_counts_say)
{
    using Array = lib::HostIn<TwoFloats>;
    Served<Val<int>, Array> served;
    const float values[] = {1, 2};
    auto right = sent(Val<int>::Client(2), Array::Client(values, 8));
    EXPECT_EQ(served.take(right), CUDA_SUCCESS);
    EXPECT_EQ(static_cast<float *>(served.arg<1>())[1], 2);
    refuses_all_cut_short(served, right);
    EXPECT_EQ(served.take(sent(Val<int>::Client(3), Array::Client(values, 8))),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(served.take(sent(Val<int>::Client(-1), Array::Client(values, 8))),
              CUDA_ERROR_INVALID_VALUE);
    // What is asked for is bounded before there is memory for it.
    Served<Val<int>, lib::HostOut<TwoFloats>> asked;
    EXPECT_EQ(asked.take(sent(Val<int>::Client(1 << 30))), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(asked.take(sent(Val<int>::Client(2))), CUDA_SUCCESS);
}

TEST(LibraryParams, sizes_of_types)
{
    EXPECT_EQ(lib::element_bytes(0), 4u);
    EXPECT_EQ(lib::element_bytes(5), 16u);
    EXPECT_EQ(lib::element_bytes(14), 2u);
    EXPECT_EQ(lib::element_bytes(16), 0u);   // half a byte
    EXPECT_EQ(lib::element_bytes(1000), 0u); // none
    EXPECT_EQ(lib::scale_bytes(64, 2), 2u);
    EXPECT_EQ(lib::scale_bytes(68, 4), 8u);
    EXPECT_EQ(lib::scale_bytes(70, 1), 8u);
    EXPECT_EQ(lib::scale_bytes(72, 10), 4u);
}

} // namespace
