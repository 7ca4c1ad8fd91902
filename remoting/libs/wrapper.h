// SPDX-License-Identifier: Apache-2.0
// What every wrapper of a CUDA library is made of. The generated stubs encode their parameters with
// the halves of remoting/api/library-params.h, and hand the message to our libcuda.so.1, which has
// the session (remoting/api/library-table.h).
#pragma once

#include "remoting/api/library-params.h"
#include "remoting/api/library-table.h"

#include <cuda.h>

#include <new>
#include <vector>

#define LIBRARY_ENTRY extern "C" __attribute__((visibility("default")))

namespace vgpu::libs
{

namespace lib = vgpu::api::lib;

// What the generated part of a wrapper says of itself.
struct Wrapper {
    const char *name;
    uint32_t number;
    uint64_t hash;
    const char *(*call_name)(uint32_t number);
    int not_initialized, invalid, unsupported, failed, memory; // its statuses
};
extern const Wrapper the_library;
extern const unsigned the_major; // of this build's soname

// libcuda.so.1's table with the library opened; null, and the reason is logged once, if it cannot
// be had. A failure is tried again with the next call.
const api::LibraryTable *table() noexcept;

// A function of the driver API, of the same libcuda.so.1.
void *driver_function(const char *name) noexcept;

int refused(const char *name, const char *reason) noexcept;

// The library's status for a failure on the way.
int status_of(CUresult result) noexcept;

// For calls that are about no object.
constexpr std::nullptr_t no_object = nullptr;

// The objects that the program holds. They are never freed but used again.
lib::Object *make_object(uint32_t type);
void drop_object(lib::Object *object) noexcept;

inline lib::Object *object_of(const void *handle) noexcept
{
    return const_cast<lib::Object *>(static_cast<const lib::Object *>(handle));
}

// Which stream its work is in, as the wire calls it.
inline uint64_t stream_of(const void *handle) noexcept
{
    return handle ? object_of(handle)->stream_id : 0;
}

struct StreamName {
    explicit StreamName(CUstream stream) noexcept;
    bool known;
    uint64_t id = 0;
};

// An object that works in a stream of the call's.
struct InStream {
    const void *object;
    uint64_t stream;
};
inline const void *about(const void *object) noexcept
{
    return object;
}
inline const void *about(const InStream &placed) noexcept
{
    return placed.object;
}
inline uint64_t stream_of(const InStream &placed) noexcept
{
    return placed.stream;
}

// A request being made: the calling thread's buffer.
std::vector<std::byte> &message_buffer() noexcept;

template<class... Halves>
std::vector<std::byte> &encode(uint32_t number, const Halves &...halves)
{
    std::vector<std::byte> &message = message_buffer();
    message.clear();
    message.resize(api::kMessageRoom);
    wire::Encoder out(message);
    out.u64(uint64_t(the_library.number) << 16 | number);
    (halves.put(out), ...);
    return message;
}

// What both kinds of calls have in front. True if they can go on.
template<class... Halves>
bool begin(const void *object, bool about_one, const api::LibraryTable *&way, int &status,
           const Halves &...halves)
{
    if (about_one && (!object || object_of(object)->type == 0))
        status = the_library.not_initialized;
    else if (!(way = table()))
        status = the_library.not_initialized;
    else if (!(halves.ok() && ...))
        status = the_library.invalid;
    else
        return true;
    return false;
}

// A call that is not waited for. `object`: the one it is about, whose stream it works in.
template<class Object, class... Halves>
int post(uint32_t number, Object object, const Halves &...halves) noexcept
try {
    const api::LibraryTable *way = nullptr;
    int status = 0;
    if (!begin(about(object), !std::is_null_pointer_v<Object>, way, status, halves...))
        return status;
    auto &message = encode(number, halves...);
    uint64_t stream = stream_of(object);
    CUresult result = way->post(stream, message.data(), message.size(), &status);
    return result == CUDA_SUCCESS ? status : status_of(result);
} catch (const std::bad_alloc &) {
    return the_library.memory;
}

template<class Object, class... Halves>
int ask(uint32_t number, Object object, const Halves &...halves) noexcept
try {
    const api::LibraryTable *way = nullptr;
    int status = 0;
    if (!begin(about(object), !std::is_null_pointer_v<Object>, way, status, halves...))
        return status;
    auto &message = encode(number, halves...);
    uint64_t stream = stream_of(object);
    const std::byte *reply = nullptr;
    size_t bytes = 0;
    CUresult result = way->ask(stream, message.data(), message.size(), &status, &reply, &bytes);
    if (result != CUDA_SUCCESS)
        return status_of(result);
    if (status != 0)
        return status;
    wire::Decoder in({reply, bytes});
    (halves.take(in), ...);
    return in.done() ? 0 : the_library.failed;
} catch (const std::bad_alloc &) {
    return the_library.memory;
}

// ---- what some calls do beside ------------------------------------------------------------------

template<class Send>
int create(uint32_t type, void *handle, Send &&send)
{
    if (!handle)
        return the_library.invalid;
    lib::Object *made = table() ? make_object(type) : nullptr;
    if (!made)
        return the_library.not_initialized;
    int status = send(made);
    if (status != 0) {
        drop_object(made);
        made = nullptr;
    }
    *static_cast<lib::Object **>(handle) = made;
    return status;
}

template<class Send>
int destroy(void *handle, uint32_t type, Send &&send)
{
    if (!handle || object_of(handle)->type != type)
        return the_library.not_initialized;
    int status = send();
    if (status == 0)
        drop_object(object_of(handle));
    return status;
}

template<class Send>
int set_mode(void *handle, int mode, Send &&send)
{
    if (mode != 0 && mode != 1)
        return the_library.invalid;
    int status = send();
    if (status == 0)
        object_of(handle)->mode = uint32_t(mode);
    return status;
}

template<class Send>
int set_stream(void *handle, CUstream stream, const StreamName &name, Send &&send)
{
    int status = send();
    if (status == 0) {
        object_of(handle)->stream = stream;
        object_of(handle)->stream_id = name.id;
    }
    return status;
}

// Device memory of the object's for one scalar, 0 if there is none to be had; and a scalar from
// there, behind the stream's work.
CUdeviceptr scratch(lib::Object *object) noexcept;
int fetch(const lib::Object *object, void *result, size_t bytes) noexcept;

// A result that the program expects on the host: the worker puts it into device memory, as work
// like any other, and it is copied from there. So nobody but the caller waits.
template<class Send>
int with_result(void *handle, void *result, size_t bytes, Send &&send)
{
    lib::Object *object = object_of(handle);
    if (!object || object->type == 0)
        return the_library.not_initialized;
    if (!result)
        return the_library.invalid;
    if (object->mode)
        return send(lib::Where::device, CUdeviceptr(result));
    if (bytes == 0 || bytes > lib::kMostScalar)
        return the_library.invalid;
    CUdeviceptr at = scratch(object);
    if (!at)
        return the_library.memory;
    int status = send(lib::Where::scratch, at);
    return status == 0 ? fetch(object, result, bytes) : status;
}

} // namespace vgpu::libs
