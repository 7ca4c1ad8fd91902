// SPDX-License-Identifier: Apache-2.0
// The kinds of parameters that calls of CUDA libraries have beside those of params.h: objects of
// the library, device memory that may be null, scalars that lie on the host or the device, arrays
// on the host. `Names` is the server's look-up (remoting/server/libraries.h): what Handles is to
// params.h, and object, claim_object, add_object.
#pragma once

#include "remoting/api/params.h"

#include <algorithm>
#include <array>

namespace vgpu::api::lib
{

// What a program holds of a library's object is its address: a call that is made with it looks
// nothing up. Objects are used again and never freed.
struct Object {
    uint32_t type = 0; // 0: destroyed
    uint32_t mode = 0; // of pointers: 0 scalars lie on the host, 1 on the device
    uint64_t id = 0;
    CUstream stream = nullptr;
    uint64_t stream_id = 0; // what it is called on the wire
    CUdeviceptr scratch = 0;
};

// Element counts are computed by both ends from other parameters: nothing of it may overflow, nor
// reach what a message can hold.
constexpr uint64_t count(auto value) noexcept
{
    constexpr auto kMost = uint64_t(1) << 24;
    if constexpr (std::is_signed_v<decltype(value)>)
        if (value < 0)
            return 0;
    return std::min<uint64_t>(uint64_t(value), kMost);
}

// Bytes of an element of a cudaDataType; 0 for one that has no whole bytes or is unknown.
constexpr uint64_t element_bytes(uint64_t type) noexcept
{
    constexpr unsigned char kBytes[] = {4, 8, 2, 1, 8, 16, 4, 2, 1, 2,  4, 8,  4, 8, 2, 4,
                                        0, 0, 0, 0, 2, 4,  2, 4, 8, 16, 8, 16, 1, 1, 1};
    return type < sizeof kBytes ? kBytes[type] : 0;
}

// Bytes of alpha and beta of a product of that cublasComputeType_t with a result of that
// cudaDataType.
constexpr uint64_t scale_bytes(uint64_t compute, uint64_t result) noexcept
{
    bool complex = result == 4 || result == 5 || result == 6 || result == 7 || result == 15;
    switch (compute) {
    case 64: // CUBLAS_COMPUTE_16F
    case 65:
        return 2;
    case 70: // CUBLAS_COMPUTE_64F
    case 71:
    case 79:
        return complex ? 16 : 8;
    case 72: // CUBLAS_COMPUTE_32I
    case 73:
        return 4;
    default:
        return complex ? 8 : 4;
    }
}

// Bytes of an element of a cudnnDataType_t, at least 1.
constexpr uint64_t cudnn_bytes(uint64_t type) noexcept
{
    constexpr unsigned char kBytes[] = {4, 8, 2, 1, 4, 4, 1, 4, 32, 2, 8, 1, 1, 1, 1, 1};
    return type < sizeof kBytes ? kBytes[type] : 1;
}

// ---- objects ------------------------------------------------------------------------------------

// `Also`: another type, whose objects may stand for this one's.
template<uint32_t Type, uint32_t Also = Type>
struct Handle {
    struct Client : ClientHalf {
        explicit Client(const void *o) : object(static_cast<const Object *>(o)) {}
        bool ok() const { return object && (object->type == Type || object->type == Also); }
        void put(Encoder &out) const { out.u64(object->id); }
        const Object *object;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &names)
        {
            id = in.u64();
            CUresult result = names.object(Type, id, handle, mode);
            if constexpr (Also != Type)
                if (result != CUDA_SUCCESS)
                    result = names.object(Also, id, handle, mode);
            return result;
        }
        void *arg() const { return handle; }
        uint64_t id = 0;
        void *handle = nullptr;
        uint32_t mode = 0;
    };
};

// One that may be absent.
template<uint32_t Type>
struct MaybeHandle {
    struct Client : ClientHalf {
        explicit Client(const void *o) : object(static_cast<const Object *>(o)) {}
        bool ok() const { return !object || object->type == Type; }
        void put(Encoder &out) const { out.u64(object ? object->id : 0); }
        const Object *object;
    };
    struct Server : Handle<Type>::Server {
        CUresult get(Decoder &in, auto &names)
        {
            this->id = in.u64();
            return this->id ? names.object(Type, this->id, this->handle, this->mode) : CUDA_SUCCESS;
        }
    };
};

// The id is the client's choice; the object behind it the library's.
template<uint32_t Type>
struct NewHandle {
    struct Client : ClientHalf {
        explicit Client(const Object *o) : object(o) {}
        bool ok() const { return object; }
        void put(Encoder &out) const { out.u64(object->id); }
        const Object *object;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &names)
        {
            id = in.u64();
            return names.claim_object(id);
        }
        void **arg() { return &handle; }
        void done(auto &names, uint64_t) { names.add_object(Type, id, handle); }
        uint64_t id = 0;
        void *handle = nullptr;
    };
};

