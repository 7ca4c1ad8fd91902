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

/// The table of the CUDA programming guide for compute capability 8.0, and what came later.
TEST_F(Device, HaveTheLimitsOfComputeCapability80)
{
    const std::pair<CUdevice_attribute, int> table[] = {
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, INT32_MAX},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 164 << 10},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 163 << 10},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 48 << 10},
        {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1 << 10},
        {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 64 << 10},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_WIDTH, 131072},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH, 1 << 28},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_WIDTH, 131072},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_HEIGHT, 65536},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_LAYERS, 2048},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_DEPTH, 16384},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_WIDTH, 32768},
        {CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_WIDTH, 131072},
        {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
        {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1},
        {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
#if CUDA_VERSION >= 12000
        {CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, 0},
        {CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED, 0},
#endif
    };
    for (auto &[attribute, wanted] : table) {
        int value = -1;
        OK(cuDeviceGetAttribute(&value, attribute, 1));
        EXPECT_EQ(wanted, value) << "attribute " << attribute;
    }
}

/// In a process of its own, since the settings are read once.
TEST_F(Device, AreAsTheSettingsSay)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("TEST_OTHER_SETTINGS", "1", 1);
    auto told = [] {
        int count = 0, units = 0;
        size_t bytes = 0;
        CUdevice last = -1;
        bool right = cuDeviceGetCount(&count) == CUDA_SUCCESS && count == 4 &&
                     cuDeviceGet(&last, 3) == CUDA_SUCCESS && cuDeviceGet(&last, 4) != CUDA_SUCCESS;
        right = right && cuDeviceTotalMem(&bytes, 3) == CUDA_SUCCESS && bytes == 96 * kMiB;
        right = right &&
                cuDeviceGetAttribute(&units, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 3) ==
                    CUDA_SUCCESS &&
                units == 3;
        return right;
    };
    EXPECT_EXIT(exit(told() ? 3 : 4), testing::ExitedWithCode(3), "");
    unsetenv("TEST_OTHER_SETTINGS");
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

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
TEST_F(Device, ContextsAreAttachedAndDetached)
{
    CUcontext again = nullptr;
    OK(cuCtxAttach(&again, 0));
    EXPECT_EQ(context, again);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuCtxAttach(&again, 1));
    OK(cuCtxDetach(context));
    OK(cuCtxSynchronize()); // it is there until the first one, who created it, gives it back
    OK(cuCtxDetach(context));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxDetach(context));
}
#pragma GCC diagnostic pop

#if CUDA_VERSION >= 13000
TEST_F(Device, TellsWhatIsAtomic)
{
    const CUatomicOperation asked[] = {CU_ATOMIC_OPERATION_INTEGER_ADD, CU_ATOMIC_OPERATION_CAS,
                                       CU_ATOMIC_OPERATION_FLOAT_MAX};
    unsigned got[3] = {};
    OK(cuDeviceGetHostAtomicCapabilities(got, asked, 3, 0));
    EXPECT_TRUE(got[0] & CU_ATOMIC_CAPABILITY_REDUCTION);
    EXPECT_TRUE(got[1] & CU_ATOMIC_CAPABILITY_SCALAR_64);
    EXPECT_FALSE(got[1] & CU_ATOMIC_CAPABILITY_REDUCTION);
    EXPECT_EQ(0u, got[2]);
    OK(cuDeviceGetP2PAtomicCapabilities(got, asked, 3, 0, 1));
    EXPECT_TRUE(got[0] & CU_ATOMIC_CAPABILITY_SCALAR_32);
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetP2PAtomicCapabilities(got, asked, 3, 0, 0));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetHostAtomicCapabilities(got, asked, 3, 9));
    const CUatomicOperation none[] = {CU_ATOMIC_OPERATION_MAX};
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceGetHostAtomicCapabilities(got, none, 1, 0));
}
#endif

#if CUDA_VERSION >= 12040
TEST_F(Device, TakesAndForgetsNotifications)
{
    auto callback = [](CUasyncNotificationInfo *, void *, CUasyncCallbackHandle) {};
    CUasyncCallbackHandle one = nullptr, other = nullptr;
    OK(cuDeviceRegisterAsyncNotification(0, callback, nullptr, &one));
    OK(cuDeviceRegisterAsyncNotification(1, callback, nullptr, &other));
    EXPECT_NE(one, other);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceUnregisterAsyncNotification(1, one));
    OK(cuDeviceUnregisterAsyncNotification(0, one));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceUnregisterAsyncNotification(0, one));
    OK(cuDeviceUnregisterAsyncNotification(1, other));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceRegisterAsyncNotification(0, nullptr, nullptr, &one));
}
#endif

} // namespace
