// SPDX-License-Identifier: Apache-2.0
// cuBLASLt's descriptors. They are plain data that the caller may hold and copy himself, so they
// are kept where the program is, as the attributes that were set, and travel whole with the call
// that uses them. The worker makes the library's own of them for that call.
#pragma once

#include "remoting/api/library-params.h"

namespace vgpu::api::lt
{

enum class Kind : uint32_t { matmul, layout, transform, emulation, preference };

struct Attribute {
    enum Type : uint8_t { plain, pointer, descriptor };
    uint16_t number; // the library's
    uint8_t bytes;
    Type type = plain;
    int64_t initial = 0;
    uint16_t at = 0; // in the descriptor, whose first word says which were set
};

template<size_t N>
constexpr std::array<Attribute, N> packed(std::array<Attribute, N> table)
{
    size_t at = sizeof(uint64_t);
    for (Attribute &one : table) {
        at = (at + one.bytes - 1) / one.bytes * one.bytes;
        one.at = uint16_t(at);
        at += one.bytes;
    }
    return table;
}

template<size_t N>
constexpr std::array<Attribute, N> table(const Attribute (&rows)[N])
{
    std::array<Attribute, N> all{};
    std::copy(rows, rows + N, all.begin());
    return packed(all);
}

// Numbers, sizes and initial values are those of cublasLt.h. What the makers are given stands
// first.
inline constexpr auto kMatmul = table({
    {0, 4},
    {1, 4},
    {2, 4},
    {3, 4},
    {4, 4},
    {5, 4},                      // types, pointer mode, transposes
    {6, 4, Attribute::plain, 2}, // fill mode
    {7, 4, Attribute::plain, 1}, // epilogue
    {8, 8, Attribute::pointer},  // bias
    {10, 8},
    {11, 8, Attribute::pointer},
    {12, 8},
    {13, 8},
    {14, 8},
    {15, 4},
    {17, 8, Attribute::pointer},
    {18, 8, Attribute::pointer},
    {19, 8, Attribute::pointer},
    {20, 8, Attribute::pointer},
    {21, 8, Attribute::pointer},
    {22, 4, Attribute::plain, -1},
    {23, 8, Attribute::pointer},
    {24, 8, Attribute::pointer},
    {25, 1},
    {26, 4, Attribute::plain, -1},
    {31, 4},
    {32, 4},
    {33, 4},
    {34, 4},
    {35, 4},
    {36, 8, Attribute::pointer},
    {37, 4},
    {38, 8, Attribute::descriptor},
    {39, 8},
    {40, 8},
});
inline constexpr auto kLayout = table({
    {0, 4},
    {1, 4},
    {2, 8},
    {3, 8},
    {4, 8}, // type, order, rows, columns, leading dimension
    {5, 4, Attribute::plain, 1},
    {8, 4},
    {6, 8},
    {7, 8}, // batch: count, mode, stride; planes
});
inline constexpr auto kTransform = table({{0, 4}, {1, 4}, {2, 4}, {3, 4}});
inline constexpr auto kEmulation = table(
    {{0, 4}, {1, 4, Attribute::plain, 0xffff}, {2, 4}, {3, 4}, {4, 4}, {5, 8, Attribute::pointer}});
inline constexpr auto kPreference = table({
    {0, 4},
    {3, 4, Attribute::plain, 7},
    {1, 8},
    {5, 4, Attribute::plain, 256},
    {6, 4, Attribute::plain, 256},
    {7, 4, Attribute::plain, 256},
    {8, 4, Attribute::plain, 256},
    {9, 4},
    {13, 4},
    {12, 8, Attribute::plain, -1},
    {14, 4},
    {15, 4},
});

constexpr std::span<const Attribute> attributes(Kind kind)
{
    switch (kind) {
    case Kind::matmul:
        return kMatmul;
    case Kind::layout:
        return kLayout;
    case Kind::transform:
        return kTransform;
    case Kind::emulation:
        return kEmulation;
    default:
        return kPreference;
    }
}

// Bytes of a descriptor here and on the wire.
constexpr size_t bytes_of(Kind kind)
{
    size_t end = 0;
    for (const Attribute &one : attributes(kind))
        end = std::max<size_t>(end, one.at + one.bytes);
    return (end + 7) / 8 * 8;
}

// What the library's header has for them, since callers allocate them themselves.
static_assert(bytes_of(Kind::matmul) <= 256 && bytes_of(Kind::layout) <= 64);
static_assert(bytes_of(Kind::transform) <= 64 && bytes_of(Kind::emulation) <= 64);
static_assert(bytes_of(Kind::preference) <= 64 && kMatmul.size() <= 64);

inline const Attribute *find(Kind kind, uint32_t number)
{
    for (const Attribute &one : attributes(kind))
        if (one.number == number)
            return &one;
    return nullptr;
}

inline bool is_set(Kind kind, const std::byte *descriptor, const Attribute &one)
{
    uint64_t set;
    std::memcpy(&set, descriptor, sizeof set);
    return set >> (&one - attributes(kind).data()) & 1;
}

inline int64_t value_of(const std::byte *descriptor, const Attribute &one)
{
    if (one.bytes == 4) {
        int32_t value;
        std::memcpy(&value, descriptor + one.at, sizeof value);
        return value;
    }
    int64_t value = 0;
    std::memcpy(&value, descriptor + one.at, one.bytes);
    return value;
}

// By its place in the table.
inline int64_t value_of(Kind kind, const std::byte *descriptor, size_t row)
{
    return value_of(descriptor, attributes(kind)[row]);
}

// Where a factor of the product lies: cublasLtPointerMode_t. Both kinds that have factors have the
// scale type and the pointer mode in the same order.
struct Factor {
    Factor(Kind kind, const std::byte *descriptor, bool beta)
    {
        size_t scale = kind == Kind::matmul ? 1 : 0;
        int64_t mode = value_of(kind, descriptor, scale + 1);
        on_host = mode == 0 || (mode == 4 && beta);
        unused = mode == 3 && beta;
        bytes = size_t(lib::element_bytes(uint64_t(value_of(kind, descriptor, scale))));
    }
    bool on_host, unused;
    size_t bytes;
};

// ---- parameters ---------------------------------------------------------------------------------

// A descriptor, which may be absent. `Names` has the library's functions by name.
template<Kind K>
struct Descriptor {
    static constexpr Kind kKind = K;
    struct Client : ClientHalf {
        explicit Client(const void *d) : data(static_cast<const std::byte *>(d)) {}
        void put(Encoder &out) const
        {
            out.u64(data ? bytes_of(K) : 0);
            if (data)
                out.bytes({data, bytes_of(K)});
        }
        const std::byte *data;
    };
    struct Server : ServerHalf {
        Server() = default;
        Server(const Server &) = delete;
        ~Server()
        {
            if (handle)
                reinterpret_cast<int (*)(void *)>(destroy)(handle);
        }
        CUresult get(Decoder &in, auto &names)
        {
            uint64_t n = in.u64();
            if (n == 0)
                return CUDA_SUCCESS;
            if (n != bytes_of(K)) {
                in.fail("a descriptor is not as long as its kind");
                return CUDA_SUCCESS;
            }
            auto bytes = in.bytes(n);
            if (!in.ok())
                return CUDA_SUCCESS;
            std::copy(bytes.begin(), bytes.end(), data.begin());
            present = true;
            for (const Attribute &one : attributes(K)) {
                if (!value_of(data.data(), one))
                    continue;
                if (one.type == Attribute::descriptor)
                    return CUDA_ERROR_NOT_SUPPORTED;
                CUresult known = one.type == Attribute::pointer
                                     ? names.pointer(CUdeviceptr(value_of(data.data(), one)))
                                     : CUDA_SUCCESS;
                if (known != CUDA_SUCCESS)
                    return known;
            }
            return names.result_of(make(names));
        }
        void *arg() const { return handle; }

