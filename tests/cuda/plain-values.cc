// SPDX-License-Identifier: Apache-2.0
// What the plainest calls answer, compared with what other calls say of the same.
#include "driver.h"

#include <cstring>
#include <unistd.h>

const char *const program = "plain-values";

static void device_and_context(CUdevice device, CUcontext context)
{
    CUdevice found = -1;
    char bus[32], name[256];
    DRIVER(cuDeviceGetPCIBusId(bus, sizeof bus, device));
    DRIVER(cuDeviceGetByPCIBusId(&found, bus));
    EXPECT(found == device && std::strlen(bus) == 12 && bus[4] == ':' && bus[7] == ':');
    DRIVER(cuDeviceGetName(name, sizeof name, device));
    char cut[5];
    DRIVER(cuDeviceGetName(cut, sizeof cut, device));
    EXPECT(std::strlen(name) > 4 && std::strlen(cut) == 4 && !std::strncmp(name, cut, 4));
    size_t total = 0, all = 0, left = 0;
    DRIVER(cuDeviceTotalMem(&total, device));
    DRIVER(cuMemGetInfo(&left, &all));
    EXPECT(total == all && left <= all && left > 0);
    found = -1;
    DRIVER(cuCtxGetDevice(&found));
    EXPECT(found == device);
    size_t stack = 0, more = 0;
    DRIVER(cuCtxGetLimit(&stack, CU_LIMIT_STACK_SIZE));
    DRIVER(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, stack + 1024));
    DRIVER(cuCtxGetLimit(&more, CU_LIMIT_STACK_SIZE));
    EXPECT(more >= stack + 1024);
    int least = -1, greatest = 1, priority = 99;
    DRIVER(cuCtxGetStreamPriorityRange(&least, &greatest));
    EXPECT(least == 0 && greatest <= least);
    CUstream streams[2];
    unsigned long long ids[2] = {};
    for (int i = 0; i < 2; i++) {
        DRIVER(cuStreamCreateWithPriority(&streams[i], CU_STREAM_NON_BLOCKING, greatest));
        DRIVER(cuStreamGetId(streams[i], &ids[i]));
    }
    DRIVER(cuStreamGetPriority(streams[0], &priority));
    EXPECT(priority == greatest && ids[0] != ids[1]);
    for (CUstream stream : streams)
        DRIVER(cuStreamDestroy(stream));
    // A stack of contexts.
    CUcontext popped = nullptr, current = context;
    DRIVER(cuCtxPushCurrent(context));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(nullptr));
    DRIVER(cuCtxPopCurrent(&popped));
    EXPECT(popped == context);
    DRIVER(cuCtxPopCurrent(&popped));
    EXPECT(popped == context);
    DRIVER(cuCtxGetCurrent(&current));
    EXPECT(current == nullptr);
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent(&popped));
    DRIVER(cuCtxSetCurrent(context));
}

static void functions(CUdevice device)
{
    char path[] = "/tmp/plain-values-XXXXXX";
    int file = mkstemp(path);
    size_t length = std::strlen(add_code);
    EXPECT(file >= 0 && write(file, add_code, length) == ssize_t(length) && close(file) == 0);
    CUmodule module, of = nullptr;
    CUfunction function, same = nullptr;
    DRIVER(cuModuleLoad(&module, path));
    unlink(path);
    DRIVER(cuModuleGetFunction(&function, module, "add"));
    DRIVER(cuFuncGetModule(&of, function));
    EXPECT(of == module);
    size_t offset = 99, size = 99;
    DRIVER(cuFuncGetParamInfo(function, 1, &offset, &size));
    EXPECT(offset == 8 && size == 4);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(function, 2, &offset, &size));

    CUlibrary library;
    CUkernel kernel;
    DRIVER(cuLibraryLoadData(&library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryGetKernel(&kernel, library, "add"));
    DRIVER(cuKernelGetFunction(&same, kernel));
    DRIVER(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 4096, kernel,
                                device));
    int bytes = 0;
    DRIVER(cuKernelGetAttribute(&bytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kernel,
                                device));
    EXPECT(bytes == 4096);

    // The kernel's function runs, as the module's does.
    CUdeviceptr data, base = 0;
    DRIVER(cuMemAlloc(&data, 4096));
    DRIVER(cuMemsetD32(data, 40, 4));
    unsigned n = 1;
    void *parameters[] = {&data, &n};
    for (CUfunction one : {function, same})
        DRIVER(cuLaunchKernel(one, 1, 1, 1, 4, 1, 1, 0, nullptr, parameters, nullptr));
    EXPECT(element(data, nullptr, 3) == 42);

    DRIVER(cuMemGetAddressRange(&base, &size, data + 100));
    EXPECT(base == data && size == 4096);
    DRIVER(cuMemsetD16(data + 8, 0x1234, 2));
    EXPECT(element(data, nullptr, 2) == 0x12341234 && element(data, nullptr, 3) == 42);
    DRIVER(cuMemcpyDtoD(data, data + 8, 8));
    EXPECT(element(data, nullptr, 0) == 0x12341234 && element(data, nullptr, 1) == 42);
    CUmemoryPool pool;
    CUdeviceptr pooled;
    DRIVER(cuDeviceGetDefaultMemPool(&pool, device));
    DRIVER(cuMemAllocFromPoolAsync(&pooled, 4096, pool, nullptr));
    DRIVER(cuMemcpyDtoD(pooled, data, 16));
    EXPECT(element(pooled, nullptr, 1) == 42);
    DRIVER(cuMemFreeAsync(pooled, nullptr));
    DRIVER(cuMemFree(data));
    DRIVER(cuLibraryUnload(library));
    DRIVER(cuModuleUnload(module));
}

// Between two devices, where there are two.
static void peers(CUdevice device, CUcontext context)
{
    int count = 0, can = 0;
    DRIVER(cuDeviceGetCount(&count));
    FAILS(CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(context, 0));
    if (count > 1)
        DRIVER(cuDeviceCanAccessPeer(&can, device, 1));
    if (!can)
        return;
    CUcontext other;
    DRIVER(cuDevicePrimaryCtxRetain(&other, 1));
    FAILS(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(other));
    DRIVER(cuCtxEnablePeerAccess(other, 0));
    FAILS(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(other, 0));
    DRIVER(cuCtxDisablePeerAccess(other));
    DRIVER(cuDevicePrimaryCtxRelease(1));
}

int main()
{
    CUdevice device;
    CUcontext context = open_context(&device);
    device_and_context(device, context);
    functions(device);
    peers(device, context);
    DRIVER(cuCtxDestroy(context));
    passed(0);
}
