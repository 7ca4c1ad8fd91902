// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/fields.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>

namespace vgpu::wire
{

using Packer = msgpack::packer<Packed>;

static void put_string(Packed &out, std::string_view text)
{
    Packer packer(out);
    packer.pack_str(uint32_t(text.size()));
    packer.pack_str_body(text.data(), uint32_t(text.size()));
}

Array &Array::add(std::string_view value)
{
    put_string(body_, value);
    ++count_;
    return *this;
}

Array &Array::add(const Map &value)
{
    value.append_to(body_);
    ++count_;
    return *this;
}

void Map::key_only(std::string_view key)
{
    put_string(body_, key);
    ++count_;
}

void Map::append_to(Packed &out) const
{
    Packer(out).pack_map(count_);
    out.bytes += body_.bytes;
}

msgpack::sbuffer Map::pack() const
{
    Packed whole;
    append_to(whole);
    msgpack::sbuffer out(whole.bytes.size());
    out.write(whole.bytes.data(), whole.bytes.size());
    return out;
}

Map &Map::set(std::string_view key, std::string_view value)
{
    key_only(key);
    put_string(body_, value);
    return *this;
}

Map &Map::set(std::string_view key, double value)
{
    key_only(key);
    Packer(body_).pack_double(value);
    return *this;
}

Map &Map::set(std::string_view key, std::span<const std::byte> bytes)
{
    key_only(key);
    Packer packer(body_);
    packer.pack_bin(uint32_t(bytes.size()));
    packer.pack_bin_body(reinterpret_cast<const char *>(bytes.data()), uint32_t(bytes.size()));
    return *this;
}

Map &Map::set(std::string_view key, const Map &value)
{
    key_only(key);
    value.append_to(body_);
    return *this;
}

Map &Map::set(std::string_view key, const Array &value)
{
    key_only(key);
    Packer(body_).pack_array(value.count_);
    body_.bytes += value.body_.bytes;
    return *this;
}

Map &Map::set(std::string_view key, const msgpack::object &value)
{
    key_only(key);
    Packer(body_).pack(value);
    return *this;
}

// ---- reading
// --------------------------------------------------------------------------------------

static std::string name(std::string_view key)
{
    return "'" + std::string(key) + "'";
}

[[noreturn]] static void wrong(std::string_view key, const char *expected)
{
    fail(EPROTO, "%s of the control message is not %s", name(key).c_str(), expected);
}

static const msgpack::object &need(const msgpack::object &map, std::string_view key)
{
    if (const msgpack::object *value = find(map, key))
        return *value;
    fail(EPROTO, "the control message has no %s", name(key).c_str());
}

const msgpack::object *find(const msgpack::object &map, std::string_view key)
{
    if (map.type != msgpack::type::MAP)
        fail(EPROTO, "a control message that should have %s is no map", name(key).c_str());
    for (uint32_t i = 0; i < map.via.map.size; ++i) {
        const msgpack::object_kv &pair = map.via.map.ptr[i];
        if (pair.key.type == msgpack::type::STR &&
            std::string_view(pair.key.via.str.ptr, pair.key.via.str.size) == key)
            return &pair.val;
    }
    return nullptr;
}

static std::string_view as_string(const msgpack::object &value, std::string_view key)
{
    if (value.type != msgpack::type::STR)
        wrong(key, "a text");
    std::string_view text(value.via.str.ptr, value.via.str.size);
    if (text.find('\0') != std::string_view::npos)
        wrong(key, "a text without NUL bytes");
    return text;
}

static uint64_t as_u64(const msgpack::object &value, std::string_view key)
{
    if (value.type != msgpack::type::POSITIVE_INTEGER)
        wrong(key, "a number from 0");
    return value.via.u64;
}

static int64_t as_i64(const msgpack::object &value, std::string_view key)
{
    if (value.type == msgpack::type::NEGATIVE_INTEGER)
        return value.via.i64;
    if (value.type != msgpack::type::POSITIVE_INTEGER || value.via.u64 > uint64_t(INT64_MAX))
        wrong(key, "a whole number");
    return int64_t(value.via.u64);
}

static double as_f64(const msgpack::object &value, std::string_view key)
{
    switch (value.type) {
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
        return value.via.f64;
    case msgpack::type::POSITIVE_INTEGER:
        return double(value.via.u64);
    case msgpack::type::NEGATIVE_INTEGER:
        return double(value.via.i64);
    default:
        wrong(key, "a number");
    }
}

static bool as_bool(const msgpack::object &value, std::string_view key)
{
    if (value.type != msgpack::type::BOOLEAN)
        wrong(key, "true or false");
    return value.via.boolean;
}

std::string_view get_string(const msgpack::object &map, std::string_view key)
{
    return as_string(need(map, key), key);
}

std::string_view get_string(const msgpack::object &map, std::string_view key,
                            std::string_view fallback)
{
    const msgpack::object *value = find(map, key);
    return value ? as_string(*value, key) : fallback;
}

uint64_t get_u64(const msgpack::object &map, std::string_view key)
{
    return as_u64(need(map, key), key);
}

uint64_t get_u64(const msgpack::object &map, std::string_view key, uint64_t fallback)
{
    const msgpack::object *value = find(map, key);
    return value ? as_u64(*value, key) : fallback;
}

int64_t get_i64(const msgpack::object &map, std::string_view key)
{
    return as_i64(need(map, key), key);
}

int64_t get_i64(const msgpack::object &map, std::string_view key, int64_t fallback)
{
    const msgpack::object *value = find(map, key);
    return value ? as_i64(*value, key) : fallback;
}

double get_f64(const msgpack::object &map, std::string_view key)
{
    return as_f64(need(map, key), key);
}

double get_f64(const msgpack::object &map, std::string_view key, double fallback)
{
    const msgpack::object *value = find(map, key);
    return value ? as_f64(*value, key) : fallback;
}

bool get_bool(const msgpack::object &map, std::string_view key)
{
    return as_bool(need(map, key), key);
}

bool get_bool(const msgpack::object &map, std::string_view key, bool fallback)
{
    const msgpack::object *value = find(map, key);
    return value ? as_bool(*value, key) : fallback;
}

std::span<const std::byte> get_bytes(const msgpack::object &map, std::string_view key)
{
    const msgpack::object &value = need(map, key);
    if (value.type != msgpack::type::BIN)
        wrong(key, "a string of bytes");
    return std::as_bytes(std::span(value.via.bin.ptr, value.via.bin.size));
}

std::array<std::byte, 32> get_32_bytes(const msgpack::object &map, std::string_view key)
{
    auto bytes = get_bytes(map, key);
    std::array<std::byte, 32> out;
    if (bytes.size() != out.size())
        fail(EPROTO, "%.*s has %zu bytes instead of %zu", int(key.size()), key.data(), bytes.size(),
             out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

const msgpack::object &get_map(const msgpack::object &map, std::string_view key)
{
    const msgpack::object &value = need(map, key);
    if (value.type != msgpack::type::MAP)
        wrong(key, "a map");
    return value;
}

static std::span<const msgpack::object> as_array(const msgpack::object &value, std::string_view key)
{
    if (value.type != msgpack::type::ARRAY)
        wrong(key, "an array");
    return {value.via.array.ptr, value.via.array.size};
}

std::span<const msgpack::object> get_array(const msgpack::object &map, std::string_view key)
{
    return as_array(need(map, key), key);
}

std::span<const msgpack::object> get_array_or_empty(const msgpack::object &map,
                                                    std::string_view key)
{
    const msgpack::object *value = find(map, key);
    return value ? as_array(*value, key) : std::span<const msgpack::object>();
}

} // namespace vgpu::wire
