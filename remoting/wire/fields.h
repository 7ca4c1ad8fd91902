// SPDX-License-Identifier: Apache-2.0
// Maps of the control plane: written field by field, read by key with the type that is expected.
#pragma once

#include <msgpack.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vgpu::wire
{

class Map;

// Packed bytes; a stream in msgpack-c's sense that, unlike its own, can be copied.
struct Packed {
    std::string bytes;
    void write(const char *data, size_t size) { bytes.append(data, size); }
};

// An array to be put into a Map.
class Array
{
public:
    Array &add(std::string_view value);
    Array &add(const char *value) { return add(std::string_view(value)); }
    Array &add(const Map &value);
    template<std::integral T>
    Array &add(T value)
    {
        msgpack::packer<Packed>(body_).pack(value);
        ++count_;
        return *this;
    }

private:
    friend class Map;
    Packed body_;
    uint32_t count_ = 0;
};

// Map().set("type", "hello").set("pid", getpid()).pack(). Keys are not checked for repetition.
class Map
{
public:
    Map &set(std::string_view key, std::string_view value);
    Map &set(std::string_view key, const char *value) { return set(key, std::string_view(value)); }
    Map &set(std::string_view key, const std::string &value)
    {
        return set(key, std::string_view(value));
    }
    Map &set(std::string_view key, double value);
    Map &set(std::string_view key, std::span<const std::byte> bytes); // a bin
    Map &set(std::string_view key, const Map &value);
    Map &set(std::string_view key, const Array &value);
    Map &set(std::string_view key, const msgpack::object &value);
    template<std::integral T>
    Map &set(std::string_view key, T value) // numbers and bool
    {
        key_only(key);
        msgpack::packer<Packed>(body_).pack(value);
        return *this;
    }

    msgpack::sbuffer pack() const;

private:
    friend class Array;
    void key_only(std::string_view key);
    void append_to(Packed &out) const;

    Packed body_;
    uint32_t count_ = 0;
};

// Reading. Each throws EPROTO with a text that names the key when `map` is no map, the key is
// absent or its value has another type or does not fit; those with a fallback give that for an
// absent key. Views are valid as long as the object's handle.
const msgpack::object *find(const msgpack::object &map, std::string_view key);
std::string_view get_string(const msgpack::object &map, std::string_view key);
std::string_view get_string(const msgpack::object &map, std::string_view key,
                            std::string_view fallback);
uint64_t get_u64(const msgpack::object &map, std::string_view key);
uint64_t get_u64(const msgpack::object &map, std::string_view key, uint64_t fallback);
int64_t get_i64(const msgpack::object &map, std::string_view key);
int64_t get_i64(const msgpack::object &map, std::string_view key, int64_t fallback);
double get_f64(const msgpack::object &map, std::string_view key); // integers too
double get_f64(const msgpack::object &map, std::string_view key, double fallback);
bool get_bool(const msgpack::object &map, std::string_view key);
bool get_bool(const msgpack::object &map, std::string_view key, bool fallback);
std::span<const std::byte> get_bytes(const msgpack::object &map, std::string_view key);
std::array<std::byte, 32> get_32_bytes(const msgpack::object &map, std::string_view key);
const msgpack::object &get_map(const msgpack::object &map, std::string_view key);
std::span<const msgpack::object> get_array(const msgpack::object &map, std::string_view key);
std::span<const msgpack::object> get_array_or_empty(const msgpack::object &map,
                                                    std::string_view key);

} // namespace vgpu::wire
