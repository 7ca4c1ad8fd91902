// SPDX-License-Identifier: Apache-2.0
// All copies come here: rows of bytes from one end to another, each end host or device memory.
#pragma once

#include "remoting/client/session.h"

#include <cuda.h>

#include <cstddef>

namespace vgpu::client
{

// What the entry point says of an address. Its range decides where it is known; a host address
// given for a device's is no mistake where both are one address space.
enum class Hint { host, device, unified, array };

// Where in an array a copy begins: x in bytes.
struct ArrayPlace {
    uint64_t array = 0;   // its id
    uint64_t context = 0; // and that of the context it belongs to
    uint64_t x = 0, y = 0, z = 0;
    bool judged = true; // known to be inside
};

struct End {
    uint64_t address = 0;
    size_t pitch = 0; // bytes from one row to the next
    Hint hint = Hint::host;
    ArrayPlace place{};
};

struct Copy {
    End to;
    End from;
    size_t width;
    size_t rows = 1;
    CUstream stream = nullptr;
    bool waits = false; // the caller may use both ends when it returns
};

CUresult copy(Session &session, Context &context, Copy copy);

// Where one end really lies.
struct Place {
    enum class Side { host, device, array, foreign, bad };
    Side side = Side::bad;
    std::byte *pointer = nullptr; // of host memory
    CUdeviceptr address = 0;
    size_t pitch = 0;
    uint64_t host = 0;   // id of shared host memory, 0 if it is not
    uint64_t offset = 0; // into that
    bool pinned = false;
    bool shared = false; // the device's, but the host may use it too
    ArrayPlace array;

    // Whether only the worker's driver can say that it is good.
    bool unsure() const { return side == Side::foreign || (side == Side::array && !array.judged); }
};

Place locate(Session &session, const End &end, size_t width, size_t rows);

inline End host_end(const void *address, size_t pitch = 0)
{
    return {reinterpret_cast<uint64_t>(address), pitch, Hint::host, {}};
}
inline End device_end(CUdeviceptr address, size_t pitch = 0)
{
    return {address, pitch, Hint::device, {}};
}
inline End unified_end(CUdeviceptr address, size_t pitch = 0)
{
    return {address, pitch, Hint::unified, {}};
}

} // namespace vgpu::client
