// SPDX-License-Identifier: Apache-2.0
// What calls of cuDNN have that others do not: the attributes of the graph API's descriptors,
// arrays of a type that the call says.
#pragma once

#include "remoting/api/library-params.h"

#include <map>
#include <memory>

namespace vgpu::api::dnn
{

// Types of our objects, as in cudnn.api.
constexpr uint32_t kHandle = 101, kDescriptor = 102;

// ---- attributes ---------------------------------------------------------------------------------

// Elements of a cudnnBackendAttributeType_t.
enum class Element { unknown, object, address, plain };

struct ElementType {
    Element kind;
    uint32_t object; // its type, where it is one
    size_t bytes;
};

constexpr ElementType element_type(int64_t type) noexcept
{
    constexpr size_t kFraction = 16;
    switch (type) {
    case 0:
        return {Element::object, kHandle, 8};
    case 15:
        return {Element::object, kDescriptor, 8};
    case 6:
        return {Element::address, 0, 8};
    case 2:  // boolean
    case 24: // char
        return {Element::plain, 0, 1};
    case 3: // int64
    case 5: // double
        return {Element::plain, 0, 8};
    case 26:
        return {Element::plain, 0, kFraction};
    default:
        return type >= 0 && type <= 30 ? ElementType{Element::plain, 0, 4}
                                       : ElementType{Element::unknown, 0, 0};
    }
}

constexpr uint64_t kMostElements = 1 << 16;
constexpr size_t kValue = 16; // bytes of a value that an address on the host points to

// Whether that is memory of the program's which no device knows: a tensor "by value" then, whose
// number travels. The wrapper's.
bool is_host_value(const void *pointer) noexcept;

// `Type` and `Count`: the parameters that say what the elements are, and how many.
template<size_t Type, size_t Count>
struct AttributeIn {
    struct Client : ClientHalf {
        Client(int type, int64_t n, const void *p) : type(element_type(type)), n(n), pointer(p) {}
        bool ok() const
        {
            if (type.kind == Element::unknown || n < 0 || uint64_t(n) > kMostElements ||
                (n && !pointer))
                return false;
            for (int64_t i = 0; type.kind == Element::object && i < n; ++i)
                if (const lib::Object *one = object(i); one && one->type != type.object)
                    return false;
            return true;
        }
        void put(Encoder &out) const
        {
            if (type.kind == Element::plain)
                return out.bytes({static_cast<const std::byte *>(pointer), size_t(n) * type.bytes});
            for (int64_t i = 0; i < n; ++i) {
                if (type.kind == Element::object) {
                    out.u64(object(i) ? object(i)->id : 0);
                    continue;
                }
                auto *at = static_cast<const std::byte *const *>(pointer)[i];
                bool by_value = at && is_host_value(at);
                out.u64(by_value);
                if (by_value)
                    put_value(out, at);
                else
                    out.u64(reinterpret_cast<uintptr_t>(at));
            }
        }

    private:
        const lib::Object *object(int64_t i) const
        {
            return static_cast<const lib::Object *const *>(pointer)[i];
        }
        // As many as can be read: its type is the tensor's.
        static void put_value(Encoder &out, const std::byte *at)
        {
            constexpr uintptr_t kPage = 4096;
            std::array<std::byte, kValue> value{};
            size_t rest = kPage - reinterpret_cast<uintptr_t>(at) % kPage;
            std::memcpy(value.data(), at, std::min(kValue, rest));
            out.bytes(value);
        }
        ElementType type;
        int64_t n;
        const void *pointer;
    };
    struct Server : ServerHalf {
        // It needs to know the type: the parameters before it have been taken by then.
        static constexpr bool is_late = true;
        CUresult get(Decoder &in, auto &names, const auto &all)
        {
            auto type = element_type(std::get<Type>(all).arg());
            int64_t wanted = std::get<Count>(all).arg();
            if (type.kind == Element::unknown || wanted < 0 || uint64_t(wanted) > kMostElements) {
                in.fail("an attribute has elements of no known kind or number");
                return CUDA_SUCCESS;
            }
            count = size_t(wanted);
            if (type.kind == Element::plain) {
                auto bytes = in.bytes(count * type.bytes);
                words.resize(in.ok() ? bytes.size() / 8 + 1 : 1);
                if (in.ok())
                    std::copy(bytes.begin(), bytes.end(),
                              reinterpret_cast<std::byte *>(words.data()));
                return CUDA_SUCCESS;
            }
            words.reserve(std::min<size_t>(count, 1024));
            CUresult result = CUDA_SUCCESS;
            for (size_t i = 0; i < count && in.ok(); ++i) {
                void *one = nullptr;
                CUresult here = type.kind == Element::object ? take_object(in, names, type, one)
                                                             : take_address(in, names, one);
                result = result == CUDA_SUCCESS ? here : result;
                words.push_back(reinterpret_cast<uintptr_t>(one));
            }
            return result;
        }
        const void *arg() const { return count ? words.data() : nullptr; }
        // Numbers by value are read when the descriptor is executed: they go with it.
        void done(auto &names, uint64_t) { keep(names); }
        void keep(auto &names)
        {
            if (!values.empty())
                names.keep(owner, slot, std::make_shared<Values>(std::move(values)));
        }
        CUresult bind(const auto &all)
        {
            owner = std::get<0>(all).id;
            slot = uint32_t(std::get<1>(all).arg());
            return CUDA_SUCCESS;
        }

