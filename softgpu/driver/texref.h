// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cuda.h>

#include <cstdint>

namespace vgpu::soft::driver
{

struct TextureReference {
    uint64_t id = 0;
    CUarray array = nullptr; ///< one of three, or none
    CUmipmappedArray mipmap = nullptr;
    CUdeviceptr address = 0;
    CUarray_format format = CU_AD_FORMAT_FLOAT;
    int channels = 1;
    CUaddress_mode modes[3] = {};
    CUfilter_mode filter = CU_TR_FILTER_MODE_POINT, mipmap_filter = CU_TR_FILTER_MODE_POINT;
    float bias = 0, clamp[2] = {}, border[4] = {};
    unsigned anisotropy = 0, flags = 0;
};

} // namespace vgpu::soft::driver
