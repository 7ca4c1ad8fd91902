// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the call plane: one small type for each kind of parameter, with both its
// halves, so that the two ends cannot drift. The generator picks the types from the `.api` files;
// hand-written callers use the same ones.
//
//   Client  is made from the arguments of the C function.
//           ok()           false if a pointer that must not be null is: CUDA_ERROR_INVALID_VALUE,
//           nothing is sent put(Encoder)   its part of the request take(Decoder)  its part of the
//           reply of a successful call
//           made()         after success, of a call that is not answered too: what the caller gets
//           that no reply says
//   Server  is made empty.
//           get(Decoder, Handles)  its part of the request; malformed bytes fail the decoder (which
//           ends the
//                                  session), an unknown handle or pointer is the CUresult that the
//                                  call answers
//           bind(all)      afterwards: what depends on other parameters
//           arg()          the argument of the C function
//           done(Handles, owner)   after success: ids come and go
//           put(Encoder)   its part of the reply of a successful call
//
// Handles is the server's table (remoting/server/handles.h): find, claim, add, remove, device,
// pointer.
#pragma once

#include "remoting/api/kinds.h"
#include "remoting/api/scalars.h"
#include "remoting/wire/message.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace vgpu::api
{

constexpr size_t kMaxPiece = size_t(256) << 10; // bytes of a copy or an image in one message
constexpr size_t kMaxString = size_t(64) << 10;
// Header, `deferred`, and small out parameters beside an array or a string must fit too.
constexpr size_t kMaxReplyArray = wire::kMaxMessage - 1024;

using wire::Decoder;
using wire::Encoder;

// What most halves do not need.
struct ClientHalf {
    bool ok() const { return true; }
    void put(Encoder &) const {}
    void take(Decoder &) const {}
    void made() const {}
};

struct ServerHalf {
    CUresult get(Decoder &, auto &) { return CUDA_SUCCESS; }
    CUresult bind(const auto &) { return CUDA_SUCCESS; }
    uint64_t owner() const { return 0; }
    void done(auto &, uint64_t) {}
    void put(Encoder &) const {}
};

// ---- by value -----------------------------------------------------------------------------------

template<class T>
struct Val {
    struct Client : ClientHalf {
        explicit Client(T v) : value(v) {}
        void put(Encoder &out) const { put_value(out, value); }
        T value;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &)
        {
            get_value(in, value);
            return CUDA_SUCCESS;
        }
        T arg() const { return value; }
        T value{};
    };
};

// A CUdevice: the ordinal of a slice on the wire, a device of the driver on the server.
struct Device {
    struct Client : ClientHalf {
        explicit Client(CUdevice d) : device(d) {}
        void put(Encoder &out) const { out.i64(device); }
        CUdevice device;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles) { return handles.device(in.i32(), device); }
        CUdevice arg() const { return device; }
        CUdevice device = 0;
    };
};

// A device pointer by value. The server takes only those into memory that the session has, or its
// own staging buffers would be within the client's reach.
struct Pointer {
    struct Client : ClientHalf {
        explicit Client(CUdeviceptr p) : pointer(p) {}
        void put(Encoder &out) const { out.u64(pointer); }
        CUdeviceptr pointer;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles)
        {
            pointer = in.u64();
            return handles.pointer(pointer);
        }
        CUdeviceptr arg() const { return pointer; }
        CUdeviceptr pointer = 0;
    };
};

// Handles that own others: what was found in a module ends with it.
constexpr bool is_owner(Kind kind) noexcept
{
    return kind == Kind::module || kind == Kind::library || kind == Kind::kernel ||
           kind == Kind::array || kind == Kind::mipmap; // planes and levels
}

// A handle that exists. Null and the driver's special values pass for streams, null passes where it
// is allowed (`?`).
template<HandleType H, bool Nullable = false>
struct Handle {
    struct Client : ClientHalf {
        explicit Client(H h) : id(id_of(h)) {}
        void put(Encoder &out) const { out.u64(id); }
        uint64_t id;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles)
        {
            id = in.u64();
            if ((id == 0 && Nullable) || (kKind<H> == Kind::stream && id < kSpecialHandles)) {
                handle = handle_of<H>(id);
                return CUDA_SUCCESS;
            }
            void *found = nullptr;
            CUresult result = handles.find(kKind<H>, id, found);
            handle = H(found);
            return result;
        }
        H arg() const { return handle; }
        uint64_t owner() const { return is_owner(kKind<H>) ? id : 0; }
        uint64_t id = 0;
        H handle{};
    };
};