struct Stream {
    struct Client : ClientHalf {
        explicit Client(bool k, uint64_t i) : known(k), id(i) {}
        bool ok() const { return known; }
        void put(Encoder &out) const { out.u64(id); }
        bool known;
        uint64_t id;
    };
    // `is_place`: it says where the call's work goes, unless the call gives it to the object.
    struct Server : api::Handle<CUstream>::Server {
        static constexpr bool is_place = true;
    };
};

// ---- numbers and memory -------------------------------------------------------------------------

// A number that must not be negative: the library would say so, but later.
template<class T>
struct Natural {
    struct Client : Val<T>::Client {
        using Val<T>::Client::Client;
        bool ok() const { return this->value >= 0; }
    };
    using Server = typename Val<T>::Server;
};

// Device memory; null is the library's to judge.
struct Device {
    struct Client : ClientHalf {
        explicit Client(const void *p) : pointer(p) {}
        void put(Encoder &out) const { out.u64(reinterpret_cast<uintptr_t>(pointer)); }
        const void *pointer;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &names)
        {
            pointer = in.u64();
            return pointer ? names.pointer(pointer) : CUDA_SUCCESS;
        }
        void *arg() const { return reinterpret_cast<void *>(pointer); }
        uint64_t pointer = 0;
    };
};

// An address that the library gives out.
struct OutPointer {
    struct Client : ClientHalf {
        explicit Client(void *p) : pointer(static_cast<uint64_t *>(p)) {}
        bool ok() const { return pointer; }
        void take(Decoder &in) const { *pointer = in.u64(); }
        uint64_t *pointer;
    };
    struct Server : ServerHalf {
        void **arg() { return &value; }
        void put(Encoder &out) const { out.u64(reinterpret_cast<uintptr_t>(value)); }
        void *value = nullptr;
    };
};

// ---- scalars ------------------------------------------------------------------------------------

// Where a scalar lies: the pointer mode of its object says what the library takes it for, and the
// server holds the client to that.
enum class Where : uint64_t {
    host = 0,
    device = 1,
    scratch = 2, // a result for the host that the client fetches itself: the mode is turned over
};

constexpr size_t kMostScalar = 128;

enum class Way { in, out, inout };

// `Of`: the parameter whose pointer mode counts.
template<size_t Of, Way W>
struct Scalar {
    struct Client : ClientHalf {
        Client(const void *o, const void *p, size_t n)
            : pointer(const_cast<void *>(p)), n(n),
              where(o && static_cast<const Object *>(o)->mode ? Where::device : Where::host)
        {
        }
        Client(Where w, CUdeviceptr p) : pointer(reinterpret_cast<void *>(p)), n(0), where(w) {}
        bool ok() const { return pointer && n <= kMostScalar; }
        void put(Encoder &out) const
        {
            out.u64(uint64_t(where));
            if (where != Where::host)
                return out.u64(reinterpret_cast<uintptr_t>(pointer));
            out.u64(n);
            if (W != Way::out)
                out.bytes({static_cast<const std::byte *>(pointer), n});
        }
        void take(Decoder &in) const
        {
            if (W == Way::in || where != Where::host)
                return;
            auto bytes = in.bytes(n);
            if (in.ok())
                std::memcpy(pointer, bytes.data(), n);
        }
        void *pointer;
        size_t n;
        Where where;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &names)
        {
            uint64_t raw = in.u64();
            if (raw > uint64_t(W == Way::out ? Where::scratch : Where::device))
                in.fail("a scalar lies neither on the host nor on the device");
            where = Where(raw);
            if (where != Where::host) {
                device = in.u64();
                return names.pointer(device);
            }
            n = size_t(in.u64());
            if (n > kMostScalar) {
                n = 0;
                in.fail("a scalar is longer than any");
            }
            if (W != Way::out && in.ok()) {
                auto bytes = in.bytes(n);
                std::copy(bytes.begin(), bytes.end(), value.begin());
            }
            return CUDA_SUCCESS;
        }
        CUresult bind(const auto &all)
        {
            bool on_device = std::get<Of>(all).mode != 0;
            return (where == Where::device) == on_device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
        }
        bool turned() const { return where == Where::scratch; }
        void *arg()
        {
            return where == Where::host ? value.data() : reinterpret_cast<void *>(device);
        }
        void put(Encoder &out) const
        {
            if (W != Way::in && where == Where::host)
                out.bytes(std::span(value).first(n));
        }
        Where where = Where::host;
        CUdeviceptr device = 0;
        size_t n = 0;
        // More than any scalar has, and zeros behind: what the client calls its size is not relied
        // on.
        alignas(16) std::array<std::byte, kMostScalar> value{};
    };
};

