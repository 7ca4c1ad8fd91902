// SPDX-License-Identifier: Apache-2.0
// Null where there must be a pointer, addresses that are none, and sizes that cannot be: each call
// must fail, and all else go on.
#include "driver.h"

#include <cstdint>

const char *const program = "wrong-sizes";

static CUdevice device;
static CUcontext context;
static CUstream stream;
static CUevent event;
static CUdeviceptr data;
static CUmodule module;
static CUfunction kernel;
static int taken;

static constexpr size_t kBytes = 4096, kHuge = size_t(1) << 60;

static void refused(const char *call, CUresult result)
{
    std::printf("%s: %s: %s\n", program, call, name_of(result));
    taken += result == CUDA_SUCCESS;
}

#define REFUSED(call) refused(#call, call)

static void pointers_for_answers()
{
    int value;
    size_t size;
    REFUSED(cuDriverGetVersion(nullptr));
    REFUSED(cuDeviceGet(nullptr, 0));
    REFUSED(cuDeviceGetCount(nullptr));
    REFUSED(cuDeviceGetName(nullptr, 10, device));
    REFUSED(cuDeviceGetUuid(nullptr, device));
    REFUSED(cuDeviceTotalMem(nullptr, device));
    REFUSED(cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device));
    REFUSED(cuDeviceGetPCIBusId(nullptr, 20, device));
    REFUSED(cuDeviceGetByPCIBusId(nullptr, "0000:00:00.0"));
    REFUSED(cuDeviceGetByPCIBusId(&device, nullptr));
    REFUSED(cuDeviceCanAccessPeer(nullptr, 0, 0));
    REFUSED(cuDevicePrimaryCtxRetain(nullptr, device));
    REFUSED(cuDevicePrimaryCtxGetState(device, nullptr, &value));
    REFUSED(cuCtxGetCurrent(nullptr));
    REFUSED(cuCtxGetDevice(nullptr));
    REFUSED(cuCtxGetLimit(nullptr, CU_LIMIT_STACK_SIZE));
    REFUSED(cuCtxGetLimit(&size, CUlimit(99)));
    REFUSED(cuCtxSetLimit(CUlimit(99), 1));
    REFUSED(cuMemGetInfo(nullptr, &size));
    REFUSED(cuMemGetInfo(&size, nullptr));
    REFUSED(cuMemAlloc(nullptr, 16));
    REFUSED(cuMemAllocPitch(nullptr, &size, 16, 16, 4));
    REFUSED(cuMemAllocPitch(&data, nullptr, 16, 16, 4));
    REFUSED(cuMemAllocHost(nullptr, 16));
    REFUSED(cuMemHostAlloc(nullptr, 16, 0));
    REFUSED(cuMemHostGetDevicePointer(nullptr, &value, 0));
    REFUSED(cuMemHostGetFlags(nullptr, &value));
    REFUSED(cuMemAllocManaged(nullptr, 16, CU_MEM_ATTACH_GLOBAL));
    REFUSED(cuMemAllocAsync(nullptr, 16, stream));
    REFUSED(cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, data));
    REFUSED(cuStreamCreate(nullptr, 0));
    REFUSED(cuStreamGetFlags(stream, nullptr));
    REFUSED(cuStreamGetPriority(stream, nullptr));
    REFUSED(cuEventCreate(nullptr, 0));
    REFUSED(cuEventElapsedTime(nullptr, event, event));
    REFUSED(cuModuleLoadData(nullptr, add_code));
    REFUSED(cuModuleLoadData(&module, nullptr));
    REFUSED(cuModuleLoad(&module, nullptr));
    REFUSED(cuModuleGetFunction(nullptr, module, "add"));
    REFUSED(cuModuleGetFunction(&kernel, module, nullptr));
    REFUSED(cuModuleGetGlobal(nullptr, nullptr, module, "counter"));
    REFUSED(cuModuleGetGlobal(&data, &size, module, nullptr));
    REFUSED(cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, kernel));
    REFUSED(cuOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, kernel, 32, 0));
    REFUSED(cuGraphCreate(nullptr, 0));
    REFUSED(cuStreamIsCapturing(stream, nullptr));
    REFUSED(cuLaunchHostFunc(stream, nullptr, nullptr));
    REFUSED(cuGetErrorName(CUresult(0), nullptr));
    REFUSED(cuGetProcAddress(nullptr, nullptr, 12000, 0, nullptr));
}

static void sizes_of_memory()
{
    CUdeviceptr fresh;
    size_t pitch;
    void *host;
    REFUSED(cuMemAlloc(&fresh, 0));
    REFUSED(cuMemAlloc(&fresh, kHuge));
    REFUSED(cuMemAlloc(&fresh, SIZE_MAX));
    REFUSED(cuMemAllocPitch(&fresh, &pitch, 0, 16, 4));
    REFUSED(cuMemAllocPitch(&fresh, &pitch, SIZE_MAX - 8, SIZE_MAX - 8, 4));
    REFUSED(cuMemAllocPitch(&fresh, &pitch, 16, 16, 3));
    REFUSED(cuMemAllocHost(&host, 0));
    REFUSED(cuMemAllocHost(&host, SIZE_MAX));
    REFUSED(cuMemHostAlloc(&host, 16, 0x4000));
    REFUSED(cuMemAllocManaged(&fresh, 0, CU_MEM_ATTACH_GLOBAL));
    REFUSED(cuMemAllocManaged(&fresh, kHuge, CU_MEM_ATTACH_GLOBAL));
    REFUSED(cuMemAllocManaged(&fresh, 16, 0x80));
    REFUSED(cuMemFree(data + 16));
    REFUSED(cuMemFree(0x1234500000));
    REFUSED(cuMemFreeHost(&pitch));
    REFUSED(cuMemHostUnregister(&pitch));
}