        std::array<std::byte, bytes_of(K)> data{};
        bool present = false;
        void *handle = nullptr;
        void *destroy = nullptr;

    private:
        int make(auto &names)
        {
            auto as_int = [&](size_t row) { return int(value_of(K, data.data(), row)); };
            if constexpr (K == Kind::matmul)
                return fill(names, "cublasLtMatmulDescCreate", "cublasLtMatmulDescSetAttribute",
                            "cublasLtMatmulDescDestroy", as_int(0), as_int(1));
            else if constexpr (K == Kind::layout)
                return fill(names, "cublasLtMatrixLayoutCreate", "cublasLtMatrixLayoutSetAttribute",
                            "cublasLtMatrixLayoutDestroy", as_int(0), value_of(K, data.data(), 2),
                            value_of(K, data.data(), 3), value_of(K, data.data(), 4));
            else if constexpr (K == Kind::transform)
                return fill(names, "cublasLtMatrixTransformDescCreate",
                            "cublasLtMatrixTransformDescSetAttribute",
                            "cublasLtMatrixTransformDescDestroy", as_int(0));
            else
                return fill(names, "cublasLtMatmulPreferenceCreate",
                            "cublasLtMatmulPreferenceSetAttribute",
                            "cublasLtMatmulPreferenceDestroy");
        }

