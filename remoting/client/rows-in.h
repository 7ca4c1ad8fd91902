// SPDX-License-Identifier: Apache-2.0
// A piece of a copy from host memory to the device.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstring>

namespace vgpu::client
{

// `rows` rows of `width` bytes, `from_pitch` apart here and `pitch` apart there.
struct RowsIn {
    const std::byte *from;
    size_t from_pitch, width, rows;
    CUdeviceptr to;
    size_t pitch;
    CUstream stream;

    size_t bytes() const noexcept { return width * rows; }
    bool packed() const noexcept { return rows == 1 || from_pitch == width; } // here
    void pack(std::byte *place) const noexcept
    {
        if (packed()) {
            std::memcpy(place, from, bytes());
            return;
        }
        for (size_t row = 0; row < rows; ++row)
            std::memcpy(place + row * width, from + row * from_pitch, width);
    }
};

} // namespace vgpu::client
