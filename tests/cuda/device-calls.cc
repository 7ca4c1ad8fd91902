// SPDX-License-Identifier: Apache-2.0
// Questions about devices, and what is set for a whole device: its pool, its primary context, what
// two devices have in common.
#include "driver.h"

#include <cstring>
#include <initializer_list>

const char *const program = "device-calls";

static void old_questions(CUdevice device)
{
    int major = 0, minor = 0, same = 0;
    CUdevprop properties{};
    using Capability = CUresult (*)(int *, int *, CUdevice);
    using Properties = CUresult (*)(CUdevprop *, CUdevice);
    DRIVER(symbol<Capability>("cuDeviceComputeCapability")(&major, &minor, device));
    DRIVER(symbol<Properties>("cuDeviceGetProperties")(&properties, device));
    DRIVER(cuDeviceGetAttribute(&same, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device));
    EXPECT(major == same && properties.SIMDWidth == 32);
    DRIVER(cuDeviceGetAttribute(&same, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, device));
    EXPECT(properties.maxThreadsPerBlock == same);
    FAILS(CUDA_ERROR_INVALID_DEVICE,
          symbol<Capability>("cuDeviceComputeCapability")(&major, &minor, 99));
    FAILS(CUDA_ERROR_INVALID_VALUE, symbol<Properties>("cuDeviceGetProperties")(nullptr, device));
    FAILS(CUDA_ERROR_INVALID_DEVICE, symbol<Properties>("cuDeviceGetProperties")(&properties, -1));
}

static void what_there_is_not(CUdevice device)
{
    char luid[8];
    unsigned mask = 0;
    EXPECT(cuDeviceGetLuid(luid, &mask, device) != CUDA_SUCCESS); // Windows has it
    int yes = 1;
    DRIVER(cuDeviceGetExecAffinitySupport(&yes, CU_EXEC_AFFINITY_TYPE_SM_COUNT, device));
    EXPECT(yes == 0);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetExecAffinitySupport(nullptr, CU_EXEC_AFFINITY_TYPE_SM_COUNT, device));
    FAILS(CUDA_ERROR_INVALID_DEVICE,
          cuDeviceGetExecAffinitySupport(&yes, CU_EXEC_AFFINITY_TYPE_SM_COUNT, 99));
}

static void pools(CUdevice device)
{
    CUmemoryPool pool, own, standard;
    DRIVER(cuDeviceGetDefaultMemPool(&standard, device));
    DRIVER(cuDeviceGetMemPool(&pool, device));
    EXPECT(pool == standard);
    CUmemPoolProps props{};
    props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    props.location.id = device;
    DRIVER(cuMemPoolCreate(&own, &props));
    DRIVER(cuDeviceSetMemPool(device, own));
    DRIVER(cuDeviceGetMemPool(&pool, device));
    EXPECT(pool == own);
    CUmemAccessDesc access{props.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    DRIVER(cuMemPoolSetAccess(own, &access, 1));
    CUmemAccess_flags flags;
    DRIVER(cuMemPoolGetAccess(&flags, own, &props.location));
    EXPECT(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolSetAccess(own, &access, 1)); // its own device keeps it
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolSetAccess(own, nullptr, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAccess(nullptr, own, &props.location));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAccess(&flags, own, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceGetMemPool(nullptr, device));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetMemPool(&pool, 99));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceSetMemPool(device, nullptr));
    DRIVER(cuDeviceSetMemPool(device, standard));
    DRIVER(cuMemPoolDestroy(own));
}

static void primary(CUdevice device)
{
    using Set = CUresult (*)(CUdevice, unsigned);
    using Reset = CUresult (*)(CUdevice);
    unsigned flags = 0;
    int active = 1;
    CUcontext context;
    DRIVER(symbol<Set>("cuDevicePrimaryCtxSetFlags")(device, CU_CTX_SCHED_SPIN));
    DRIVER(cuDevicePrimaryCtxGetState(device, &flags, &active));
    EXPECT(!active && (flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_SPIN);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDevicePrimaryCtxSetFlags(device, 0x4000));
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxSetFlags(99, 0));
    DRIVER(cuDevicePrimaryCtxRetain(&context, device));
    DRIVER(cuCtxPushCurrent(context));
    CUdeviceptr data;
    DRIVER(cuMemAlloc(&data, 4096));
    DRIVER(cuDevicePrimaryCtxReset(device));
    DRIVER(cuDevicePrimaryCtxGetState(device, &flags, &active));
    EXPECT(!active);
    DRIVER(symbol<Reset>("cuDevicePrimaryCtxReset")(device)); // of nothing
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxReset(99));
    DRIVER(cuDevicePrimaryCtxRetain(&context, device));
    DRIVER(cuCtxSetCurrent(context));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(data)); // went with the reset
    DRIVER(cuDevicePrimaryCtxRelease(device));
}