        template<class... Arguments>
        int fill(auto &names, const char *create, const char *set, const char *end,
                 Arguments... arguments)
        {
            using Set = int (*)(void *, int, const void *, size_t);
            void *maker = names.function(create), *setter = names.function(set);
            destroy = names.function(end);
            constexpr int kUnsupported = 15;
            if (!maker || !setter || !destroy)
                return kUnsupported;
            int status =
                reinterpret_cast<int (*)(void **, Arguments...)>(maker)(&handle, arguments...);
            for (const Attribute &one : attributes(K))
                if (status == 0 && is_set(K, data.data(), one))
                    status = reinterpret_cast<Set>(setter)(handle, one.number, data.data() + one.at,
                                                           one.bytes);
            return status;
        }
    };
};

// alpha or beta. `Of`: the parameter that is its descriptor.
template<size_t Of, Kind K, bool Beta>
struct FactorParam {
    struct Client : ClientHalf {
        Client(const void *d, const void *p) : pointer(p)
        {
            if (!d)
                return;
            Factor factor(K, static_cast<const std::byte *>(d), Beta);
            host = factor.on_host;
            n = factor.bytes;
            good = (pointer || factor.unused) && (!host || n > 0);
        }
        bool ok() const { return good; }
        void put(Encoder &out) const
        {
            out.u64(host ? n : 0);
            if (host)
                out.bytes({static_cast<const std::byte *>(pointer), n});
            else
                out.u64(reinterpret_cast<uintptr_t>(pointer));
        }
        const void *pointer;
        size_t n = 0;
        bool host = false, good = false;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &names)
        {
            n = in.u64();
            if (n > sizeof value)
                in.fail("a factor is longer than any");
            else if (n) {
                auto bytes = in.bytes(n);
                std::copy(bytes.begin(), bytes.end(), value.begin());
            } else {
                device = in.u64();
                return device ? names.pointer(device) : CUDA_SUCCESS;
            }
            return CUDA_SUCCESS;
        }
        CUresult bind(const auto &all) const
        {
            auto &descriptor = std::get<Of>(all);
            if (!descriptor.present)
                return CUDA_ERROR_INVALID_VALUE;
            Factor factor(K, descriptor.data.data(), Beta);
            return n == (factor.on_host ? factor.bytes : 0) && (n || !factor.on_host)
                       ? CUDA_SUCCESS
                       : CUDA_ERROR_INVALID_VALUE;
        }
        const void *arg() const
        {
            return n ? value.data() : reinterpret_cast<const void *>(device);
        }
        uint64_t n = 0;
        CUdeviceptr device = 0;
        alignas(16) std::array<std::byte, 16> value{};
    };
};

} // namespace vgpu::api::lt
