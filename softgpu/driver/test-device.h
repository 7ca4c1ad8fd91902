// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cuda.h>

#include <cstdlib>
#include <gtest/gtest.h>
#include <vector>

#define OK(call) ASSERT_EQ(CUDA_SUCCESS, (call))
#define FAILS(code, call) EXPECT_EQ(code, (call))

/// The parameters of cuCtxCreate differ between the headers.
inline CUresult create_context(CUcontext *context, CUdevice device)
{
#if CUDA_VERSION >= 13000
    return cuCtxCreate(context, nullptr, 0, device);
#else
    return cuCtxCreate(context, 0, device);
#endif
}

/// Two devices of 64 MiB with two units, and a context of its own on the first for each test. In a
/// process whose environment has TEST_OTHER_SETTINGS, four of 96 MiB with three units.
class OnDevice : public testing::Test
{
protected:
    static void SetUpTestSuite()
    {
        const bool other = getenv("TEST_OTHER_SETTINGS");
        setenv("VGPU_SOFT_DEVICES", other ? "4" : "2", 1);
        setenv("VGPU_SOFT_MEMORY", other ? "96M" : "64M", 1);
        setenv("VGPU_SOFT_UNITS", other ? "3" : "2", 1);
        ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
    }

    void SetUp() override { OK(create_context(&context, 0)); }
    void TearDown() override { cuCtxDestroy(context); }

    CUcontext context = nullptr;
};

constexpr size_t kMiB = size_t(1) << 20;
