// SPDX-License-Identifier: Apache-2.0
// How the wrapper of a CUDA library (remoting/libs) speaks to our libcuda.so.1: it has no session
// of its own, but asks cuGetExportTable for this table under our own name for it.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>

namespace vgpu::api
{

// "slurm-vgpu libs": told apart from the vendor's tables, of which we answer none.
inline constexpr unsigned char kLibraryTableId[16] = {'s', 'l', 'u', 'r', 'm', '-', 'v', 'g',
                                                      'p', 'u', ' ', 'l', 'i', 'b', 's', 0};
inline bool is_library_table(const CUuuid &id) noexcept
{
    for (size_t i = 0; i < sizeof kLibraryTableId; ++i)
        if (static_cast<unsigned char>(id.bytes[i]) != kLibraryTableId[i])
            return false;
    return true;
}

// A wrapper introduces itself; it stays loaded.
struct LibraryIntroduction {
    uint32_t number; // of the library, as in its .api file
    uint32_t major;  // of the ABI that the program was linked with
    uint64_t hash;   // of the description: both ends must have the same
    const char *name;
    const char *(*call_name)(uint32_t number); // null for a number that is no call
};

// Room for the header that a message begins with.
constexpr size_t kMessageRoom = 16;

struct LibraryTable {
    uint32_t bytes;   // of this structure
    uint32_t version; // 1

    // Opens the library beside the worker. Starts the session and makes a context current where the
    // program has none yet, as the library would.
    CUresult (*open)(const LibraryIntroduction *library);

    // For a handle that the caller creates.
    uint64_t (*new_id)();

    // What a stream is called on the wire; false for one that is none.
    bool (*name_stream)(CUstream stream, uint64_t *id);

    // A call without an answer: work for the stream of that id. The message is kMessageRoom bytes
    // and the body. `status` is the library's where the call had to be answered at once.
    CUresult (*post)(uint64_t stream, std::byte *message, size_t bytes, int *status);

    // A call and its answer: the library's status, and the body that follows, which is there until
    // the thread's next call.
    CUresult (*ask)(uint64_t stream, std::byte *message, size_t bytes, int *status,
                    const std::byte **reply, size_t *reply_bytes);

    // Logs a call that is not carried, once.
    void (*refused)(const char *name, const char *reason);
};

} // namespace vgpu::api