// A handle that the call destroys; its id is unknown afterwards, with all that it owned.
template<HandleType H>
struct Gone {
    using Client = typename Handle<H>::Client;
    struct Server : Handle<H>::Server {
        CUresult get(Decoder &in, auto &handles)
        {
            CUresult result = Handle<H>::Server::get(in, handles);
            if (result == CUDA_SUCCESS && this->id < kSpecialHandles)
                return CUDA_ERROR_INVALID_HANDLE; // the driver's own streams are nobody's to
                                                  // destroy
            return result;
        }
        void done(auto &handles, uint64_t) { handles.remove(this->id); }
    };
};

// A handle that the call creates, under an id the client has chosen: creating costs no round trip.
template<HandleType H>
struct New {
    struct Client : ClientHalf {
        explicit Client(uint64_t i) : id(i) {}
        Client(H *o, uint64_t i) : out(o), null(!o), id(i) {}
        bool ok() const { return !null; }
        void put(Encoder &request) const { request.u64(id); }
        // Not before: where the call fails, what the caller has there stays.
        void made() const
        {
            if (out)
                *out = handle_of<H>(id);
        }
        H *out = nullptr;
        bool null = false;
        uint64_t id;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles)
        {
            id = in.u64();
            return handles.claim(kKind<H>, id);
        }
        H *arg() { return &handle; }
        void done(auto &handles, uint64_t owner) { handles.add(id, (void *)handle, owner); }
        uint64_t id = 0;
        H handle{};
    };
};

// ---- through a pointer --------------------------------------------------------------------------

template<class T>
struct In {
    struct Client : ClientHalf {
        explicit Client(const T *p) : pointer(p) {}
        bool ok() const { return pointer; }
        void put(Encoder &out) const { put_value(out, *pointer); }
        const T *pointer;
    };
    struct Server : Val<T>::Server {
        T *arg() { return &this->value; }
    };
};

template<class T>
struct Out {
    struct Client : ClientHalf {
        explicit Client(T *p) : pointer(p) {}
        bool ok() const { return pointer; }
        void take(Decoder &in) const { get_value(in, *pointer); }
        T *pointer;
    };
    struct Server : ServerHalf {
        T *arg() { return &value; }
        void put(Encoder &out) const { put_value(out, value); }
        T value{};
    };
};

template<class T>
struct InOut {
    struct Client : Out<T>::Client {
        using Out<T>::Client::Client;
        void put(Encoder &out) const { put_value(out, *this->pointer); }
    };
    struct Server : In<T>::Server {
        void put(Encoder &out) const { put_value(out, this->value); }
    };
};

// ---- arrays and strings -------------------------------------------------------------------------

// The count of an `in` array travels with the array; the argument takes it from there (parameter
// K).
template<class T, size_t K>
struct Len {
    struct Client : ClientHalf {
        explicit Client(T) {}
    };
    struct Server : ServerHalf {
        CUresult bind(const auto &all)
        {
            value = T(std::get<K>(all).count());
            return CUDA_SUCCESS;
        }
        T arg() const { return value; }
        T value{};
    };
};

// A count, and elements in their natural size.
template<class T>
struct InArray {
    static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>);
    struct Client : ClientHalf {
        Client(const void *p, size_t n) : pointer(p), n(n) {}
        bool ok() const { return pointer || n == 0; }
        void put(Encoder &out) const
        {
            out.u64(n);
            out.bytes({static_cast<const std::byte *>(pointer), n * sizeof(T)});
        }
        const void *pointer;
        size_t n;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &)
        {
            uint64_t n = in.u64();
            if (n > wire::kMaxMessage / sizeof(T)) {
                in.fail("an array is longer than a message");
                return CUDA_SUCCESS;
            }
            bytes = in.bytes(size_t(n) * sizeof(T));
            return CUDA_SUCCESS;
        }
        // Messages are 8-byte aligned, and so is all within.
        T *arg() const { return (T *)bytes.data(); }
        size_t count() const { return bytes.size() / sizeof(T); }
        std::span<const std::byte> bytes; // of the message
    };
};

template<HandleType H>
struct InHandles {
    struct Client : ClientHalf {
        Client(const H *p, size_t n) : pointer(p), n(n) {}
        bool ok() const { return pointer || n == 0; }
        void put(Encoder &out) const
        {
            out.u64(n);
            for (size_t i = 0; i < n; ++i)
                out.u64(id_of(pointer[i]));
        }
        const H *pointer;
        size_t n;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles)
        {
            uint64_t n = in.u64();
            if (n > in.left() / 8) {
                in.fail("the message ends inside an array of handles");
                return CUDA_SUCCESS;
            }
            values.resize(size_t(n));
            CUresult result = CUDA_SUCCESS;
            for (H &value : values) {
                typename Handle<H>::Server one;
                CUresult found = one.get(in, handles);
                value = one.arg();
                if (result == CUDA_SUCCESS)
                    result = found;
            }
            return result;
        }
        H *arg() { return values.data(); }
        size_t count() const { return values.size(); }
        std::vector<H> values;
    };
};

