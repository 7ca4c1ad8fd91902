// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace vgpu::soft::driver
{

class Array;

/// How a side of a copy was named: what it may be.
enum class Side { device, host, any };

/// One side of a copy of a box: the first byte, and the steps from row to row and from plane to
/// plane.
struct Place {
    uint64_t address = 0;
    size_t pitch = 0;
    size_t plane = 0;
    Side side = Side::any;
    // Only of an array, whose memory is no allocation that the application could name.
    std::shared_ptr<const Array> array = nullptr;
    std::array<size_t, 3> origin{}; ///< bytes, rows, slices
};

struct Box {
    size_t width = 0; ///< bytes
    size_t height = 1;
    size_t depth = 1;
};

/// A copy of a box, as cuMemcpy3D describes it.
struct Transfer {
    Place to, from;
    Box box;
};

Transfer transfer_of(const CUDA_MEMCPY3D &description);
CUDA_MEMCPY3D description_of(const Transfer &transfer);

/// Checks both sides, and gives what moves the bytes.
std::function<void()> prepare(std::shared_ptr<Context> context, Transfer transfer);

/// The same for a fill of rows of elements of 1, 2 or 4 bytes.
std::function<void()> prepare_fill(std::shared_ptr<Context> context,
                                   const CUDA_MEMSET_NODE_PARAMS &fill);

/// Checks both sides and copies in the stream's order. `synchronous` waits; else the call returns
/// at once if both sides are device or pinned memory, after taking the bytes if the source is small
/// and pageable, and when it is done otherwise.
void copy(Stream &stream, Place to, Place from, Box box, bool synchronous);

/// Both contexts of a copy between them live; if the copy waits, all that goes on in them is done.
void peers(CUcontext to, CUcontext from, bool waits);

/// Fills rows in the stream's order.
void fill(Stream &stream, const CUDA_MEMSET_NODE_PARAMS &what, bool synchronous);

} // namespace vgpu::soft::driver
