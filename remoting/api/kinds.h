// SPDX-License-Identifier: Apache-2.0
// Ids of what a session creates (HACKING.md, "Ids"): chosen by the client, looked up by the server
// by kind.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace vgpu::api
{

enum class Kind : uint8_t {
    none = 0,
    context = 1,
    module = 2,
    function = 3,
    stream = 4,
    event = 5,
    library = 6,
    kernel = 7,
    pool = 8,
    array = 9,
    image = 10,
    host = 11,
    link = 12,
    graph = 13,
    graph_exec = 14,
    mipmap = 15,
    texture = 16,
    surface = 17,
    graph_node = 18,
    user_object = 19,
    allocation = 20, // physical memory; no parameter of the vocabulary, its C type is a number
    texref = 21,
    surfref = 22,
    green = 23, // a green context
    resource_desc = 24,
    library_object = 26, // of a CUDA library: its type is told apart by the library's own table
};

// Below this a handle is a special value of the driver (the legacy stream 1, the per-thread stream
// 2), the same on both ends.
constexpr uint64_t kSpecialHandles = 16;

constexpr uint64_t make_id(Kind kind, uint8_t session, uint64_t counter) noexcept
{
    return uint64_t(kind) << 56 | uint64_t(session) << 48 | (counter & ((uint64_t(1) << 48) - 1));
}

constexpr Kind kind_of(uint64_t id) noexcept
{
    return Kind(id >> 56);
}

constexpr uint64_t counter_of(uint64_t id) noexcept
{
    return id & ((uint64_t(1) << 48) - 1);
}

// The primary context of a slice has a fixed number; others count from kFirstContext.
constexpr uint64_t kFirstContext = 1000;

constexpr uint64_t primary_counter(uint32_t ordinal) noexcept
{
    return uint64_t(ordinal) + 1;
}

// What the application holds is the id itself, in the clothes of the driver's opaque pointer.
template<class H>
uint64_t id_of(H handle) noexcept
{
    return reinterpret_cast<uint64_t>(handle);
}

template<class H>
H handle_of(uint64_t id) noexcept
{
    return reinterpret_cast<H>(id);
}

template<class H>
inline constexpr Kind kKind = Kind::none;
template<>
inline constexpr Kind kKind<CUcontext> = Kind::context;
template<>
inline constexpr Kind kKind<CUmodule> = Kind::module;
template<>
inline constexpr Kind kKind<CUfunction> = Kind::function;
template<>
inline constexpr Kind kKind<CUstream> = Kind::stream;
template<>
inline constexpr Kind kKind<CUevent> = Kind::event;
template<>
inline constexpr Kind kKind<CUlibrary> = Kind::library;
template<>
inline constexpr Kind kKind<CUkernel> = Kind::kernel;
template<>
inline constexpr Kind kKind<CUmemoryPool> = Kind::pool;
template<>
inline constexpr Kind kKind<CUarray> = Kind::array;
template<>
inline constexpr Kind kKind<CUmipmappedArray> = Kind::mipmap;
template<>
inline constexpr Kind kKind<CUlinkState> = Kind::link;
template<>
inline constexpr Kind kKind<CUgraph> = Kind::graph;
template<>
inline constexpr Kind kKind<CUgraphExec> = Kind::graph_exec;
template<>
inline constexpr Kind kKind<CUgraphNode> = Kind::graph_node;
template<>
inline constexpr Kind kKind<CUuserObject> = Kind::user_object;
template<>
inline constexpr Kind kKind<CUtexref> = Kind::texref;
template<>
inline constexpr Kind kKind<CUsurfref> = Kind::surfref;
template<>
inline constexpr Kind kKind<CUgreenCtx> = Kind::green;
template<>
inline constexpr Kind kKind<CUdevResourceDesc> = Kind::resource_desc;

template<class H>
concept HandleType = kKind<H>
!= Kind::none;

} // namespace vgpu::api