// The request carries only the count, as parameter K; the reply carries a count and elements.
template<class T, size_t K>
struct OutArray {
    static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>);
    struct Client : ClientHalf {
        Client(void *p, size_t n) : pointer(p), n(n) {}
        bool ok() const { return (pointer || n == 0) && n <= kMaxReplyArray / sizeof(T); }
        void take(Decoder &in) const
        {
            uint64_t got = in.u64();
            if (got > n) {
                in.fail("the reply has more elements than were asked for");
                return;
            }
            auto bytes = in.bytes(size_t(got) * sizeof(T));
            if (!bytes.empty())
                std::memcpy(pointer, bytes.data(), bytes.size());
        }
        void *pointer;
        size_t n;
    };
    struct Server : ServerHalf {
        CUresult bind(const auto &all)
        {
            uint64_t n = uint64_t(std::get<K>(all).arg());
            if (n > kMaxReplyArray / sizeof(T))
                return CUDA_ERROR_INVALID_VALUE;
            values.resize(size_t(n));
            return CUDA_SUCCESS;
        }
        T *arg() { return values.data(); }
        void put(Encoder &out) const
        {
            out.u64(values.size());
            out.bytes(std::as_bytes(std::span(values)));
        }
        std::vector<T> values;
    };
};

struct String {
    struct Client : ClientHalf {
        explicit Client(const char *s) : string(s) {}
        bool ok() const { return string && strnlen(string, kMaxString + 1) <= kMaxString; }
        void put(Encoder &out) const { out.string(string); }
        const char *string;
    };
    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &)
        {
            value = in.string(kMaxString);
            if (value.find('\0') != std::string::npos)
                in.fail("a string has a NUL inside");
            return CUDA_SUCCESS;
        }
        const char *arg() const { return value.c_str(); }
        std::string value;
    };
};

// A string of at most K's bytes, its NUL included, written by the call.
template<size_t K>
struct OutString {
    struct Client : ClientHalf {
        Client(char *p, size_t n) : pointer(p), n(n) {}
        bool ok() const { return pointer && n > 0 && n <= kMaxString; }
        void take(Decoder &in) const
        {
            auto got = in.string(kMaxString);
            size_t fits = std::min(got.size(), n - 1);
            if (!in.ok())
                return;
            std::memcpy(pointer, got.data(), fits);
            pointer[fits] = '\0';
        }
        char *pointer;
        size_t n;
    };
    struct Server : ServerHalf {
        CUresult bind(const auto &all)
        {
            uint64_t n = uint64_t(std::get<K>(all).arg());
            if (n == 0 || n > kMaxString)
                return CUDA_ERROR_INVALID_VALUE;
            value.resize(size_t(n));
            return CUDA_SUCCESS;
        }
        char *arg() { return value.data(); }
        void put(Encoder &out) const
        {
            out.string({value.data(), strnlen(value.data(), value.size())});
        }
        std::vector<char> value;
    };
};

// Any of those through a pointer that may be null: 0, or 1 and what the kind has to say, in both
// directions.
template<class P>
struct Maybe {
    struct Client {
        template<class T, class... Rest>
        explicit Client(T *p, Rest... rest) : there(p), inner(p, rest...)
        {
        }
        bool ok() const { return !there || inner.ok(); }
        void put(Encoder &out) const
        {
            out.u64(there);
            if (there)
                inner.put(out);
        }
        void take(Decoder &in) const
        {
            if (in.boolean() != there)
                in.fail("the reply has not the pointers that the request had");
            if (there && in.ok())
                inner.take(in);
        }
        void made() const
        {
            if (there)
                inner.made();
        }
        bool there;
        typename P::Client inner;
    };
    struct Server {
        CUresult get(Decoder &in, auto &handles)
        {
            there = in.boolean();
            return there ? inner.get(in, handles) : CUDA_SUCCESS;
        }
        CUresult bind(const auto &all) { return there ? inner.bind(all) : CUDA_SUCCESS; }
        auto arg() { return there ? inner.arg() : decltype(inner.arg()){}; }
        size_t count() const { return there ? inner.count() : 0; }
        uint64_t owner() const { return 0; }
        void done(auto &, uint64_t) {}
        void put(Encoder &out) const
        {
            out.u64(there);
            if (there)
                inner.put(out);
        }
        bool there = false;
        typename P::Server inner;
    };
};

} // namespace vgpu::api