static void peers(CUdevice a, CUdevice b)
{
    int value = -1, can = -1;
    DRIVER(cuDeviceCanAccessPeer(&can, a, b));
    DRIVER(cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, a, b));
    EXPECT(value == can);
    // Two vgpus may be slices of one device, which is no peer of itself.
    CUuuid here, there;
    DRIVER(cuDeviceGetUuid(&here, a));
    DRIVER(cuDeviceGetUuid(&there, b));
    bool one_device = std::memcmp(&here, &there, sizeof here) == 0;
    EXPECT(!one_device || !can);
    for (auto attribute :
         {CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK, CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED,
          CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED}) {
        DRIVER(cuDeviceGetP2PAttribute(&value, attribute, a, b));
        EXPECT(!one_device || value == 0);
    }
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetP2PAttribute(&value, static_cast<CUdevice_P2PAttribute>(99), a, b));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceGetP2PAttribute(nullptr, CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK, a, b));
    FAILS(CUDA_ERROR_INVALID_DEVICE,
          cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK, a, a));
    FAILS(CUDA_ERROR_INVALID_DEVICE,
          cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK, a, 99));
}

#if CUDA_VERSION >= 13000
// A device may know nothing of atomic operations across the bus, but says so.
static void atomics(CUdevice a, CUdevice b)
{
    CUatomicOperation operations[] = {CU_ATOMIC_OPERATION_INTEGER_ADD,
                                      CU_ATOMIC_OPERATION_FLOAT_ADD};
    unsigned told[2] = {99, 99};
    auto host = [&](unsigned *out) {
        return cuDeviceGetHostAtomicCapabilities(out, operations, 2, a);
    };
    if (host(told) != CUDA_ERROR_NOT_SUPPORTED) {
        EXPECT(told[0] != 99 && told[1] != 99);
        FAILS(CUDA_ERROR_INVALID_VALUE, host(nullptr));
        FAILS(CUDA_ERROR_INVALID_DEVICE,
              cuDeviceGetHostAtomicCapabilities(told, operations, 2, 99));
    }
    auto peer = [&](CUdevice to) {
        return cuDeviceGetP2PAtomicCapabilities(told, operations, 2, a, to);
    };
    told[0] = told[1] = 99;
    if (peer(b) != CUDA_ERROR_NOT_SUPPORTED) {
        EXPECT(told[0] != 99 && told[1] != 99);
        FAILS(CUDA_ERROR_INVALID_DEVICE, peer(99));
        FAILS(CUDA_ERROR_INVALID_DEVICE, peer(a));
    }
}

static void pools_by_location(CUdevice device)
{
    CUmemLocation location{};
    location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    location.id = device;
    const auto pinned = CU_MEM_ALLOCATION_TYPE_PINNED;
    CUmemoryPool standard, pool;
    DRIVER(cuMemGetDefaultMemPool(&standard, &location, pinned));
    DRIVER(cuMemGetMemPool(&pool, &location, pinned));
    EXPECT(pool == standard);
    DRIVER(cuMemSetMemPool(&location, pinned, standard));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemGetDefaultMemPool(nullptr, &location, pinned));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemGetMemPool(&pool, nullptr, pinned));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemSetMemPool(nullptr, pinned, standard));
}
#endif

// Nothing ever happens that would be told.
#if CUDA_VERSION >= 12040
static void notifications(CUdevice device)
{
    CUasyncCallbackHandle handle = nullptr;
    auto told = [](CUasyncNotificationInfo *, void *, CUasyncCallbackHandle) {};
    CUresult result = cuDeviceRegisterAsyncNotification(device, told, nullptr, &handle);
    if (result == CUDA_ERROR_NOT_SUPPORTED)
        return;
    DRIVER(result);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceRegisterAsyncNotification(device, nullptr, nullptr, &handle));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuDeviceRegisterAsyncNotification(device, told, nullptr, nullptr));
    DRIVER(cuDeviceUnregisterAsyncNotification(device, handle));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuDeviceUnregisterAsyncNotification(device, handle));
}
#endif

int main()
{
    CUdevice first, second;
    int count = 0;
    DRIVER(cuInit(0));
    DRIVER(cuDeviceGetCount(&count));
    DRIVER(cuDeviceGet(&first, 0));
    primary(first);
    old_questions(first);
    what_there_is_not(first);
    pools(first);
    if (count > 1) {
        DRIVER(cuDeviceGet(&second, 1));
        peers(first, second);
#if CUDA_VERSION >= 13000
        atomics(first, second);
#endif
    }
#if CUDA_VERSION >= 13000
    pools_by_location(first);
#endif
#if CUDA_VERSION >= 12040
    notifications(first);
#endif
    passed(0);
}
