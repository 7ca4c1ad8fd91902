// SPDX-License-Identifier: Apache-2.0
// What an element of a CUDA array takes.
#pragma once

#include <cuda.h>

namespace vgpu::api
{

// Bytes of an element; 0 for what has none of its own (compressed and planar formats, and those
// that this version does not know). By number: headers differ in how many formats they name.
constexpr unsigned element_bytes(CUarray_format format, unsigned channels) noexcept
{
    unsigned number = unsigned(format);
    if (number >= 0xc0 && number <= 0xcb) { // [US]NORM_INT{8,16}X{1,2,4}, which say it themselves
        unsigned wide = (number - 0xc0) / 3 % 2, place = (number - 0xc0) % 3;
        return channels == 1u << place ? channels << wide : 0;
    }
    if (channels != 1 && channels != 2 && channels != 4)
        return 0;
    switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
        return channels;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
        return 2 * channels;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT:
        return 4 * channels;
    default:
        return 0;
    }
}

} // namespace vgpu::api