        using Values = std::vector<std::unique_ptr<std::array<std::byte, kValue>>>;
        std::vector<uint64_t> words;
        Values values;
        size_t count = 0;
        uint64_t owner = 0;
        uint32_t slot = 0;

    private:
        CUresult take_object(Decoder &in, auto &names, const ElementType &type, void *&one)
        {
            uint32_t mode;
            uint64_t id = in.u64();
            return id ? names.object(type.object, id, one, mode) : CUDA_SUCCESS;
        }
        CUresult take_address(Decoder &in, auto &names, void *&one)
        {
            if (in.u64() == 0) {
                CUdeviceptr at = in.u64();
                one = reinterpret_cast<void *>(at);
                return at ? names.pointer(at) : CUDA_SUCCESS;
            }
            auto bytes = in.bytes(kValue);
            if (!in.ok())
                return CUDA_SUCCESS;
            values.push_back(std::make_unique<std::array<std::byte, kValue>>());
            std::copy(bytes.begin(), bytes.end(), values.back()->begin());
            one = values.back()->data();
            return CUDA_SUCCESS;
        }
    };
};

// What a descriptor has: numbers come back; descriptors are the program's, which the library fills.
template<size_t Type, size_t Count>
struct AttributeOut {
    struct Client : AttributeIn<Type, Count>::Client {
        using Base = typename AttributeIn<Type, Count>::Client;
        Client(int type, int64_t n, const void *found, void *p)
            : Base(type, p ? n : 0, p), bytes(element_type(type).bytes),
              plain(element_type(type).kind == Element::plain), n(p ? n : 0), to(p),
              found(static_cast<const int64_t *>(found))
        {
        }
        bool ok() const { return Base::ok() && uint64_t(n) * bytes <= kMaxReplyArray; }
        void put(Encoder &out) const
        {
            out.u64(uint64_t(n));
            if (!plain && n)
                Base::put(out);
        }
        // `found` has been taken before.
        void take(Decoder &in) const
        {
            if (!plain)
                return;
            auto all = in.bytes(size_t(n) * bytes);
            int64_t there = found ? std::clamp<int64_t>(*found, 0, n) : n;
            if (in.ok() && there)
                std::memcpy(to, all.data(), size_t(there) * bytes);
        }
        size_t bytes;
        bool plain;
        int64_t n;
        void *to;
        const int64_t *found;
    };
    struct Server : ServerHalf {
        static constexpr bool is_late = true;
        CUresult get(Decoder &in, auto &names, const auto &all)
        {
            type = element_type(std::get<Type>(all).arg());
            uint64_t given = in.u64();
            int64_t wanted = std::get<Count>(all).arg();
            if (type.kind == Element::unknown || given > kMostElements ||
                given * type.bytes > kMaxReplyArray ||
                (given != 0 && (wanted < 0 || given != uint64_t(wanted)))) {
                in.fail("an attribute has elements of no known kind or number");
                return CUDA_SUCCESS;
            }
            n = size_t(given);
            if (type.kind == Element::plain)
                words.resize(n * type.bytes / 8 + 1);
            else if (n)
                return held.get(in, names, all);
            return CUDA_SUCCESS;
        }
        void *arg()
        {
            if (n == 0)
                return nullptr;
            return type.kind == Element::plain ? words.data() : held.words.data();
        }
        void put(Encoder &out) const
        {
            if (type.kind == Element::plain)
                out.bytes(std::as_bytes(std::span(words)).first(n * type.bytes));
        }
        ElementType type{};
        size_t n = 0;
        std::vector<uint64_t> words;
        typename AttributeIn<Type, Count>::Server held;
    };
};

} // namespace vgpu::api::dnn