// ---- arrays on the host -------------------------------------------------------------------------

// `Size::of(all)`: bytes, from the other parameters.
template<class Size>
struct HostIn {
    struct Client : ClientHalf {
        Client(const void *p, uint64_t n) : pointer(p), n(n) {}
        bool ok() const { return (pointer || n == 0) && n <= kMaxReplyArray; }
        void put(Encoder &out) const
        {
            out.u64(n);
            out.bytes({static_cast<const std::byte *>(pointer), size_t(n)});
        }
        const void *pointer;
        uint64_t n;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &)
        {
            uint64_t n = in.u64();
            if (n > wire::kMaxMessage)
                in.fail("an array is longer than a message");
            else
                bytes = in.bytes(size_t(n));
            return CUDA_SUCCESS;
        }
        CUresult bind(const auto &all) const
        {
            return bytes.size() == Size::of(all) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
        }
        void *arg() const { return const_cast<std::byte *>(bytes.data()); }
        std::span<const std::byte> bytes; // of the message
    };
};

template<class Size>
struct HostOut {
    struct Client : ClientHalf {
        Client(void *p, uint64_t n) : pointer(p), n(n) {}
        bool ok() const { return (pointer || n == 0) && n <= kMaxReplyArray; }
        void take(Decoder &in) const
        {
            auto bytes = in.bytes(size_t(n));
            if (in.ok() && n)
                std::memcpy(pointer, bytes.data(), n);
        }
        void *pointer;
        uint64_t n;
    };
    struct Server : ServerHalf {
        CUresult bind(const auto &all)
        {
            uint64_t n = Size::of(all);
            if (n > kMaxReplyArray)
                return CUDA_ERROR_INVALID_VALUE;
            words.resize(size_t(n) / 8 + 1); // an array of nothing has an address too
            bytes = size_t(n);
            return CUDA_SUCCESS;
        }
        void *arg() { return words.data(); }
        void put(Encoder &out) const { out.bytes(std::as_bytes(std::span(words)).first(bytes)); }
        std::vector<uint64_t> words; // aligned for all that it may hold
        size_t bytes = 0;
    };
};

// One that may be absent, which is told by its having no bytes.
template<class Size>
struct MaybeHostIn {
    struct Client : HostIn<Size>::Client {
        Client(const void *p, uint64_t n) : HostIn<Size>::Client(p, p ? n : 0) {}
    };
    struct Server : HostIn<Size>::Server {
        CUresult bind(const auto &all) const
        {
            return this->bytes.empty() ? CUDA_SUCCESS : HostIn<Size>::Server::bind(all);
        }
        void *arg() const { return this->bytes.empty() ? nullptr : HostIn<Size>::Server::arg(); }
    };
};

template<class Size>
struct MaybeHostOut {
    struct Client : HostOut<Size>::Client {
        using HostOut<Size>::Client::Client;
        bool ok() const { return this->n <= kMaxReplyArray; }
        void put(Encoder &out) const { out.u64(this->pointer != nullptr); }
        void take(Decoder &in) const
        {
            if (this->pointer)
                HostOut<Size>::Client::take(in);
        }
    };
    struct Server : HostOut<Size>::Server {
        CUresult get(Decoder &in, auto &)
        {
            wanted = in.u64() != 0;
            return CUDA_SUCCESS;
        }
        CUresult bind(const auto &all)
        {
            return wanted ? HostOut<Size>::Server::bind(all) : CUDA_SUCCESS;
        }
        void *arg() { return wanted ? HostOut<Size>::Server::arg() : nullptr; }
        void put(Encoder &out) const
        {
            if (wanted)
                HostOut<Size>::Server::put(out);
        }
        bool wanted = false;
    };
};

template<class Size>
struct HostInOut {
    struct Client : HostIn<Size>::Client {
        Client(void *p, uint64_t n) : HostIn<Size>::Client(p, n), to(p) {}
        void take(Decoder &in) const
        {
            auto bytes = in.bytes(size_t(this->n));
            if (in.ok() && this->n)
                std::memcpy(to, bytes.data(), size_t(this->n));
        }
        void *to;
    };
    struct Server : HostOut<Size>::Server {
        CUresult get(Decoder &in, auto &names) { return given.get(in, names); }
        CUresult bind(const auto &all)
        {
            CUresult result = given.bind(all);
            if (result == CUDA_SUCCESS)
                result = HostOut<Size>::Server::bind(all);
            if (result == CUDA_SUCCESS && !given.bytes.empty())
                std::memcpy(this->words.data(), given.bytes.data(), given.bytes.size());
            return result;
        }
        typename HostIn<Size>::Server given;
    };
};

} // namespace vgpu::api::lib
