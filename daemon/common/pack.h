// SPDX-License-Identifier: Apache-2.0
// Between the control plane's structures (MSGPACK_DEFINE_MAP) and its maps.
#pragma once

#include <cerrno>
#include <msgpack.hpp>
#include <string_view>

#include "remoting/base/error.h"
#include "remoting/wire/fields.h"

namespace vgpu::control
{

template<typename T>
wire::Map to_map(const T &value)
{
    msgpack::zone zone;
    const msgpack::object object(value, zone);
    wire::Map map;
    for (const auto &[key, field] : object.via.map)
        map.set(std::string_view(key.via.str.ptr, key.via.str.size), field);
    return map;
}

/// Throws Error(EPROTO) naming `what` when a member has another type.
template<typename T>
T from_object(const msgpack::object &object, const char *what)
{
    try {
        return object.as<T>();
    } catch (const msgpack::type_error &) {
        fail(EPROTO, "%s: a field is missing or has another type than this version expects", what);
    }
}

template<typename T>
std::vector<T> from_array(const msgpack::object &map, std::string_view key, const char *what)
{
    std::vector<T> list;
    for (const msgpack::object &one : wire::get_array_or_empty(map, key))
        list.push_back(from_object<T>(one, what));
    return list;
}

template<typename T>
wire::Array to_array(const std::vector<T> &list)
{
    wire::Array array;
    for (const T &one : list)
        array.add(to_map(one));
    return array;
}

} // namespace vgpu::control
