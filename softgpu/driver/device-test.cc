// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace
{

using Device = OnDevice;

int threads()
{
    auto tasks = std::filesystem::directory_iterator("/proc/self/task");
    return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

// Before main: the library is loaded, and nobody has called it.
const int threads_when_loaded = threads();

TEST_F(Device, LoadingStartsNoThread)
{
    EXPECT_EQ(1, threads_when_loaded);
}

TEST_F(Device, AreThereAndSayWhatTheyAre)
{
    int count = 0, value = 0;
    OK(cuDeviceGetCount(&count));
    ASSERT_EQ(2, count);
    CUdevice device;
    OK(cuDeviceGet(&device, 1));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 2));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, -1));
    char name[64];
    OK(cuDeviceGetName(name, sizeof name, 0));
    EXPECT_STREQ("Software GPU", name);
    size_t total = 0;
    OK(cuDeviceTotalMem(&total, 0));
    EXPECT_EQ(64 * kMiB, total);
    OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
    EXPECT_EQ(2, value);
    OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0));
    EXPECT_EQ(32, value);
    for (int i = 1; i < CU_DEVICE_ATTRIBUTE_MAX; i++)
        OK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(i), 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX, 0));
}

TEST_F(Device, DifferInUuidAndBusId)
{
    CUuuid a, b;
    OK(cuDeviceGetUuid(&a, 0));
    OK(cuDeviceGetUuid(&b, 1));
    EXPECT_NE(0, memcmp(&a, &b, sizeof a));
    char text[16];
    OK(cuDeviceGetPCIBusId(text, sizeof text, 1));
    CUdevice device = -1;
    OK(cuDeviceGetByPCIBusId(&device, text));
    EXPECT_EQ(1, device);
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetByPCIBusId(&device, "0000:00:07.0"));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetByPCIBusId(&device, "nonsense"));
}

TEST_F(Device, AreEachOthersPeers)
{
    int can = 0;
    OK(cuDeviceCanAccessPeer(&can, 0, 1));
    EXPECT_EQ(1, can);
    OK(cuDeviceCanAccessPeer(&can, 0, 0));
    EXPECT_EQ(0, can);
    CUcontext other;
    OK(create_context(&other, 1));
    OK(cuCtxEnablePeerAccess(context, 0));
    FAILS(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(context, 0));
    OK(cuCtxDisablePeerAccess(context));
    FAILS(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(context));
    OK(cuCtxDestroy(other));
}

TEST_F(Device, ContextsStackPerThread)
{
    CUcontext second, top;
    OK(create_context(&second, 1));
    CUdevice device = -1;
    OK(cuCtxGetDevice(&device));
    EXPECT_EQ(1, device);
    OK(cuCtxPopCurrent(&top));
    EXPECT_EQ(second, top);
    OK(cuCtxGetCurrent(&top));
    EXPECT_EQ(context, top);
    std::thread([] {
        CUcontext none;
        EXPECT_EQ(CUDA_SUCCESS, cuCtxGetCurrent(&none));
        EXPECT_EQ(nullptr, none);
        EXPECT_EQ(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
    }).join();
    OK(cuCtxDestroy(second));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(second));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(second));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(reinterpret_cast<CUcontext>(&second)));
}

TEST_F(Device, DestroyedContextIsAnErrorWhereItIsStillCurrent)
{
    CUcontext doomed, popped;
    OK(create_context(&doomed, 0));
    std::thread([&] { EXPECT_EQ(CUDA_SUCCESS, cuCtxDestroy(doomed)); }).join();
    FAILS(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
    OK(cuCtxPopCurrent(&popped));
}

TEST_F(Device, PrimaryContextIsCounted)
{
    CUcontext a, b;
    unsigned flags;
    int active;
    OK(cuDevicePrimaryCtxGetState(1, &flags, &active));
    EXPECT_EQ(0, active);
    OK(cuDevicePrimaryCtxRetain(&a, 1));
    OK(cuDevicePrimaryCtxRetain(&b, 1));
    EXPECT_EQ(a, b);
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(a));
    OK(cuDevicePrimaryCtxRelease(1));
    OK(cuDevicePrimaryCtxGetState(1, &flags, &active));
    EXPECT_EQ(1, active);
    OK(cuDevicePrimaryCtxRelease(1));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease(1));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(a));
}

TEST_F(Device, LimitsAreKept)
{
    size_t value = 0;
    OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 4096));
    OK(cuCtxGetLimit(&value, CU_LIMIT_STACK_SIZE));
    EXPECT_EQ(4096u, value);
    FAILS(CUDA_ERROR_UNSUPPORTED_LIMIT, cuCtxGetLimit(&value, CU_LIMIT_MAX));
}

TEST_F(Device, ErrorsHaveNamesAndWords)
{
    const char *text = nullptr;
    OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
    EXPECT_STREQ("CUDA_ERROR_ILLEGAL_ADDRESS", text);
    OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
    EXPECT_STREQ("out of memory", text);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &text));
    EXPECT_EQ(nullptr, text);
}

TEST_F(Device, AForkedChildHasNoDriverAndDoesNotHang)
{
    pid_t child = fork();
    if (child == 0)
        _exit(cuCtxSynchronize() == CUDA_ERROR_NOT_INITIALIZED &&
                      cuInit(0) == CUDA_ERROR_NOT_INITIALIZED
                  ? 0
                  : 1);
    int status = -1;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    OK(cuCtxSynchronize());
}

} // namespace
