// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/forward.h"

#include <gtest/gtest.h>

using namespace vgpu::client;

namespace
{

CUresult double_it(CUdeviceptr *to, size_t bytes)
{
    *to = CUdeviceptr(bytes) * 2;
    return CUDA_SUCCESS;
}

CUresult sum(const CUDA_MEMCPY2D *copy, size_t *result)
{
    *result = copy->srcXInBytes + copy->srcDevice + copy->dstPitch + copy->WidthInBytes;
    return copy->Height == 5 && copy->dstMemoryType == CU_MEMORYTYPE_HOST ? CUDA_SUCCESS
                                                                          : CUDA_ERROR_UNKNOWN;
}

CUresult describe(CUDA_ARRAY3D_DESCRIPTOR *array, size_t width)
{
    *array = {width, 2, 3, CU_AD_FORMAT_HALF, 4, 5};
    return CUDA_SUCCESS;
}

CUresult fails(CUdeviceptr *to, size_t)
{
    *to = 7;
    return CUDA_ERROR_NOT_READY;
}

} // namespace

TEST(Forward, AddressesAndSizesAreWidenedAndNarrowed)
{
    CUdeviceptr_v1 address = 1;
    EXPECT_EQ(forward<&double_it>(&address, 0x7fffffffu), CUDA_SUCCESS);
    EXPECT_EQ(address, 0xfffffffeu);
    EXPECT_EQ(forward<&fails>(&address, 1u), CUDA_ERROR_NOT_READY);
    EXPECT_EQ(address, 0xfffffffeu); // as it was
}

TEST(Forward, WhatHasNoRoomIsAnError)
{
    CUdeviceptr_v1 address = 1;
    EXPECT_EQ(forward<&double_it>(&address, 0x80000000u), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(address, 1u);
}

TEST(Forward, StructuresAreConvertedFieldByField)
{
    CUDA_MEMCPY2D_v1 copy{};
    copy.srcXInBytes = 1;
    copy.srcDevice = 0xffffffff;
    copy.dstPitch = 100;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.WidthInBytes = 1000;
    copy.Height = 5;
    unsigned result = 0;
    EXPECT_EQ(forward<&sum>(static_cast<const CUDA_MEMCPY2D_v1 *>(&copy), &result),
              CUDA_ERROR_INVALID_VALUE); // the sum does not fit
    copy.srcDevice = 10000;
    EXPECT_EQ(forward<&sum>(static_cast<const CUDA_MEMCPY2D_v1 *>(&copy), &result), CUDA_SUCCESS);
    EXPECT_EQ(result, 11101u);
}

TEST(Forward, StructuresComeBackInTheirOldForm)
{
    CUDA_ARRAY3D_DESCRIPTOR_v1 array{};
    EXPECT_EQ(forward<&describe>(&array, 77u), CUDA_SUCCESS);
    EXPECT_EQ(array.Width, 77u);
    EXPECT_EQ(array.Depth, 3u);
    EXPECT_EQ(array.Format, CU_AD_FORMAT_HALF);
    EXPECT_EQ(array.Flags, 5u);
    EXPECT_EQ(forward<&describe>(&array, size_t(1) << 32), CUDA_ERROR_INVALID_VALUE);
}