static void ends_of_copies()
{
    char host[64] = {};
    CUdeviceptr nowhere = 0x1234500000;
    REFUSED(cuMemcpyHtoD(data, nullptr, 16));
    REFUSED(cuMemcpyDtoH(nullptr, data, 16));
    REFUSED(cuMemcpyHtoD(0, host, 16));
    REFUSED(cuMemcpyHtoD(nowhere, host, 16));
    REFUSED(cuMemcpyHtoD(data + kBytes - 8, host, 16));
    REFUSED(cuMemcpyHtoD(data, host, kHuge));
    REFUSED(cuMemcpyDtoH(host, data, SIZE_MAX));
    REFUSED(cuMemcpyDtoH(host, data + kBytes, 1));
    REFUSED(cuMemcpyDtoD(data, nowhere, 16));
    REFUSED(cuMemcpyDtoD(data + kBytes - 1, data, 2));
    REFUSED(cuMemcpyHtoDAsync(data + kBytes - 8, host, 16, stream));
    REFUSED(cuMemcpyDtoDAsync(data, data + kBytes, 16, stream));
    REFUSED(cuMemsetD8(data, 0, kBytes + 1));
    REFUSED(cuMemsetD8(0, 0, 1));
    REFUSED(cuMemsetD16(data + 1, 0, 1));
    REFUSED(cuMemsetD32(data + 2, 0, 1));
    REFUSED(cuMemsetD32(data, 0, SIZE_MAX / 2));
    REFUSED(cuMemsetD2D8(data, 64, 0, 64, 65));
    REFUSED(cuMemsetD2D8(data, 16, 0, 32, 2));
    REFUSED(cuMemcpy2D(nullptr));
    REFUSED(cuMemcpy3D(nullptr));
    CUDA_MEMCPY2D box{};
    box.srcMemoryType = CU_MEMORYTYPE_HOST;
    box.srcHost = host;
    box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.dstDevice = data;
    box.WidthInBytes = 32;
    box.Height = 2;
    box.srcPitch = 16; // less than a row
    box.dstPitch = 64;
    REFUSED(cuMemcpy2D(&box));
    box.srcPitch = 32;
    box.Height = kHuge;
    REFUSED(cuMemcpy2D(&box));
    box.Height = 2;
    box.dstMemoryType = CUmemorytype(99);
    REFUSED(cuMemcpy2D(&box));
}

static void launches()
{
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    auto launch = [&](unsigned grid, unsigned block, unsigned shared, unsigned depth = 1) {
        return cuLaunchKernel(kernel, grid, 1, 1, block, 1, depth, shared, stream, arguments,
                              nullptr);
    };
    REFUSED(launch(0, 32, 0));
    REFUSED(launch(1, 0, 0));
    REFUSED(launch(1, 1025, 0));
    REFUSED(launch(1, 32, 0, 65));
    REFUSED(launch(1, 512, 0, 4));
    REFUSED(launch(0x80000000u, 32, 0));
    REFUSED(launch(1, 32, 1 << 20));
    REFUSED(cuLaunchKernel(kernel, 1, 65536, 1, 1, 1, 1, 0, stream, arguments, nullptr));
    REFUSED(cuLaunchKernelEx(nullptr, kernel, arguments, nullptr));
    int blocks;
    REFUSED(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 0, 0));
    REFUSED(cuFuncSetAttribute(kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 24));
    REFUSED(cuStreamCreate(&stream, 0x40));
    REFUSED(cuEventCreate(&event, 0x4000));
    REFUSED(cuStreamWaitEvent(stream, event, 0x40));
    CUgraph graph;
    REFUSED(cuGraphCreate(&graph, 1));
}

static void devices()
{
    CUdevice none;
    int value;
    size_t bytes;
    CUcontext other;
    REFUSED(cuDeviceGet(&none, -1));
    REFUSED(cuDeviceGet(&none, 99));
    REFUSED(cuDeviceTotalMem(&bytes, 99));
    REFUSED(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, -1));
    REFUSED(cuDeviceGetAttribute(&value, CUdevice_attribute(9999), device));
    REFUSED(cuDeviceCanAccessPeer(&value, 0, 99));
    REFUSED(cuDevicePrimaryCtxRetain(&other, 99));
    REFUSED(cuDevicePrimaryCtxRelease(99));
    REFUSED(cuInit(1));
}

int main()
{
    context = open_context(&device);
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuEventCreate(&event, 0));
    DRIVER(cuMemAlloc(&data, kBytes));
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    pointers_for_answers();
    sizes_of_memory();
    ends_of_copies();
    launches();
    devices();
    DRIVER(cuMemsetD32Async(data, 7, 16, stream));
    EXPECT(element(data, stream) == 7);
    if (taken)
        fail("%d of them were taken", taken);
    passed(0);
}
